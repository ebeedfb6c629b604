"""Charts: what a reader relies on in the finished specification, and that it draws without a network."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
import vl_convert

from planner.charts import Gallery, cumulative_chart, latency_chart, panels, tco_chart, theme, tradeoff_chart
from tests.charts import data

TARGETS = {"p95_latency_s": 8.0, "p95_ttft_s": 2.0, "availability": 0.999}
CHARTS = {
    "latency": lambda: latency_chart(data.curves(), TARGETS, data.STRATEGIES),
    "tco": lambda: tco_chart(data.monthly(), data.STRATEGIES, data.totals()),
    "cumulative": lambda: cumulative_chart(data.monthly(), data.STRATEGIES, "economic"),
    "tradeoff": lambda: tradeoff_chart(data.points(), data.STRATEGIES, "economic"),
}


@pytest.fixture(params=CHARTS)
def chart(request: pytest.FixtureRequest) -> Any:
    return CHARTS[request.param]()


def nodes(spec: Any) -> Iterator[dict[str, Any]]:
    """Every mapping inside a specification."""
    if isinstance(spec, dict):
        yield spec
        for inner in spec.values():
            yield from nodes(inner)
    elif isinstance(spec, list):
        for inner in spec:
            yield from nodes(inner)


def rows(spec: dict[str, Any], *columns: str) -> pd.DataFrame:
    """The table of a specification that has all these columns; the longest, where parts of it are drawn apart."""
    found = [table for table in spec["datasets"].values() if table and set(columns) <= set(table[0])]
    return pd.DataFrame(max(found, key=len))


def rows_with(spec: dict[str, Any], column: str) -> pd.DataFrame:
    """The first table of a specification that has a column."""
    return next(pd.DataFrame(found) for found in spec["datasets"].values() if found and column in found[0])


def axis_titles(spec: dict[str, Any]) -> set[str]:
    return {
        node["title"] if isinstance(node["title"], str) else " ".join(node["title"])
        for node in nodes(spec)
        if node.get("axis") and isinstance(node.get("title"), str | list) and node.get("type") != "nominal"
    }


def layer_spec(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    return [
        node
        for node in nodes(spec)
        if isinstance(node.get("mark"), dict) and node["mark"].get("type") == mark
    ]


def test_every_axis_of_figures_has_a_title_with_its_unit(chart: Any) -> None:
    titles = axis_titles(chart.to_dict()) - {"Month"}
    assert titles
    assert all(any(unit in title for unit in ("(s", "(%", "USD")) for title in titles), titles


def test_a_chart_carries_at_most_2000_rows(chart: Any) -> None:
    assert sum(len(table) for table in chart.to_dict()["datasets"].values()) <= 2_000


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    spec = latency_chart(data.curves(rows_each=5_000), TARGETS, data.STRATEGIES).to_dict()
    assert sum(len(table) for table in spec["datasets"].values()) <= 2_000
    lines = [table for table in spec["datasets"].values() if len(table) > 100]
    shares = pd.DataFrame(lines[0]).groupby("strategy")["share"]
    assert shares.min().tolist() == [0.0] * 3
    assert shares.max().tolist() == [1.0] * 3


def test_a_twenty_year_plan_of_twelve_strategies_still_fits() -> None:
    months = [f"{2027 + k // 12}-{k % 12 + 1:02d}" for k in range(240)]
    table = pd.DataFrame(
        [
            {"strategy": f"s{s}", "month": month, "view": "invoiced", "account": "api", "amount_usd": 1.0}
            for s in range(12)
            for month in months
        ]
    )
    spec = cumulative_chart(table).to_dict()
    assert sum(len(found) for found in spec["datasets"].values()) <= 2_000


def test_every_chart_says_in_words_what_it_shows(chart: Any) -> None:
    described = chart.to_dict()["description"]
    assert all(name in described for name in data.STRATEGIES)


def test_every_chart_is_drawn_without_a_network(chart: Any) -> None:
    spec = chart.to_dict()
    if spec.get("width") == "container":
        spec["width"] = 500
    outside = [
        node
        for node in nodes(spec)
        if any(isinstance(v, str) and v.startswith("http") for k, v in node.items() if k != "$schema")
    ]
    png = vl_convert.vegalite_to_png(spec, allowed_base_urls=[])
    assert outside == []
    assert png.startswith(b"\x89PNG")
    assert len(png) > 5_000


def test_a_strategy_has_the_same_colour_in_every_chart() -> None:
    expected = dict(zip(data.STRATEGIES, ("#0072B2", "#D55E00", "#009E73"), strict=True))
    for name in ("latency", "cumulative", "tradeoff"):
        scales = [
            dict(zip(node["scale"]["domain"], node["scale"]["range"], strict=True))
            for node in nodes(CHARTS[name]().to_dict())
            if node.get("field") == "strategy"
            and isinstance(node.get("scale", {}).get("range", [None])[0], str)
        ]
        colours = [scale for scale in scales if str(scale["hybrid"]).startswith("#")]
        assert len(colours) >= 2
        assert all(scale == expected for scale in colours), name


def test_colour_does_not_depend_on_which_strategies_have_data() -> None:
    only_hybrid = data.curves()[lambda table: table["strategy"] == "hybrid"]
    spec = latency_chart(only_hybrid, None, data.STRATEGIES).to_dict()
    scale = next(node["scale"] for node in nodes(spec) if node.get("field") == "strategy" and "scale" in node)
    assert scale["range"][scale["domain"].index("hybrid")] == "#009E73"


def test_lines_differ_in_dash_and_points_in_shape_not_only_in_colour() -> None:
    for name in ("latency", "cumulative"):
        line = layer_spec(CHARTS[name]().to_dict(), "line")[0]
        dashes = line["encoding"]["strokeDash"]["scale"]["range"]
        assert len({tuple(dash) for dash in dashes}) == 3
    shapes = layer_spec(CHARTS["tradeoff"]().to_dict(), "point")[0]["encoding"]["shape"]["scale"]["range"]
    assert len(set(shapes)) == 3


def test_the_slo_is_drawn_at_its_value() -> None:
    spec = CHARTS["latency"]().to_dict()
    goal = rows(spec, "latency_s", "share", "is_right")
    assert goal[["latency_s", "share"]].to_numpy().tolist() == [[8.0, 0.95]]
    rules = layer_spec(spec, "rule")
    assert {next(iter(rule["encoding"].values()))["field"] for rule in rules} == {"latency_s", "share"}
    assert "95 % within 8 s" in goal["text"][0]


def test_without_a_target_no_slo_is_drawn() -> None:
    spec = latency_chart(data.curves(), {"p95_latency_s": None}, data.STRATEGIES).to_dict()
    assert layer_spec(spec, "rule") == []


def test_the_key_reads_p95_off_the_curve_or_writes_the_measured_one() -> None:
    expected = 3.1 * 1.9**3.6  # what data.curves says at share 0.95
    key = rows(CHARTS["latency"]().to_dict(), "edge_s").set_index("strategy")
    assert key.loc["omni-only", "latency_s"] == pytest.approx(expected, rel=1e-4)
    given = latency_chart(
        data.curves(), None, data.STRATEGIES, {"omni-only": 31.27, "mini-only": None, "hybrid": 5.0}
    )
    texts = rows(given.to_dict(), "edge_s").set_index("strategy")["text"]
    assert texts["omni-only"] == "omni-only: p95 31.3 s"
    assert texts["mini-only"] == "mini-only: p95 –"


def test_latency_of_zero_and_a_strategy_without_answers_are_drawn() -> None:
    table = pd.DataFrame(
        {"strategy": ["a", "a", "b", "b"], "share": [0.0, 1.0, 0.0, 1.0], "latency_s": [0.0, 2.0, None, None]}
    )
    spec = latency_chart(table, None, ["a", "b"]).to_dict()
    drawn = rows_with(spec, "share")
    assert (drawn["latency_s"].dropna() > 0).all()
    assert rows(spec, "edge_s").set_index("strategy")["text"]["b"] == "b: p95 –"


def bar_parts() -> pd.DataFrame:
    """All parts of all bars; the table of names inside the bars is not it."""
    spec = CHARTS["tco"]().to_dict()
    return next(
        pd.DataFrame(found)
        for found in spec["datasets"].values()
        if "start_usd" in found[0] and "middle_usd" not in found[0]
    )


def test_stacked_parts_add_up_to_the_ledger() -> None:
    parts = bar_parts()
    for strategy in data.STRATEGIES:
        mine = parts[parts["strategy"] == strategy]
        for view in ("invoiced", "economic"):
            drawn = Decimal(str(round(mine.loc[mine["view"] == view, "amount_usd"].sum(), 6)))
            assert drawn == data.ledger_total(strategy, view)
        assert mine["end_usd"].max() == pytest.approx(float(data.ledger_total(strategy)), abs=1e-6)


def test_parts_of_a_bar_touch_and_do_not_overlap() -> None:
    parts = bar_parts()
    for _, mine in parts.groupby("strategy"):
        ordered = mine.sort_values("start_usd", kind="stable")
        assert ordered["start_usd"].iloc[0] == pytest.approx(0, abs=1e-6)
        assert ordered["start_usd"].iloc[1:].tolist() == pytest.approx(ordered["end_usd"].iloc[:-1].tolist())


def test_what_takes_off_a_bill_stands_left_of_zero_and_nothing_lies_over_it() -> None:
    months = data.monthly()
    less = months[months["account"] == "people"].assign(account="volume prices", amount_usd=-100.0)
    spec = tco_chart(pd.concat([months, less])).to_dict()
    (parts,) = (
        pd.DataFrame(found)
        for found in spec["datasets"].values()
        if "start_usd" in found[0] and "middle_usd" not in found[0]
    )
    for strategy, mine in parts.groupby("strategy"):
        off = mine[mine["account"] == "volume prices"]
        assert off[["start_usd", "end_usd"]].to_numpy().tolist() == [[0.0, -3600.0]]
        rest = mine.drop(off.index).sort_values("start_usd", kind="stable")
        assert rest["start_usd"].iloc[1:].tolist() == pytest.approx(rest["end_usd"].iloc[:-1].tolist())
        assert rest["end_usd"].iloc[-1] == pytest.approx(float(data.ledger_total(str(strategy))))
    domains = [
        layer["encoding"]["x"]["scale"]["domain"]
        for layer in spec["layer"]
        if "scale" in layer["encoding"].get("x", {})
    ]
    assert domains[0][0] == -3600.0
    assert domains[0][1] > parts["end_usd"].max()


def test_economic_parts_come_last_and_are_named_so() -> None:
    parts = bar_parts()
    last_invoiced = parts[~parts["is_economic"]].groupby("strategy")["end_usd"].max()
    first_economic = parts[parts["is_economic"]].groupby("strategy")["start_usd"].min()
    assert (first_economic >= last_invoiced[first_economic.index] - 1e-6).all()
    assert parts.loc[parts["is_economic"], "label"].str.endswith(" (economic)").all()
    assert not parts.loc[~parts["is_economic"], "label"].str.contains("economic").any()


def test_the_interval_of_the_total_is_drawn_at_its_ends() -> None:
    spec = CHARTS["tco"]().to_dict()
    whiskers = rows(spec, "low", "high").set_index("strategy")
    assert whiskers.loc["hybrid", "low"] == pytest.approx(float(data.ledger_total("hybrid")) * 0.98)
    assert len(layer_spec(tco_chart(data.monthly()).to_dict(), "tick")) == 0


def test_cumulative_cost_ends_at_the_total_of_its_view() -> None:
    for objective, views in (("invoiced", ["invoiced"]), ("economic", ["invoiced", "economic"])):
        spec = cumulative_chart(data.monthly(), data.STRATEGIES, objective).to_dict()
        ends = rows(spec, "final_usd").set_index("strategy")["final_usd"]
        for strategy in data.STRATEGIES:
            expected = float(sum(data.ledger_total(strategy, view) for view in views))
            assert ends[strategy] == pytest.approx(expected)


def test_cumulative_cost_keeps_months_in_which_a_strategy_pays_nothing() -> None:
    table = pd.DataFrame(
        [
            {"strategy": "a", "month": "2027-01", "view": "invoiced", "account": "x", "amount_usd": 5.0},
            {"strategy": "b", "month": "2027-01", "view": "invoiced", "account": "x", "amount_usd": 1.0},
            {"strategy": "b", "month": "2027-02", "view": "invoiced", "account": "x", "amount_usd": 2.0},
        ]
    )
    lines = rows(cumulative_chart(table).to_dict(), "month", "amount_usd")
    assert lines[lines["strategy"] == "a"]["amount_usd"].tolist() == [5.0, 5.0]
    assert lines[lines["strategy"] == "b"]["amount_usd"].tolist() == [1.0, 3.0]


def test_tradeoff_has_cost_against_latency_and_cost_against_quality() -> None:
    chart = CHARTS["tradeoff"]()
    assert chart.parts is not None
    parts = panels(chart)
    assert len(parts) == 2
    titles = [axis_titles(part.to_dict()) for part in parts]
    assert titles[0] == {"Cost per 1,000 requests, invoiced and economic (USD)", "p95 latency (s)"}
    assert titles[1] == {"Cost per 1,000 requests, invoiced and economic (USD)", "Right answers (% of rated)"}


def test_a_strategy_of_unknown_quality_is_named_not_drawn_at_zero() -> None:
    points = data.points().assign(accuracy=[0.9, None, 0.8])
    quality = panels(tradeoff_chart(points))[1].to_dict()
    assert "unknown for mini-only" in quality["title"]["text"]
    drawn = {row["strategy"] for found in quality["datasets"].values() for row in found}
    assert drawn == {"omni-only", "hybrid"}


def test_verdicts_are_told_by_filling_and_in_words() -> None:
    spec = CHARTS["tradeoff"]().to_dict()
    assert "hollow: misses one" in json.dumps(spec)
    verdicts = rows_with(spec, "verdict").set_index("strategy")["verdict"]
    assert verdicts["omni-only"] == "misses a target"
    assert verdicts["hybrid"] == "meets every target"


def test_accounts_keep_their_colour_and_strangers_get_one() -> None:
    colours = theme.account_colours(["api", "people", "something new", "another"])
    assert colours["api"] == theme.ACCOUNT_COLOURS["api"]
    assert len(set(colours.values())) == 4


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    first, second = sorted((luminance(one), luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#0e1117"])
def test_texts_and_strategies_can_be_read_on_light_and_dark(ground: str) -> None:
    assert contrast(theme.NEUTRAL, ground) >= 4
    assert all(contrast(colour, ground) >= 2.2 for colour in theme.STRATEGY_COLOURS)
    assert all(contrast(colour, ground) >= 3 for colour in theme.STRATEGY_COLOURS[:3])


def gallery(objective: str = "economic") -> Gallery:
    """The charts of the small comparison; its measures are those of `data`."""
    summary = [
        {
            "strategy": row["strategy"],
            "task": "",
            "measure": measure,
            "value": row[column],
            "low": None,
            "high": None,
            "unit": "",
        }
        for row in data.points().to_dict("records")
        for measure, column in (("latency_p95_s", "p95_latency_s"), ("accuracy", "accuracy"))
    ]
    money = [
        {
            "strategy": row["strategy"],
            "measure": measure,
            "value": row[column],
            "low": row["low"],
            "high": row["high"],
            "unit": "USD",
        }
        for table, column, measures in (
            (
                data.points(),
                "cost_per_1k_usd",
                ("cost_per_1k_requests_usd", "economic_cost_per_1k_requests_usd"),
            ),
            (data.totals(), "value", ("economic_tco_total_usd",)),
        )
        for row in table.to_dict("records")
        for measure in measures
    ]
    return Gallery(
        strategies=data.STRATEGIES,
        objective=objective,
        curves=data.curves(),
        monthly=data.monthly(),
        summary=pd.DataFrame(summary),
        money=pd.DataFrame(money),
        targets=TARGETS,
        meets={"omni-only": False, "mini-only": True, "hybrid": True},
    )


def test_the_gallery_has_four_charts_and_makes_each_once() -> None:
    charts = gallery()
    assert list(charts) == ["latency", "tco", "cumulative", "tradeoff"]
    assert charts["tco"] is charts["tco"]
    with pytest.raises(KeyError):
        charts["nothing"]


def test_the_gallery_looks_figures_up_in_the_tables() -> None:
    charts = gallery()
    key = rows(charts["latency"].to_dict(), "edge_s").set_index("strategy")["text"]
    assert key["omni-only"] == "omni-only: p95 9.3 s"
    whiskers = rows(charts["tco"].to_dict(), "low", "high").set_index("strategy")
    assert whiskers.loc["mini-only", "high"] == pytest.approx(float(data.ledger_total("mini-only")) * 1.03)
    points = rows_with(charts["tradeoff"].to_dict(), "cost_per_1k_usd").set_index("strategy")
    assert points.loc["hybrid", "cost_per_1k_usd"] == 6.5
    assert "invoiced and economic" in charts["cumulative"].to_dict()["description"]


def test_the_key_of_the_latency_chart_leaves_the_target_alone() -> None:
    for seconds, corner in ((40.0, "left"), (0.3, "right")):
        spec = latency_chart(data.curves(), {"p95_latency_s": seconds}, data.STRATEGIES).to_dict()
        key = rows(spec, "edge_s")
        curve = rows(spec, "share", "latency_s", "strategy")
        is_left = key["edge_s"].iloc[0] <= curve["latency_s"].min()
        is_above = bool((key["row_px"] < 0).all())
        assert is_above or is_left == (corner == "left")


def test_a_key_that_would_lie_over_a_curve_on_a_phone_stands_above_the_plot() -> None:
    steep = pd.DataFrame(
        [{"strategy": "a", "share": k / 100, "latency_s": 20.0 + k / 100 * 5} for k in range(101)]
        + [{"strategy": "a", "share": 0.0, "latency_s": 0.05}]
    )
    inside = rows(latency_chart(steep).to_dict(), "edge_s")
    assert (inside["row_px"] > 0).all()
    long = steep.assign(strategy="a-strategy-with-a-very-long-name-that-fills-the-plot")
    assert (rows(latency_chart(long).to_dict(), "edge_s")["row_px"] < 0).all()
    months = data.monthly()
    assert (rows(cumulative_chart(months).to_dict(), "row_px")["row_px"] > 0).all()
    high = months.assign(amount_usd=[1e6 if month == "2027-01" else 1.0 for month in months["month"]])
    assert (rows(cumulative_chart(high).to_dict(), "row_px")["row_px"] < 0).all()


def test_axes_of_the_tradeoff_hold_every_point_and_interval() -> None:
    for part, measure in zip(panels(CHARTS["tradeoff"]()), ("p95_latency_s", "accuracy"), strict=True):
        point = layer_spec(part.to_dict(), "point")[0]["encoding"]
        low, high = point["x"]["scale"]["domain"]
        ends = data.points()[["low", "high", "cost_per_1k_usd"]].dropna().astype(float)
        assert low < ends.to_numpy().min()
        assert high > ends.to_numpy().max()
        bottom, top = point["y"]["scale"]["domain"]
        assert bottom < data.points()[measure].min()
        assert top > data.points()[measure].max()
        assert point["x"]["scale"]["zero"] is False  # else the layers' defaults would stretch it to 0


def test_names_of_strategies_that_nearly_coincide_can_all_be_read() -> None:
    names = ["hybrid", "hybrid-through-platform", "cascade", "omni-only"]
    points = pd.DataFrame(
        [
            {
                "strategy": name, "cost_per_1k_usd": 100.0 + k * 0.01, "low": None, "high": None,
                "p95_latency_s": 9.8 + k * 0.001, "accuracy": 0.9, "meets": True,
            }
            for k, name in enumerate(names)
        ]
        + [
            {
                "strategy": "far", "cost_per_1k_usd": 150.0, "low": None, "high": None,
                "p95_latency_s": 14.0, "accuracy": 0.7, "meets": True,
            }
        ]
    )  # fmt: skip
    for part in panels(tradeoff_chart(points)):
        marks = [node["mark"] for node in layer_spec(part.to_dict(), "text")]
        assert len({(mark["dx"], mark["dy"]) for mark in marks[: len(names)]}) == len(names)
