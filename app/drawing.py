"""Charts and tables on a page, each with a menu that saves it: PNG, SVG and CSV of a chart, CSV of a table.

Files are made when their button is pressed, never before, and the buttons when their menu is opened. A chart is sent as its
specification and its tables, without Altair, which a page then need not load.
"""

import html
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st

from planner.charts import View, export, moving


def draw(
    chart: View,
    name: str,
    *,
    title: str = "",
    table: pd.DataFrame | None = None,
    stem: str = "planner",
    note: str = "",
    moves: bool = False,
) -> None:
    """A chart as wide as its place under its title, with the menu that saves it.

    Parameters
    ----------
    name : str
        Of the chart on this page: part of the widgets' keys and of the files' names.
    title : str
        Heading, ours (not escaped); empty for a chart that carries its own.
    table : DataFrame, optional
        What the CSV holds; by default what the chart draws.
    stem : str
        How the files' names begin, such as the scenario and its hash.
    note : str
        A caption under the chart, ours.
    moves : bool
        Its figures change with the inputs of the page, its form does not: it is sent so that the browser can keep it
        (`planner.charts.moving`).
    """
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute" if title else "right",
        vertical_alignment="center",
        gap="small",
    ):
        if title:
            st.header(title, anchor=False, width="stretch")
        _menu(chart, name, title or name, table, stem)
    spec, words = chart.to_dict(by_columns=True), ""  # its description is what a screen reader says
    if moves:
        spec, words = moving(spec)
    st.vega_lite_chart(spec=packed(spec), width="stretch", key=f"chart-{name}")
    if words:
        st.html(f"<p class='unseen'>{html.escape(words)}</p>")
    if note:
        st.caption(note)


def packed(spec: dict[str, Any]) -> dict[str, Any]:
    """What is sent of a chart. Its tables are packed here, column by column: by way of rows and pandas it takes several times as long."""
    return {
        **spec,
        "datasets": {name: pa.Table.from_pydict(columns) for name, columns in spec["datasets"].items()},
    }


def _menu(chart: View, name: str, words: str, table: pd.DataFrame | None, stem: str) -> None:
    """The files of a chart. Their buttons are sent while the menu is open: most are never asked for."""
    place = st.popover(
        "Save",
        type="tertiary",
        help=f"Save the chart {words} as a file",
        key=f"save-{name}",
        on_change="rerun",
    )
    if not place.open:
        return
    files: list[tuple[str, str, str, Callable[[], bytes]]] = [
        ("PNG", "png", "image/png", lambda: export.png(chart)),
        ("SVG", "svg", "image/svg+xml", lambda: export.svg(chart).encode()),
        ("CSV of the data", "csv", "text/csv", lambda: export.csv(chart if table is None else table)),
    ]
    with place:
        for label, ending, kind, made in files:
            st.download_button(
                label,
                data=made,
                file_name=file_name(stem, name, ending),
                mime=kind,
                on_click="ignore",
                key=f"save-{name}-{ending}",
            )


def offer_csv(frame: pd.DataFrame, name: str, *, stem: str = "planner", label: str = "Save as CSV") -> None:
    """A button that saves a table as CSV, decimals with all their digits; `name` is its own on the page."""
    st.download_button(
        label,
        data=lambda: export.csv(frame),
        file_name=file_name(stem, name, "csv"),
        mime="text/csv",
        on_click="ignore",
        type="tertiary",
        key=f"save-{name}-csv",
    )


def file_name(stem: str, name: str, ending: str) -> str:
    """A file's name of plain letters: `my/plan` and `week` give my-plan-week.png.

    >>> file_name("my/plan-1234", "week", "png")
    'my-plan-1234-week.png'
    """
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', f'{stem}-{name}').strip('-.')}.{ending}"
