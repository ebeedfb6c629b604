"""Problems of a scenario or a configuration, each with its field; nothing was run."""

from collections.abc import Sequence

import streamlit as st

from app import text
from planner.errors import Problem


def show(problems: Sequence[Problem], what: str, end: str) -> None:
    """A heading and a line for each problem."""
    many = len(problems)
    st.error(f"{many} problem{'s' if many != 1 else ''} in {text.markdown(what)}; {end}.")
    lines = []
    for problem in problems:
        place = text.markdown(problem.field.removeprefix("--") or "the file")
        line = f" (line {problem.line})" if problem.line is not None else ""
        lines.append(f"- **{place}**{line}: {text.markdown(said(problem))}")
    st.markdown("\n".join(lines))


def said(problem: Problem) -> str:
    """What is wrong and what is allowed."""
    if problem.text is not None:
        words = problem.text
    elif problem.given is not None:
        words = f"got {problem.given}; allowed: {problem.allowed}"
    else:
        words = f"allowed: {problem.allowed}"
    return words + (f"; {problem.hint}" if problem.hint else "")
