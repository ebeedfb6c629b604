"""How figures and texts are written on the page.

Thousands are separated, amounts under a cent show significant digits, shares are per cent, and what is
unknown is a dash, never 0.
"""

import re

from planner.experiments.words import (
    DASH,
    amount,
    count,
    interval,
    is_unknown,
    number,
    pd_na,
    share_of,
    signed_amount,
    unit_cost,
)

MINUS = "\N{MINUS SIGN}"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>$~|#:])")

# Measures in reading order: name in words, by measure.
MEASURES = {
    "latency_mean_s": "latency, mean",
    "latency_p50_s": "latency, p50",
    "latency_p90_s": "latency, p90",
    "latency_p95_s": "latency, p95",
    "latency_p99_s": "latency, p99",
    "ttft_mean_s": "time to first token, mean",
    "ttft_p50_s": "time to first token, p50",
    "ttft_p90_s": "time to first token, p90",
    "ttft_p95_s": "time to first token, p95",
    "ttft_p99_s": "time to first token, p99",
    "wait_mean_s": "wait, mean",
    "wait_p50_s": "wait, p50",
    "wait_p90_s": "wait, p90",
    "wait_p95_s": "wait, p95",
    "wait_p99_s": "wait, p99",
    "speed_mean": "output speed, mean",
    "speed_p05": "output speed, slowest 5 %",
    "speed_p50": "output speed, p50",
    "speed_p90": "output speed, p90",
    "speed_p95": "output speed, p95",
    "speed_p99": "output speed, p99",
    "availability": "availability",
    "accuracy": "right answers, of rated",
    "omni_share": "sent to omni",
    "goodput_per_s": "goodput (requests that meet every target)",
    "attempts_mean": "calls per request",
    "repeated_share": "questions asked once more",
    "unasked_share": "turns never asked, of the traffic",
    "over_context_share": "beyond a context window",
    "sensitive_outside": "sensitive requests sent outside, per window",
    "input_tokens_mean": "input tokens, mean",
    "input_tokens_p50": "input tokens, p50",
    "input_tokens_p95": "input tokens, p95",
    "output_tokens_mean": "output tokens, mean",
    "output_tokens_p50": "output tokens, p50",
    "output_tokens_p95": "output tokens, p95",
    "requests_arrived": "requests arrived, per window",
    "requests_completed": "requests completed, per window",
    "requests_failed": "requests failed, per window",
    "turns_per_month": "user turns in a mean month",
    "conversations_per_month": "conversations in a mean month",
    "users_active_per_day": "active users per day",
}
CAUSES = {
    "provider-error": "the provider answered with errors",
    "limit": "a rate limit refused it",
    "own-breaker": "our own breaker was open",
    "queue": "the queue was full or too slow",
    "deadline": "its deadline passed",
    "timeout": "the calls timed out",
    "no-eligible-deployment": "no deployment could take it",
    "too-large": "it was larger than a limit's bucket",
    "content-policy": "a content filter refused the prompt",
    "expired": "the batch API had no answer in its window",
}


def markdown(text: str) -> str:
    """Text that Markdown shows as it is.

    >>> markdown("5 $ for [gpt_4]")
    '5 \\\\$ for \\\\[gpt\\\\_4\\\\]'
    """
    return _MARKDOWN.sub(r"\\\1", text)


__all__ = [
    "CAUSES",
    "DASH",
    "MEASURES",
    "MINUS",
    "amount",
    "count",
    "interval",
    "is_unknown",
    "markdown",
    "number",
    "pd_na",
    "share_of",
    "signed_amount",
    "unit_cost",
]
