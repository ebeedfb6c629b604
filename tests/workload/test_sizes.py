"""Sizes on a model: tokens by hand, caps, hidden tokens, and who is too large for what."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import catalogue
from planner.catalogue import UnknownModel, prices
from planner.errors import ScenarioError
from planner.workload.requests import from_frame
from planner.workload.sizes import eligible_task, resolve_model, sizes
from tests.workload.small import BASE, PHOTO, small

OMNI, MINI, AUDIO = "gpt-4o-2024-11-20", "gpt-4o-mini-2024-07-18", "gpt-4o-audio-preview-2024-12-17"
OWN_TASKS = {"text": {}, "photo": {"modalities": ["text", "vision"], "images": PHOTO["images"] * 2}}


def row(task="faq", sent=1000, answer=100, **more):
    return {"arrival_s": 0, "task": task, "input_tokens": sent, "output_tokens": answer, **more}


def sized(scenario, model, *rows, provider=None):
    requests = from_frame(scenario, list(rows))
    return sizes(scenario, requests, resolve_model(scenario, model, provider))


def with_own(model="own", **fields):
    deployments = {**BASE["deployments"], "own": {"model": model}}
    return small(models={model: fields}, deployments=deployments)


def test_a_photo_costs_33_times_more_on_mini_but_fills_the_window_alike():
    scenario = small()
    omni, mini = (resolve_model(scenario, name, "openai") for name in (OMNI, MINI))
    # 1024 x 1024 shrinks to 768 x 768, four tiles of 512
    assert (omni.image_tokens["photo"], mini.image_tokens["photo"]) == (85 + 4 * 170, 2833 + 4 * 5667)
    assert (omni.image_context_tokens["photo"], mini.image_context_tokens["photo"]) == (765, 765)
    found = sized(scenario, MINI, row("photo"), row("faq"))
    assert found.image.tolist() == [25_501, 0]


def test_images_of_one_request_add_up():
    scenario = small(tasks=OWN_TASKS)
    assert resolve_model(scenario, OMNI, None).image_tokens == {"text": 0, "photo": 2 * 765}


def test_a_catalogue_model_brings_its_window_longest_answer_and_hidden_tokens():
    model = resolve_model(small(), "o1-mini", "openai")
    assert (model.context_tokens, model.max_output_tokens) == (128_000, 65_536)
    assert model.reasoning_tokens_per_output_token == 4.0
    assert model.streaming is False
    assert resolve_model(small(), OMNI, "openai").streaming is True


def test_sizes_are_a_models_own_whoever_serves_it():
    """Engines work them out once a model: a provider may only change when tokens are seen."""
    scenario, more_than_one = small(tasks={"text": {}}), 0
    for name in catalogue.names():
        sellers = prices.providers(name)
        more_than_one += len(sellers) > 1
        for seller in sellers:
            found = resolve_model(scenario, name, seller)
            alone = resolve_model(scenario, name, None)
            assert replace(found, streaming=alone.streaming) == alone
            rows = [row("text", sent=900, answer=70), row("text", sent=10_000_000)]
            one, other = (sized(scenario, name, *rows, provider=who) for who in (seller, None))
            for column in fields(one):
                assert np.array_equal(getattr(one, column.name), getattr(other, column.name)), column.name
    assert more_than_one > 3


def test_own_figures_win_over_the_catalogue():
    scenario = with_own(
        "o1-mini",
        reasoning_tokens_per_output_token=2.5,
        context_tokens=5000,
        max_output_tokens=50,
        input_token_factor=1.1,
    )
    model = resolve_model(scenario, "o1-mini", "openai")
    assert model.reasoning_tokens_per_output_token == 2.5
    assert (model.context_tokens, model.window_tokens, model.max_output_tokens) == (5000, 5000, 50)
    assert (model.input_token_factor, model.output_token_factor) == (1.1, 1.0)


def test_zero_hidden_tokens_may_be_given():
    scenario = with_own("o1-mini", reasoning_tokens_per_output_token=0)
    assert resolve_model(scenario, "o1-mini", None).reasoning_tokens_per_output_token == 0.0


def test_an_own_model_takes_text_without_limit_unless_it_says_otherwise():
    scenario = with_own()
    model = resolve_model(scenario, "own", None)
    assert model.modalities == {"text"}
    assert (model.context_tokens, model.window_tokens, model.max_output_tokens) == (None, None, None)
    found = sized(scenario, "own", row(sent=10**12, answer=7), row("photo"))
    assert found.eligible.tolist() == [True, False]
    assert found.over_context.tolist() == [False, False]
    assert found.max_output.tolist() == [7, 100]


def test_a_model_that_nobody_knows_is_refused():
    with pytest.raises(UnknownModel, match="gpt-4o-mni"):
        resolve_model(small(), "gpt-4o-mni", None)


def test_hidden_tokens_follow_the_visible_ones_half_to_even():
    scenario = with_own(reasoning_tokens_per_output_token=0.5)
    found = sized(scenario, "own", *(row(answer=answer) for answer in (1, 3, 5, 8)))
    assert found.reasoning.tolist() == [0, 2, 2, 4]


def test_factors_scale_counts_half_to_even_and_never_to_nothing():
    scenario = with_own(input_token_factor=1.5, output_token_factor=0.1)
    found = sized(scenario, "own", row(sent=1, answer=1), row(sent=3, answer=25), row(sent=0, answer=0))
    assert found.input.tolist() == [2, 4, 0]
    assert found.output.tolist() == [1, 2, 0]


def test_an_answer_recorded_for_the_model_is_taken_as_it_is():
    scenario = with_own(output_token_factor=10, reasoning_tokens_per_output_token=2)
    found = sized(scenario, "own", row(**{"output_tokens.own": 33}), row(), row(**{"output_tokens.own": 0}))
    assert found.output.tolist() == [33, 1000, 0]
    assert found.reasoning.tolist() == [66, 2000, 0]
    other = sized(scenario, OMNI, row(**{"output_tokens.own": 33}))
    assert other.output.tolist() == [100]


def test_answers_are_cut_at_the_lesser_cap_of_task_and_model():
    tasks = {"capped": {"max_output_tokens": 80}, "wide": {"max_output_tokens": 90_000}, "free": {}}
    scenario = small(tasks=tasks)
    found = sized(scenario, OMNI, *(row(task, answer=20_000) for task in tasks))
    assert found.output.tolist() == [80, 16_384, 16_384]
    assert found.max_output.tolist() == [80, 16_384, 16_384]


def test_prompt_and_possible_answer_must_fit_the_window():
    tasks = {"capped": {"max_output_tokens": 1000}, "free": {}}
    scenario = small(tasks=tasks)
    sent = [127_000, 127_001, 127_900, 127_901, 128_001]
    found = sized(scenario, OMNI, *(row(task, size, answer=100) for task in tasks for size in sent))
    capped, free = found.eligible.reshape(2, 5).tolist()
    assert capped == [True, False, False, False, False]
    assert free == [True, True, True, False, False]
    assert (found.over_context == ~found.eligible).all()


def test_hidden_tokens_take_room_in_the_window():
    found = sized(small(), "o1-mini", row(sent=127_500, answer=100), row(sent=127_501, answer=100))
    assert found.eligible.tolist() == [True, False]  # 127,500 + 100 + 400 = 128,000


def test_a_separate_prompt_limit_holds_beside_the_whole_window():
    scenario = small()
    model = resolve_model(scenario, "gpt-5", "openai")
    assert (model.context_tokens, model.window_tokens) == (272_000, 400_000)
    found = sized(scenario, "gpt-5", row(sent=272_000, answer=10), row(sent=272_001, answer=10))
    assert found.eligible.tolist() == [True, False]


def test_images_fill_the_window_by_their_context_tokens():
    scenario = small()
    limit = 128_000 - 765 - 100
    found = sized(scenario, MINI, row("photo", limit), row("photo", limit + 1))
    assert found.eligible.tolist() == [True, False]
    assert found.over_context.tolist() == [False, True]


def test_a_model_that_cannot_see_is_not_over_its_context():
    found = sized(small(), "o1-mini", row("photo"))
    assert (found.eligible.tolist(), found.over_context.tolist()) == ([False], [False])
    assert found.image.tolist() == [0]


def test_eligibility_of_a_task_is_about_modalities():
    scenario = small()
    o1_mini, omni = resolve_model(scenario, "o1-mini", None), resolve_model(scenario, OMNI, None)
    assert [eligible_task(scenario, task, o1_mini) for task in ("faq", "photo")] == [True, False]
    assert [eligible_task(scenario, task, omni) for task in ("faq", "photo")] == [True, True]


def test_speech_is_counted_by_the_second_in_and_out():
    tasks = {"voice": {"modalities": ["text", "audio"], "audio": {"input_s": 6.25, "output_s": 3.5}}}
    scenario = small(tasks=tasks)
    found = sized(scenario, AUDIO, row("voice", sent=10, answer=40))
    assert (found.audio_input.tolist(), found.audio_output.tolist()) == ([62], [70])  # 62.5 half to even
    assert found.output.tolist() == [40]  # the transcript
    listens = sized(scenario, "gemini-2.5-flash", row("voice"))
    assert (listens.audio_input.tolist(), listens.audio_output.tolist()) == ([200], [0])
    assert sized(scenario, OMNI, row("voice")).eligible.tolist() == [False]


def test_own_image_tokens_are_per_image():
    deployments = {"own": {"model": "own"}}
    models = {"own": {"modalities": ["text", "vision"], "image_tokens": 300}}
    scenario = small(
        tasks=OWN_TASKS, models=models, deployments=deployments, strategies={"s": {"omni": ["own"]}}
    )
    model = resolve_model(scenario, "own", None)
    assert model.image_tokens == model.image_context_tokens == {"text": 0, "photo": 600}


def test_images_on_an_own_model_without_a_rule_are_refused():
    scenario = with_own(modalities=["text", "vision"])
    with pytest.raises(ScenarioError) as caught:
        resolve_model(scenario, "own", None)
    assert str(caught.value) == (
        "models[own].image_tokens: the tokens of images in task photo are not known: "
        "'own' is not a model of the catalogue\n"
        "1 problem in the scenario; nothing was run."
    )


def test_speech_on_an_own_model_is_refused():
    tasks = {"voice": {"modalities": ["text", "audio"], "audio": {"input_s": 6}}}
    scenario = with_own(modalities=["text", "audio"]).model_copy(update={"tasks": small(tasks=tasks).tasks})
    with pytest.raises(ScenarioError, match="the tokens of speech in task voice are not known"):
        resolve_model(scenario, "own", None)


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 20_000)), min_size=1, max_size=20))
def test_a_request_is_eligible_exactly_where_its_sum_fits(pairs):
    found = sized(small(), OMNI, *(row(sent=sent, answer=answer) for sent, answer in pairs))
    expected = [sent + min(answer, 16_384) <= 128_000 for sent, answer in pairs]
    assert found.eligible.tolist() == expected
    assert (found.output <= found.max_output).all()
    assert found.input.dtype == np.int64
