"""Peak memory of a long run in a process of its own: `python -m benchmarks.memory REQUESTS`.

Prints megabytes after the imports and a first small run, and at the peak of the long one.
"""

import resource
import sys
from pathlib import Path

from benchmarks.runs import two_provider_model


def peak_mb() -> float:
    """Largest resident set of this process so far."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def resident_mb() -> float:
    """Resident set of this process now; its peak where the system does not tell (not Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_mb()
    return pages * resource.getpagesize() / 1024**2


if __name__ == "__main__":
    two_provider_model(1000).end_to_end_s()
    before = resident_mb()
    took_s = two_provider_model(int(sys.argv[1])).end_to_end_s()
    print(f"{before:.1f} {peak_mb():.1f} {took_s:.3f}")
