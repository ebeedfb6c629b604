"""The map of winners and the break-even lines: what a reader relies on in the finished specification."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
import pytest
import vl_convert

from planner.charts import break_even_chart, decision_chart, theme
from planner.charts.decision import NOBODY, NOBODY_COLOUR, TIE_OPACITY
from tests.charts.test_charts import axis_titles, layer_spec, nodes, rows

STRATEGIES = ["omni-only", "mini-only", "hybrid"]


class Axis(NamedTuple):
    path: str
    values: Sequence[float]
    is_log: bool
    unit: str
    today: float


X = Axis("traffic.requests_per_month", (1e4, 1e5, 1e6), True, "requests/month", 2e5)
Y = Axis("tasks.faq.cost_of_wrong_answer_usd", (0.0, 1.0, 2.0), False, "USD", 0.5)


def cells() -> pd.DataFrame:
    """Hybrid at the left, mini tied in the middle, nobody at the right; a cheaper one failed at the bottom left."""
    found = []
    for x in X.values:
        for y in Y.values:
            winner = {1e4: "hybrid", 1e5: "mini-only", 1e6: None}[x]
            found.append(
                {
                    "x": x, "y": y, "winner": winner, "tie": x == 1e5, "tied_with": "hybrid" if x == 1e5 else "nobody",
                    "gates_failed": "none", "cheaper_failed": "mini-only" if (x, y) == (1e4, 0.0) else "",
                }
            )  # fmt: skip
    return pd.DataFrame(found)


@pytest.fixture
def spec() -> dict[str, Any]:
    return decision_chart(cells(), STRATEGIES, X, Y, "mini-only, tied with hybrid").to_dict()


def lines() -> pd.DataFrame:
    return pd.DataFrame(
        [(name, volume, fixed + unit * volume) for name, fixed, unit in (("omni-only", 0, 3), ("mini-only", 320, 0)) for volume in range(0, 200, 10)],
        columns=["strategy", "volume", "usd"],
    )  # fmt: skip


CROSSINGS = pd.DataFrame(
    [(320 / 3, 320.0, "omni-only", "mini-only")], columns=["volume", "usd", "before", "after"]
)


def test_colours_are_those_of_the_strategies_and_nobody_is_grey(spec: dict[str, Any]) -> None:
    scale = next(
        node["scale"] for node in nodes(spec) if isinstance(node.get("scale"), dict) and "domain" in node["scale"] and NOBODY in node["scale"]["domain"]
    )  # fmt: skip
    assert scale["domain"] == ["mini-only", "hybrid", NOBODY]  # who wins nowhere is not in the key
    assert scale["range"] == [
        theme.strategy_colour("mini-only", STRATEGIES),
        theme.strategy_colour("hybrid", STRATEGIES),
        NOBODY_COLOUR,
    ]


def test_ties_are_lighter(spec: dict[str, Any]) -> None:
    drawn = rows(spec, "opacity", "who")
    assert set(drawn.loc[drawn["tie"], "opacity"]) == {TIE_OPACITY}
    assert set(drawn.loc[~drawn["tie"], "opacity"]) == {1.0}


def test_cells_meet_half_way_on_their_own_scale(spec: dict[str, Any]) -> None:
    drawn = rows(spec, "x_from", "y_from")
    middle = drawn[(drawn["x"] == 1e5) & (drawn["y"] == 1.0)].iloc[0]
    assert middle["x_from"] == pytest.approx(1e4 * 10**0.5)
    assert middle["x_to"] == pytest.approx(1e5 * 10**0.5)
    assert (middle["y_from"], middle["y_to"]) == (0.5, 1.5)


def test_missed_targets_are_hatched_and_marked(spec: dict[str, Any]) -> None:
    filters = [str(node["transform"]) for node in layer_spec(spec, "text") if "transform" in node]
    assert any(NOBODY in one for one in filters)
    assert any("cheaper_failed" in one for one in filters)


def test_today_is_ringed_inside_the_map_only(spec: dict[str, Any]) -> None:
    point = rows(spec, "x_now", "y_now").iloc[0]
    assert (point["x_now"], point["y_now"]) == (2e5, 0.5)
    outside = decision_chart(cells(), STRATEGIES, X._replace(today=1e9), Y).to_dict()
    assert not any("x_now" in table[0] for table in outside["datasets"].values() if table)


def test_the_axes_carry_path_and_unit(spec: dict[str, Any]) -> None:
    assert axis_titles(spec) == {
        "traffic.requests_per_month (requests/month)",
        "tasks.faq.cost_of_wrong_answer_usd (USD)",
    }


def test_the_map_is_said_in_words(spec: dict[str, Any]) -> None:
    assert spec["description"] == (
        "Winner of 9 cells by traffic.requests_per_month and tasks.faq.cost_of_wrong_answer_usd: mini-only in 3, hybrid in 3, "
        f"{NOBODY} in 3; 3 of them ties. Today: mini-only, tied with hybrid."
    )


def test_crossings_and_todays_volume_are_marked_on_the_lines() -> None:
    spec = break_even_chart(lines(), CROSSINGS, STRATEGIES, today=100.0).to_dict()
    crossing = rows(spec, "before", "after").iloc[0]
    assert (crossing["volume"], crossing["after"]) == (320 / 3, "mini-only")
    assert rows(spec, "now").iloc[0]["now"] == 100.0
    assert axis_titles(spec) == {"Volume (requests a month)", "Cost of a mean month (USD)"}
    assert spec["description"] == (
        "Cost against volume of omni-only, mini-only. mini-only is cheaper than omni-only above 107 requests a month."
    )
    never = break_even_chart(lines(), CROSSINGS.iloc[:0], STRATEGIES).to_dict()
    assert never["description"].endswith("No lines cross.")


@pytest.mark.parametrize("draw", [lambda: decision_chart(cells(), STRATEGIES, X, Y), lambda: break_even_chart(lines(), CROSSINGS, STRATEGIES, today=50.0)])  # fmt: skip
def test_it_draws_without_a_network(draw) -> None:
    chart = draw()
    assert sum(len(table) for table in chart.to_dict()["datasets"].values()) <= theme.MAX_ROWS
    svg = vl_convert.vegalite_to_svg(chart.to_json())
    assert "<svg" in svg
