"""The flow drawn: bands as thick as their share, attached where they belong, names beside nodes."""

import pandas as pd
import pytest

from planner.charts import flow_chart, theme
from planner.charts.flow import HEAD_PX, SLOT_PX, TALL_PX, percent

LINKS = pd.DataFrame(
    [
        ("hybrid", 0, "faq", "task", "omni", "tier", 0.10, 100_000.0),
        ("hybrid", 0, "faq", "task", "mini", "tier", 0.50, 500_000.0),
        ("hybrid", 0, "ask", "task", "mini", "tier", 0.40, 400_000.0),
        ("hybrid", 1, "omni", "tier", "big", "deployment", 0.09, 90_000.0),
        ("hybrid", 1, "omni", "tier", "failed", "failed", 0.01, 10_000.0),
        ("hybrid", 1, "mini", "tier", "small", "deployment", 0.70, 700_000.0),
        ("hybrid", 1, "mini", "tier", "spare", "deployment", 0.19, 190_000.0),
        ("hybrid", 1, "mini", "tier", "failed", "failed", 0.01, 10_000.0),
    ],
    columns=["strategy", "level", "source", "source_kind", "target", "target_kind", "requests_share", "requests_per_month"],
)  # fmt: skip


def bands(links: pd.DataFrame) -> pd.DataFrame:
    tables = flow_chart(links).tables
    found = next(table for table in tables if "link" in table)
    return found.assign(name=found.groupby("link")["name"].ffill())


def node_table(links: pd.DataFrame) -> pd.DataFrame:
    return next(table for table in flow_chart(links).tables if "side" in table).set_index("name")


def test_a_band_is_as_thick_as_its_share_all_along() -> None:
    drawn = bands(LINKS)
    thick = (drawn["to_px"] - drawn["from_px"]).groupby(drawn["name"])
    for name, share in (("faq → mini", 0.5), ("mini → small", 0.7), ("omni → failed", 0.01)):
        assert thick.get_group(name).to_numpy() == pytest.approx(max(share * TALL_PX, 1.5), abs=0.11)


def test_bands_of_a_node_touch_and_fill_it() -> None:
    drawn, nodes = bands(LINKS), node_table(LINKS)
    arriving = drawn[drawn["at"] == 0.4]
    into = arriving[arriving["name"].isin(["faq → mini", "ask → mini"])].sort_values("from_px")
    assert into["from_px"].iloc[0] == pytest.approx(nodes.loc["mini", "from_px"], abs=0.1)
    assert into["to_px"].iloc[0] == pytest.approx(into["from_px"].iloc[1], abs=0.2)
    assert into["to_px"].iloc[1] == pytest.approx(nodes.loc["mini", "to_px"], abs=0.2)


def test_names_of_a_column_have_room_for_their_three_lines() -> None:
    many = LINKS[LINKS["level"] == 0].copy()
    rows = [
        ("hybrid", 1, "mini" if k else "omni", "tier", f"server-{k}", "deployment", 0.1, 1e5)
        for k in range(10)
    ]
    links = pd.concat([many, pd.DataFrame(rows, columns=LINKS.columns)], ignore_index=True)
    nodes = node_table(links)
    tops = nodes[nodes["at"] == 1.0]["text_px"].sort_values()
    assert len(tops) == 10
    assert (tops.diff().dropna() >= SLOT_PX).all()
    assert tops.iloc[0] >= HEAD_PX
    chart = flow_chart(links).to_dict()
    assert tops.iloc[-1] + SLOT_PX <= chart["height"] + 1
    assert sum(len(table) for table in chart["datasets"].values()) <= theme.MAX_ROWS


def test_one_task_and_one_server_is_a_flow_too() -> None:
    links = LINKS.iloc[[1, 5]].assign(requests_share=1.0)
    chart = flow_chart(links)
    chart.altair()
    assert set(node_table(links).index) == {"faq", "mini", "small"}
    assert "failed 0 %" in chart.to_dict()["description"]


def test_it_says_in_words_what_goes_where() -> None:
    said = flow_chart(LINKS).to_dict()["description"]
    assert said == (
        "Flow of the 1 M requests a month of hybrid: sent 10 % to omni, 90 % to mini; served 9 % by big, 70 % by small, "
        "19 % by spare; failed 2 %."
    )


def test_nodes_say_share_and_requests_a_month() -> None:
    nodes = node_table(LINKS)
    assert nodes.loc["faq", "words"] == "60 %\n600 k a month"
    assert nodes.loc["failed", "words"] == "2 %\n20 k a month"


def test_a_rare_failure_is_seen_and_never_rounded_away() -> None:
    assert percent(3.21e-7) == "0.0000321 %"
    assert percent(1 - 3.21e-7) != "100 %"
    rare = LINKS.assign(requests_share=LINKS["requests_share"].where(LINKS["target_kind"] != "failed", 1e-7))
    drawn = bands(rare)
    lost = drawn[drawn["name"] == "mini → failed"]
    assert (lost["to_px"] - lost["from_px"]).min() >= 1.4
