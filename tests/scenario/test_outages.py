"""What is said of fields of an outage that its mode does not read."""

import pytest

from tests.scenario.samples import notices_with, problems_with

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


# -- kinds, regions, pairs ---------------------------------------------------------------------------

LAW = {"mtbf_h": 100, "duration_h": 1}
TWO = {
    "deployments.b.provider": "azure",
    "deployments.b.outages": LAW | {"mtbf_h": 50},
    "deployments.a.outages": LAW,
}


def pairs(*found: tuple[str, str, float]) -> dict[str, object]:
    return {"outages_together": [{"providers": [one, other], "share": share} for one, other, share in found]}


def test_kinds_stand_instead_of_what_one_kind_would_say() -> None:
    kinds = [{"weight": 1}, {"weight": 2, "mode": "degraded", "slowdown": 2}]
    assert notices_with({"deployments.a.outages": LAW | {"kinds": kinds}}) == []
    assert problems_with({"deployments.a.outages": LAW | {"kinds": kinds, "status": 500}}) == [
        "deployments.a.outages.status: got status beside kinds; allowed: status in each of kinds, or no kinds"
    ]
    assert problems_with({"deployments.a.outages": LAW | {"kinds": [{"weight": 0}]}}) == [
        "deployments.a.outages.kinds[0].weight: got 0; allowed: number > 0 (weight)"
    ]
    assert notices_with({"deployments.a.outages": LAW | {"kinds": [{"weight": 1, "slowdown": 2}]}}) == [
        "deployments.a.outages.kinds[0].slowdown: unused: mode is error; slowdown is read in mode degraded"
    ]


def test_a_kind_that_hangs_needs_a_timeout_like_any_hang() -> None:
    hanging = {"deployments.a.outages": LAW | {"kinds": [{"weight": 1}, {"weight": 1, "mode": "hang"}]}}
    (problem,) = problems_with(hanging | {"policy.timeout_s": None})
    assert problem.startswith("deployments.a.outages.kinds[1].mode: ")


def test_weights_of_starts_are_168_numbers() -> None:
    assert problems_with({"deployments.a.outages": LAW | {"starts": [1, 2]}}) == [
        "deployments.a.outages.starts: got 2 weights; allowed: 168 numbers >= 0, not all 0, Monday 00:00 UTC first"
    ]
    assert problems_with({"deployments.a.outages": LAW | {"starts": "peaks"}}) == [
        "deployments.a.outages.starts: got 'peaks'; allowed: uniform, weekday-peaks or a list of numbers"
    ]


def test_a_region_without_regional_outages_is_noticed() -> None:
    told = "deployments.a.region: unused: none of its outages hits one region alone (outages.regional is 0)"
    assert notices_with({"deployments.a.region": "eu", "deployments.a.outages": LAW}) == [told]
    assert notices_with({"deployments.a.region": "eu"}) == [told]
    assert (
        notices_with({"deployments.a.region": "eu", "deployments.a.outages": LAW | {"regional": 0.2}}) == []
    )


def test_two_providers_that_are_hit_together_are_used_and_have_one_law_each() -> None:
    assert notices_with(TWO | pairs(("openai", "azure", 0.5))) == []
    assert problems_with(TWO | pairs(("openai", "openai", 0.5))) == [
        "outages_together[0].providers: got openai twice; allowed: two different providers"
    ]
    assert problems_with(TWO | pairs(("openai", "azur", 0.5))) == [
        "outages_together[0].providers[1]: got 'azur'; allowed: a provider of deployments that some strategy uses; "
        "did you mean azure?"
    ]
    assert problems_with(TWO | {"deployments.b.outages": None} | pairs(("openai", "azure", 0.5))) == [
        "outages_together[0].providers[1]: got 'azure', where b can have no random outages; "
        "allowed: a provider with outages: catalogue, or {mtbf_h, duration_h}"
    ]
    other = {
        "deployments.c": {"model": "m", "provider": "azure", "latency": {"total_s": 1}, "outages": LAW},
        "strategies.mini-only.mini": ["b", "c"],
    }
    assert problems_with(TWO | other | pairs(("openai", "azure", 0.5))) == [
        "outages_together[0].providers[1]: got 'azure', where b and c have outages at different times; "
        "allowed: a provider with one law for all (mtbf_h, duration_h, starts and regional)"
    ]
    unused = {"strategies.mini-only.mini": ["a"]}
    assert problems_with(TWO | unused | pairs(("openai", "azure", 0.5))) == [
        "outages_together[0].providers[1]: got 'azure'; allowed: a provider of deployments that some strategy uses; "
        "known here: openai"
    ]


def test_nobody_shares_more_outages_than_it_has() -> None:
    # openai has the fewer, 1/100 against 1/50: 0.6 + 0.6 of its outages; azure 0.3 + 0.3 of its own.
    assert problems_with(TWO | pairs(("openai", "azure", 0.6), ("azure", "openai", 0.6))) == [
        "outages_together[1].share: got 1.2 of the outages of openai, all pairs together; allowed: at most 1"
    ]
    regional = {"deployments.a.outages": LAW | {"regional": 0.5}}
    assert problems_with(TWO | regional | pairs(("openai", "azure", 0.6))) == [
        "outages_together[0].share: got 0.6 of the outages of openai, all pairs together; "
        "allowed: at most 0.5, for 0.5 of them hit one region alone"
    ]
