"""Requests lost and money wasted, by cause: timelines worked out by hand on both engines, and what must always add up.

Every deployment takes 2 s for a call unless the text says otherwise; model `m` costs 1 USD per million tokens of
input and 2 USD of output, and a request has 100 tokens of input and 50 of output.
"""

from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from planner import tables
from planner.api import Comparison, compare
from planner.engines.run import Run, reduce_window
from planner.errors import LoadExceedsCapacity
from planner.experiments.cells import Cell, reduce_run, run_cell
from planner.finance import count, from_counts
from planner.finance.quantities import WASTE_KINDS, Key, Quantities
from planner.metrics import Pool, deletions, measures
from planner.scenario import Scenario, load
from planner.workload.requests import generate
from planner.workload.windows import plan_windows
from tests.engines import space
from tests.engines.hand_tables import (
    MODEL,
    POLICY,
    STREAM,
    at,
    check_attempts,
    check_outcomes,
    limits,
    on_both_engines,
    outage,
    run_rows,
    target,
)
from tests.experiments.test_cells import cascading

ENGINES = ("reference", "compiled")


def cells(run: Run) -> list[Cell]:
    """The window of a run, reduced by each engine."""
    return [run_cell(run.scenario, run.window, engine)[run.strategy] for engine in ENGINES]


def wasted(quantities: Quantities) -> dict[tuple[str | None, str, str], int]:
    """(DEPLOYMENT, kind, meter): wasted tokens, of all tasks."""
    found: Counter[tuple[str | None, str, str]] = Counter()
    for key, n in quantities.items():
        if key.kind.startswith("wasted"):
            found[key.deployment, key.kind, key.meter] += n
    return dict(found)


# -- lost requests -----------------------------------------------------------------------------------


def one_loss_by_each_cause() -> Scenario:
    """Every task has a deployment of its own, and each deployment its own way to lose a request."""
    deployments = {
        "served": target(),
        "broken": target(errors={"rate": 1, "status": 503, "latency_s": 0.5}),
        "limited": target(limits=limits(requests_per_minute=60, burst_s=1)),  # holds one request
        "guarded": target(
            errors={"rate": 1, "status": 503, "latency_s": 0.5},
            policy={"breaker": {"kind": "consecutive", "failures": 1, "open_s": 100}},
        ),
        "narrow": target(limits=limits(concurrent=1), policy={"queue_limit": 0}),
        "slow": target(latency={"total_s": 9}),
        "cut": target(policy={"timeout_s": 1}),
        "small": target(model="short"),
        "bucket": target(limits=limits(tokens_per_minute=600, burst_s=10, charge="estimate")),  # holds 100 tokens
        "filtered": target(content_filter={"share": 1, "latency_s": 0.25}),
        "late": target(batch={"turnaround_s": 30, "expires_s": 20, "price_factor": 0.5}),
    }  # fmt: skip
    rows = [
        *at(0, task="served"),
        *at(0, task="broken"),
        *at(0, 0, task="limited"),
        *at(0, 1, task="guarded"),
        *at(0, 0, task="narrow"),
        *at(0, task="slow"),
        *at(0, task="cut"),
        *at(0, task="small", input_tokens=1000),
        *at(0, task="bucket", input_tokens=101),
        *at(0, task="filtered"),
        *at(0, task="late"),
    ]
    return load(
        {
            "name": "one loss by each cause",
            "traffic": {"trace": {"rows": rows}},
            "tasks": {name: {"urgency": "batch"} if name == "late" else {} for name in deployments},
            "models": {"m": MODEL, "short": MODEL | {"context_tokens": 500}},
            "deployments": deployments,
            "strategies": {
                "s": {
                    "omni": ["served"],
                    "rules": [{"when": {"task": name}, "to": [name]} for name in deployments],
                }
            },
            "policy": POLICY | {"deadline_s": 5},
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 1},
        }
    )


# TASK: requests that arrived, were completed, and were lost by cause.
LOSSES: dict[str, tuple[int, int, dict[str, int]]] = {
    "served": (1, 1, {}),
    "broken": (1, 0, {"provider-error": 1}),  # 503 at 0.5 s, no retry
    "limited": (2, 1, {"limit": 1}),  # the second finds an empty bucket and is turned away
    "guarded": (
        2,
        0,
        {"provider-error": 1, "own-breaker": 1},
    ),  # the failure at 0.5 s opens, 1 s finds it open
    "narrow": (2, 1, {"queue": 1}),  # the only place is taken, and the queue holds nobody
    "slow": (1, 0, {"deadline": 1}),  # 9 s are wanted, the deadline is 5
    "cut": (1, 0, {"timeout": 1}),  # 2 s are wanted, the timeout is 1
    "small": (1, 0, {"no-eligible-deployment": 1}),  # 1,000 tokens do not fit into 500
    "bucket": (1, 0, {"too-large": 1}),  # 101 tokens never fit into 100
    "filtered": (1, 0, {"content-policy": 1}),  # the provider refuses the prompt
    "late": (1, 0, {"expired": 1}),  # 30 s are wanted, the batch API has 20; the deadline does not hold
}
LOST = {
    "provider-error": 2, "limit": 1, "own-breaker": 1, "queue": 1, "deadline": 1, "timeout": 1,
    "no-eligible-deployment": 1, "too-large": 1, "content-policy": 1, "expired": 1,
}  # fmt: skip


def test_each_cause_takes_one_request_and_says_so() -> None:
    run = on_both_engines(one_loss_by_each_cause(), "s")
    check_outcomes(
        run,
        """
        task     arrived_s ended_s outcome  attempts cause
        served  0         2       ok       1        -
        broken  0         0.5     error    1        provider-error
        limited 0         2       ok       1        -
        limited 0         0       rejected 0        limit
        guarded 0         0.5     error    1        provider-error
        guarded 1         1       rejected 0        own-breaker
        narrow  0         2       ok       1        -
        narrow  0         0       rejected 0        queue
        slow    0         5       timeout  1        deadline
        cut     0         1       timeout  1        timeout
        small   0         0       rejected 0        no-eligible-deployment
        bucket  0         0       rejected 0        too-large
        filtered 0        0.25    error    1        content-policy
        late    0         20      timeout  1        expired
        """,
    )
    for cell in cells(run):
        for row, (arrived, completed, lost) in zip(cell.sample.n_lost, LOSSES.values(), strict=True):
            assert sum(row) == arrived - completed
            assert {cause: n for cause, n in zip(tables.CAUSES, row.tolist(), strict=True) if n} == lost
    assert set(LOST) == set(tables.CAUSES) - {""}


@pytest.mark.parametrize("engine", ENGINES)
def test_lost_requests_are_shown_as_shares_and_numbers_of_all_and_of_each_task(engine: str) -> None:
    """14 arrive, three are served, 11 are lost: 2 of 14 by provider errors, 1 of 14 by each other cause."""
    found = compare(one_loss_by_each_cause(), engine=engine)
    document = found.to_dict()["strategies"]["s"]
    assert document["requests"] == {"arrived": 14, "completed": 3, "failed": 11}
    assert document["failed_requests"] == LOST
    assert sum(document["failed_requests"].values()) == document["requests"]["failed"]
    for cause, n in LOST.items():
        assert document["failed_share"][cause]["value"] == pytest.approx(n / 14, abs=1e-15)
    assert document["availability"]["value"] == pytest.approx(3 / 14, abs=1e-15)
    for task, (arrived, completed, lost) in LOSSES.items():
        one = document["tasks"][task]
        assert one["failed_requests"] == lost
        assert {cause: share["value"] for cause, share in one["failed_share"].items()} == {
            cause: n / arrived for cause, n in lost.items()
        }
        assert one["availability"]["value"] == completed / arrived
    table = {task: rows.set_index("cause") for task, rows in found.lost.groupby("task")}
    assert table[""]["requests"].to_dict() == LOST
    assert table["limited"]["requests"].to_dict() == {"limit": 1}
    assert table[""]["share"].sum() == pytest.approx(11 / 14, abs=1e-15)
    assert "served" not in found.lost["task"].to_numpy()


def assert_losses_add_up(found: Comparison) -> None:
    """Shares to 1 - availability within rounding, numbers to all failed requests, in all and by task."""
    for one in found.to_dict()["strategies"].values():
        for scope in (one, *one["tasks"].values()):
            if scope["availability"]["value"] is not None:
                shares = sum(share["value"] for share in scope["failed_share"].values())
                assert shares == pytest.approx(1 - scope["availability"]["value"], abs=1e-12)
        assert sum(one["failed_requests"].values()) == pytest.approx(one["requests"]["failed"], rel=1e-12)
        by_task = Counter[str]()
        for scope in one["tasks"].values():
            by_task.update(scope["failed_requests"])
        assert dict(by_task) == pytest.approx(one["failed_requests"], rel=1e-12)


def test_losses_add_up_with_weighted_windows_and_planted_outages() -> None:
    # Rare outages are planted as windows of small weight: shares are weighted as availability is.
    raw = cascading(run={"replications": 8, "window_s": 600}).to_dict()
    outages = {"mtbf_h": 2000, "duration_h": {"fixed": 0.5}, "mode": "error"}
    raw["deployments"]["a"] |= {"provider": "openai", "limits": None, "outages": outages}
    found = compare(load(raw))
    weights = found.plan.weights[0]
    assert len(weights) == 8 + 4
    assert weights.max() > 10 * weights.min()
    shares = found.to_dict()["strategies"]["cascade"]["failed_share"]
    assert len(shares) >= 3
    assert_losses_add_up(found)


def test_a_cause_that_one_strategy_never_met_is_a_share_of_0_in_differences() -> None:
    raw = one_loss_by_each_cause().to_dict()
    raw["strategies"]["always"] = {"omni": ["served"]}
    found = compare(load(raw))
    rows = {row["measure"]: row for row in found.to_dict()["differences"]}
    # Sent to the plain deployment all fourteen are served: each cause takes its share less.
    assert found.to_dict()["strategies"]["always"]["requests"]["failed"] == 0
    for cause, n in LOST.items():
        assert rows[f"failed:{cause}"]["value"] == pytest.approx(-n / 14, abs=1e-15)
    assert found.to_dict()["strategies"]["always"]["failed_share"] == {}


# -- wasted tokens and money, by hand ------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "billed_input", "billed_output"), [("full", 100, 50), ("input", 100, 0), ("none", 0, 0)])  # fmt: skip
def test_a_call_cut_by_a_timeout_is_waste_though_its_retry_is_served(
    rule: str, billed_input: int, billed_output: int
) -> None:
    # Twice as slow at 0: 4 s are cut at 3; a second later the retry takes its 2 s.
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 1, "degraded", slowdown=2)])},
        {"timeout_s": 3, "retries": 1, "bill_timeouts": rule},
    )
    check_attempts(
        run,
        f"""
        attempt started_s ended_s outcome billed_input_tokens billed_output_tokens
        0       0         3       timeout {billed_input}      {billed_output}
        1       4         6       ok      100                 50
        """,
    )
    expected = {
        ("a", "wasted/timeout", meter): n
        for meter, n in (("input", billed_input), ("output", billed_output))
        if n
    }
    for cell in cells(run):
        assert wasted(cell.quantities) == expected
        assert cell.quantities[Key("chat", "a", "api", "output")] == 50


def test_a_call_cut_by_the_deadline_is_waste_of_the_kind_timeout() -> None:
    run = run_rows(at(0), {"a": target()}, {"deadline_s": 1.5})
    check_outcomes(run, "ended_s outcome cause\n1.5 timeout deadline")
    for cell in cells(run):
        assert wasted(cell.quantities) == {
            ("a", "wasted/timeout", "input"): 100,
            ("a", "wasted/timeout", "output"): 50,
        }


def test_errors_and_refusals_are_not_billed_and_waste_nothing() -> None:
    run = run_rows(
        at(0, 10, 10),
        {"a": target(outages=[outage(0, 1)], limits=limits(requests_per_minute=6, burst_s=10))},
        {"when_limited": "retry", "retry_after_cap_s": 0},
    )
    assert list(run.outcomes["cause"]) == ["provider-error", "", "limit"]
    for cell in cells(run):
        assert wasted(cell.quantities) == {}


CASCADE = {
    "kind": "cascade",
    "accept_score": 0.6,
    "verifier": {"model": "judge", "input_tokens": 160, "output_tokens": 10, "latency_s": 0.5},
}
JUDGED: dict[str, Any] = {
    "models": {"m": MODEL, "judge": MODEL},
    "strategy": {"omni": ["big"], "mini": ["small"], "router": CASCADE},
}


def two_tiers(*outages: dict[str, Any]) -> dict[str, Any]:
    """Mini answers after 1.5 s, omni after 2 s unless an outage says otherwise."""
    return {
        "small": target(latency={"total_s": 1.5}),
        "big": target(latency=STREAM, outages=list(outages) or None),
    }


FOUR = [*at(0, verifier_score=1), *at(10, 20, 30, verifier_score=0)]
HARM = (outage(22, 23), outage(32, 33, "degraded", slowdown=2))


def test_an_answer_that_came_is_lost_when_its_request_fails_all_the_same() -> None:
    # Mini's answers come 1.5 s after the arrival and are judged 0.5 s later.
    # 0: accepted. 10: turned down, omni serves: mini's answer is the price of the cascade, no waste.
    # 20: turned down at 22, omni is out: mini's answer is lost. 30: turned down at 32, omni would take 4 s
    # and is cut after 3: its call is waste by the timeout, mini's answer is lost.
    run = run_rows(FOUR, two_tiers(*HARM), {"timeout_s": 3}, **JUDGED)
    check_attempts(
        run,
        """
        request role     started_s ended_s outcome billed_input_tokens billed_output_tokens
        0       mini     0         1.5     ok      100                 50
        0       verifier 1.5       2       ok      160                 10
        1       mini     10        11.5    ok      100                 50
        1       verifier 11.5      12      ok      160                 10
        1       omni     12        14      ok      100                 50
        2       mini     20        21.5    ok      100                 50
        2       verifier 21.5      22      ok      160                 10
        2       omni     22        23      error   0                   0
        3       mini     30        31.5    ok      100                 50
        3       verifier 31.5      32      ok      160                 10
        3       omni     32        35      timeout 100                 50
        """,
    )
    assert list(run.outcomes["cause"]) == ["", "", "provider-error", "timeout"]
    for cell in cells(run):
        assert wasted(cell.quantities) == {
            ("small", "wasted/lost-answer", "input"): 200,
            ("small", "wasted/lost-answer", "output"): 100,
            ("big", "wasted/timeout", "input"): 100,
            ("big", "wasted/timeout", "output"): 50,
        }
        # Of what was of use: mini's answers of 0 and 1, omni's of 1; checks have an account of their own.
        assert cell.quantities[Key("chat", "small", "api", "input")] == 200
        assert cell.quantities[Key("chat", "big", "api", "input")] == 100
        assert cell.quantities[Key("chat", None, "verifier", "input")] == 4 * 160


def test_an_answer_is_lost_when_the_deadline_cuts_its_check() -> None:
    # Mini answers at 1.5; the check would end at 2.0, the deadline is 1.8.
    run = run_rows(at(0, verifier_score=1), two_tiers(), {"deadline_s": 1.8}, **JUDGED)
    check_outcomes(run, "ended_s outcome cause\n1.8 timeout deadline")
    for cell in cells(run):
        assert wasted(cell.quantities) == {
            ("small", "wasted/lost-answer", "input"): 100,
            ("small", "wasted/lost-answer", "output"): 50,
        }


@pytest.mark.parametrize(("to_s", "n_lost"), [(4, 0), (100, 2)])
def test_answers_of_earlier_passes_share_the_fate_of_their_request(to_s: float, n_lost: int) -> None:
    # A layer tries the cascade twice: mini answers at 1.5 and, after omni's error at 3 and a wait of 1 s, at 5.5;
    # omni is asked again at 6. If its outage is over by then the request is served and nothing was waste, else
    # both of mini's answers are lost.
    layer = {"name": "app", "attempts": 2, "backoff": {"kind": "fixed", "waits_s": [1]}}
    run = run_rows(at(0, verifier_score=0), two_tiers(outage(0, to_s)), {"layers": [layer]}, **JUDGED)
    check_outcomes(run, f"ended_s outcome attempts\n{'8 ok' if n_lost == 0 else '7 error'} 6")
    for cell in cells(run):
        found = wasted(cell.quantities)
        assert found == (
            {("small", "wasted/lost-answer", "input"): 200, ("small", "wasted/lost-answer", "output"): 100}
            if n_lost
            else {}
        )


def test_waste_above_a_long_context_threshold_is_counted_apart_by_cause() -> None:
    # As above, with prompts of 100 and 300 tokens and a threshold of 200 at mini and omni alike.
    rows = [{**row, "input_tokens": 300 if i == 3 else 100} for i, row in enumerate(FOUR)]
    run = run_rows(rows, two_tiers(*HARM), {"timeout_s": 3}, **JUDGED)
    long_above = {"small": 200, "big": 200}
    reduced = reduce_window(
        run.scenario,
        "s",
        run.window,
        [generate(run.scenario, run.window)],
        lambda rows: None,
        long_above=long_above,
    )
    compiled = from_counts(run.scenario, reduced.deployments, reduced.counts)
    reference = count(run.scenario, "s", run.outcome_arrays, run.attempt_arrays, long_above=long_above)
    for found in (compiled, reference):
        assert wasted(found) == {
            ("small", "wasted/lost-answer", "input"): 100,
            ("small", "wasted/lost-answer", "output"): 50,
            ("small", "wasted/lost-answer-long", "input"): 300,
            ("small", "wasted/lost-answer-long", "output"): 50,
            ("big", "wasted/timeout-long", "input"): 300,
            ("big", "wasted/timeout-long", "output"): 50,
        }


def assert_waste_reconciles(found: Comparison) -> None:
    """To 0.00: causes to all waste, both to the ledger's rows, and all rows to the total."""
    for name, one in found.to_dict()["strategies"].items():
        rows = [(row["account"].split("/"), Decimal(row["amount_usd"])) for row in one["ledger"]]
        by_cause: dict[str, Decimal] = {}
        for parts, amount in rows:
            if parts[0] == "wasted":
                cause, meter = parts[1:]
                assert meter in tables.METERS
                by_cause[cause] = by_cause.get(cause, Decimal(0)) + amount
        told = {cause: Decimal(cost["value"]) for cause, cost in one["wasted_usd"]["by_cause"].items()}
        assert told == by_cause
        assert Decimal(one["wasted_usd"]["total"]["value"]) == sum(by_cause.values(), Decimal(0))
        table = found.wasted[found.wasted["strategy"] == name].set_index("cause")["value"].to_dict()
        assert table.pop("") == sum(table.values(), Decimal(0))
        assert table == by_cause
        ledger = found.results[name].ledger
        assert sum(ledger.by("waste").values(), Decimal(0)) == ledger.total()
        for cost in (one["wasted_usd"]["total"], *one["wasted_usd"]["by_cause"].values()):
            if cost["low"] is not None:
                assert 0 <= Decimal(cost["low"]) <= Decimal(cost["value"]) <= Decimal(cost["high"])


def four_a_window(**more: Any) -> Scenario:
    """The four requests of the cascade above as 4,000 a month, in January 2027."""
    return load(
        {
            "name": "by hand",
            "start": "2027-01-01",
            "traffic": {"requests_per_month": 4000, "trace": {"rows": FOUR}},
            "tasks": {"chat": {}},
            "models": JUDGED["models"],
            "deployments": two_tiers(*HARM),
            "strategies": {"s": JUDGED["strategy"]},
            "policy": POLICY | {"timeout_s": 3},
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 2},
            **more,
        }
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_the_wasted_money_by_pocket_calculator(engine: str) -> None:
    """January has 2,678,400 s of 2,629,800: N = 4,000 x 2,678,400 / 2,629,800 requests, a quarter of each kind.

    A call costs 100 x 1e-6 + 50 x 2e-6 = 0.0002 USD. Of four requests two lose mini's answer (0.0004) and one
    is cut at omni (0.0002): N / 4 x 0.0006 in all.
    """
    n = Decimal(4000) * 2678400 / 2629800
    found = compare(four_a_window(gateway={"kind": "unified", "fee": 0.05}), engine=engine)
    one = found.to_dict()["strategies"]["s"]["wasted_usd"]
    close = Decimal("0.000002")  # quantities are rounded to 1e-6 token; the fee is not part of it
    assert list(one["by_cause"]) == ["timeout", "lost-answer"]
    for cost, each in (
        (one["by_cause"]["timeout"], "0.0002"),
        (one["by_cause"]["lost-answer"], "0.0004"),
        (one["total"], "0.0006"),
    ):
        assert Decimal(cost["value"]) == pytest.approx(n / 4 * Decimal(each), abs=close)
        # Both windows replay the same requests with nothing left to chance.
        assert cost["low"] == cost["value"] == cost["high"]
    rows = found.results["s"].ledger.select(waste="timeout").rows
    assert {(row.account, row.task, row.deployment) for row in rows} == {
        ("wasted/timeout/input", "chat", "big"),
        ("wasted/timeout/output", "chat", "big"),
    }
    assert_waste_reconciles(found)
    assert_losses_add_up(found)


def test_waste_of_a_drawn_plan_reconciles_and_both_engines_agree() -> None:
    # A cascade under errors, timeouts and deadlines wastes in both ways.
    documents = []
    for engine in ENGINES:
        found = compare(cascading(policy={"timeout_s": 2, "deadline_s": 4, "retries": 1}), engine=engine)
        assert_waste_reconciles(found)
        assert_losses_add_up(found)
        documents.append(found.to_dict()["strategies"])
    assert documents[0] == documents[1]
    one = documents[0]["cascade"]["wasted_usd"]
    assert set(one["by_cause"]) == {"timeout", "lost-answer"}
    assert Decimal(one["total"]["low"]) < Decimal(one["total"]["value"]) < Decimal(one["total"]["high"])


def test_a_finding_says_what_the_money_was_wasted_by() -> None:
    # Mini answers four times and omni is billed for two of its three calls: of these six of 0.0002 USD each,
    # three were of use and three were waste. Checks are apart.
    told = [one for one in compare(four_a_window()).findings if one.code == "wasted-spend"]
    assert len(told) == 1
    assert told[0].value == pytest.approx(3 / 6)
    assert told[0].text.startswith(
        "s: 50.0% of the spend on tokens, 0.61 USD, buys nobody an answer: 0.20 USD for"
    )
    assert "0.20 USD for calls that were cut" in told[0].text
    assert "0.41 USD for answers of requests that failed all the same" in told[0].text
    only = compare(load(one_loss_by_each_cause().to_dict() | {"policy": POLICY | {"timeout_s": 1}}))
    told = [one for one in only.findings if one.code == "wasted-spend"]
    assert told[0].text.endswith("buys nobody an answer: calls that were cut.")


# -- what holds for any scenario -----------------------------------------------------------------------


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip
@given(space.scenarios())
def test_losses_and_waste_add_up_whatever_the_scenario(raw: dict[str, Any]) -> None:
    scenario = load(raw)
    window = plan_windows(scenario)[0]
    try:
        run = on_both_engines(scenario, space.STRATEGY, window)
        cells_ = run_cell(scenario, window)  # all strategies, of which another one may be too much
    except LoadExceedsCapacity:
        assume(False)
        raise
    outcomes, attempts = run.outcome_arrays, run.attempt_arrays
    for cell in (reduce_run(run), cells_[space.STRATEGY]):
        check_losses(scenario, cell, outcomes)
        check_waste(scenario, cell, outcomes, attempts)
    # Counted apart above any threshold, by cause of waste too: the compiled engine's sums are those of the rows.
    long_above = dict.fromkeys(scenario.deployments, 150)
    blocks = [generate(scenario, window)]
    reduced = reduce_window(
        scenario, space.STRATEGY, window, blocks, lambda rows: None, long_above=long_above
    )
    came = run.work.came(outcomes["request"])
    counted = count(
        scenario, space.STRATEGY, outcomes, attempts, asked=run.work.routing.asked[came],
        repeated=run.work.requests.repeat[came] > 0,
        unasked=run.work.unasked(outcomes["request"], len(scenario.tasks)), long_above=long_above,
    )  # fmt: skip
    assert from_counts(scenario, reduced.deployments, reduced.counts) == counted


def check_losses(scenario: Scenario, cell: Cell, outcomes: dict[str, np.ndarray]) -> None:
    """Each failed request by one cause, as its row says, and shares that add up to 1 - availability."""
    rows = list(zip(*(outcomes[name].tolist() for name in ("task", "outcome", "cause")), strict=True))
    assert all((outcome == tables.OK) == (cause == tables.NO_CAUSE) for _, outcome, cause in rows)
    by_hand = Counter((task, cause) for task, outcome, cause in rows if outcome != tables.OK)
    lost = cell.sample.n_lost
    assert {(task, cause): n for (task, cause), n in np.ndenumerate(lost) if n} == by_hand
    assert lost.sum() == sum(outcome != tables.OK for _, outcome, _ in rows)
    pool = Pool([cell.sample], deletions([1.0], ["only"]))
    for scope in ([0], list(range(len(scenario.tasks)))):
        found = measures(pool, scope, list(scenario.deployments), None)
        availability = found["availability"].replicates[0]
        if not np.isnan(availability):
            shares = sum(one.replicates[0] for name, one in found.items() if name.startswith("failed:"))
            assert shares == pytest.approx(1 - availability, abs=1e-12)


def check_waste(
    scenario: Scenario, cell: Cell, outcomes: dict[str, np.ndarray], attempts: dict[str, np.ndarray]
) -> None:
    """Every billed token of a call is of use or waste by one cause, told from its row and its request's."""
    ok = dict(zip(outcomes["request"].tolist(), (outcomes["outcome"] == tables.OK).tolist(), strict=True))
    by_hand: Counter[tuple[str, str, str]] = Counter()
    for k, request in enumerate(attempts["request"].tolist()):
        deployment = attempts["deployment"][k]
        if deployment == tables.VERIFIER:
            continue
        word = tables.OUTCOMES[attempts["outcome"][k]]
        if word == "timeout":
            kind = "wasted/timeout"
        elif word == "ok":
            kind = "api" if ok[request] else "wasted/lost-answer"
        else:
            kind = "wasted/hedge" if word == "cancelled" else "wasted/error"
        for meter in tables.METERS:
            name = list(scenario.deployments)[deployment]
            by_hand[name, kind, meter] += int(attempts[f"billed_{meter}_tokens"][k])
    found: Counter[tuple[str, str, str]] = Counter()
    for key, n in cell.quantities.items():
        if key.kind.removesuffix("-long") in ("api", *WASTE_KINDS):
            assert key.deployment is not None
            found[key.deployment, key.kind.removesuffix("-long"), key.meter] += n
    assert found == +by_hand
