"""The end of a memo: the scenario as given with its changes, and how to get the same figures again.

Come in: a finished comparison and its state; goes out: HTML in which every text is escaped.
"""

import shlex
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from planner.experiments.comparison import Comparison
from planner.memos.blocks import section
from planner.memos.changes import NOT_GIVEN
from planner.memos.state import MemoState
from planner.memos.writing import as_option, written
from planner.scenario.contents import digests
from planner.scenario.fields import Scenario
from planner.scenario.paths import PathProblem, get_value


def scenario_part(state: MemoState, given: Scenario) -> str:
    """The scenario as its file has it, and what was changed. `given` is the scenario of the text alone."""
    parts = []
    if state.changes:
        before = given.to_dict()
        parts.append("<p>Changed, with what the file says in brackets:</p>")
        parts.append(
            "<ul class='told' id='changes'>"
            + "".join(
                f"<li><code>{escape(f'{path}: {written(value)}')}</code> ({escape(_given(before, path))})</li>"
                for path, value in state.changes.items()
            )
            + "</ul>"
        )
    else:
        parts.append("<p>Exactly as its file has it.</p>")
    parts.append(f"<pre id='scenario' tabindex='0'>\n{escape(state.text)}</pre>")
    return section("The scenario", "".join(parts))


def _given(before: Any, path: str) -> str:
    try:
        return f"file: {written(get_value(before, path))}"
    except PathProblem:
        return f"file: {NOT_GIVEN}"


def again(comparison: Comparison, state: MemoState) -> str:
    """How to get the same figures: from this page, from the file, in the app."""
    file = f"{state.stem}.yaml"
    options = "".join(f" \\\n  {as_option(path, value)}" for path, value in state.changes.items())
    commands = f"planner compare memo.html\nplanner compare {shlex.quote(file)}{options}"
    link = urlencode(state.params, quote_via=quote, safe="[]{}:,")
    files = digests(comparison.scenario)
    beside = "".join(
        f"<p>The scenario reads <code>{escape(name)}</code> (SHA-256 {escape(found)}): keep it beside this page.</p>"
        for name, found in files.items()
    )
    facts = [
        ("Planner", state.planner),
        ("Seed", str(comparison.scenario.run.seed)),
        ("Scenario hash", state.hash),
        ("Catalogue", state.catalogue),
        ("Requests", _requests(comparison)),
        ("Address", f"/{'' if state.page == 'compare' else state.page}?{link}"),
    ]
    rows = [
        f"<tr><th scope='row'>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>"
        for name, value in facts
    ]
    return section(
        "How to run it again",
        "<p>This page holds the whole state. Save it as <code>memo.html</code>, then run it, or drop it on the app's first page; "
        "the second command starts from the scenario's own file. The same version gives the same figures to the last digit.</p>"
        f"<pre tabindex='0'><code>{escape(commands)}</code></pre>{beside}"
        f"<div class='sheet sideways'><table><tbody>{''.join(rows)}</tbody></table></div>{_log(state)}",
    )


def _requests(comparison: Comparison) -> str:
    return (
        f"{comparison.represented_requests:,.0f} represented by {comparison.simulated_requests:,} simulated in "
        f"{len(comparison.windows)} windows × {len(comparison.strategies)} strategies; engine {comparison.engine}"
    )


def _log(state: MemoState) -> str:
    """What of a dropped log is in the page."""
    if state.log is None:
        return ""
    log = state.log
    kept = (
        f"Its times and token counts are in this page ({len(log.content):,} bytes), and nothing else of it."
        if log.content is not None
        else "It is named only: its times and token counts are not in this page."
    )
    return f"<p id='log'>Log <code>{escape(log.name)}</code>, {log.rows:,} rows, <code>{escape(log.hex)}</code>. {kept}</p>"


def privacy() -> str:
    """What stands in the page and what does not."""
    return (
        "<footer class='small'><p>One file: it loads nothing, sends nothing and runs no script. It holds the scenario, its changes and "
        "the figures above; no prompts, no answers, no keys.</p></footer>"
    )


__all__ = ["again", "privacy", "scenario_part"]
