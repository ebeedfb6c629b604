"""What follows the answer on a terminal: near misses, who is excluded, what is left to spare, findings with their fixes.

Comes in: a comparison; goes out: points of lists. A fix is a line that can be pasted behind `planner compare FILE`.
"""

from typing import TYPE_CHECKING

from rich.console import Console

from planner.cli.ending import plural
from planner.cli.lines import heading, item, note, pasted, text_line
from planner.experiments import verdicts

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison
    from planner.experiments.finding import Finding

ABOVE = ("near-miss", "no-target")  # findings that are told before the others
SEARCHED = "fix: planner break-even FILE --omni-share"


def choice(console: Console, comparison: "Comparison") -> None:
    """Near misses, exclusions, what is left to spare, and all other findings."""
    held = verdicts.matrix(comparison)
    near = [one for one in comparison.findings if one.code in ABOVE]
    if near:
        heading(console, "Near misses" if held else "No target")
        for one in near:
            finding(console, comparison, one)
    for title, texts in (
        ("Excluded", [one.text for one in verdicts.exclusions(comparison, held)]),
        ("To spare", [one.text for one in verdicts.spares(held)]),
    ):
        if texts:
            heading(console, title)
            for text in texts:
                item(console, text)
    others = [one for one in comparison.findings if one.code not in ABOVE]
    if others:
        heading(console, "Findings")
        for one in others:
            finding(console, comparison, one)


def finding(console: Console, comparison: "Comparison", one: "Finding") -> None:
    """A finding, and under it what would change it."""
    item(console, one.text)
    for fix in comparison.fixes(one):
        note(console, f"{fix.words}.")
        word = "fix:" if fix.kind == "change" else "or:"
        pasted(console, SEARCHED if fix.kind == "search" else f"{word} {' '.join(fix.options)}")


def rows(console: Console, comparison: "Comparison", code: str) -> None:
    """The rows behind every finding of a code, every digit. Raises PlannerError where there is none of that code."""
    from planner.errors import PlannerError
    from planner.scenario.paths import closest

    found = [one for one in comparison.findings if one.code == code]
    if not found:
        codes = dict.fromkeys(one.code for one in comparison.findings)
        hint = closest(code, codes, many=0)  # they are all listed before it
        raise PlannerError(
            f"--rows: got {code!r}; found here: {', '.join(codes) or 'nothing'}"
            + (f"; {hint}" if hint else "")
        )
    for one in found:
        heading(console, f"Rows behind {one.code}")
        text_line(console, one.text)
        if one.rows is None:
            text_line(console, "No rows: the finding is about what is not there.")
            continue
        table = comparison.rows_behind(one)
        many = plural(len(table), "row")
        text_line(console, f"{many} of the table {one.rows.table}; the finding's number is {one.value!r}.")
        for line in table.to_csv(index=False).splitlines():
            pasted(console, line)


__all__ = ["choice", "finding", "rows"]
