"""A decision memo: a finished comparison as one self-contained HTML page, with the state that gives it again.

Comes in: a comparison; goes out: the page. It needs no script to be read, asks nothing of any server, and prints on A4.
"""

from html import escape

from planner.errors import PlannerError
from planner.experiments.comparison import Comparison
from planner.experiments.statement import statement
from planner.memos import parts, rerun
from planner.memos.making import scenario_run, state_of
from planner.memos.state import MARK, MemoState
from planner.memos.style import STYLE
from planner.scenario.reading import loads

MOST_LOG_BYTES = 2_000_000  # a larger log is only named: a memo is sent by mail
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def memo(comparison: Comparison, *, state: MemoState | None = None, log: bytes | None = None) -> str:
    """The memo of a comparison: one page of valid HTML5.

    Parameters
    ----------
    state : MemoState, optional
        As `state_of` makes it, where name, text or address are not those of the scenario's file.
    log : bytes, optional
        Times and token counts of the log that `state.log` names, as Parquet; more than 2 MB are left out.

    Raises PlannerError where the state is not of this comparison.
    """
    state = state if state is not None else state_of(comparison)
    if log is not None:
        if state.log is None:
            raise PlannerError(
                "memo: got a log's bytes; allowed: with a state that names the log (state.log)"
            )
        state = state.with_log(log if len(log) <= MOST_LOG_BYTES else None)
    run = scenario_run(comparison)
    if state.hash != run.hash:
        raise PlannerError(
            f"memo: got the state of scenario {state.hash[:12]}; allowed: that of the comparison, {run.hash[:12]}"
        )
    source = comparison.scenario._source
    given = loads(state.text, folder=None if source is None else source.folder)
    made = statement(comparison)
    body = [
        parts.head(comparison, state),
        parts.card_section(comparison),
        parts.charts(comparison),
        parts.findings(comparison),
        parts.targets(comparison),
        parts.accounts(made),
        parts.limits(comparison, state),
        rerun.again(comparison, state),
        parts.assumptions(comparison),
        rerun.scenario_part(state, given),
        rerun.privacy(),
    ]
    title = f"{comparison.scenario.name}: decision memo"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta name="generator" content="planner {escape(state.planner)}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + f'\n</main>\n<script type="application/json" id="{MARK}">{state.to_json()}</script>\n</body>\n</html>\n'
    )


__all__ = ["MOST_LOG_BYTES", "memo"]
