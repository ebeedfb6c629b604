"""`make fuzz`: draw scenarios, run both engines, and stop at nothing but the clock.

Comes in: minutes and a first seed; goes out: a line for every seed whose rows differ, kept in tests/engines/seeds.txt,
where `make test` runs it from then on. Exit code 1 where there was one. Ctrl-C ends it early and keeps what was found.
"""

import argparse
import time
from pathlib import Path
from random import Random

from planner.errors import PlannerError
from planner.scenario import load
from tests.engines.hand_tables import on_both_engines
from tests.engines.policies import draw_scenario

SEEDS = Path(__file__).resolve().parent.parent / "tests" / "engines" / "seeds.txt"
TOLD_EVERY_S = 10.0


def is_run(seed: int) -> bool:
    """Whether the drawn scenario could be run. Raises AssertionError where the engines differ."""
    try:
        scenario = load(draw_scenario(Random(seed)))
    except PlannerError:
        return False
    on_both_engines(scenario, "s")
    return True


def keep(seed: int, seeds: Path = SEEDS) -> None:
    """Add a seed to the file, once and at once, so that nothing found is lost."""
    if str(seed) not in seeds.read_text().split():
        with seeds.open("a") as file:
            file.write(f"{seed}\n")


def main(minutes: float, first: int, seeds: Path = SEEDS) -> int:
    started_s = told_s = time.monotonic()
    seed, runs, failures = first, 0, 0
    try:
        while time.monotonic() - started_s < 60 * minutes:
            try:
                runs += is_run(seed)
            except AssertionError as difference:
                failures += 1
                keep(seed, seeds)
                print(f"seed {seed}: {difference}", flush=True)
            seed += 1
            if time.monotonic() - told_s > TOLD_EVERY_S:
                told_s = time.monotonic()
                print(f"{told_s - started_s:,.0f} s: {runs:,} runs alike, {failures} not", flush=True)
    except KeyboardInterrupt:
        print("Interrupted.")
    print(
        f"Seeds {first} to {seed - 1}: {runs:,} runs alike on both engines, {failures} not; the others were refused."
    )
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the engines on drawn scenarios.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument(
        "--seed", type=int, help="first seed (default: from the clock, so that each run is new)"
    )
    chosen = parser.parse_args()
    raise SystemExit(main(chosen.minutes, int(time.time()) * 1000 if chosen.seed is None else chosen.seed))
