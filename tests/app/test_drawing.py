"""Charts on a page: sent small and with their description, each with files that are made when they are asked for."""

import json

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from app import drawing
from planner.charts import cumulative_chart, export
from tests.charts import data


def one_chart() -> None:
    import pandas as pd
    import streamlit as st

    from app.drawing import draw, offer_csv
    from planner.charts import cumulative_chart
    from tests.charts import data

    chart = cumulative_chart(data.monthly(), data.STRATEGIES, "economic")
    draw(
        chart,
        "cumulative",
        title="What it has cost by then",
        stem="my/plan-12ab",
        note="A caption.",
        moves=True,
    )
    draw(chart, "other", table=pd.DataFrame({"a": [1]}))
    offer_csv(data.monthly(), "monthly", stem="my/plan-12ab")
    st.caption("end")


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(one_chart).run(timeout=30)


def charts(page: AppTest) -> list:
    return page.get("arrow_vega_lite_chart") or page.get("vega_lite_chart")


def test_a_chart_stands_under_its_title_with_its_description(page: AppTest) -> None:
    assert not page.exception
    assert [one.value for one in page.header] == ["What it has cost by then"]
    specs = [json.loads(one.proto.spec) for one in charts(page)]
    assert len(specs) == 2
    assert specs[0]["description"] == "Cumulative cost by month (invoiced and economic)."
    words = cumulative_chart(data.monthly(), data.STRATEGIES, "economic").to_dict()["description"]
    assert specs[1]["description"] == words  # one that is not said to move is sent as it is
    assert (
        page.get("html")[0].proto.body == f"<p class='unseen'>{words}</p>"
    )  # what a screen reader says of it
    assert "datasets" not in specs[0]  # tables go beside the specification, as columns
    assert {dataset.name for dataset in charts(page)[0].proto.datasets} == {"table-0", "table-1", "ends"}
    assert [one.value for one in page.caption] == ["A caption.", "end"]


def with_open_menus() -> AppTest:
    page = AppTest.from_function(one_chart)
    for name in ("cumulative", "other"):
        page.session_state[f"save-{name}"] = True
    return page.run(timeout=30)


def test_what_is_sent_of_a_table_is_what_the_chart_holds(page: AppTest) -> None:
    chart = cumulative_chart(data.monthly(), data.STRATEGIES, "economic")
    sent = {
        one.name: pa.ipc.open_stream(one.data.data).read_all().to_pylist()
        for one in charts(page)[0].proto.datasets
    }
    ends = sent.pop("ends")
    assert sent == chart.to_dict()["datasets"]
    (domain,) = [one["encoding"]["y"]["scale"]["domain"] for one in chart.to_dict()["layer"][:1]]
    assert [one["y_end"] for one in ends] == domain


def test_each_chart_can_be_saved_in_three_ways_and_a_table_in_one() -> None:
    buttons = with_open_menus().get("download_button")
    assert [one.proto.label for one in buttons] == [*["PNG", "SVG", "CSV of the data"] * 2, "Save as CSV"]


def test_a_menu_that_nobody_opened_has_no_buttons_yet(page: AppTest) -> None:
    assert [one.proto.label for one in page.get("download_button")] == ["Save as CSV"]
    page.session_state["save-other"] = True
    page.run(timeout=30)
    assert len(page.get("download_button")) == 4


def test_nothing_is_made_before_a_button_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> bytes:
        raise AssertionError("a file was made that nobody asked for")

    for name in ("png", "svg", "csv"):
        monkeypatch.setattr(export, name, never)
    page = with_open_menus()
    assert not page.exception
    assert len(page.get("download_button")) == 7


def test_names_of_files_are_plain() -> None:
    assert drawing.file_name("my/plan-12ab", "week", "png") == "my-plan-12ab-week.png"
    assert drawing.file_name("../../etc/x", "a b", "csv") == "etc-x-a-b.csv"
