"""Conversations before a run: how many turns, who would ask again, what is resent, when turns come."""

import math

import numpy as np
import pytest

from planner.scenario import load
from planner.tables import NEVER
from planner.workload import conversations
from planner.workload.arrivals import pack_name, unpack_name
from planner.workload.calibration import calibration_sample
from planner.workload.requests import as_they_came, follows, generate, generate_blocks, joined, kept
from planner.workload.windows import Window

MODEL = {"context_tokens": 10**7, "input_usd_per_mtok": 1, "output_usd_per_mtok": 2}
WINDOW = Window(0, 0, 0.0, 3600.0, 1.0, "", ())


def scenario(sessions=None, tasks=None, **traffic):
    return load(
        {
            "name": "talks",
            "traffic": {"requests_per_month": 3_000_000, "sessions": sessions or {}, **traffic},
            "tasks": tasks or {"chat": {"input_tokens": 100, "output_tokens": 40}},
            "models": {"m": MODEL},
            "deployments": {"a": {"model": "m", "latency": {"total_s": 2}}},
            "strategies": {"s": {"omni": ["a"]}},
            "finance": {"horizon_months": 1},
        }
    )


@pytest.mark.parametrize("mean", [1.0, 1.78, 3.5, 20.0])
def test_turns_are_geometric_with_the_given_mean(mean):
    cumulated = conversations.turn_chances(mean)
    chances = np.diff(cumulated, prepend=0.0)
    assert math.isclose(sum(k * p for k, p in enumerate(chances, 1)), mean, rel_tol=1e-12)
    assert cumulated[-1] == 1.0
    ratios = chances[1:20] / chances[:19] if mean > 1 else np.zeros(1)
    assert np.allclose(ratios, ratios[0], rtol=1e-9)
    if 1 < mean <= 4:  # what is cut off there is less than 1e-7
        assert math.isclose(ratios[0], 1 - 1 / mean, rel_tol=1e-6)


def test_a_fixed_size_conversation_sends_what_the_formula_says():
    """T s + u T(T+1)/2 + a T(T-1)/2 (facts: method §3.4)."""
    s, u, a = 1200, 100, 40
    tasks = {"chat": {"input_tokens": u, "output_tokens": a, "shared_prefix_tokens": s}}
    found = generate(scenario({"turns_mean": 4}, tasks), WINDOW)
    starts = np.flatnonzero(found.pause_ns == NEVER)
    lengths = np.diff(np.append(starts, found.n))
    assert lengths.max() > 8
    for start, turns in zip(starts, lengths, strict=True):
        sent = int(found.input_tokens[start : start + turns].sum())
        assert turns * s + u * turns * (turns + 1) // 2 + a * turns * (turns - 1) // 2 == sent
    assert (found.input_tokens - u == found.prefix_tokens).all()
    assert (found.shared_tokens == s).all()


def test_answers_that_are_resent_are_cut_as_they_were_given():
    tasks = {"chat": {"input_tokens": 100, "output_tokens": 40, "max_output_tokens": 15}}
    found = generate(scenario({"turns_mean": 4}, tasks), WINDOW)
    assert np.array_equal(100 + found.turn * 115, found.input_tokens)


def test_without_resending_every_turn_is_of_its_own_size():
    found = generate(scenario({"turns_mean": 4, "context": "none"}), WINDOW)
    assert set(found.input_tokens.tolist()) == {100}
    assert found.turn.max() > 5
    assert set(found.image_sets.tolist()) == {1}


def test_speech_and_images_are_sent_again():
    speech = {"modalities": ["text", "audio"], "audio": {"input_s": 6, "output_s": 5}}
    pictures = {"modalities": ["text", "vision"], "images": [{"width_px": 512, "height_px": 512}]}
    raw = scenario({"turns_mean": 4}).to_dict()
    raw["models"] = {}
    raw["tasks"] = {"talk": speech, "see": pictures}
    latency = {"latency": {"total_s": 2}}
    raw["deployments"] = {
        "a": {"model": "gpt-realtime-2.1", **latency},
        "b": {"model": "gpt-4o-2024-11-20", **latency},
    }
    raw["strategies"] = {"s": {"omni": ["a", "b"]}}
    raw["start"] = "2026-12-01"
    found = generate(load(raw), WINDOW)
    talks = found.task == 0
    assert np.array_equal(6000 * (found.turn[talks] + 1), found.audio_input_ms[talks])
    assert np.array_equal(5000 * found.turn[talks], found.resent_speech_ms[talks])
    assert np.array_equal(found.turn + 1, found.image_sets)


def test_a_task_keeps_its_share_of_requests_and_the_volume_its_mean():
    """Requests in the window are a compound Poisson count: mean 3,000,000 / 730.5 an hour."""
    tasks = {"chat": {"share": 0.7}, "mail": {"share": 0.3}}
    one = scenario({"turns_mean": 3.5}, tasks)
    total, of_chat, windows = 0, 0, 40
    for index in range(windows):
        found = generate(one, Window(index, 0, 0.0, 3600.0, 1.0, "", ()))
        total += found.n
        of_chat += int((found.task == 0).sum())
    expected = windows * 3_000_000 / 730.5
    second_moment = 2 * 3.5**2 - 3.5  # E[T^2] of a geometric law
    sd = math.sqrt(expected / 3.5 * second_moment)
    assert abs(total - expected) < 5 * sd
    assert abs(of_chat - 0.7 * expected) < 5 * math.sqrt(0.7) * sd
    assert found.n > 3 * (found.turn == 0).sum()


def test_names_hold_conversation_question_and_repeat():
    tasks = {"chat": {"requery_probability": 0.9}}
    found = generate(scenario({"turns_mean": 4}, tasks), WINDOW)
    assert len(set(found.request.tolist())) == found.n
    for i in range(200):
        cell, draw, turn = unpack_name(int(found.request[i]))
        assert (turn & 63, turn >> 6) == (found.turn[i], found.repeat[i])
        assert found.session[i] == pack_name(cell, draw) >> 8


def test_a_question_asked_again_is_the_same_and_its_answer_another_one():
    law = {"p50": 100, "p95": 900}
    tasks = {
        "chat": {
            "requery_probability": 0.9,
            "input_tokens": law,
            "output_tokens": law,
            "shared_prefix_tokens": 50,
        }
    }
    found = generate(scenario({"turns_mean": 2}, tasks), WINDOW)
    again = np.flatnonzero(found.repeat > 0)
    assert found.repeat.max() == 3
    before = again - 1
    for column in ("input_tokens", "difficulty", "sensitive", "turn", "session"):
        values = getattr(found, column)
        assert np.array_equal(values[before], values[again]), column
    assert (found.output_tokens[before] != found.output_tokens[again]).mean() > 0.9
    assert np.array_equal(found.input_tokens[again], found.prefix_tokens[again])
    share = (np.bincount(found.repeat) / (found.repeat == 0).sum())[1:]
    n = (found.repeat == 0).sum()
    for k, expected in enumerate((0.9, 0.81, 0.729)):
        assert abs(share[k] - expected) < 5 * math.sqrt(expected * (1 - expected) / n)


def test_a_closed_loop_pauses_after_answers_and_an_open_one_comes_at_its_times():
    closed = generate(scenario({"turns_mean": 4, "think_time_s": 7}), WINDOW)
    assert follows(closed)
    later = closed.pause_ns != NEVER
    assert set(closed.pause_ns[later].tolist()) == {7 * 10**9}
    assert (closed.arrived_ns[1:][later[1:]] == closed.arrived_ns[:-1][later[1:]]).all()
    opened = generate(scenario({"turns_mean": 4, "think_time_s": 7, "loop": "open"}), WINDOW)
    assert opened.is_open
    assert not follows(opened)
    assert np.array_equal(opened.arrived_ns, closed.arrived_ns + opened.turn * 7 * 10**9)


def test_nobody_thinks_longer_than_a_week():
    found = generate(scenario({"turns_mean": 4, "think_time_s": 10**8}), WINDOW)
    assert found.pause_ns.max() == 604_800 * 10**9


def test_blocks_hold_whole_conversations_and_make_the_same_requests(monkeypatch):
    one = scenario({"turns_mean": 4}, {"chat": {"requery_probability": 0.5}})
    whole = generate(one, WINDOW)
    monkeypatch.setattr("planner.workload.arrivals.BLOCK_REQUESTS", 100)
    blocks = list(generate_blocks(one, WINDOW))
    assert len(blocks) > 5
    assert all(block.pause_ns[0] == NEVER for block in blocks)
    again = joined(blocks)
    for column in ("request", "arrived_ns", "pause_ns", "input_tokens", "output_tokens", "session", "repeat"):
        assert np.array_equal(getattr(whole, column), getattr(again, column)), column


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_a_limit_cuts_the_rows(limit):
    one = scenario({"turns_mean": 4})
    whole = generate(one, WINDOW)
    assert np.array_equal(whole.request[:limit], generate(one, WINDOW, limit).request)
    blocks = joined(list(generate_blocks(one, WINDOW, limit)))
    assert np.array_equal(whole.request[:limit], blocks.request)


def test_more_volume_keeps_every_conversation():
    few, many = scenario({"turns_mean": 4}), scenario({"turns_mean": 4}, requests_per_month=3_300_000)
    names = set(generate(few, WINDOW).request.tolist())
    more = set(generate(many, WINDOW).request.tolist())
    assert names < more


def test_a_routers_sample_has_turns_of_names_of_their_own_and_nobody_who_may_never_ask():
    found = calibration_sample(scenario({"turns_mean": 4}, {"chat": {"requery_probability": 0.9}}), 500)
    assert found.n == len(set(found.request.tolist())) > 1500
    assert set(found.repeat.tolist()) == {0}
    assert len(np.unique(found.difficulty)) == found.n


def test_what_is_left_of_an_open_conversation_begins_by_itself():
    opened = generate(scenario({"turns_mean": 4, "think_time_s": 700, "loop": "open"}), WINDOW)
    late = opened.arrived_ns >= 1800 * 10**9
    left = kept(opened, late)
    assert np.array_equal(opened.arrived_ns[late], left.arrived_ns)
    begins = np.flatnonzero(left.pause_ns == NEVER)
    assert len(begins) == len(np.unique(left.session))
    assert (left.turn[begins] > 0).any()
    assert np.array_equal(
        np.diff(left.arrived_ns)[left.pause_ns[1:] != NEVER], left.pause_ns[1:][left.pause_ns[1:] != NEVER]
    )


def test_requests_as_they_came_stand_at_their_moments():
    found = generate(scenario({"turns_mean": 4}), WINDOW)
    came = np.sort(found.request[found.turn < 2])
    order = np.searchsorted(came, found.request[found.turn < 2])
    moments = np.empty(len(came), np.int64)
    moments[order] = (found.arrived_ns + found.turn * 5)[found.turn < 2]
    fixed = as_they_came(found, came, moments)
    assert fixed.is_open
    assert fixed.n == len(came)
    assert set(fixed.turn.tolist()) == {0, 1}
    assert (fixed.pause_ns[fixed.turn == 1] == 5).all()
    assert (fixed.pause_ns[fixed.turn == 0] == NEVER).all()
