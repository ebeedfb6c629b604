"""Charts and tables as files: real PNG and SVG without a network, and CSV with the digits of the table."""

import io
import socket
import struct
from decimal import Decimal
from xml.etree import ElementTree

import pandas as pd
import pytest

from planner.charts import cumulative_chart, export, latency_chart, tradeoff_chart
from tests.charts import data


@pytest.fixture(autouse=True)
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a chart asked for a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def chart():
    return latency_chart(data.curves(), {"p95_latency_s": 8.0}, data.STRATEGIES)


def test_a_png_has_the_dots_that_were_asked_for() -> None:
    for scale in (1, 2):
        found = export.png(chart(), scale=scale)
        assert found.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", found[16:24])
        assert width == export.WIDTH_PX * scale
        assert height > 250 * scale


def test_an_svg_is_well_formed_and_holds_the_words() -> None:
    found = export.svg(chart())
    root = ElementTree.fromstring(found)
    assert root.tag.endswith("svg")
    texts = "".join(root.itertext())
    assert "hybrid: p95" in texts
    assert "Share of answers complete (%)" in texts
    assert "http" not in found.replace("http://www.w3.org", "")


def test_two_panels_stand_side_by_side_in_one_file() -> None:
    found = export.svg(tradeoff_chart(data.points(), data.STRATEGIES, "economic"))
    assert "p95 latency against cost" in found
    assert "Right answers against cost" in found


def test_a_csv_has_the_figures_of_the_table_to_the_last_digit() -> None:
    frame = pd.DataFrame(
        {
            "strategy": ["a", "b", "c"],
            "usd": [Decimal("0.1000000000000000000001"), Decimal("1E+3"), None],
            "share": [1 / 3, 2.0, float("nan")],
        }
    )
    text = export.csv(frame).decode()
    assert text == ("strategy,usd,share\na,0.1000000000000000000001,0.3333333333333333\nb,1000,2.0\nc,,\n")


def test_the_csv_of_a_chart_is_what_it_draws() -> None:
    text = export.csv(cumulative_chart(data.monthly(), data.STRATEGIES, "economic")).decode()
    first = pd.read_csv(io.StringIO(text.split("\n\n")[0]))
    last = first[first["month"] == data.MONTHS[-1]].set_index("strategy")["amount_usd"]
    for strategy in data.STRATEGIES:
        assert last[strategy] == pytest.approx(float(data.ledger_total(strategy)), rel=1e-12)
