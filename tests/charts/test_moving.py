"""Specifications that stay as they are while figures move: the same picture, drawn by vl-convert, from the same tables."""

import re
from typing import Any

import pytest
import vl_convert

import planner
from planner.charts import cumulative_chart, latency_chart, moving, tco_chart, vega
from tests.charts import data

SCENARIO = "scenarios/support-chatbot.yaml"


def rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def drawn(spec: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Outlines and texts of the picture, less the points that nobody sees."""
    tables = {name: rows(columns) for name, columns in spec["datasets"].items()}
    svg = vl_convert.vegalite_to_svg({**spec, "datasets": tables, "width": 500}, allowed_base_urls=[])
    paths = re.findall(r"<(?:path|line)[^>]*>", svg)
    return [one for one in paths if 'opacity="0"' not in one], re.findall(r"<text[^>]*>[^<]*", svg)


CURVES = {
    "strategy": ["a"] * 4 + ["b"] * 4,
    "share": [0.01, 0.5, 0.95, 0.99] * 2,
    "latency_s": [0.4, 2.0, 9.0, 28.0, 0.3, 1.0, 4.0, 6.0],
    "low_s": [0.3, 1.9, 8.0, 20.0, None, None, None, None],
    "high_s": [0.5, 2.1, 10.0, 90.0, None, None, None, None],
}
CHARTS = {
    "latency": latency_chart(CURVES, {"p95_latency_s": 10.0}),
    "tco": tco_chart(data.monthly(), data.STRATEGIES),
    "cumulative": cumulative_chart(data.monthly(), data.STRATEGIES, "economic"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_the_picture_is_the_same(name: str) -> None:
    spec = CHARTS[name].to_dict(by_columns=True)
    found, words = moving(spec)
    assert words == spec["description"]
    assert "ends" in found["datasets"]
    assert "domain" not in str(
        [layer["encoding"].get("x" if name != "cumulative" else "y") for layer in found["layer"]]
    )
    (paths, texts), (expected_paths, expected_texts) = drawn(found), drawn(spec)
    assert texts == expected_texts
    assert paths == expected_paths
    assert len(paths) > 10


def test_charts_of_a_moved_scenario_differ_in_their_tables_alone() -> None:
    scenario = planner.load(SCENARIO).set({"traffic.requests_per_month": 300_000})
    moved = scenario.set({"strategies.hybrid.router.omni_share": 0.3, "traffic.growth_per_month": 0.031})
    galleries = [planner.compare(one, replications=6).gallery() for one in (scenario, moved)]
    for name in CHARTS:
        (one, said), (other, also) = (moving(gallery[name].to_dict(by_columns=True)) for gallery in galleries)
        assert said != also
        assert one["datasets"] != other["datasets"]
        assert {**one, "datasets": None} == {**other, "datasets": None}


def test_the_words_that_stay_are_the_first_sentence() -> None:
    spec, words = moving(CHARTS["tco"].to_dict(by_columns=True))
    assert spec["description"] == "Total cost of ownership by account."
    assert words.startswith(spec["description"])
    assert "USD" in words


def chart(domain: list[float], **more: Any) -> dict[str, Any]:
    x = vega.X("a:Q").scale(domain=domain).axis(grid=True)
    return (
        vega.layer(vega.chart({"a": [1.0, 5.0, None]}).mark_point().encode(x))
        .properties(**more)
        .to_dict(by_columns=True)
    )


def test_a_scale_that_cuts_off_data_or_zero_keeps_its_ends() -> None:
    for domain in ([0.0, 4.0], [2.0, 9.0], [0.5, 9.0]):
        spec = chart(domain)
        assert moving(spec) == (spec, "")
    assert moving(chart([-1.0, 5.0]))[0]["datasets"]["ends"] == {"x_end": [-1.0, 5.0]}


def test_what_is_given_is_not_changed() -> None:
    spec = chart([0.0, 6.0], description="One. Two.")
    before = str(spec)
    found, words = moving(spec)
    assert str(spec) == before
    assert (found["description"], words) == ("One.", "One. Two.")


def test_charts_side_by_side_stay_as_they_are_but_for_their_words() -> None:
    part = vega.chart({"a": [1.0]}).mark_point().encode(vega.X("a:Q").scale(domain=[0, 2]))
    spec = vega.hconcat(part, part).to_dict(by_columns=True)
    assert moving(spec) == (spec, "")


def test_a_scale_without_an_axis_stays_as_it_is() -> None:
    x = vega.X("a:Q").scale(domain=[0, 6]).axis(None)
    spec = vega.layer(vega.chart({"a": [1.0]}).mark_point().encode(x)).to_dict(by_columns=True)
    assert moving(spec) == (spec, "")
