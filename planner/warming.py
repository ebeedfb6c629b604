"""Warming up: machine code is made once for a machine and kept; here it is made ahead, and said when it is not there.

Comes in: an engine's name; goes out: whether its machine code is there (asked in milliseconds, without importing a
compiler), and all of it in memory and on disk. The command line and the app call `announce` before they import
an engine for the first time, so that nobody wonders at a first run that takes longer.
"""

import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from planner import jit
from planner.errors import PlannerError

COLD_S = 28  # seconds, measured on a server core of 2025
Tell = Callable[[str], object]

# The last function that an engine compiles: where it is on disk, so are the others.
_LAST = {"reference": "*/rules.call_times-*.nbi", "compiled": "*/loop.run-*.nbi"}
_MODULES = {"reference": ("planner.api",), "compiled": ("planner.api", "planner.engines.compiled")}

# A request or two of everything that compiles at its first call, whatever the user's scenarios hold.
_SMALL = {
    "name": "Warm-up",
    "traffic": {"requests_per_month": 2_000_000},
    "tasks": {"ask": {"accuracy": {"large": 0.9, "small": 0.8}}},
    "models": {
        "large": {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8},
        "small": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 4},
    },
    "deployments": {
        "omni": {"model": "large", "latency": {"ttft_s": 0.5, "tokens_per_s": 80}},
        "mini": {"model": "small", "latency": {"total_s": {"p50": 1.0, "p95": 3.0}}},
    },
    "strategies": {
        "hybrid": {
            "omni": ["omni"],
            "mini": ["mini"],
            "router": {"kind": "threshold", "omni_share": 0.5, "score_correlation": 0.5},
        }
    },
    "finance": {"horizon_months": 1},
    "run": {"seed": 1, "replications": 2, "window_s": 60},
}


def is_cold(engine: str = "compiled") -> bool:
    """Whether the first use of an engine would have to compile it; never with NUMBA_DISABLE_JIT=1.

    Takes a few milliseconds and imports no compiler: a directory of machine code tells what it was made from.
    """
    if _is_disabled():
        return False
    return not any(
        os.access(directory, os.W_OK)
        and jit.is_made_from_this(directory)
        and any(directory.glob(_LAST[engine]))
        for place in jit.places()
        for directory in place.glob("jit-*")
    )


def announce(tell: Tell, engine: str = "compiled") -> bool:
    """Say that an engine is about to be compiled, where it is; whether anything was said.

    To be called before anything of `planner.api` or `planner.engines` is imported.
    """
    if not is_cold(engine):
        return False
    tell(f"Compiling the engine for this machine, once (about {COLD_S} s) ...")
    return True


def load(engine: str = "compiled") -> None:
    """Bring an engine's machine code into memory, compiling and keeping what is not on disk."""
    for name in _MODULES[engine]:
        import_module(name)


def warm_up(tell: Tell) -> None:
    """Compile or load everything ahead, run a small comparison with it, and say how long it took.

    Raises
    ------
    PlannerError
        The machine code cannot be kept, so that every process has to compile it again.
    """
    if _is_disabled():
        tell("NUMBA_DISABLE_JIT is set: nothing is compiled, and runs are slow.")
        return
    was_cold = announce(tell)
    if not was_cold:
        tell("Loading the engine's machine code ...")
    load_s = _seconds(load)
    run_s = _seconds(_run_small)
    tell(
        f"{'Compiled' if was_cold else 'Already compiled: loaded'} in {load_s:.1f} s; "
        f"a small comparison took {run_s:.1f} s."
    )
    directory = jit.cache_directory()
    if directory is None:
        tried = " nor ".join(str(place) for place in jit.places())
        raise PlannerError(
            f"The machine code cannot be kept: neither {tried} can be written. Each process compiles it again; "
            "XDG_CACHE_HOME names another place."
        )
    if is_cold():
        raise PlannerError(f"The machine code could not all be kept in {directory}: is the disk full?")
    tell(f"Machine code: {directory} ({_size_mb(directory):.1f} MB)")


def _run_small() -> None:
    from planner.api import compare
    from planner.scenario import load as read

    compare(read(_SMALL))


def _is_disabled() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _size_mb(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 1e6


__all__ = ["COLD_S", "announce", "is_cold", "load", "warm_up"]
