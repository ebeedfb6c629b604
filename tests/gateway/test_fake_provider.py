"""The fake providers do what their script says, seen by a plain HTTP client; the router is not needed for this."""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.fake_provider import FakeProviders, Fault, Script

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "three words here"}]})
SCRIPTS = {
    "plain": Script(latency_s=(0.1, 0.0), completion_tokens=7),
    "limited": Script(faults=[Fault(mode="limited", retry_after_s=1.5, to_call=1)]),
    "down": Script(faults=[Fault(mode="error", status=503, to_s=0.3, after_s=0.05)]),
    "silent": Script(faults=[Fault(mode="hang")]),
    "strict": Script(
        faults=[Fault(mode="content_filter", to_call=1), Fault(mode="context_window", from_call=2)]
    ),
}


@pytest.fixture
def providers() -> Iterator[FakeProviders]:
    with FakeProviders(SCRIPTS) as running:
        running.start_clock()
        yield running


def ask(
    providers: FakeProviders, provider: str, timeout_s: float = 5
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Send one call on a connection of its own and give (status, document, headers)."""
    connection = http.client.HTTPConnection("127.0.0.1", providers.port, timeout=timeout_s)
    try:
        connection.request("POST", f"/{provider}/v1/chat/completions", BODY)
        response = connection.getresponse()
        return response.status, json.loads(response.read()), dict(response.getheaders())
    finally:
        connection.close()


def test_an_answer_names_its_provider_and_counts_words_and_scripted_tokens(providers: FakeProviders) -> None:
    status, document, _ = ask(providers, "plain")
    assert status == 200
    assert document["id"] == "plain-1"
    assert document["usage"] == {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}


def test_a_list_of_latencies_gives_one_to_each_call_and_the_last_to_the_rest(
    providers: FakeProviders,
) -> None:
    for _ in range(3):
        ask(providers, "plain")
    took_s = [call.took_s for call in providers.calls()]
    assert took_s[0] >= 0.1
    assert max(took_s[1:]) < 0.1


def test_a_limited_call_carries_retry_after_and_the_next_one_is_served(providers: FakeProviders) -> None:
    status, _, headers = ask(providers, "limited")
    assert (status, headers["retry-after"]) == (429, "1.5")
    assert ask(providers, "limited")[0] == 200


def test_an_outage_ends_at_its_time_and_takes_its_time_to_say_no(providers: FakeProviders) -> None:
    assert ask(providers, "down")[0] == 503
    time.sleep(0.3)
    assert ask(providers, "down")[0] == 200
    first, second = providers.calls()
    assert first.took_s >= 0.05
    assert first.at_s < 0.3 <= second.at_s


def test_a_provider_that_hangs_records_a_caller_who_left_without_an_answer(providers: FakeProviders) -> None:
    with pytest.raises(TimeoutError):
        ask(providers, "silent", timeout_s=0.2)
    time.sleep(0.1)
    (call,) = providers.calls()
    assert call.status is None
    assert 0.15 < call.took_s < 0.3


def test_both_kinds_of_400_are_told_apart_by_their_code(providers: FakeProviders) -> None:
    answers = [ask(providers, "strict") for _ in range(2)]
    assert [status for status, _, _ in answers] == [400, 400]
    codes = [document["error"]["code"] for _, document, _ in answers]
    assert codes == ["invalid_prompt", "context_length_exceeded"]


def test_starting_the_clock_forgets_calls_and_numbers(providers: FakeProviders) -> None:
    ask(providers, "limited")
    providers.start_clock()
    assert ask(providers, "limited")[0] == 429
    (call,) = providers.calls()
    assert call.at_s < 1


def test_a_provider_without_a_script_is_named(providers: FakeProviders) -> None:
    status, document, _ = ask(providers, "other")
    assert status == 404
    assert document["error"]["message"] == "no provider 'other' in the script"


def test_an_unknown_mode_and_an_unknown_field_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mode: got 'slow'; allowed: error, limited"):
        Fault(mode="slow")
    with pytest.raises(TypeError, match="latency"):
        Script.read({"latency": 1})
