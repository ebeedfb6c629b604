"""A log under every strategy: bills worked by hand, the same figures as a comparison, ranges as factors set by hand."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planner
from planner.errors import ScenarioError
from planner.experiments.replay import StrategyReplay, money_of, replayed, windows_of
from planner.experiments.replay_tokens import counted_by, factors
from planner.finance.horizon import plan_of
from planner.finance.mean_month import mean_month
from planner.finance.rates import rates_of
from planner.scenario import Scenario, load, loads
from planner.workload.logs import Log, read_log
from planner.workload.requests import generate
from planner.workload.windows import eras, plan_windows, requests_per_month

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LIBRARY = Path(__file__).resolve().parents[2] / "scenarios"
LEVELS = ("low", "central", "high")

TWO = """
name: Two models
traffic: {requests_per_month: 400000, growth_per_month: 0.02}
tasks: {faq: {accuracy: {big: 0.95, small: 0.9}}}
models:
  big: {input_usd_per_mtok: 2.5, output_usd_per_mtok: 10}
  small: {input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6}
deployments:
  omni: {model: big, latency: {ttft_s: 0.5, tokens_per_s: 100}, errors: null, outages: null, limits: null}
  mini: {model: small, latency: {ttft_s: 0.25, tokens_per_s: 200}, errors: null, outages: null, limits: null}
strategies:
  omni-only: {omni: [omni]}
  mini-only: {mini: [mini]}
objective: invoiced
start: 2026-01-01
finance: {horizon_months: 12, one_time: [{name: Integration, usd: 5000}], people: [{name: Run, fte: 0.1, usd_per_year: 120000}]}
run: {seed: 3, replications: 4}
"""
CHANCY = """
name: Chancy
traffic: {requests_per_month: 100000}
tasks:
  faq: {share: 0.7, accuracy: {big: 0.95, small: 0.9}, cost_of_wrong_answer_usd: 0.01}
  hard: {share: 0.3, accuracy: {big: 0.9, small: 0.7}, cost_of_wrong_answer_usd: 0.02}
models:
  big: {input_usd_per_mtok: 2.5, output_usd_per_mtok: 10}
  small: {input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6}
deployments:
  omni: {model: big, latency: {ttft_s: {p50: 0.5, p95: 1.2}, tokens_per_s: 80}, errors: {rate: 0.1}, outages: {mtbf_h: 2, duration_h: 0.1}, limits: null}
  mini: {model: small, latency: {ttft_s: {p50: 0.3, p95: 0.8}, tokens_per_s: 120}, errors: null, outages: null, limits: null}
strategies:
  omni-only: {omni: [omni]}
  mini-only: {mini: [mini]}
  hybrid: {omni: [omni], mini: [mini], router: {kind: threshold, omni_share: 0.25}}
policy: {timeout_s: 20, retries: 1}
gateway: {kind: unified, fee: 0.055}
finance: {horizon_months: 6, downtime_usd_per_hour: 100, transfer_usd_per_gb: 0.09}
run: {seed: 3, replications: 5}
"""
THREE = b"arrival_s,input_tokens,output_tokens\n0,1000,100\n10,500,50\n36,200,0\n"


def busy(n: int = 200, gap_s: float = 31.0, **more: list[Any]) -> Log:
    """A log of an hour and more."""
    names = ["t_s", "input_tokens", "output_tokens", *more]
    columns = [
        [gap_s * k for k in range(n)],
        [200 + 7 * k % 900 for k in range(n)],
        [20 + k % 150 for k in range(n)],
        *more.values(),
    ]
    rows = [",".join(str(cell) for cell in row) for row in zip(*columns, strict=True)]
    return read_log("\n".join([",".join(names), *rows]).encode())


def value(found: planner.Replay, strategy: str, measure: str, level: str = "central") -> float:
    estimate = found.strategies[strategy].levels[level].estimates["", measure].value
    assert estimate is not None
    return estimate


# -- worked by hand --------------------------------------------------------------------------------


def test_three_requests_cost_what_they_do_on_paper() -> None:
    found = planner.replay(loads(TWO), read_log(THREE), counted_by="unknown", replications=1)
    # 1,700 tokens in and 150 out. big: 1,700 x 2.5e-6 + 150 x 10e-6; small: 1,700 x 0.15e-6 + 150 x 0.6e-6.
    use = {name: one.central.use.total() for name, one in found.strategies.items()}
    assert use == {"omni-only": Decimal("0.00575"), "mini-only": Decimal("0.000345")}
    # One person in ten costs 12,000 USD over the 365 days of the plan; the log takes 36 s of them.
    standing = Fraction(12_000 * 36, 365 * 86_400)
    for one in found.strategies.values():
        assert float(one.central.standing.total()) == pytest.approx(float(standing), rel=1e-6)
        assert one.once.total() == 5000
        assert one.central.cost("invoiced") == one.central.use.total() + one.central.standing.total()
    # First tokens after 0.5 and 0.25 s, then 100 and 200 tokens a second: 1.5, 1.0, 0.5 and half of that.
    assert value(found, "omni-only", "latency_p50_s") == pytest.approx(1.0, rel=0.01)
    assert value(found, "mini-only", "latency_p50_s") == pytest.approx(0.5, rel=0.01)
    assert value(found, "omni-only", "availability") == 1.0
    assert found.winner == "mini-only"
    assert found.answer.startswith(
        "On this traffic (3 requests in 36 s) take mini-only: it would have cost 0.01404 USD"
    )


def test_the_ends_of_a_range_cost_what_they_do_on_paper() -> None:
    found = planner.replay(loads(TWO), read_log(THREE), counted_by="big", replications=1)
    costs = {level: one.use.total() for level, one in found.strategies["omni-only"].levels.items()}
    assert costs == dict.fromkeys(LEVELS, Decimal("0.00575"))  # it counted itself
    # small, another vocabulary: input 850, 425, 170 and 1,350, 675, 270; output 60, 30, 0 and 200, 100, 0.
    costs = {level: one.use.total() for level, one in found.strategies["mini-only"].levels.items()}
    assert costs["low"] == 1445 * Decimal("0.15e-6") + 90 * Decimal("0.6e-6")
    assert costs["central"] == Decimal("0.000345")
    assert costs["high"] == 2295 * Decimal("0.15e-6") + 300 * Decimal("0.6e-6")


def test_money_adds_up_and_is_a_sum_of_ledger_rows() -> None:
    found = planner.replay(loads(CHANCY), busy(), replications=3)
    rows = found.ledger
    for name, one in found.strategies.items():
        made = money_of(one, found.log.n)
        for level in LEVELS:
            mine = rows[(rows["strategy"] == name) & (rows["level"] == level)]
            assert sum(mine["amount_usd"], Decimal(0)) == made["total_economic_usd"][level]
            invoiced = mine[mine["view"] == "invoiced"]
            assert sum(invoiced["amount_usd"], Decimal(0)) == made["total_invoiced_usd"][level]
            for objective in ("invoiced", "economic"):
                use, standing = made[f"use_{objective}_usd"][level], made["standing_usd"][level]
                total, per_1k = made[f"total_{objective}_usd"][level], made[f"per_1k_{objective}_usd"][level]
                assert use is not None
                assert standing is not None
                assert per_1k is not None
                assert use + standing == total
                assert float(per_1k) * found.log.n / 1000 == pytest.approx(float(use + standing))
    assert found.money["central"].notna().all()


# -- the same as a comparison of the same recording ------------------------------------------------


def test_measures_are_those_of_a_comparison_on_the_same_recording(tmp_path: Path) -> None:
    log, scenario = busy(), loads(CHANCY)
    found = planner.replay(scenario, log, counted_by="unknown")
    table = pd.DataFrame(
        {
            "arrival_s": log.arrival_ns / 1e9,
            "input_tokens": log.input_tokens,
            "output_tokens": log.output_tokens,
        }
    )
    table.to_csv(tmp_path / "trace.csv", index=False)
    other = scenario.set(
        {"traffic.requests_per_month": None, "traffic.trace": {"file": str(tmp_path / "trace.csv")}}
    )
    compared = planner.compare(other)
    assert len(compared.windows) == found.n_windows
    for name, result in compared.results.items():
        assert dict(found.strategies[name].central.estimates) == dict(result.estimates)
        assert found.strategies[name].central.misses == compared.verdicts[name].misses


def test_bills_are_those_of_a_comparison_by_the_request() -> None:
    scenario = loads(CHANCY).set(
        {"tasks": {"faq": {"accuracy": {"big": 0.95, "small": 0.9}, "cost_of_wrong_answer_usd": 0.01}}}
    )
    log = busy()
    found = planner.replay(scenario, log, counted_by="unknown")
    compared = planner.compare(replayed(scenario, log))
    expected = float(compared.represented_requests)
    for name, result in compared.results.items():
        use = found.strategies[name].central.use
        mine = {
            key: float(usd) / log.n for key, usd in use.by("view", "account").items() if key[1] != "downtime"
        }
        theirs = {key: float(usd) / expected for key, usd in result.ledger.by("view", "account").items()}
        theirs.pop(("economic", "downtime"), None)
        assert mine.keys() == theirs.keys()
        for key, each in mine.items():
            assert each == pytest.approx(theirs[key], rel=1e-6), key


def test_downtime_is_the_hours_of_the_log_by_the_share_that_failed() -> None:
    log = busy()
    found = planner.replay(loads(CHANCY).set({"finance.downtime_usd_per_hour": 1000}), log)
    one = found.strategies["omni-only"].central
    availability = one.estimates["", "availability"].value
    assert availability is not None
    assert availability < 1
    downtime = one.use.by("account")["downtime"]
    assert float(downtime) == pytest.approx(log.span_s / 3600 * (1 - availability) * 1000, rel=1e-6)


def test_a_month_like_the_log_is_the_mean_month_of_its_recording() -> None:
    scenario = loads(CHANCY).set({"tasks": {"faq": {"accuracy": {"big": 0.95, "small": 0.9}}}})
    log = busy()
    found = planner.replay(scenario, log, counted_by="unknown", replications=2)
    recorded = replayed(scenario, log)
    windows = plan_windows(recorded, 2)
    from planner.experiments.cells import run_cells

    cells = run_cells(recorded, windows)
    for name, one in found.strategies.items():
        plan = plan_of(recorded, name)
        rates = rates_of(recorded, name, eras(recorded), windows, [cell[name].quantities for cell in cells])
        expected = mean_month(plan, rates, recorded.start).total()
        assert one.central.month is not None
        assert float(one.central.month.total("invoiced")) == pytest.approx(float(expected), rel=1e-6)
    assert requests_per_month(recorded) == pytest.approx(199 / (199 * 31) * 2_629_800)


def test_nothing_is_said_of_a_month_after_less_than_an_hour() -> None:
    found = planner.replay(loads(TWO), busy(100), replications=1)
    assert found.strategies["omni-only"].central.month_cost("invoiced") is None
    assert any("shorter than an hour" in one for one in found.notices)
    assert (
        planner.replay(loads(TWO), busy(), replications=1).strategies["omni-only"].central.month is not None
    )


def test_what_stands_is_spread_over_the_days_of_the_plan() -> None:
    scenario = load(LIBRARY / "support-chatbot.yaml")
    found = planner.replay(scenario, busy(), replications=1)
    start, end = scenario.start, plan_of(scenario, "hybrid").pieces[-1].end
    from planner.finance.horizon import standing_ledger

    rows = [
        row
        for row in standing_ledger(plan_of(scenario, "hybrid"), is_adjusted=False).rows
        if row.account == "people"
    ]
    whole = sum(float(row.amount_usd) for row in rows)
    mine = float(found.strategies["hybrid"].central.standing.by("account")["people"])
    assert mine == pytest.approx(whole * found.log.span_s / ((end - start).days * 86_400), rel=1e-6)


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["low", "high"])
def test_an_end_of_the_range_is_a_run_with_the_factors_set_by_hand(level: str) -> None:
    ends = {"low": (0.85, 0.6), "high": (1.35, 2.0)}[level]
    scenario, log = loads(CHANCY), busy()
    found = planner.replay(scenario, log, counted_by="big", replications=3)
    by_hand = scenario.set(
        {"models.small.input_token_factor": ends[0], "models.small.output_token_factor": ends[1]}
    )
    other = planner.replay(by_hand, log, counted_by="big", replications=3)
    for name in scenario.strategies:
        one, two = found.strategies[name].levels[level], other.strategies[name].central
        assert one.use.rows == two.use.rows
        assert dict(one.estimates) == dict(two.estimates)
    given = {row.meter: row for row in other.factors if row.model == "small"}
    assert (given["input"].low, given["input"].high, given["input"].confidence) == (ends[0], ends[0], "given")


def test_the_same_vocabulary_has_no_range_on_input() -> None:
    scenario = load(LIBRARY / "support-chatbot.yaml")
    rows = {(row.model, row.meter): (row.low, row.high) for row in factors(scenario, "gpt-4o-2024-11-20")}
    assert rows["gpt-4o-2024-11-20", "input"] == rows["gpt-4o-2024-11-20", "output"] == (1, 1)
    assert rows["gpt-4o-mini-2024-07-18", "input"] == (1, 1)
    assert rows["gpt-4o-mini-2024-07-18", "output"] == (0.7, 1.5)
    assert rows["claude-haiku-5-5", "input"] == (0.85, 1.35)
    assert all(
        low < high for low, high in (ends for key, ends in rows.items() if key[0].startswith("claude"))
    )
    assert all(row.low < row.high for row in factors(scenario, None))


def test_factors_are_relative_to_the_model_that_counted() -> None:
    scenario = loads(TWO).set({"models.big.input_token_factor": 1.25, "models.small.input_token_factor": 1.1})
    rows = {(row.model, row.meter): row for row in factors(scenario, "big")}
    assert rows["big", "input"].central == 1
    assert rows["small", "input"].central == pytest.approx(1.1 / 1.25)
    found = planner.replay(scenario, read_log(THREE), counted_by="big", replications=1)
    assert found.strategies["omni-only"].central.use.total() == Decimal("0.00575")


def test_who_counted_is_guessed_from_the_log() -> None:
    scenario = load(LIBRARY / "support-chatbot.yaml")

    def guess(*names: str) -> tuple[str | None, str]:
        rows = "\n".join(f"{k},1,1,{name}" for k, name in enumerate(names))
        return counted_by(scenario, read_log(f"t,input_tokens,output_tokens,model\n{rows}".encode()), None)

    assert guess("openai/gpt-4o-mini", "openai/gpt-4o-mini", "x")[0] == "gpt-4o-mini-2024-07-18"
    assert "67%" in guess("openai/gpt-4o-mini", "openai/gpt-4o-mini", "x")[1]
    assert guess("nobody", "nobody")[0] is None
    assert counted_by(scenario, read_log(THREE), None)[0] is None
    assert counted_by(scenario, read_log(THREE), "unknown")[0] is None
    with pytest.raises(ScenarioError, match="did you mean gpt-4o-mini"):
        counted_by(scenario, read_log(THREE), "gpt-4o-mni")


def test_overlapping_ranges_are_told() -> None:
    near = loads(TWO).set({"models.small.input_usd_per_mtok": 2.4, "models.small.output_usd_per_mtok": 9.5})
    found = planner.replay(near, read_log(THREE), replications=1)
    assert found.winner == "mini-only"
    assert "their ranges overlap" in found.answer
    assert (
        "their ranges overlap"
        not in planner.replay(loads(TWO).set({"finance.people": []}), read_log(THREE), replications=1).answer
    )


# -- targets ---------------------------------------------------------------------------------------


def test_the_winner_meets_the_targets_on_this_traffic() -> None:
    scenario = loads(TWO).set({"slo.accuracy": 0.94})
    found = planner.replay(scenario, busy(), counted_by="big", replications=4)
    assert found.winner == "omni-only"
    assert "it alone meets every target" in found.answer
    assert "mini-only would have cost" in found.answer
    assert "less but misses accuracy" in found.answer


def test_a_target_that_more_tokens_would_miss_is_told() -> None:
    found = planner.replay(
        loads(TWO).set({"slo.p95_latency_s": 1.2}), read_log(THREE), counted_by="big", replications=1
    )
    assert found.winner == "mini-only"
    # small: 0.25 s and 100 or 200 tokens at 200 a second
    assert "With the most tokens that they may be it misses p95 latency" in found.answer


def test_nobody_wins_where_all_miss_a_target() -> None:
    found = planner.replay(loads(TWO).set({"slo.p95_latency_s": 0.1}), read_log(THREE), replications=1)
    assert found.winner is None
    assert "none meets every target; the nearest is" in found.answer


# -- what is replayed ------------------------------------------------------------------------------


def test_a_task_column_is_used_where_the_scenario_has_these_tasks() -> None:
    scenario = loads(CHANCY)
    named = busy(4, task=["faq", "hard", "hard", "faq"])
    recorded = replayed(scenario, named)
    assert generate(recorded, plan_windows(recorded, 1)[0]).task.tolist() == [0, 1, 1, 0]
    other = busy(4, task=["faq", "chat", "hard", "faq"])
    found = planner.replay(scenario, other, replications=1)
    assert any("the log's tasks (chat) are not all tasks of the scenario" in one for one in found.notices)


def test_what_a_recording_cannot_have_is_left_out_and_told() -> None:
    scenario = loads(CHANCY).set({"tasks.faq.requery_probability": 0.2})
    found = planner.replay(scenario, busy(10), replications=1)
    assert any("nobody asks again" in one for one in found.notices)


def test_a_scenario_of_users_is_replayed_too() -> None:
    scenario = loads(TWO).set({"traffic": {"users": {"active_per_day": 500}}})
    found = planner.replay(scenario, read_log(THREE), counted_by="unknown", replications=1)
    assert found.strategies["omni-only"].central.use.total() == Decimal("0.00575")


def test_a_recording_of_the_scenario_gives_way_to_the_log() -> None:
    scenario = loads(TWO).set(
        {
            "traffic.requests_per_month": None,
            "traffic.trace": {"rows": [{"arrival_s": 5, "input_tokens": 9, "output_tokens": 9}]},
        }
    )
    found = planner.replay(scenario, read_log(THREE), counted_by="unknown", replications=1)
    assert found.strategies["omni-only"].central.use.total() == Decimal("0.00575")


def test_the_models_and_prices_are_those_of_the_first_day() -> None:
    scenario = loads(TWO).set(
        {
            "finance.migrations": [{"at": "2026-03-01", "from": "big", "to": "small"}],
            "finance.price_steps": [{"at": "2026-02-01", "model": "big", "factor": 0.5}],
        }
    )
    log = read_log(THREE)
    recorded = replayed(scenario, log)
    assert len(eras(recorded)) == 2
    for wanted in (1, 4, 10):
        windows = windows_of(recorded, wanted)
        assert {one.era for one in windows} == {0}
        assert len(windows) >= wanted
        assert sum(one.weight for one in windows) == pytest.approx(1)
    found = planner.replay(scenario, read_log(THREE), counted_by="unknown")
    assert found.strategies["omni-only"].central.use.total() == Decimal("0.00575")
    told = [one for one in found.notices if one.startswith("models are those of")]
    assert len(told) == 1
    assert "big becomes small on 2026-03-01, of which nothing is in these figures" in told[0]


def test_a_long_log_is_replayed_once_and_says_what_that_means(monkeypatch: pytest.MonkeyPatch) -> None:
    import planner.experiments.replay as module

    monkeypatch.setattr(module, "BUDGET", 1)
    found = planner.replay(loads(CHANCY), busy(50))
    assert found.n_windows == 1
    assert found.simulated_requests == 50 * 3 * 3
    assert any("outages came as they were drawn" in one for one in found.notices)


def test_levels_that_are_the_same_are_counted_as_simulated_once() -> None:
    one = loads(TWO.replace("  mini-only: {mini: [mini]}\n", "").replace(", small: 0.9", ""))
    found = planner.replay(one, read_log(THREE), counted_by="big", replications=1)
    assert {(row.low, row.high) for row in found.factors} == {(1.0, 1.0)}
    assert found.simulated_requests == 3
    ranged = planner.replay(one, read_log(THREE), counted_by="unknown", replications=1)
    assert ranged.simulated_requests == 3 * 3


def test_what_goes_by_the_month_is_named() -> None:
    scenario = loads(TWO).set({"finance.sla": {"availability": 0.999, "penalty_usd_per_month": 100}})
    found = planner.replay(scenario, read_log(THREE), replications=1)
    assert any(
        "by the use of a month is in no figure of the log: finance.sla" in one for one in found.notices
    )


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 5000), st.integers(0, 500)), min_size=1, max_size=15
    )
)
def test_every_row_is_a_request_in_the_order_of_the_log(rows: list[tuple[int, int, int]]) -> None:
    text = "\n".join(["t_s,input_tokens,output_tokens", *(",".join(map(str, row)) for row in rows)])
    log = read_log(text.encode())
    recorded: Scenario = replayed(loads(TWO), log)
    requests = generate(recorded, plan_windows(recorded, 1)[0])
    assert requests.request.tolist() == list(range(len(rows)))
    assert requests.arrived_ns.tolist() == log.arrival_ns.tolist()
    assert requests.input_tokens.tolist() == log.input_tokens.tolist()
    assert requests.output_tokens.tolist() == log.output_tokens.tolist()
    found = planner.replay(loads(TWO), log, counted_by="unknown", replications=1)
    tokens = {"input": sum(row[1] for row in rows), "output": sum(row[2] for row in rows)}
    billed = {row.account: row.quantity for row in found.strategies["omni-only"].central.use.rows}
    assert billed == {f"api/{meter}": many for meter, many in tokens.items() if many}


def test_progress_is_heard_and_can_end_the_run() -> None:
    heard: list[tuple[int, int]] = []
    planner.replay(
        loads(CHANCY), busy(), replications=3, report=lambda done, total: heard.append((done, total))
    )
    assert heard[-1][0] == heard[-1][1]
    assert heard == sorted(heard)

    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Enough

    for replications in (1, 3):
        with pytest.raises(Enough):
            planner.replay(loads(CHANCY), busy(20_000, 0.1), replications=replications, report=stop)


def test_both_engines_agree() -> None:
    log = busy(40)
    one, two = (
        planner.replay(loads(CHANCY), log, replications=2, engine=name) for name in ("compiled", "reference")
    )
    for name in one.strategies:
        assert one.strategies[name].central.use.rows == two.strategies[name].central.use.rows


@pytest.mark.parametrize("name", ["azure2023_conv", "azure2023_code", "mooncake_conversation"])
def test_real_traces_are_replayed_whole(name: str) -> None:
    path = SHARED / f"{name}.dev.parquet"
    if not path.exists():
        pytest.skip("the shared data are not here")
    log = read_log(path, columns={"cached": "", "session": ""})
    found = planner.replay(loads(TWO), log, counted_by="unknown", replications=1)
    expected = int(log.input_tokens.sum()) * Decimal("2.5e-6") + int(log.output_tokens.sum()) * Decimal(
        "1e-5"
    )
    assert found.strategies["omni-only"].central.use.total() == expected


def test_the_document_holds_plain_values() -> None:
    import json

    found = planner.replay(loads(CHANCY), busy(), replications=2)
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    rows = read["strategies"]["hybrid"]["ledger"]["central"]
    total = sum(
        Decimal(row["quantity"]) * Decimal(row["unit_price_usd"]) for part in rows.values() for row in part
    )
    assert total == Decimal(read["strategies"]["hybrid"]["money"]["total_economic_usd"]["central"])
    assert read["log"]["hex"] == found.log.hex


def test_a_verdict_is_certain_where_fewer_and_more_tokens_lead_to_the_same_one() -> None:
    def outcome(*misses: str) -> Any:
        return SimpleNamespace(misses=misses)

    sure = {"low": outcome(), "central": outcome(), "high": outcome()}
    for levels, met, certain in (
        (sure, True, True),
        (sure | {"high": outcome("slow")}, True, False),
        (sure | {"central": outcome("slow"), "high": outcome("slow")}, False, False),
        ({name: outcome("slow") for name in sure}, False, True),
    ):
        one = StrategyReplay(name="s", levels=levels, once=cast(Any, None))
        assert (one.meets(), one.is_certain) == (met, certain)
