"""Write draws.csv, the stored golden draws: `python tests/golden/make_draws.py` from the repository's root.

To be run only when a change of the draws is meant; every simulated result changes with them.
"""

from pathlib import Path

from planner.chance import GOLDEN_KINDS, golden_draws

if __name__ == "__main__":
    rows = [
        f"{GOLDEN_KINDS[place % len(GOLDEN_KINDS)]},{float(value).hex()}"
        for place, value in enumerate(golden_draws(10_000))
    ]
    text = "\n".join(["kind,value", *rows, ""])
    Path(__file__).with_name("draws.csv").write_text(text, encoding="utf-8", newline="\n")
