"""What is said of outages: when they begin, whom they hit, of which kinds they are, and whose are planted."""

from planner.experiments.assumptions import assumptions
from planner.experiments.drill_manner import Manner
from planner.experiments.drill_runs import _like
from planner.scenario import load
from planner.workload.outage_lines import outage_law, said_of_line
from tests.scenario.samples import changed_at

LAW = {"mtbf_h": 100, "duration_h": 1}
PEAKS = (
    "on weekday peaks: hours of the week count 0.072 to 4.2 times their mean",
    "weekday and hour of 231 incidents, taken as independent and smoothed",
)


def rows(changes):
    return assumptions(load(changed_at(changes))).set_index("what")


def test_outages_of_openai_are_said_to_begin_on_weekday_peaks_and_those_of_others_are_not() -> None:
    found = rows({}).loc["outages at a begin"]
    assert found["value"] == PEAKS[0]
    assert found["source"].startswith(PEAKS[1])
    assert (found["as_of"], found["confidence"]) == ("2024-08-31", "medium")
    assert "outages at a begin" not in rows({"start": "2025-04-01", "deployments.a.provider": "azure"}).index


def test_what_a_scenario_says_of_its_outages_is_listed() -> None:
    kinds = [{"weight": 1}, {"weight": 1, "mode": "degraded"}, {"weight": 1, "share": 0.5}]
    found = rows(
        {
            "deployments.a.outages": LAW | {"regional": 0.25, "kinds": kinds, "starts": [2.0, 1.0] * 84},
            "deployments.a.region": "eu",
            "deployments.b.provider": "azure",
            "deployments.b.outages": LAW,
            "outages_together": [{"providers": ["openai", "azure"], "share": 0.2}],
        }
    )
    assert found.loc["outages at a", "value"] == (
        "every 100 h for 1 h on average (1.00% of the time), error or degraded, 25% of them in its region alone"
    )
    assert found.loc["outages at a begin", "value"] == "by 168 weights of the week"
    assert found.loc["outages at b", "value"] == "every 100 h for 1 h on average (1.00% of the time), error"
    together = found.loc["outages of openai and azure at once"]
    assert (together["value"], together["source"]) == ("20% of those of the one that has fewer", "scenario")


def test_whose_outage_a_window_meets_is_said_in_words() -> None:
    assert {key: said_of_line(key) for key in (
        "outage:openai", "outage:openai:1a2b3c4d", "outage:openai:region=eu", "outage:openai:region=",
        "outage:openai+azure",
    )} == {
        "outage:openai": "openai",
        "outage:openai:1a2b3c4d": "openai:1a2b3c4d",
        "outage:openai:region=eu": "openai in region eu alone",
        "outage:openai:region=": "openai in no named region alone",
        "outage:openai+azure": "openai and azure at once",
    }  # fmt: skip


def test_a_drill_fails_as_the_laws_kind_of_its_mode_does() -> None:
    kinds = [{"weight": 1, "mode": "degraded", "slowdown": 7}, {"weight": 1, "status": 502, "share": 0.5}]
    law = outage_law(load(changed_at({"deployments.a.outages": LAW | {"kinds": kinds}})), "a")
    assert law is not None
    assert Manner(mode="error").window(_like(law, "error"))["status"] == 502
    assert Manner(mode="degraded").window(_like(law, "degraded"))["slowdown"] == 7.0
    assert Manner(mode="hang").window(_like(law, "hang")) == {"mode": "hang", "share": 1.0}
