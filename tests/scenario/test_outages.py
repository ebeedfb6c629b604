"""What is said of fields of an outage that its mode does not read."""

import pytest

from tests.scenario.samples import notices_with

WINDOW = {"from_s": 0, "to_s": 60}


@pytest.mark.parametrize(
    ("field", "value", "mode", "modes"),
    [
        ("retry_after_s", 5, "error", "limited"),
        ("slowdown", 2, "limited", "degraded"),
        ("status", 500, "hang", "error"),
        ("error_latency_s", 1, "degraded", "error and limited"),
    ],
)
def test_a_field_that_the_mode_does_not_read_is_noticed(
    field: str, value: float, mode: str, modes: str
) -> None:
    told = f"unused: mode is {mode}; {field} is read in mode {modes}"
    window = {**WINDOW, "mode": mode, field: value}
    assert notices_with({"deployments.a.outages": [window]}) == [f"deployments.a.outages[0].{field}: {told}"]
    law = {"mtbf_h": 100, "duration_h": 1, "mode": mode, field: value}
    assert notices_with({"deployments.a.outages": law}) == [f"deployments.a.outages.{field}: {told}"]


def test_fields_that_the_mode_reads_are_silent() -> None:
    limited = {**WINDOW, "mode": "limited", "retry_after_s": 5, "error_latency_s": 1, "share": 0.5}
    assert notices_with({"deployments.a.outages": [limited]}) == []
