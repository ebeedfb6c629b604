"""What a reader is told about quotas that are longer than a minute, or that several deployments share."""

from typing import Any

from planner.experiments.assumptions import notices
from tests.scenario.samples import scenario

NUMBERS = {"requests_per_minute": 600, "tokens_per_minute": None, "charge": "estimate"}


def told(name: str = "a", others: dict[str, Any] | None = None, **given: Any) -> list[str]:
    """Notices about limits, of a sample whose deployment has the given ones."""
    found = scenario(
        {f"deployments.{name}.limits": NUMBERS | given, "run.window_s": 86_400, **(others or {})}
    )
    return [notice for notice in notices(found) if "day" in notice or "limits" in notice]


def test_a_cap_of_a_day_says_when_windows_begin() -> None:
    assert told(requests_per_day=900, day_resets_at=8) == [
        "A cap of a day at a: every simulated window holds whole days and begins at 08:00 UTC, when the cap is whole again."
    ]
    rows = [{"arrival_s": 0, "input_tokens": 1, "output_tokens": 1}]
    trace = {"traffic": {"trace": {"rows": rows}, "requests_per_month": 1000}}
    assert told(others=trace, requests_per_day=900) == [
        "A cap of a day at a: the recording is taken to begin at 00:00 UTC with nothing used of it."
    ]


def test_google_s_day_begins_at_eight() -> None:
    gemini = {"deployments.a": {"model": "gemini-2.5-flash", "provider": "google"}}
    found = scenario(
        {"start": "2025-08-01"}
        | gemini
        | {"deployments.a.limits": NUMBERS | {"requests_per_day": 900}, "run.window_s": 86_400}
    )
    assert any("08:00 UTC" in notice for notice in notices(found))


def test_quotas_and_shared_limits_are_told() -> None:
    assert told(windows=[{"requests": 9, "per_s": 3600}]) == [
        "Quotas of limits.windows at a are whole at the start of every simulated window, and their windows are counted "
        "from there."
    ]
    both = {"deployments.b.provider": "openai", "deployments.b.limits": NUMBERS | {"scope": "provider"}}
    assert told(others=both, scope="provider") == [
        "Deployments a, b draw on the same limits (provider openai), except for calls at once."
    ]
