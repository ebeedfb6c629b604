"""`make bench`: requests per second of the reference engine beside a plain SimPy script, in one run.

Every figure is the median of several rounds taken in turn, so that a machine that slows down slows
both. Prints a table with pass or falls short per row and writes it to benchmarks/RESULTS.md.
"""

import argparse
import datetime
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simpy

import planner
from benchmarks import plain_simpy
from benchmarks.models import two_providers
from planner.engines.program import compile_program
from planner.engines.reference import Engine
from planner.engines.work import prepare
from planner.workload.requests import generate
from planner.workload.windows import eras, plan_windows

ROOT = Path(__file__).resolve().parent.parent
LEAST_RATIO = 0.3
LONGEST_CHECK_S = 1.0
LONGEST_SCREEN_S = 10.0


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call, garbage collected before."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def reference_against_plain(n: int, rounds: int) -> list[tuple[str, str, str, bool | None]]:
    """Requests/s of the reference engine, of the plain script, and the ratio of the medians."""
    scenario = planner.load(two_providers())
    window = plan_windows(scenario)[0]
    requests = generate(scenario, window, n)
    program = compile_program(scenario, "failover", eras(scenario)[0].models, window)
    work = prepare(scenario, "failover", program, requests)
    # Warm: the first run loads compiled helpers.
    Engine(program, prepare(scenario, "failover", program, generate(scenario, window, 1000))).run()
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(n / seconds(lambda: Engine(program, work).run()))
        plain.append(n / seconds(lambda: plain_simpy.run(n)))
    ratio = statistics.median(ours) / statistics.median(plain)
    pairs = sorted(a / b for a, b in zip(ours, plain, strict=True))
    return [
        (
            "reference engine, two providers with failover",
            f"{statistics.median(ours):,.0f} requests/s",
            "",
            None,
        ),
        ("plain SimPy script of the same model", f"{statistics.median(plain):,.0f} requests/s", "", None),
        (
            "ratio, medians (pairs from lowest to highest)",
            f"{ratio:.2f} ({pairs[0]:.2f} to {pairs[-1]:.2f})",
            f"at least {LEAST_RATIO}",
            ratio >= LEAST_RATIO,
        ),
    ]


def whole_commands(rounds: int) -> list[tuple[str, str, str, bool | None]]:
    """Wall time of the commands a user waits for."""
    default = str(ROOT / "scenarios" / "support-chatbot.yaml")
    rows: list[tuple[str, str, str, bool | None]] = []
    for words, limit in ((["check", default], LONGEST_CHECK_S), (["compare", default], LONGEST_SCREEN_S)):
        command = [sys.executable, "-m", "llm_traffic_planner", *words]
        times = [
            seconds(lambda c=command: subprocess.run(c, check=True, capture_output=True, cwd=ROOT))
            for _ in range(rounds)
        ]
        median = statistics.median(times)
        name = f"planner {words[0]} scenarios/support-chatbot.yaml, whole process"
        rows.append(
            (
                name,
                f"{median:.2f} s ({min(times):.2f} to {max(times):.2f})",
                f"under {limit:g} s",
                median < limit,
            )
        )
    return rows


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--no-write", action="store_true", help="print only")
    given = options.parse_args()
    rows = [*reference_against_plain(given.requests, given.rounds), *whole_commands(given.rounds)]
    lines = ["| what | measured | wanted | |", "|---|---|---|---|"]
    for name, measured, wanted, passed in rows:
        verdict = "" if passed is None else "pass" if passed else "**falls short**"
        lines.append(f"| {name} | {measured} | {wanted} | {verdict} |")
    table = "\n".join(lines)
    print(table)
    if not given.no_write:
        (Path(__file__).parent / "RESULTS.md").write_text(
            _page(table, given.requests, given.rounds), encoding="utf-8"
        )
    return 0 if all(passed is not False for *_, passed in rows) else 1


def _page(table: str, n: int, rounds: int) -> str:
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SimPy {simpy.__version__}"
    return (
        f"# Measured\n\n`make bench` on {datetime.date.today()}: {machine}; {versions}. "
        f"{n:,} requests a run, medians of {rounds} rounds taken in turn.\n\n{table}\n"
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return next(
            line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


if __name__ == "__main__":
    raise SystemExit(main())
