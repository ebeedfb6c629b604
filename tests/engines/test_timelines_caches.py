"""Prompt caches worked out by hand: what each call finds and writes, to the token and the nanosecond, on both engines.

A call takes 2 s unless the text says otherwise, keeps prefixes of 1,024 tokens and steps of 128, and is sent 1,500
tokens of which 1,200 are its task's prefix: 1,024 + 128 = 1,152 are kept, 348 are plain input however it goes.
"""

from decimal import Decimal
from typing import Any

import pytest

from planner.engines.run import Run, reduce_window
from planner.errors import ScenarioError
from planner.finance import account, count, from_counts
from planner.scenario import load
from planner.workload.requests import generate
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import (
    MODEL,
    POLICY,
    at,
    check_attempts,
    check_outcomes,
    fixed,
    limits,
    outage,
    run_rows,
    target,
)

READS = MODEL | {"cached_input_usd_per_mtok": 0.1}
CHARGES = READS | {"cache_write_usd_per_mtok": 1.25}
KEEPS = {"ttl_s": 10, "min_tokens": 1024, "step_tokens": 128, "refresh": True}
ONE_AT_A_TIME = limits(concurrent=1)


def cached(**given: Any) -> dict[str, Any]:
    """A target with a prompt cache, with other fields of either."""
    names = {*KEEPS, "max_age_s", "cold_ttft_s_per_mtok"}
    own = {name: given.pop(name) for name in names & set(given)}
    return target(prompt_cache=KEEPS | own, **given)


def asked(*arrivals_s: float, prefix_tokens: int = 1200, **given: Any) -> list[dict[str, Any]]:
    """Requests of 1,500 tokens, 1,200 of them a prefix."""
    sizes = {"input_tokens": 1500, "output_tokens": 50}
    return at(*arrivals_s, **{**sizes, "prefix_tokens": prefix_tokens, **given})


def run(rows: list[dict[str, Any]], deployments: dict[str, Any] | None = None, **given: Any) -> Run:
    """Both engines' run, whose counts without rows are those that follow from the rows."""
    policy = given.pop("policy", None)
    given.setdefault("models", {"m": CHARGES})
    found = run_rows(rows, deployments or {"a": cached()}, policy, **given)
    scenario, window = found.scenario, found.window
    reduced = reduce_window(scenario, "s", window, [generate(scenario, window)], lambda _: None)
    billed = count(scenario, "s", found.outcome_arrays, found.attempt_arrays)
    counted = from_counts(scenario, reduced.deployments, reduced.counts)
    assert billed == {key: amount for key, amount in counted.items() if key.kind != "router"}
    return found


def check(found: Run, text: str) -> None:
    """Calls by request and attempt: `billed` is plain input, `read` and `written` are as sent and as billed."""
    names = {"read": "cached_input_tokens", "written": "cache_write_tokens", "billed": "billed_input_tokens"}
    header, *lines = text.strip().splitlines()
    check_attempts(found, "\n".join([" ".join(names.get(word, word) for word in header.split()), *lines]))


# -- hit, miss, expiry ---------------------------------------------------------------------------


def test_the_first_call_writes_and_the_next_ones_read() -> None:
    found = run(asked(0, 3, 8))
    check(
        found,
        """
        request started_s ended_s input_tokens read written billed billed_cached_input_tokens billed_cache_write_tokens
        0       0         2       1500         0    1152    348    0                          1152
        1       3         5       1500         1152 0       348    1152                       0
        2       8         10      1500         1152 0       348    1152                       0
        """,
    )


def test_where_writing_has_no_price_it_is_plain_input() -> None:
    found = run(asked(0, 3), models={"m": READS})
    check(
        found,
        """
        request read written billed billed_cached_input_tokens
        0       0    0       1500   0
        1       1152 0       348    1152
        """,
    )


def test_a_prefix_is_gone_exactly_ttl_after_it_was_touched() -> None:
    # 0 touches at 0, so at 9.999999999 it is there and touched; exactly 10 s after that it is gone, and written anew.
    found = run(asked(0, 9.999999999, 19.999999999, 20, 29.999999998))
    check(
        found,
        """
        request started_s    read written
        0       0            0    1152
        1       9.999999999  1152 0
        2       19.999999999 0    1152
        3       20           0    1152
        4       29.999999998 1152 0
        """,
    )


def test_without_refresh_only_writing_counts() -> None:
    # Written at 0: gone at 10 for all that 3 and 9 read it. Written at 11, when 10 is still under way: 19.5 reads it,
    # as the later of the two writes, at 11, holds: 20.9 reads it as well, and 21 does not.
    found = run(asked(0, 3, 9, 10, 11, 19.5, 20.9, 21), {"a": cached(refresh=False)})
    check(
        found,
        """
        request started_s read written
        0       0         0    1152
        1       3         1152 0
        2       9         1152 0
        3       10        0    1152
        4       11        0    1152
        5       19.5      1152 0
        6       20.9      1152 0
        7       21        0    1152
        """,
    )


def test_a_prefix_that_is_always_in_use_ends_at_its_greatest_age() -> None:
    # Hits every 6 s keep it touched; written at 0, it is gone at 15. Written again at 18, gone at 33.
    found = run(asked(0, 6, 12, 14.999999999, 18, 24, 30, 33), {"a": cached(max_age_s=15)})
    check(
        found,
        """
        request started_s    read written
        0       0            0    1152
        1       6            1152 0
        2       12           1152 0
        3       14.999999999 1152 0
        4       18           0    1152
        5       24           1152 0
        6       30           1152 0
        7       33           0    1152
        """,
    )


def test_a_call_under_way_has_touched_nothing_and_touches_as_of_its_start() -> None:
    # 0 ends at 2: 1 and 1.999999999 find nothing, the arrival at 2 comes after that end and finds it. The last touch
    # is that of 2, at 2: gone at 12.
    found = run(asked(0, 1, 1.999999999, 2, 12))
    check(
        found,
        """
        request started_s   read written
        0       0           0    1152
        1       1           0    1152
        2       1.999999999 0    1152
        3       2           1152 0
        4       12          0    1152
        """,
    )


def test_what_counts_is_the_start_of_the_call_not_its_arrival() -> None:
    # One at a time: 1 arrives while 0 is under way and finds what 0 wrote, as it starts at its end. Calls of 6 s:
    # 2 starts at 12, 6 s after the touch of 1.
    found = run(asked(0, 1, 1.5), {"a": cached(latency={"total_s": 6.0}, limits=ONE_AT_A_TIME)})
    check(
        found,
        """
        request queued_s started_s read written
        0       0        0         0    1152
        1       1        6         1152 0
        2       1.5      12        1152 0
        """,
    )


# -- how much of a prefix ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "kept", "given"),
    [
        (1023, 0, {}),
        (1024, 1024, {}),
        (1151, 1024, {}),
        (1152, 1152, {}),
        (1500, 1408, {}),
        (1200, 1200, {"step_tokens": 1}),
        (1023, 1023, {"min_tokens": 1000, "step_tokens": 1}),
        (1200, 1024, {"step_tokens": 1000}),
        (0, 0, {"min_tokens": 1, "step_tokens": 1}),
    ],
)
def test_a_prefix_is_kept_from_its_least_length_on_in_steps(
    prefix: int, kept: int, given: dict[str, Any]
) -> None:
    found = run(asked(0, 3, prefix_tokens=prefix), {"a": cached(**given)})
    check(
        found,
        f"""
        request read   written billed
        0       0      {kept}  {1500 - kept}
        1       {kept} 0       {1500 - kept}
        """,
    )


def test_a_prefix_is_counted_in_the_tokens_of_the_model() -> None:
    # Factor 0.85: 1,200 are 1,020 tokens there, too short; 1,210 are 1,028.5, rounded to even 1,028, and 1,024 of
    # them are kept. The input of 1,500 is 1,275.
    factor = {"m": CHARGES | {"input_token_factor": 0.85}}
    found = run([*asked(0, 3), *asked(20, 23, prefix_tokens=1210)], models=factor)
    check(
        found,
        """
        request input_tokens read written billed
        0       1275         0    0       1275
        1       1275         0    0       1275
        2       1275         0    1024    251
        3       1275         1024 0       251
        """,
    )


def test_a_longer_prefix_of_the_same_task_reads_what_is_there_and_writes_the_rest() -> None:
    # 1,024 kept; then 1,408 are wanted: 384 are written beside what is read. After that all 1,408 are there for the
    # long one, and a short one reads its own 1,024.
    rows = [
        *asked(0, prefix_tokens=1100),
        *asked(3, 6, prefix_tokens=1500),
        *asked(9, prefix_tokens=1100),
    ]
    check(
        run(rows),
        """
        request read written billed
        0       0    1024    476
        1       1024 384     92
        2       1408 0       92
        3       1024 0       476
        """,
    )


def test_a_prefix_that_was_lengthened_is_no_younger() -> None:
    # Without refresh the 384 tokens that 1 adds at 3 end with the others, 10 s after 0; 3 writes all of it.
    rows = [*asked(0, prefix_tokens=1100), *asked(3, 9, 10, prefix_tokens=1500)]
    check(
        run(rows, {"a": cached(refresh=False)}),
        """
        request read written
        0       0    1024
        1       1024 384
        2       1408 0
        3       0    1408
        """,
    )


def test_a_shorter_prefix_written_after_the_end_of_a_longer_one_is_all_that_is_there() -> None:
    rows = [*asked(0, prefix_tokens=1500), *asked(20, prefix_tokens=1100), *asked(23, prefix_tokens=1500)]
    check(
        run(rows),
        """
        request read written
        0       0    1408
        1       0    1024
        2       1024 384
        """,
    )


def test_each_task_and_each_deployment_has_a_prefix_of_its_own() -> None:
    tasks = {"chat": {}, "mail": {}}
    rows = [*asked(0, task="chat"), *asked(3, task="mail"), *asked(6, task="chat"), *asked(9, task="mail")]
    check(
        run(rows, tasks=tasks),
        """
        request read written
        0       0    1152
        1       0    1152
        2       1152 0
        3       1152 0
        """,
    )
    in_turn = run(
        asked(0, 3, 6, 9),
        {"a": cached(), "b": cached()},
        policy={"select": "round-robin"},
        strategy={"omni": [["a", "b"]]},
    )
    check(
        in_turn,
        """
        request deployment read written
        0       a          0    1152
        1       b          0    1152
        2       a          1152 0
        3       b          1152 0
        """,
    )


# -- failures ------------------------------------------------------------------------------------


def test_failed_calls_touch_nothing() -> None:
    # Down in [3, 4): the call at 3 was sent on a warm prefix and fails; the last touch is that of 0, so 10 is cold.
    found = run(asked(0, 3, 10), {"a": cached(outages=[outage(3, 4)])})
    check(
        found,
        """
        request started_s outcome read written billed billed_cached_input_tokens
        0       0         ok      0    1152    348    0
        1       3         error   1152 0       0      0
        2       10        ok      0    1152    348    0
        """,
    )


@pytest.mark.parametrize(
    ("bill", "plain", "written", "output"),
    [("none", 0, 0, 0), ("input", 348, 1152, 0), ("full", 348, 1152, 50)],
)
def test_a_cut_call_writes_nothing_and_is_billed_as_it_was_sent(
    bill: str, plain: int, written: int, output: int
) -> None:
    # 0 is cut at 3 and leaves nothing: 1 is cold again. It ends in time; 2 reads, is cut, and is billed for reading.
    rows = [*asked(0, service_s=9.0), *asked(4, service_s=2.0), *asked(7, service_s=9.0)]
    found = run(rows, policy={"timeout_s": 3, "bill_timeouts": bill})
    read = 0 if bill == "none" else 1152
    check(
        found,
        f"""
        request outcome read written billed  billed_cached_input_tokens billed_cache_write_tokens billed_output_tokens
        0       timeout 0    1152    {plain} 0                          {written}                 {output}
        1       ok      0    1152    348     0                          1152                      50
        2       timeout 1152 0       {plain} {read}                     0                         {output}
        """,
    )


def test_an_answer_that_breaks_off_touches_nothing() -> None:
    found = run(
        asked(0, 5),
        {"a": cached(errors={"rate": 0.0, "mid_stream": 1.0}, latency={"ttft_s": 0.0, "tokens_per_s": 25})},
        policy={"bill_mid_stream": "input"},
    )
    check(
        found,
        """
        request outcome read written billed billed_cache_write_tokens
        0       error   0    1152    348    1152
        1       error   0    1152    348    1152
        """,
    )


def test_a_refused_call_was_not_sent_and_finds_nothing() -> None:
    # One request a minute: 1 is a 429 at 3, a row of all its input with nothing read and nothing billed.
    own = limits(requests_per_minute=1, kind="token-bucket", charge="estimate", burst_s=60)
    found = run(asked(0, 3), {"a": cached(limits=own)}, policy={"when_limited": "retry"})
    check(
        found,
        """
        request outcome input_tokens read written billed
        0       ok      1500         0    1152    348
        1       limited 1500         0    0       0
        """,
    )


def test_a_beaten_hedge_touches_nothing_and_is_billed_as_it_was_sent() -> None:
    # 0: a answers in 2 s, the hedge to b at 1 would take 4 and is cancelled at 2: b keeps nothing, so the hedge of
    # request 1 at 6 is cold there as well, while its first call reads at a.
    found = run(
        asked(0, 5),
        {"a": cached(), "b": cached(latency={"total_s": 4.0})},
        policy={"hedge": {"after_s": 1, "max": 1, "bill_losers": "input", "to": "b"}},
        strategy={"omni": ["a", "b"]},
    )
    check(
        found,
        """
        request attempt deployment outcome   read written billed billed_cache_write_tokens
        0       0       a          ok        0    1152    348    1152
        0       1       b          cancelled 0    1152    348    1152
        1       0       a          ok        1152 0       348    0
        1       1       b          cancelled 0    1152    348    1152
        """,
    )


def test_a_hedge_that_wins_touches_its_own_deployment() -> None:
    # a takes 4 s and is beaten by b, which takes 2 from 1 on: a keeps nothing, b keeps it as of 1.
    found = run(
        asked(0, 5),
        {"a": cached(latency={"total_s": 4.0}), "b": cached()},
        policy={"hedge": {"after_s": 1, "max": 1, "bill_losers": "none", "to": "b"}},
        strategy={"omni": ["a", "b"]},
    )
    check(
        found,
        """
        request attempt deployment outcome   read written billed billed_cached_input_tokens
        0       0       a          cancelled 0    1152    0      0
        0       1       b          ok        0    1152    348    0
        1       0       a          cancelled 0    1152    0      0
        1       1       b          ok        1152 0       348    1152
        """,
    )


# -- cold prefixes after a failover ----------------------------------------------------------------


def test_the_bill_of_a_failover_to_a_cold_prefix_to_the_cent() -> None:
    """A chat of 10,240 tokens of prefix and 1,000 of its own, 600 of output, every 100 s; a is down in [250, 450).

    Prices per million tokens: input 3, read 0.3, written 3.75, output 15. a keeps for 300 s.

        0, 100, 200   a: writes 10,240, then reads twice
        300, 400      a fails; b: writes, reads. b has never seen the prefix: the failover pays 0.0384 once more
        500, 600      a again, last touched at 200: 500 is 300 s later, exactly too late: writes; 600 reads

    Written 3 x 10,240 = 30,720 tokens: 0.1152 USD. Read 4 x 10,240 = 40,960: 0.012288. Plain 7 x 1,000 x 3e-6 = 0.021.
    Output 7 x 600 x 15e-6 = 0.063. In all 0.211488 USD for these seven. Without the outage one writes and six read:
    0.0384 + 0.018432 + 0.021 + 0.063 = 0.140832. 210 requests in a mean month of 30.4375 days are 30 such sevens, in
    April 30 x 30 / 30.4375 = 29.5688 of them: 6.25 USD with the outage in each, 4.16 without.
    """
    price = {
        "input_usd_per_mtok": 3, "cached_input_usd_per_mtok": 0.3, "cache_write_usd_per_mtok": 3.75,
        "output_usd_per_mtok": 15, "context_tokens": 200_000,
    }  # fmt: skip
    keeps = {"ttl_s": 300, "min_tokens": 1024, "step_tokens": 128}
    down = outage(250, 450, status=503, error_latency_s=1.0)

    def bill(*episodes: Any) -> tuple[Run, Decimal, dict[str, Decimal]]:
        rows = at(*range(0, 700, 100), input_tokens=11_240, output_tokens=600, prefix_tokens=10_240)
        found = run(
            rows,
            {
                "a": target(prompt_cache=keeps, outages=list(episodes) or None),
                "b": target(prompt_cache=keeps),
            },
            models={"m": price},
            traffic={"requests_per_month": 210, "trace": {"rows": rows}},
            start="2027-04-01",
        )
        counted = count(found.scenario, "s", found.outcome_arrays, found.attempt_arrays)
        ledger = account(found.scenario, "s", plan_windows(found.scenario), [counted])
        return found, ledger.total("invoiced"), ledger.by("account", view="invoiced")

    found, total, by_account = bill(down)
    check(
        found,
        """
        request attempt deployment started_s outcome read  written billed
        0       0       a          0         ok      0     10240   1000
        1       0       a          100       ok      10240 0       1000
        2       0       a          200       ok      10240 0       1000
        3       0       a          300       error   10240 0       0
        3       1       b          301       ok      0     10240   1000
        4       0       a          400       error   10240 0       0
        4       1       b          401       ok      10240 0       1000
        5       0       a          500       ok      0     10240   1000
        6       0       a          600       ok      10240 0       1000
        """,
    )
    cent, sevens = Decimal("0.01"), Decimal(30) / Decimal("30.4375") * 30
    assert total.quantize(cent) == Decimal("6.25")
    expected = {
        "api/cache_write": Decimal("0.1152"), "api/cached_input": Decimal("0.012288"), "api/input": Decimal("0.021"),
        "api/output": Decimal("0.063"),
    }  # fmt: skip
    assert set(by_account) == set(expected)
    for name, usd in expected.items():
        assert abs(by_account[name] - sevens * usd) < Decimal("1e-9"), name
    _, without, _ = bill()
    assert without.quantize(cent) == Decimal("4.16")


def test_retries_and_answers_that_a_check_turned_down_are_billed_with_what_each_found() -> None:
    """Two passes of a cascade whose check is never content and whose omni fails: four answers of mini, two wasted.

    Counts without rows keep what each of them read and wrote until the request is over (`run` compares).
    """
    verifier = {
        "model": "judge", "input_tokens": 20, "output_tokens": 1, "latency_s": 0.5,
        "true_positive": 0, "false_positive": 0,
    }  # fmt: skip
    found = run(
        asked(0, 1),
        {"a": cached(), "b": target(errors={"rate": 1.0, "status": 500, "latency_s": 0.5})},
        models={"m": CHARGES, "judge": MODEL},
        tasks={"chat": {"accuracy": {"m": 0.5}}},
        policy={"layers": [{"name": "app", "attempts": 2, "backoff": fixed(1)}]},
        strategy={"mini": ["a"], "omni": ["b"], "router": {"kind": "cascade", "verifier": verifier}},
    )
    check(
        found,
        """
        request attempt deployment started_s outcome read written billed
        0       0       a          0         ok      0    1152    348
        0       1       verifier   2         ok      0    0       20
        0       2       b          2.5       error   0    0       0
        0       3       a          4         ok      1152 0       348
        0       4       verifier   6         ok      0    0       20
        0       5       b          6.5       error   0    0       0
        1       0       a          1         ok      0    1152    348
        1       1       verifier   3         ok      0    0       20
        1       2       b          3.5       error   0    0       0
        1       3       a          5         ok      1152 0       348
        1       4       verifier   7         ok      0    0       20
        1       5       b          7.5       error   0    0       0
        """,
    )


# -- time to first token ---------------------------------------------------------------------------


def test_tokens_that_are_not_in_the_cache_delay_the_first_one() -> None:
    # 1,000 s for a million tokens: 1,152 cold ones take 1.152 s more, and those in the cache none.
    streams = {"ttft_s": 0.5, "tokens_per_s": 50}
    found = run(asked(0, 3), {"a": cached(latency=streams, cold_ttft_s_per_mtok=1000)})
    check_outcomes(
        found,
        """
        request first_token_s ended_s
        0       1.652         2.652
        1       3.5           4.5
        """,
    )
    whole = run(asked(0, 4), {"a": cached(cold_ttft_s_per_mtok=1000)})
    check_outcomes(
        whole,
        """
        request first_token_s ended_s
        0       3.152         3.152
        1       6             6
        """,
    )


def test_a_cold_prefix_may_miss_a_timeout_that_a_warm_one_keeps_and_then_stays_cold() -> None:
    # 2 s warm, 3.152 cold, cut at 3: no call ever ends well, so none ever finds anything.
    found = run(asked(0, 5, 9), {"a": cached(cold_ttft_s_per_mtok=1000)}, policy={"timeout_s": 3})
    check(
        found,
        """
        request ended_s outcome read written
        0       3       timeout 0    1152
        1       8       timeout 0    1152
        2       12      timeout 0    1152
        """,
    )


def test_a_recorded_time_holds_however_cold() -> None:
    found = run(asked(0, service_s=1.0), {"a": cached(cold_ttft_s_per_mtok=1000)})
    check_outcomes(
        found,
        """
        request ended_s
        0       1
        """,
    )


# -- limits ----------------------------------------------------------------------------------------


def test_limits_count_tokens_from_a_cache_as_any_others() -> None:
    # 3,000 input tokens a minute take two requests of 1,500, though the second one reads 1,152 of them.
    own = limits(input_tokens_per_minute=3000, kind="fixed-window", charge="after-completion")
    found = run(asked(0, 3, 6), {"a": cached(limits=own)})
    check_outcomes(
        found,
        """
        request outcome  cause
        0       ok       -
        1       ok       -
        2       rejected limit
        """,
    )


# -- mistakes --------------------------------------------------------------------------------------


def told(cache: Any, rows: list[dict[str, Any]] | None = None, **sections: Any) -> str:
    """Problems, or else notices, about a cache."""
    traffic: Any = {"requests_per_month": 1000} if rows is None else {"trace": {"rows": rows}}
    raw = {
        "name": "by hand", "start": "2027-01-01", "traffic": traffic,
        "tasks": {"chat": {"shared_prefix_tokens": 1500}, "mail": {"shared_prefix_tokens": 900}},
        "models": {"m": CHARGES}, "deployments": {"a": target(prompt_cache=cache)},
        "strategies": {"s": {"omni": ["a"]}}, "policy": POLICY, "finance": {"horizon_months": 1},
    }  # fmt: skip
    try:
        return "\n".join(str(notice) for notice in load(raw | sections).notices)
    except ScenarioError as error:
        return str(error)


@pytest.mark.parametrize(
    ("cache", "words"),
    [
        ({"ttl_s": 0}, "prompt_cache.ttl_s: got 0; allowed: number >= 0.001 (s)"),
        ({"step_tokens": 0}, "prompt_cache.step_tokens: got 0; allowed: whole number >= 1 (tokens)"),
        (
            {"min_tokens": 100_001},
            "min_tokens: got 100,001; allowed: at most the context of m, which is 100,000 tokens",
        ),
        ({"max_age_s": 299}, "max_age_s: got max_age_s 299; allowed: at least ttl_s, which is 300"),
        ({"ttl": 5}, "prompt_cache.ttl: no such field; did you mean ttl_s?"),
        (
            {"min_tokens": 1501},
            "a.prompt_cache: no shared prefix reaches min_tokens, 1,501 (the longest is 1,500 tokens, of task chat), so "
            "this cache keeps nothing",
        ),
    ],
)
def test_a_cache_that_cannot_be_says_why(cache: dict[str, Any], words: str) -> None:
    assert words in told(cache)


def test_a_sound_cache_says_nothing() -> None:
    assert told({}) == ""


def test_a_cache_without_a_price_of_reading_is_refused() -> None:
    assert "no cached_input price of m is known" in told({}, models={"m": MODEL})


def test_recordings_say_what_their_caches_cannot_keep() -> None:
    assert "the recording has no column prefix_tokens, so this cache keeps nothing" in told({}, at(0))
    assert told({}, asked(0, session="one")) == ""


def test_defaults_and_windows_that_do_not_fit_are_told() -> None:
    at_anthropic = {"a": target(prompt_cache={}, provider="anthropic")}
    assert "anthropic keeps them to the token" in told({}, deployments=at_anthropic)
    at_anthropic["a"]["prompt_cache"] = {"step_tokens": 1}
    assert told({}, deployments=at_anthropic) == ""
    at_anthropic["a"] |= {"model": "claude-sonnet-5-5", "prompt_cache": {"step_tokens": 1, "ttl_s": 3000}}
    listed = told({}, deployments=at_anthropic, models={})
    assert "holds for entries of 300 s; one of an hour costs twice the input price to write" in listed
    assert "a prefix lives 3600 s, and run.window_s is 3600" in told({"ttl_s": 3600})
    assert told({"ttl_s": 3599}) == ""


def test_own_hardware_whose_input_has_a_price_needs_one_for_reading() -> None:
    server = target(prompt_cache={}, limits=limits(concurrent=1), server={"gpu": "h100-80gb"})
    assert "tokens from its cache have none" in told({}, deployments={"a": server}, models={"m": MODEL})
    assert told({}, deployments={"a": server}, models={"m": READS}) == ""
    free = {"modalities": ["text"], "context_tokens": 100_000}
    assert told({}, deployments={"a": server}, models={"m": free}) == ""


def test_writing_that_gets_its_price_within_the_plan_is_refused() -> None:
    # claude-3-haiku has prices since March 2024, and its cache since August.
    haiku = {
        "a": target(model="claude-3-haiku-20240307", provider="anthropic", prompt_cache={"step_tokens": 1})
    }
    plan = {"start": "2024-06-01", "finance": {"horizon_months": 6}}
    reading = {"claude-3-haiku-20240307": {"cached_input_usd_per_mtok": 0.03}}
    words = "writing to the cache of claude-3-haiku-20240307 has a price from 2024-08-14 on, and none before"
    assert words in told({}, deployments=haiku, models=reading, **plan)
    both = {
        "claude-3-haiku-20240307": {**reading["claude-3-haiku-20240307"], "cache_write_usd_per_mtok": 0.3}
    }
    assert "writing" not in told({}, deployments=haiku, models=both, **plan)


def test_calls_above_a_long_context_threshold_are_counted_apart_with_their_meters() -> None:
    """The whole prompt decides, 1,500 tokens however many of them the cache gives."""
    found = run([*asked(0, 3), *at(6, input_tokens=1400, prefix_tokens=1200)])
    scenario, window, above = found.scenario, found.window, {"a": 1400}
    reduced = reduce_window(
        scenario, "s", window, [generate(scenario, window)], lambda _: None, long_above=above
    )
    counted = from_counts(scenario, reduced.deployments, reduced.counts)
    assert counted == count(scenario, "s", found.outcome_arrays, found.attempt_arrays, long_above=above)
    tokens = {(key.kind, key.meter): amount for key, amount in counted.items() if key.kind.startswith("api")}
    assert tokens == {
        ("api-long", "input"): 696, ("api-long", "cached_input"): 1152, ("api-long", "cache_write"): 1152,
        ("api-long", "output"): 100, ("api", "input"): 248, ("api", "cached_input"): 1152, ("api", "output"): 50,
    }  # fmt: skip


def test_the_omni_call_of_a_cascade_finds_what_the_mini_call_of_the_same_turn_left() -> None:
    """A conversation of one turn, a task without a prefix of its own: nothing but the turn itself can be found.

    Mini's call ends well at 2 s and leaves 1,500 tokens, of which 1,408 are kept in steps of 128. Its answer is turned
    down (0.1 against 0.5), and omni's call at the same place reads as much of the conversation's 1,200 tokens as is
    kept in steps, 1,152, and writes the rest of what is kept of it, 256.
    """
    verifier = {"model": "m", "input_tokens": 10, "output_tokens": 1, "latency_s": 0}
    rows = [dict(row, session="one", verifier_score=0.1) for row in asked(0)]
    found = run(
        rows,
        {"a": target(prompt_cache=KEEPS | {"conversations": True})},
        tasks={"chat": {"shared_prefix_tokens": 0}},
        strategy={
            "mini": ["a"],
            "omni": ["a"],
            "router": {"kind": "cascade", "accept_score": 0.5, "verifier": verifier},
        },
    )
    check(
        found,
        """
        request attempt deployment started_s outcome read written billed
        0       0       a          0         ok      0    1408    92
        0       1       verifier   2         ok      0    0       10
        0       2       a          2         ok      1152 256     92
        """,
    )
