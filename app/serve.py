"""Start the app: `python -m app.serve [options of streamlit run]`, as `streamlit run app/main.py` does, only sooner ready.

While the server comes up, a thread brings into memory what the first page will need: libraries, the engine's machine code,
the pages' own modules, and the comparison that a page without an address shows. Whoever opens a page in between waits for
the rest of it, no longer than without. An engine that is not compiled yet is left to the first page, which says so.
"""

import ctypes
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from planner import warming

MAIN = Path(__file__).resolve().parent / "main.py"
PAGES_NEED = ("app.choosing", "app.answering", "app.drawing", "app.logs", "app.sharing", "app.cards")
#: While libraries are brought in, a browser asks for more than a hundred files, each answered by another thread in several turns:
#: with Python's own 5 ms to a turn, each would wait longer.
TURN_S = 0.0005
#: (parameter, value) for `mallopt`, by malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, the last two in bytes.
GLIBC_SETTINGS = ((-8, 1), (-3, 32 << 20), (-1, 1 << 30))


def main() -> None:
    """Run the server until it is stopped."""
    hold_memory()
    threading.Thread(target=preload, name="preload", daemon=True).start()
    cli = import_module("streamlit.web.cli")
    sys.argv = ["streamlit", "run", str(MAIN), *sys.argv[1:]]
    cli.main()


def hold_memory() -> None:
    """Let the C library keep freed memory for the next comparison, in one pool for all threads, where it is glibc.

    Every comparison frees some hundred megabytes and asks for as much in the next one's threads. Given back to the system and
    fetched anew page by page, that was a tenth of a comparison's processor time; in a pool for each thread it is held twice.
    """
    with suppress(OSError, AttributeError):
        for setting, value in GLIBC_SETTINGS:
            ctypes.CDLL(None).mallopt(setting, value)


def preload() -> None:
    """Import what pages import, unless the engine would have to be compiled; what fails is told by the page that meets it."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        with suppress(Exception):
            if not warming.is_cold():
                warming.load()
                for name in PAGES_NEED:
                    import_module(name)
                compare_first()
    finally:
        sys.setswitchinterval(usual_s)


def compare_first() -> None:
    """Begin the comparison of the first scenario of the library, as its file has it."""
    state, running = import_module("app.state"), import_module("app.running")
    files = state.library()
    address, _ = state.read({}, files)
    running.begin(state.applied(state.scenario_of(files[address.scenario]), address.values))


if __name__ == "__main__":
    main()
