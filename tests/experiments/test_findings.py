"""Findings: each rule's number made again from the rows that stand behind it, and nothing else."""

import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache

import pandas as pd
import pytest

import planner
from planner.errors import PlannerError
from planner.experiments.comparison import Comparison
from planner.experiments.finding import Finding, Rows
from planner.experiments.rows import TABLES, select
from planner.scenario import loads
from tests.experiments import found_cases
from tests.experiments.found_cases import CASES, SHIPPED

Table = pd.DataFrame


def only(table: Table, column: str, **where: object) -> object:
    for name, value in where.items():
        table = table[table[name] == value]
    (value,) = table[column]
    return value


def ratio(table: Table, above: str, below: str) -> float:
    return only(table, "value", measure=above) / only(table, "value", measure=below)  # type: ignore[operator]


def share_of_tokens(table: Table, meter: str) -> float:
    return only(table, "tokens_per_request", meter=meter) / math.fsum(table["tokens_per_request"])  # type: ignore[operator]


def money(table: Table, kept: Callable[[str], bool]) -> Decimal:
    return sum(
        (
            amount
            for account, amount in zip(table["account"], table["amount_usd"], strict=True)
            if kept(account)
        ),
        Decimal(0),
    )


def wasted_share(table: Table) -> float:
    return float(money(table, lambda one: one.startswith("wasted/")) / money(table, lambda one: True))


def wrong_over_bill(table: Table) -> float:
    invoiced = table[table["view"] == "invoiced"]
    return float(money(table, lambda one: one == "wrong answers") / sum(invoiced["amount_usd"], Decimal(0)))


# CODE: the number from the rows alone.
AGAIN: dict[str, Callable[[Table], float]] = {
    "near-miss": lambda t: abs(t["value"].iloc[0] - t["target"].iloc[0]),
    "no-target": len,
    "dominated": lambda t: abs(float(next(v for m, v in zip(t["measure"], t["value"], strict=True) if m.endswith("total_usd")))),
    "images-dearer-on-mini": lambda t: float(only(t, "usd", tier="mini") / only(t, "usd", tier="omni")),  # type: ignore[operator]
    "errors-outweigh-the-bill": wrong_over_bill,
    "wasted-spend": wasted_share,
    "hidden-tokens": lambda t: share_of_tokens(t, "reasoning"),
    "cached-share": lambda t: share_of_tokens(t, "cached_input"),
    "prompt-cache-off": lambda t: share_of_tokens(t, "cached_input"),
    "over-budget": lambda t: len(set(t["month"])),
    "unrated": lambda t: float(sum(t["unrated"]) / sum(t["completed"])),
    "limit-binds": lambda t: math.fsum(t["limited_per_request"]) / math.fsum(t["calls_per_request"]),
    "limit-headroom": lambda t: t["used_per_minute"].iloc[0] / t["allowed_per_minute"].iloc[0],
    "waiting": lambda t: ratio(t, "wait_mean_s", "latency_mean_s"),
    "own-breaker": lambda t: only(t, "share"),  # type: ignore[return-value]
    "over-context": lambda t: only(t, "value"),  # type: ignore[return-value]
    "sensitive-outside": lambda t: only(t, "value"),  # type: ignore[return-value]
    "calls-per-request": lambda t: only(t, "value"),  # type: ignore[return-value]
    "single-provider": lambda t: len(set(t["provider"])),
    "outage-windows": lambda t: sum(t["weight"]),
    "migration": lambda t: date.fromisoformat(t["from"].iloc[0]).toordinal(),
    "mean-against-median": lambda t: ratio(t, "input_tokens_mean", "input_tokens_p50"),
}  # fmt: skip


@cache
def compared(name: str) -> Comparison:
    return planner.compare(found_cases.shipped(name) if name in SHIPPED else found_cases.case(name))


@pytest.mark.parametrize("name", [*CASES, *SHIPPED])
def test_the_number_of_a_finding_is_made_of_the_rows_behind_it(name: str) -> None:
    found = compared(name)
    assert found.findings
    for one in found.findings:
        table = found.rows_behind(one)
        assert one.code == "no-target" or len(table), one.key
        assert AGAIN[one.code](table) == pytest.approx(one.value, rel=1e-15, abs=0), one.key


@pytest.mark.parametrize("code", CASES)
def test_each_case_is_found(code: str) -> None:
    assert code in {one.code for one in compared(code).findings}


def test_no_rule_is_left_out() -> None:
    """Every code comes up in some case, so every rule's number is made again."""
    found = {one.code for name in (*CASES, *SHIPPED) for one in compared(name).findings}
    assert found | {"limit-headroom"} == set(AGAIN)


def test_months_over_budget_are_those_whose_invoice_passes_it() -> None:
    found = compared("over-budget")
    for one in (one for one in found.findings if one.code == "over-budget"):
        ledger = found.ledger
        rows = ledger[(ledger["strategy"] == one.strategy) & (ledger["view"] == "invoiced")]
        months = rows.groupby("month")["amount_usd"].sum()
        over = months[months > 300]
        assert one.value == len(over) > 0
        assert one.usd == sum(over - 300)


@pytest.mark.parametrize("name", [*CASES, *SHIPPED])
def test_what_has_most_at_stake_is_said_first(name: str) -> None:
    found = compared(name).findings
    with_money = [one.usd for one in found if one.usd is not None]
    with_share = [one.share for one in found if one.usd is None and one.share is not None]
    assert with_money == sorted(with_money, reverse=True)
    assert with_share == sorted(with_share, reverse=True)
    ranks = [0 if one.usd is not None else 1 if one.share is not None else 2 for one in found]
    assert ranks == sorted(ranks)
    assert all(0 <= one.share <= 1 for one in found if one.share is not None and one.code != "limit-headroom")


@pytest.mark.parametrize("name", [*CASES, *SHIPPED])
def test_keys_name_each_finding(name: str) -> None:
    keys = [one.key for one in compared(name).findings]
    assert len(set(keys)) == len(keys)
    again = planner.compare(compared(name).scenario) if name == "near-miss" else compared(name)
    assert [one.key for one in again.findings] == keys


def test_a_limit_that_is_nearly_full_in_the_busiest_window_is_told() -> None:
    """The calls of each window counted by hand; a limit a ninth above the busiest is 90 % used and hardly binds."""
    free = planner.compare(found_cases.base())
    place = list(free.scenario.deployments).index("omni")
    cells = free.results["omni-only"].cells
    busiest = max(cell.sample.n_calls[place] for cell in cells) / 15  # windows of 15 minutes
    limit = round(busiest / 0.9)
    found = planner.compare(
        free.scenario.set({"deployments.omni.limits": {"requests_per_minute": limit, "burst_s": 900}})
    )
    told = {one.strategy: one for one in found.findings if one.code == "limit-headroom"}
    assert set(told) == {"omni-only"}  # hybrid sends a third of it
    one = told["omni-only"]
    assert one.value == pytest.approx(busiest / limit)
    assert f"uses {busiest / limit:.0%} of its {limit:,} requests a minute" in one.text
    assert AGAIN["limit-headroom"](found.rows_behind(one)) == one.value


def test_tokens_of_a_limit_are_those_that_its_rule_counts() -> None:
    """By estimate the prompt alone counts, by what was used the answer too: sums of the requests' own tokens."""
    from planner.experiments.loads import loads

    for charge, answers in (("estimate", False), ("actual", True)):
        limits = {"tokens_per_minute": 10_000_000, "charge": charge}
        found = planner.compare(found_cases.base().set({"deployments.omni.limits": limits}))
        (first, *_) = loads(found, "omni-only")
        sample = found.results["omni-only"].cells[0].sample
        billed = sample.billed_tokens
        expected = billed["input"] + (billed["output"] if answers else 0)
        assert first.field == "tokens_per_minute"
        assert first.per_minute == pytest.approx(expected / 15)


def test_a_strategy_with_two_providers_or_own_hardware_depends_on_nobody_alone() -> None:
    found = compared("email-triage")
    told = {one.strategy for one in found.findings if one.code == "single-provider"}
    assert told == {"omni-only", "mini-only"}  # own-8b-only and hybrid have servers of their own
    assert not {one.strategy for one in compared("support-chatbot").findings if one.code == "single-provider"}


def test_who_is_dominated_is_dearer_slower_and_less_right_in_the_table_of_differences() -> None:
    found = compared("dominated")
    (one,) = [one for one in found.findings if one.code == "dominated" and one.strategy == "mini-only"]
    better = one.subject
    summary = found.summary[found.summary["task"] == ""].set_index(["strategy", "measure"])["value"]
    assert summary["mini-only", "latency_p95_s"] > summary[better, "latency_p95_s"]
    assert summary["mini-only", "accuracy"] < summary[better, "accuracy"]
    costs = {name: found.results[name].ledger.total("invoiced") for name in found.strategies}
    assert one.usd == costs["mini-only"] - costs[better]


def test_nobody_is_dominated_by_one_that_misses_what_it_meets() -> None:
    # mini is cheaper and quicker there, and more accurate than the small model of one's own, but sends data outside.
    for one in compared("email-triage").findings:
        if one.code == "dominated":
            assert compared("email-triage").verdicts[str(one.subject)].meets


def test_a_finding_without_rows_is_refused() -> None:
    with pytest.raises(PlannerError, match="no rows"):
        compared("near-miss").rows_behind(Finding("own", None, "Something.", 1.0))


def test_rows_are_chosen_by_value_by_several_values_and_by_what_is_missing() -> None:
    found = compared("near-miss")
    assert len(select(found, Rows("slo", {"strategy": ("omni-only", "hybrid")}))) == 4
    assert len(select(found, Rows("slo", {"task": None}))) == len(found.slo_rows)
    for name, table in TABLES.items():
        assert len(select(found, Rows(name))) == len(table(found))


def test_shares_of_tokens_are_those_of_the_plan_not_of_the_windows() -> None:
    # Two windows are of the first fortnight and two of the 35 months after it, whose model reasons: the ledger knows.
    found = planner.compare(
        loads(
            """
name: Reasons later
start: 2027-01-01
traffic: {requests_per_month: 300000}
tasks: {faq: {accuracy: {plain: 0.9}}}
models:
  plain: {input_usd_per_mtok: 1, output_usd_per_mtok: 10}
  deep: {input_usd_per_mtok: 1, output_usd_per_mtok: 10, reasoning_tokens_per_output_token: 1}
deployments: {only: {model: plain, latency: {total_s: 1}, limits: null}}
strategies: {all: {omni: [only]}}
finance: {horizon_months: 36, migrations: [{at: 2027-01-14, from: plain, to: deep}]}
run: {replications: 4, window_s: 600}
"""
        )
    )
    (one,) = [one for one in found.findings if one.code == "hidden-tokens"]
    billed = found.ledger.groupby("account")["quantity"].sum()
    expected = float(billed["api/reasoning"] / (billed["api/reasoning"] + billed["api/output"]))
    assert one.value == pytest.approx(expected, rel=0.02)
    assert one.value == pytest.approx(0.497, abs=0.01)  # 0.32 of the tokens of the four windows
