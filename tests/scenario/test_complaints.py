"""Exact texts of what a single field can be told."""

from typing import Any

import pytest

from planner.scenario.declared import walk
from planner.scenario.laws import LAW_TEXT
from tests.scenario.samples import problems_with


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # numbers: kind, bounds, unit, what null means
        ("policy.retries", -1, "got -1; allowed: whole number 0 to 100 (retries)"),
        ("policy.retries", 1.5, "got 1.5; allowed: whole number 0 to 100 (retries)"),
        ("policy.retries", True, "got true; allowed: whole number 0 to 100 (retries)"),
        ("policy.retries", "3", "got the text '3'; allowed: whole number 0 to 100 (retries); write 3 without quotes"),
        ("policy.retries", None, "got null; allowed: whole number 0 to 100 (retries)"),
        ("policy.timeout_s", 0, "got 0; allowed: number > 0, at most 86400 (s), or null: never"),
        ("policy.timeout_s", "12:30", "got the text '12:30'; allowed: number > 0, at most 86400 (s), or null: never"),
        ("policy.timeout_s", "none", "got the text 'none'; allowed: number > 0, at most 86400 (s), or null: never; write null"),
        ("policy.queue_limit", [1], "got [1]; allowed: whole number >= 0 (requests), or null for none"),
        ("run.max_in_flight", 10**10, "got 10000000000; allowed: whole number 1 to 1000000000 (requests)"),
        ("run.max_in_flight", 0, "got 0; allowed: whole number >= 1 (requests)"),
        ("traffic.growth_per_month", 2, "got 2; allowed: -0.5 to 1 (1/month)"),
        ("finance.discount_rate", -1, "got -1; allowed: number > -1, at most 10 (1/year)"),
        ("tasks.faq.accuracy.m", 1, "got 1; allowed: number > 0, below 1 (share)"),
        ("models.m.ability.faq", "high", "got the text 'high'; allowed: number"),
        ("models.m.input_usd_per_mtok", -1, "got -1; allowed: number >= 0 (USD/1e6 tokens), or null: from the catalogue"),
        ("deployments.a.limits.tokens_per_minute", 1.5, "got 1.5; allowed: whole number >= 1 (tokens/min), or null for none"),
        ("deployments.a.limits.tokens_per_minute", "catalog",
         "got the text 'catalog'; allowed: whole number >= 1 (tokens/min), or null for none; did you mean catalogue?"),
        ("deployments.a.limits.concurrent", True, "got true; allowed: whole number >= 1 (calls), or null for none"),
        ("schema", 2, "got 2; allowed: 1"),
        ("schema", True, "got true; allowed: 1"),
        # booleans of YAML 1.1
        ("policy.sleep_after_last", "no", "got the text 'no'; allowed: true or false; write false"),
        ("policy.sleep_after_last", "On", "got the text 'On'; allowed: true or false; write true"),
        ("policy.sleep_after_last", 0, "got 0; allowed: true or false"),
        # text, choices, dates
        ("name", 5, "got 5; allowed: text of 1 to 200 characters; write '5' in quotes"),
        ("name", "", "got ''; allowed: text of 1 to 200 characters"),
        ("objective", "cheap", "got 'cheap'; allowed: economic or invoiced"),
        ("objective", "invoced", "got 'invoced'; allowed: economic or invoiced; did you mean invoiced?"),
        ("deployments.a.trust", "house",
         "got 'house'; allowed: outside, contract, in-house or device, or null: device for a device, "
         "in-house for a server, else outside; did you mean in-house?"),
        ("start", "2025-02-30", "got '2025-02-30'; allowed: a date, YYYY-MM-DD"),
        ("start", 2025, "got 2025; allowed: a date, YYYY-MM-DD"),
        ("start", "20250101", "got '20250101'; allowed: a date, YYYY-MM-DD"),
        # sections, maps and lists
        ("slo", 5, "got 5; allowed: {p95_latency_s, p95_ttft_s, min_tokens_per_s, availability, accuracy, sensitive_outside}"),
        ("run", [], "got []; allowed: {seed, replications, window_s, max_in_flight}"),
        ("tasks.faq.modalities", "text", "got the text 'text'; allowed: a list of text, vision or audio with at least one item"),
        ("tasks.faq.modalities", [], "got []; allowed: a list of text, vision or audio with at least one item"),
        ("tasks.faq.images", {"width_px": 1}, "got {width_px: 1}; allowed: a list of {width_px, height_px}"),
        ("strategies.omni-only.omni", "a", "got the text 'a'; allowed: a list of names"),
        ("strategies.omni-only.omni", [], "got an empty list; allowed: at least one deployment"),
        ("strategies.omni-only.omni", [["a"], []], "got an empty list; allowed: at least one deployment"),
        # unknown keys
        ("policy.timeout", 5, "no such field; did you mean timeout_s?"),
        ("gateway.zebra", 5, "no such field; known here: kind, fee, latency_s, limits, outages, routing"),
        ("policy.zebra", 5, "no such field"),
        # forms
        ("deployments.a.latency", 5, "got 5; allowed: catalogue, {ttft_s, tokens_per_s} or {total_s}"),
        ("deployments.a.latency", "catalog",
         "got 'catalog'; allowed: catalogue, {ttft_s, tokens_per_s} or {total_s}; did you mean catalogue?"),
        ("deployments.a.errors", 0.1, "got 0.1; allowed: catalogue or {rate, status, latency_s, mid_stream}, or null for none"),
        ("deployments.a.outages", "none",
         "got 'none'; allowed: catalogue, a list of {from_s, to_s} or {mtbf_h, duration_h}, or null for none; write null"),
        ("traffic.weekly_shape", "flt",
         "got 'flt'; allowed: flat, business-hours, consumer-evening or a list of numbers; did you mean flat?"),
        ("traffic.weekly_shape", [1, 2], "got 2 weights; allowed: 168 numbers >= 0, not all 0, Monday 00:00 UTC first"),
        ("strategies.omni-only.rules", [{"when": {"task": "faq"}, "to": 5}], None),
        # not simulated yet
        ("traffic.sessions.loop", "half", "got 'half'; allowed: closed or open"),
        ("traffic.bursts.kind", "cox", "not supported yet: bursts cox"),
        ("tasks.faq.urgency", "night", "got 'night'; allowed: interactive or batch"),
        ("currency", "PLN", "got 'PLN'; allowed: USD, EUR, GBP, CHF or JPY"),
        # sections that must hold together
        ("traffic.trace", {}, "got neither file nor rows; allowed: one of file and rows"),
        ("traffic.trace", {"file": "x.csv", "rows": []}, "got both file and rows; allowed: one of file and rows"),
        ("policy.backoff", {"kind": "fixed"}, "got kind fixed without waits_s; allowed: waits_s beside it"),
    ],
)  # fmt: skip
def test_one_field_has_one_text(path: str, value: Any, message: str | None) -> None:
    if message is None:
        path, message = f"{path}[0].to", "got 5; allowed: text or a list of names"
        value = [{"when": {"task": "faq"}, "to": 5}]
        assert problems_with({"strategies.omni-only.rules": value}) == [f"{path}: {message}"]
        return
    assert problems_with({path: value}) == [f"{path}: {message}"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"deployments.a.latency": {"ttft_s": 1, "tokens_per_s": 5, "total_s": 2}},
            [
                "deployments.a.latency.ttft_s: does not go with the fields beside it; "
                "allowed: catalogue, {ttft_s, tokens_per_s} or {total_s}",
                "deployments.a.latency.tokens_per_s: does not go with the fields beside it; "
                "allowed: catalogue, {ttft_s, tokens_per_s} or {total_s}",
            ],
        ),
        (
            {"deployments.a.latency": {"ttft_s": 1}},
            ["deployments.a.latency.tokens_per_s: must be given: output speed, hidden tokens included"],
        ),
        (
            {"strategies.omni-only.mini": ["b"], "strategies.omni-only.router": {"kind": "treshold", "omni_share": 0.1}},
            ["strategies.omni-only.router.kind: got 'treshold'; allowed: threshold or cascade; did you mean threshold?"],
        ),
        (
            {"strategies.omni-only.mini": ["b"], "strategies.omni-only.router": {"omni_share": 0.1, "threshold": 0.5}},
            ["strategies.omni-only.router: got both omni_share and threshold; allowed: one of them"],
        ),
        (
            {"deployments.a.outages": [{"from_s": 5, "to_s": 5}, {"from_s": -1, "to_s": 5, "mode": "hangs"}]},
            [
                "deployments.a.outages[0].to_s: got to_s 5; allowed: later than from_s, which is 5",
                "deployments.a.outages[1].from_s: got -1; allowed: number >= 0 (s)",
                "deployments.a.outages[1].mode: got 'hangs'; allowed: error, hang, degraded or limited; did you mean hang?",
            ],
        ),
        (
            {"policy.backoff": {"kind": "fixed", "waits_s": [1], "base_s": 2}},
            ["policy.backoff.base_s: got base_s with kind fixed; allowed: spread, waits_s"],
        ),
        (
            {"strategies.omni-only.omni": ["a", 5]},
            ["strategies.omni-only.omni[1]: got 5; allowed: a deployment's name, or a list of names"],
        ),
        (
            {"strategies.omni-only.rules": [{"when": {}, "to": "omni"}]},
            ["strategies.omni-only.rules[0].when: got no condition; "
             "allowed: sensitive, context_tokens_over, modality or task"],
        ),
        (
            {"tasks": {"faq": {}, "A Task": {}}},
            ["tasks[A Task]: got 'A Task'; allowed: a name of lower-case letters, digits and dashes "
             "that begins with a letter or digit; did you mean a-task?"],
        ),
    ],
)  # fmt: skip
def test_sections_that_must_hold_together(changes: dict[str, Any], expected: list[str]) -> None:
    assert problems_with(changes) == expected


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("fast", f": got the text 'fast'; allowed: {LAW_TEXT}"),
        (None, f": got null; allowed: {LAW_TEXT}"),
        (True, f": got true; allowed: {LAW_TEXT}"),
        (-1, ": got -1; allowed: a number >= 0"),
        (1e9, ": got 1000000000; allowed: a number >= 0, at most 1e+08"),
        ({}, f": got {{}}; allowed: {LAW_TEXT}"),
        ({"p50": 5}, f": got no p95; allowed: {LAW_TEXT}"),
        ({"p50": 5, "p95": 2}, ".p95: got 2; allowed: at least p50, which is 5"),
        ({"p50": 0, "p95": 2}, ".p50: got 0; allowed: a number > 0"),
        ({"p50": "5", "p95": 9}, ".p50: got the text '5'; allowed: a number > 0"),
        ({"p50": 1, "p99": 2}, f".p99: got the key p99 beside p50; allowed: {LAW_TEXT}"),
        ({"mean": 1, "cv": 1, "kind": "beta"}, ".kind: got the text 'beta'; allowed: lognormal or gamma"),
        ({"mean": 1, "cv": 1e200}, ".cv: got 1e+200; allowed: a number >= 0, at most 1e+08"),
        ({"mean": 1, "cv": 1e-200}, ".cv: got 1e-200; allowed: 0, or 1e-06 to 1000"),
        ({"p50": 1e-8, "p95": 1e8}, ": got a law with mean inf; allowed: a law with a mean of at most 1e+08"),
        ({"mixture": []}, ".mixture: got []; allowed: a list of {weight, law}"),
        (
            {"mixture": [{"weight": 0.5, "law": 1}]},
            ".mixture: got weights that sum to 0.5; allowed: weights that sum to 1",
        ),
        (
            {"mixture": [{"weight": 1, "law": {"fixed": "x"}}]},
            ".mixture[0].law.fixed: got the text 'x'; allowed: a number >= 0",
        ),
        ({"empirical": 5}, ".empirical: got 5; allowed: 1 to 100000 numbers, or a file of them"),
        ({"empirical": []}, ".empirical: got 0 values; allowed: 1 to 100000 numbers, or a file of them"),
        ({"empirical": [1, "x"]}, ".empirical[1]: got the text 'x'; allowed: a number >= 0"),
        (
            {"empirical": "none.csv"},
            ".empirical: got 'none.csv'; allowed: a readable file of numbers (no such file)",
        ),
    ],
)
def test_a_law_says_what_is_wrong_and_where_inside(law: Any, message: str) -> None:
    if law == {"p50": 1e-8, "p95": 1e8}:
        found = problems_with({"tasks.faq.input_tokens": law})
        assert len(found) == 1
        assert found[0].endswith("allowed: a law with a mean of at most 1e+08")
        return
    assert problems_with({"tasks.faq.input_tokens": law}) == [f"tasks.faq.input_tokens{message}"]


def test_every_field_that_is_not_simulated_yet_refuses_all_but_its_neutral_value() -> None:
    refused = [(path, place) for path, place in walk() if place.later is not None]
    assert len(refused) > 10
    places = {"TASK": "faq", "DEPLOYMENT": "a", "STRATEGY": "omni-only", "MODEL": "m"}
    for path, place in refused:
        text = ".".join(places.get(str(step), str(step)) for step in path)
        if ".server." in text:
            continue
        message = f"{text}: not supported yet: {place.later}"
        assert message in problems_with({text: {"anything": 1}})
        assert message not in problems_with({text: place.default})


def test_every_field_of_a_server_for_batching_is_refused() -> None:
    for name in ("dispatch", "scheduler", "batch_cap", "kv_blocks", "iteration", "failures"):
        changes = {
            "deployments.b.server": {"gpu": "l40s", name: 1},
            "deployments.b.limits": {"concurrent": 4},
        }
        assert problems_with(changes) == [f"deployments.b.server.{name}: not supported yet: batching servers"]


def test_collections_have_a_largest_size() -> None:
    many = {f"s{i}": {"omni": ["a"]} for i in range(101)}
    assert problems_with({"strategies": many}) == [
        "strategies: got 101 of them; allowed: a mapping of names, at most 100 of them"
    ]
    rules = [{"when": {"task": "faq"}, "to": "omni"}] * 101
    assert problems_with({"strategies.omni-only.rules": rules}) == [
        "strategies.omni-only.rules: got 101 of them; allowed: a list of {when, to}, at most 100 of them"
    ]
