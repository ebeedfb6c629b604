"""Platforms where figures are told: why 429, drills, findings, assumptions, timelines of requests, the ledger."""

from decimal import Decimal
from typing import Any

import pytest

from planner.catalogue.policies import preset
from planner.experiments import compare, limit_runs
from planner.experiments.assumptions import assumptions, notices
from planner.experiments.drill import drill
from planner.experiments.edges import Edges
from planner.experiments.explain import explain_text
from planner.experiments.limits import why_429
from planner.scenario import Scenario, load
from tests.engines.hand_tables import MODEL, POLICY, at, fixed, limits, outage, run_rows, target

RETRY = {"when_limited": "retry"}
TWO = {"a": target(provider="openai"), "b": target(provider="azure")}


def by_turns(gateway: dict[str, Any], deployments: dict[str, Any] | None = None, **given: Any) -> Scenario:
    """Six requests at 0, 0.1 ... 0.5 s; chat goes to a, mail to b of another provider, each in turn."""
    rows = [row | {"task": ("chat", "mail")[i % 2]} for i, row in enumerate(at(0, 0.1, 0.2, 0.3, 0.4, 0.5))]
    both = {"omni": ["a"], "rules": [{"when": {"task": "mail"}, "to": ["b"]}]}
    return load(
        {
            "name": "by turns",
            "traffic": {"trace": {"rows": rows}},
            "tasks": {"chat": {}, "mail": {}},
            "models": {"m": MODEL},
            "deployments": deployments or TWO,
            "strategies": {
                "through": {**both, "gateway": {"kind": "unified", **gateway}},
                "direct": {"like": "through", "gateway": {"kind": "direct"}},
            },
            "policy": POLICY | RETRY,
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 2},
            **given,
        }
    )


# -- why 429 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", limit_runs.ENGINES)
def test_limits_of_the_platform_are_tried_for_all_behind_it(engine: str) -> None:
    """Four a minute for both, in turn: the third of each is refused. Five let a's through, six b's as well."""
    one = by_turns({"limits": {"requests_per_minute": 4, "kind": "fixed-window"}})
    first, second = why_429(one, strategies=["through"], engine=engine).rows
    for row, needed, names in ((first, 5, "a and b"), (second, 6, "b and a")):
        assert row.present.limited.value == pytest.approx(1 / 3)
        assert row.quotas == {"requests_per_minute": 4}
        assert (row.kind, row.charge) == ("fixed-window", "estimate")
        assert row.quota_advice[0].needed == needed
        assert row.demand.peak_minute["requests_per_minute"] == 6
        assert row.kept == (
            f"{names} draw on the same limits (the platform's): these change for all of them together, and what the "
            "busiest minute asks is of all of them."
        )


def test_a_strategy_without_the_platform_has_its_own_limits_tried() -> None:
    own = limits(requests_per_minute=2, kind="fixed-window", charge="estimate")
    one = by_turns(
        {"limits": {"requests_per_minute": 5, "kind": "fixed-window"}},
        {"a": TWO["a"] | {"limits": own}, "b": TWO["b"]},
    )
    rows = {(row.strategy, row.deployment): row for row in why_429(one).rows}
    assert set(rows) == {("through", "a"), ("through", "b"), ("direct", "a")}
    assert rows["through", "a"].present.n_limited == 0  # 5 of the 6 are let through, and the last is b's
    assert rows["through", "b"].present.n_limited == 2  # in two windows
    assert rows["direct", "a"].quota_advice[0].needed == 3


def test_a_setting_that_the_platforms_limits_refuse_is_told_by_its_field() -> None:
    """A slice of 1 s of 4 a minute lets no request through."""
    one = by_turns({"limits": {"requests_per_minute": 4, "kind": "fixed-window"}})
    row = why_429(one, strategies=["through"]).rows[0]
    refused = [cell.refused for cell in row.cells if (cell.kind, cell.slice_s) == ("sub-window", 1.0)]
    assert refused
    assert all("slice_s: got 1; allowed: at least 15" in why for (why,) in refused)


# -- drills ----------------------------------------------------------------------------------------


def test_a_drill_says_that_the_fallback_has_no_quota_of_its_own() -> None:
    rows = at(*range(0, 3600, 60))
    one = load(
        {
            "name": "drill",
            "traffic": {"trace": {"rows": rows}},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": TWO,
            "strategies": {
                "s": {"omni": ["a", "b"], "gateway": {"kind": "unified", "limits": {"requests_per_minute": 1, "kind": "fixed-window"}}},
            },
            "policy": POLICY,
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 2},
        }
    )  # fmt: skip
    found = drill(one, provider="openai", minutes=10, at=1200).strategies["s"]
    # One a minute, which a takes and loses to its outage: b is refused. Ten requests in ten minutes, in each replication.
    assert found.quota is not None
    assert found.quota.n_lost == 2 * 10
    assert found.quota.quotas == ()
    assert found.quota.text == (
        "Not sought: b and what is out draw on the same limits, those of the platform (gateway.limits); planner limits tells "
        "what they would have to be."
    )


# -- findings, notices, assumptions ----------------------------------------------------------------


def test_findings_tell_refusals_of_the_account_as_one() -> None:
    one = by_turns({"limits": {"requests_per_minute": 4, "kind": "fixed-window"}})
    texts = [finding.text for finding in compare(one).findings]
    assert "through: the limit of the platform's account refuses 33.3% of its calls (429)." in texts
    assert not [text for text in texts if text.startswith(("direct: the", "through: the rate limit"))]


def test_a_comparison_says_how_much_meets_an_outage_of_the_platform() -> None:
    law = {"mtbf_h": 1000, "duration_h": 1}
    texts = [finding.text for finding in compare(by_turns({"outages": law}), replications=4).findings]
    assert (
        "0.10% of windows meet an outage of the platform; they are simulated on purpose and weighted by that probability."
        in texts
    )


def test_notices_tell_pools_and_planted_outages_of_the_platform() -> None:
    one = by_turns(
        {
            "limits": {
                "requests_per_minute": 4,
                "windows": [{"requests": 9, "per_s": 60}],
                "requests_per_day": 99,
            },
            "outages": [{"from_s": 0, "to_s": 1}],
        }
    )
    found = notices(one)
    assert (
        "Deployments a, b draw on the same limits (the platform of through), except for calls at once."
        in found
    )
    assert any(
        text.startswith("A cap of a day at the platform: the recording is taken to begin at 00:00 UTC")
        for text in found
    )
    assert any(
        text.startswith("Quotas of limits.windows at the platform are whole at the start") for text in found
    )
    assert any(
        text.startswith("Every simulated window holds the planted outage of the platform: ") for text in found
    )
    assert not [text for text in notices(by_turns({})) if "platform" in text]


def test_assumptions_tell_what_the_platform_adds_limits_and_loses() -> None:
    gateway = {
        "latency_s": 0.03, "fee": 0.055, "limits": {"requests_per_minute": 4, "tokens_per_minute": None},
        "outages": {"mtbf_h": 2000, "duration_h": 0.5},
    }  # fmt: skip
    equals = by_turns(gateway).set({"strategies.through.omni": [["a", "b"]]})
    rows = {row["what"]: row for row in assumptions(equals).to_dict("records")}
    assert rows["gateway fee"]["value"] == "0.055"
    assert rows["time that the gateway of through adds"]["value"] == "0.03 (mean 0.03)"
    assert rows["limits of the platform of through"]["value"] == "{requests_per_minute: 4}"
    assert (
        rows["outages of the platform of through"]["value"]
        == "every 2000 h for 0.5 h on average (0.03% of the time), error"
    )
    choice = rows["choice of the platform of through among equals"]
    assert choice["value"] == "inverse-price"
    assert choice["source"] == preset("openrouter").source
    assert not [what for what in rows if "direct" in what and "platform" in what]
    # Limits of a deployment that hold under no strategy are no assumption.
    own = {
        name: one | {"limits": limits(requests_per_minute=7), "model": "gpt-4.1-mini"}
        for name, one in TWO.items()
    }
    both = assumptions(by_turns(gateway, own))["what"].tolist()
    assert "requests_per_minute of a" in both
    alone = by_turns(gateway, own).to_dict()
    del alone["strategies"]["direct"]
    assert "requests_per_minute of a" not in assumptions(load(alone))["what"].tolist()


# -- timelines of a request ------------------------------------------------------------------------


def test_an_outage_of_the_platform_is_told_at_who_is_behind_it() -> None:
    own = target(server={"gpu": "l40s", "usd_per_gpu_hour": 1}, limits=limits(concurrent=1))
    run = run_rows(
        at(6, 9.5),
        {"a": target(provider="openai", outages=[outage(0, 100, mode="degraded")]), "own": own},
        gateway={"kind": "unified", "outages": [outage(5, 10, status=502)]},
    )
    edges = Edges(run, 0, ["a", "own"])
    assert edges.outage_at("a", 6 * 10**9) == "outage (error) since 5.000 s, of the platform"
    assert edges.outage_at("a", 11 * 10**9) == "outage (degraded) since 0.000 s"
    assert edges.outage_at("own", 6 * 10**9) == ""
    text = explain_text(run, 0)
    assert "a: outage (error) since 5.000 s, of the platform" in text
    assert "own: outage" not in text
    assert "the platform: outage error to up" in explain_text(run, 1)
    assert "the platform" not in explain_text(
        run_rows(at(6), {"own": own}, gateway={"kind": "unified", "outages": [outage(5, 10)]}), 0
    )


# -- money -----------------------------------------------------------------------------------------


def test_the_fee_is_of_every_token_that_went_through_and_of_nothing_else() -> None:
    """6 requests of 100 input and 50 output tokens at 1 and 2 USD per million: 0.0012 USD, and 5.5 % of it.

    a fails its first call of each request half-way (billed in part), so some of it is waste; own hardware is no spend.
    """
    deployments = {"a": target(provider="openai", outages=[outage(0, 0.15, mode="hang")]), "b": TWO["b"]}
    one = by_turns(
        {"fee": 0.055},
        deployments,
        policy=POLICY | {"timeout_s": 3, "retries": 1, "backoff": fixed(1), "bill_timeouts": "full"},
    )
    found = compare(one)
    for strategy, share in (("through", Decimal("0.055")), ("direct", Decimal(0))):
        groups = found.results[strategy].ledger.by("group")
        assert groups["wasted"] > 0
        assert groups.get("gateway fee", Decimal(0)) == (groups["api"] + groups["wasted"]) * share
    direct, through = (found.results[name].ledger.by("group") for name in ("direct", "through"))
    assert direct["api"] == through["api"], "the same requests, on the same luck"


def test_a_drill_says_what_of_the_platform_begins_with_the_stretch() -> None:
    pool = {"windows": [{"requests": 99, "per_s": 60}]}
    rows = [row | {"task": "chat"} for row in at(*range(0, 3600, 60))]
    one = by_turns({"limits": pool, "outages": [{"from_s": 0, "to_s": 1}]}, traffic={"trace": {"rows": rows}})
    told = drill(one, provider="openai", minutes=10, at=1200, quota=False).notices
    assert any(
        text.startswith("the platform: windows[0] (99 requests in 60 s) begin whole where the simulated")
        for text in told
    )
    assert any(
        text.startswith("Outages of the platform given as windows hold in both runs of through, in seconds")
        for text in told
    )
