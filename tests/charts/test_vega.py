"""The words of Vega-Lite that our charts use: plain values, shared tables, and what Altair makes of them."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from planner.charts import vega


def records(**columns: object) -> list[dict[str, object]]:
    return vega.chart(pd.DataFrame(columns)).mark_point().to_dict()["datasets"]["table-0"]


def test_values_are_plain_and_what_is_unknown_is_none() -> None:
    table = records(
        a=[1.5, float("nan"), float("inf")],
        b=np.array([1, 2, 3]),
        c=[Decimal("0.10"), None, Decimal(7)],
        d=[True, False, True],
        e=["x", None, "y"],
        f=pd.to_datetime(["1970-01-01", "2027-01-01", None]),
    )
    assert [row["a"] for row in table] == [1.5, None, None]
    assert [row["b"] for row in table] == [1, 2, 3]
    assert [row["c"] for row in table] == [0.1, None, 7.0]
    assert [row["d"] for row in table] == [True, False, True]
    assert [row["e"] for row in table] == ["x", None, "y"]
    # 2027-01-01 is 20,819 days after 1970-01-01: 57 years with 14 leap days.
    assert [row["f"] for row in table] == [0, 20_819 * 86_400_000, None]
    assert all(type(value) in (int, float, bool, str, type(None)) for row in table for value in row.values())


def test_parts_that_share_a_table_send_it_once() -> None:
    base = vega.chart(pd.DataFrame({"x": [1.0]}))
    other = vega.chart(pd.DataFrame({"x": [2.0]}))
    spec = vega.layer(base.mark_point(), base.mark_line(), other.mark_rule()).to_dict()
    assert spec["datasets"] == {"table-0": [{"x": 1.0}], "table-1": [{"x": 2.0}]}
    assert [part["data"]["name"] for part in spec["layer"]] == ["table-0", "table-0", "table-1"]


def test_columns_are_drawn_as_the_same_table_is() -> None:
    columns = {
        "name": ["a", "b"],
        "usd": [Decimal("1.5"), None],
        "s": [0.5, float("nan")],
        "n": [1, 2],
        "is_on": [True, False],
        "at": [datetime.datetime(2027, 1, 1), datetime.datetime(1969, 12, 31)],
    }
    drawn, table = (vega.chart(given).mark_point() for given in (columns, pd.DataFrame(columns)))
    assert drawn.to_dict() == table.to_dict()
    assert drawn.to_dict(by_columns=True) == table.to_dict(by_columns=True)
    pd.testing.assert_frame_equal(*drawn.tables, *table.tables)
    base = vega.chart(columns)
    assert len(vega.layer(base.mark_point(), vega.chart(columns).mark_line()).tables) == 1


def test_a_view_is_never_changed() -> None:
    base = vega.chart(pd.DataFrame({"x": [1.0]})).mark_point().encode(vega.X("x:Q"))
    before = base.to_dict()
    base.encode(vega.Y("x:Q"), color=vega.value("red")).properties(width=3).transform_filter(
        "true"
    ).mark_rule()
    x = vega.X("x:Q")
    x.title("t").scale(type="log").axis(None)
    assert base.to_dict() == before
    assert x.spec == {"field": "x", "type": "quantitative"}


def test_altair_reads_it_and_refuses_what_is_not_vega_lite() -> None:
    good = vega.chart(pd.DataFrame({"x": [1.0]})).mark_point().encode(vega.X("x:Q"))
    assert good.altair().to_dict()["encoding"]["x"]["field"] == "x"
    bad = good.encode(vega.X("x:Q").scale(type="nonsense"))
    with pytest.raises(Exception, match="nonsense"):
        bad.altair().to_dict()


def test_a_condition_has_both_sides() -> None:
    found = vega.condition("datum.a", vega.Fill("s:N"), vega.value("transparent"))
    assert found == {
        "condition": {"test": "datum.a", "field": "s", "type": "nominal"},
        "value": "transparent",
    }


def test_a_notebook_shows_it() -> None:
    chart = vega.chart(pd.DataFrame({"x": [1.0]})).mark_point().encode(vega.X("x:Q"))
    bundle = chart._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert any("vega" in kind or "html" in kind for kind in data)


def test_tables_by_columns_hold_what_they_hold_by_rows() -> None:
    spec = vega.chart(pd.DataFrame({"x": [1.5, float("nan")], "name": ["a", None]})).mark_point()
    (columns,) = spec.to_dict(by_columns=True)["datasets"].values()
    (rows,) = spec.to_dict()["datasets"].values()
    assert columns == {"x": [1.5, None], "name": ["a", None]}
    assert rows == [{"x": 1.5, "name": "a"}, {"x": None, "name": None}]
