"""`make bench`: speed and memory, each row with what is wanted and whether it passes, in one run.

Every figure is the median of several rounds taken in turn, so that a machine that slows down slows all
of them. Prints a table and writes it to benchmarks/RESULTS.md.
"""

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import simpy

import planner
from benchmarks import plain_simpy
from benchmarks.models import A_MILLION, slots
from benchmarks.runs import Model, seconds, two_provider_model

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = "scenarios/support-chatbot.yaml"
MB_ABOVE_IMPORTS = 500


@dataclass(frozen=True)
class Row:
    """What was measured, and whether that is what is wanted (None where nothing is)."""

    what: str
    measured: str
    wanted: str = ""
    passed: bool | None = None


def at_least(what: str, value: float, least: float, unit: str = "", more: str = "") -> Row:
    return Row(what, f"{value:,.4g}{unit}{more}", f"at least {least:,.4g}{unit}", value >= least)


def under(what: str, value: float, most: float, unit: str, more: str = "") -> Row:
    return Row(what, f"{value:,.3g}{unit}{more}", f"under {most:,.4g}{unit}", value < most)


def engines(n: int, rounds: int) -> Iterator[Row]:
    """The two-provider model on both engines and as a plain SimPy script, in turn."""
    small, large = max(n // 20, 1000), n
    slow, fast = two_provider_model(small), two_provider_model(large)
    rates: dict[str, list[float]] = {"plain": [], "reference": [], "compiled": [], "whole": []}
    fast.compiled_s()  # the first run loads machine code
    for _ in range(rounds):
        rates["plain"].append(small / seconds(lambda: plain_simpy.run(small)))
        rates["reference"].append(small / slow.reference_s())
        rates["compiled"].append(large / fast.compiled_s())
        rates["whole"].append(large / fast.end_to_end_s())
    plain, reference, compiled, whole = (statistics.median(found) for found in rates.values())
    spread = f" ({min(rates['compiled']):,.0f} to {max(rates['compiled']):,.0f})"
    yield Row("plain SimPy script, two providers with failover", f"{plain:,.0f} requests/s")
    yield Row("reference engine, same model", f"{reference:,.0f} requests/s")
    yield at_least("reference engine / plain script", reference / plain, 0.3)
    yield at_least(f"compiled engine on one core, {n:,} requests", compiled, 3e6, " requests/s", spread)
    yield at_least("scenario to reduced measures on one core", whole, 1.5e6, " requests/s")
    yield at_least("compiled engine / plain script", compiled / plain, 40)
    yield at_least("compiled engine / reference engine", compiled / reference, 100)


def flatness(largest: int, rounds: int) -> Iterator[Row]:
    """Time per request against the number of requests, of slots, and in overload."""
    sizes = [size for size in (100_000, 1_000_000, 10_000_000, 100_000_000) if size <= largest]
    costs = {
        size: statistics.median(
            two_provider_model(size).end_to_end_s() / size for _ in range(rounds if size <= 1_000_000 else 1)
        )
        for size in sizes
    }
    yield _flat(f"ns per request, {sizes[0]:,} to {sizes[-1]:,} requests", costs)
    by_slots = {number: _cost(slots(number, 0.8), rounds) for number in (10, 100, 500, 2000)}
    yield _flat("ns per request in the engine, 10 to 2,000 slots", by_slots)
    in_overload = {load: _cost(slots(100, load), rounds) for load in (0.8, 2.0)}
    yield _flat("ns per request in the engine, load 0.8 and 2.0 with a queue of 1,000", in_overload)


def _cost(raw: dict[str, object], rounds: int, n: int = 500_000) -> float:
    model = Model(raw, n)
    return statistics.median(model.compiled_s() / n for _ in range(rounds))


def _flat(what: str, costs: dict[float, float]) -> Row:
    ratio = max(costs.values()) / min(costs.values())
    each = ", ".join(f"{key:,.4g}: {cost * 1e9:.0f}" for key, cost in costs.items())
    return Row(what, f"{ratio:.2f} ({each})", "within 1.5 times", ratio <= 1.5)


def memory(n: int) -> Row:
    """Peak above the imports of a run in a process of its own."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", str(n)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout.split()
    above = float(said[1]) - float(said[0])
    return under(f"peak memory above the imports, {n:,} requests", above, MB_ABOVE_IMPORTS, " MB")


def commands(rounds: int) -> Iterator[Row]:
    """Wall time of whole commands, imports included."""
    yield _command("planner check, default scenario", ["check", DEFAULT], 1.0, rounds)
    yield _command("planner compare, default scenario", ["compare", DEFAULT], 10.0, rounds)
    overrides = [f"--set={path}={value:g}" for path, value in A_MILLION.items()]
    scenario = planner.load(ROOT / DEFAULT).set(A_MILLION)
    n = planner.compare(scenario).simulated_requests
    yield _command(
        f"planner compare, default scenario at {n:,} simulated requests",
        ["compare", DEFAULT, *overrides],
        3.0,
        rounds,
    )


def _command(what: str, words: list[str], most_s: float, rounds: int) -> Row:
    command = [sys.executable, "-m", "llm_traffic_planner", *words]
    times = [
        seconds(lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT))
        for _ in range(rounds)
    ]
    return under(what, statistics.median(times), most_s, " s", f" ({min(times):.2f} to {max(times):.2f})")


def uncertainty(rounds: int) -> Iterator[Row]:
    """The draws of the uncertain inputs through the bills of the default scenario, beyond its comparison."""
    comparison = planner.compare(planner.load(ROOT / DEFAULT))
    draws = planner.uncertainty(comparison).draws  # the first call imports, too
    times = [seconds(lambda: planner.uncertainty(comparison)) for _ in range(rounds)]
    what = f"planner.uncertainty, {draws:,} draws, three strategies over 36 months"
    yield under(what, statistics.median(times), 3.0, " s", f" ({min(times):.2f} to {max(times):.2f})")


def replaying(rounds: int, n: int = 1_000_000) -> Iterator[Row]:
    """A log of a million rows, read from CSV and replayed over three strategies at three levels of tokens."""
    scenario = planner.load(ROOT / DEFAULT)
    luck = np.random.default_rng(1)
    times, sent, answered = (
        np.cumsum(luck.exponential(0.5, n)),
        luck.integers(50, 2000, n),
        luck.integers(5, 400, n),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.csv"
        np.savetxt(
            file, np.column_stack([times, sent, answered]), fmt="%.6f,%d,%d", header="t_s,input_tokens,output_tokens", comments=""
        )  # fmt: skip

        def run() -> None:
            found = planner.replay(scenario, planner.read_log(file))
            assert found.simulated_requests >= n * 3 * len(scenario.strategies)

        planner.replay(scenario, planner.read_log(b"t_s,input_tokens,output_tokens\n0,1,1\n"))  # imports
        took = [seconds(run) for _ in range(max(1, min(rounds, 3)))]
    what = f"planner.replay, a log of {n:,} rows as CSV, three strategies, low, central and high tokens"
    yield under(what, statistics.median(took), 20.0, " s", f" ({min(took):.2f} to {max(took):.2f})")


def compiling() -> Iterator[Row]:
    """Import of every kernel with an empty cache, then with a full one."""
    # A NUMBA_ variable is part of the cache's key: a new value is a new, empty cache.
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "NUMBA_BENCHMARK": str(time.time_ns()),
            "HOME": home,
            "XDG_CACHE_HOME": home,
        }
        script = "import time, numba; began = time.perf_counter(); import planner.engines.compiled, planner.metrics; print(time.perf_counter() - began)"

        def load() -> float:
            said = subprocess.run(
                [sys.executable, "-c", script],
                check=True,
                capture_output=True,
                text=True,
                cwd=ROOT,
                env=environment,
            )
            return float(said.stdout)

        yield under("cold compile of every kernel", load(), 30.0, " s")
        yield under(
            "warm load of every kernel, Numba itself imported before",
            statistics.median(load() for _ in range(3)),
            1.0,
            " s",
        )


def browsing() -> Iterator[Row]:
    """The what-if screen in Chromium; nothing where there is none."""
    try:
        from benchmarks import browser
        from scripts import screenshots
    except ImportError:
        yield Row("the what-if screen in a browser", "playwright is not installed")
        return
    if screenshots.chromium() is None:
        yield Row("the what-if screen in a browser", "no Chromium found")
        return
    for what, value, most, unit, more in browser.measured():
        yield under(what, value, most, unit, more)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "engines": lambda given: engines(given.requests, given.rounds),
    "flatness": lambda given: flatness(given.largest, given.rounds),
    "memory": lambda given: iter([memory(given.largest)]),
    "commands": lambda given: commands(given.rounds),
    "uncertainty": lambda given: uncertainty(given.rounds),
    "replaying": lambda given: replaying(given.rounds),
    "compiling": lambda given: compiling(),
    "browser": lambda given: browsing(),
}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=1_000_000)
    options.add_argument("--largest", type=int, default=100_000_000, help="requests of the longest run")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--only", choices=list(PARTS), action="append", help="these parts only, nothing written"
    )
    given = options.parse_args()
    # Started as on most machines: where Python may keep what it compiled of each file.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rows = [row for name in given.only or PARTS for row in PARTS[name](given)]
    lines = ["| what | measured | wanted | |", "|---|---|---|---|"]
    for row in rows:
        verdict = "" if row.passed is None else "pass" if row.passed else "**falls short**"
        lines.append(f"| {row.what} | {row.measured} | {row.wanted} | {verdict} |")
    table = "\n".join(lines)
    print(table)
    if given.only is None:
        (Path(__file__).parent / "RESULTS.md").write_text(_page(table, given), encoding="utf-8")
    return 0 if all(row.passed is not False for row in rows) else 1


def _page(table: str, given: argparse.Namespace) -> str:
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, Numba {numba.__version__}, SimPy {simpy.__version__}"
    return (
        f"# Measured\n\n`make bench` on {datetime.date.today()}: {machine}; {versions}. "
        f"Medians of {given.rounds} rounds taken in turn.\n\n{table}\n"
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
