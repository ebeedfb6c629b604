"""Outages of regions, of whole providers and of two providers at once: every deployment keeps its own mtbf."""

import math

import numpy as np
import pytest
from scipy import stats

from planner.engines.program import compile_program
from planner.workload.outage_lines import cut, lines_of, outage_lines
from planner.workload.windows import Window, eras, plan_windows
from tests.workload.small import small

CERTAIN = 1e-6
HOUR_NS = 3_600_000_000_000
MODEL = "gpt-4o-2024-11-20"
OPENAI = {"mtbf_h": 20, "duration_h": {"exponential_mean": 2.0}}
AZURE = {"mtbf_h": 50, "duration_h": 3.0}


def world(deployments, together=(), **changes):
    """Deployments as NAME: (provider, region, outages), all used by one strategy."""
    return small(
        deployments={
            name: {"model": MODEL, "provider": provider, "region": region, "outages": outages}
            for name, (provider, region, outages) in deployments.items()
        },
        strategies={"all": {"omni": list(deployments)}},
        outages_together=[{"providers": list(pair), "share": share} for pair, share in together],
        **changes,
    )


def rates(scenario):
    """Episodes an hour by deployment, summed over its lines."""
    lines = outage_lines(scenario)
    return {
        name: math.fsum(1 / lines[key].mtbf_h for key in keys) for name, keys in lines_of(scenario).items()
    }


REGIONAL = {
    "eu": ("openai", "eu", OPENAI | {"regional": 0.3}),
    "us": ("openai", "us", OPENAI | {"regional": 0.3}),
    "us-too": ("openai", "us", OPENAI | {"regional": 0.3, "mode": "hang"}),
    "nowhere": ("openai", None, OPENAI | {"regional": 0.3}),
}


def test_a_region_has_a_line_of_its_own_beside_that_of_all_regions():
    lines = outage_lines(world(REGIONAL))
    assert {key: (line.mtbf_h, line.deployments) for key, line in lines.items()} == {
        "outage:openai": (pytest.approx(20 / 0.7, rel=1e-12), ("eu", "us", "us-too", "nowhere")),
        "outage:openai:region=eu": (pytest.approx(20 / 0.3, rel=1e-12), ("eu",)),
        "outage:openai:region=us": (pytest.approx(20 / 0.3, rel=1e-12), ("us", "us-too")),
        "outage:openai:region=": (pytest.approx(20 / 0.3, rel=1e-12), ("nowhere",)),
    }
    assert lines_of(world(REGIONAL))["us-too"] == ("outage:openai", "outage:openai:region=us")


def test_with_nothing_but_regional_outages_providers_have_no_line():
    scenario = world({"eu": ("openai", "eu", OPENAI | {"regional": 1})})
    assert {key: line.mtbf_h for key, line in outage_lines(scenario).items()} == {
        "outage:openai:region=eu": 20
    }


def test_two_providers_share_a_line_at_a_share_of_the_rarer_ones_rate():
    scenario = world(
        {"a": ("openai", None, OPENAI), "b": ("azure", None, AZURE)}, [(("openai", "azure"), 0.2)]
    )
    lines = outage_lines(scenario)
    joint = lines["outage:openai+azure"]
    # azure has 1/50 an hour, fewer than openai's 1/20; a fifth of them hit both, for as long as azure's last
    assert joint.mtbf_h == pytest.approx(50 / 0.2, rel=1e-12)
    assert joint.duration_h.mean == 3.0
    assert joint.deployments == ("a", "b")
    assert 1 / lines["outage:openai"].mtbf_h == pytest.approx(1 / 20 - 0.2 / 50, rel=1e-12)
    assert 1 / lines["outage:azure"].mtbf_h == pytest.approx(0.8 / 50, rel=1e-12)


@pytest.mark.parametrize("regional", [0.0, 0.25])
def test_each_keeps_its_rate_whatever_it_shares(regional):
    law = {name: OPENAI | {"mtbf_h": mtbf, "regional": regional} for name, mtbf in
           (("openai", 20), ("azure", 50), ("google", 35))}  # fmt: skip
    scenario = world(
        {
            name: (provider, "eu", law[provider])
            for name, provider in (("a", "openai"), ("b", "azure"), ("c", "google"), ("d", "azure"))
        },
        [(("openai", "azure"), 0.2), (("google", "azure"), 0.5), (("openai", "google"), 0.1)],
    )
    found = rates(scenario)
    for name, expected in {"a": 1 / 20, "b": 1 / 50, "c": 1 / 35, "d": 1 / 50}.items():
        assert found[name] == pytest.approx(expected, rel=1e-12)


def test_the_rarer_one_may_share_all_that_it_has():
    scenario = world(
        {"a": ("openai", None, OPENAI), "b": ("azure", None, AZURE)}, [(("openai", "azure"), 1.0)]
    )
    assert list(outage_lines(scenario)) == ["outage:openai", "outage:openai+azure"]


def moments(scenario, replications=6000, at_h=200.0):
    """By deployment, whether it is out at a moment: one truth value for each replication."""
    lines, by_name = outage_lines(scenario), lines_of(scenario)
    out = {name: np.zeros(replications, bool) for name in by_name}
    for key, line in lines.items():
        for r in range(replications):
            is_out = any(s.from_ns <= 0 < s.to_ns for s in cut(scenario, line, r, at_h * 3600, 1.0))
            for name, keys in by_name.items():
                if key in keys:
                    out[name][r] |= is_out
    return out


def test_availability_of_the_union_of_lines_is_the_closed_form():
    """M/G/infinity: P(up) = exp(-sum of E[D] / mtbf); of two at once with what they share counted once."""
    scenario = world(
        {
            "a": ("openai", "eu", OPENAI | {"regional": 0.4}),
            "b": ("azure", None, OPENAI | {"mtbf_h": 30}),
            "c": ("openai", "us", OPENAI | {"regional": 0.4}),
        },
        [(("openai", "azure"), 0.5)],
    )
    out = moments(scenario)
    n = len(out["a"])

    def agrees(count, probability):
        return stats.binomtest(int(count), n, probability).pvalue > CERTAIN

    for name, mtbf in {"a": 20, "b": 30, "c": 20}.items():
        assert agrees((~out[name]).sum(), math.exp(-2.0 / mtbf))
    joint = 0.5 / 30
    assert agrees((~out["a"] & ~out["b"]).sum(), math.exp(-2.0 * (1 / 20 + 1 / 30 - joint)))
    # a and c share all but the regional 40 % of each
    assert agrees((~out["a"] & ~out["c"]).sum(), math.exp(-2.0 * (1 / 20 + 0.4 / 20)))
    assert agrees((out["a"] & out["b"]).sum(), joint_out(1 / 20, 1 / 30, joint))
    # not what it would be if they were independent
    assert not agrees((out["a"] & out["b"]).sum(), (1 - math.exp(-0.1)) * (1 - math.exp(-2 / 30)))


def joint_out(one, other, both):
    return 1 - math.exp(-2 * one) - math.exp(-2 * other) + math.exp(-2 * (one + other - both))


def test_fixed_durations_meet_the_same_closed_form():
    scenario = world({"b": ("azure", "eu", AZURE | {"regional": 0.5, "mtbf_h": 10})})
    out = moments(scenario)["b"]
    assert stats.binomtest(int((~out).sum()), len(out), math.exp(-3.0 / 10)).pvalue > CERTAIN


def test_episodes_that_hit_two_begin_and_end_at_once_in_the_engines_program():
    scenario = world(
        {"a": ("openai", "eu", OPENAI | {"regional": 0.3}), "b": ("azure", None, AZURE)},
        [(("openai", "azure"), 0.5)],
        run={"window_s": 604_800.0},
    )
    line = outage_lines(scenario)["outage:openai+azure"]
    spells = [spell for one in outage_lines(scenario).values() for spell in cut(scenario, one, 3, 0.0, 8e6)]
    window = Window(3, 0, 0.0, 8e6, 1.0, "", tuple(sorted(spells)))
    program = compile_program(scenario, "all", eras(scenario)[0].models, window)
    found = {name: {(s.from_ns, s.to_ns) for s in target.spells} for name, target in program.targets.items()}
    shared = {(s.from_ns, s.to_ns) for s in spells if s.line == line.key}
    assert len(shared) > 10
    assert found["a"] & found["b"] == shared
    counts = {key: sum(s.line == key for s in spells) for key in outage_lines(scenario)}
    assert len(found["a"]) == sum(counts[key] for key in lines_of(scenario)["a"])
    assert [s.from_ns for s in program.targets["a"].spells] == sorted(
        s.from_ns for s in program.targets["a"].spells
    )


def test_rare_lines_of_regions_and_pairs_are_planted_with_their_exact_weights():
    scenario = world(
        {"a": ("openai", "eu", OPENAI | {"regional": 0.5, "mtbf_h": 200}), "b": ("azure", None, AZURE | {"mtbf_h": 300})},
        [(("openai", "azure"), 0.5)],
        finance={"horizon_months": 1},
    )  # fmt: skip
    left, expected = 1.0, {}
    for key, line in outage_lines(scenario).items():
        p = 1 - math.exp(-(line.duration_h.mean + 1) / line.mtbf_h)
        expected[key], left = left * p, left * (1 - p)
    found = {}
    for window in plan_windows(scenario, 8):
        found[window.stratum] = found.get(window.stratum, 0.0) + window.weight
    assert found == pytest.approx(expected | {"": left}, rel=1e-10)
    assert len(expected) == 4


# -- kinds of episodes -----------------------------------------------------------------------------

KINDS = [
    {"weight": 1, "mode": "error", "status": 500},
    {"weight": 2, "mode": "error", "status": 502, "share": 0.3},
    {"weight": 1, "mode": "degraded", "slowdown": 4},
]


def statuses(scenario, name, spells):
    window = Window(0, 0, 0.0, 8e6, 1.0, "", tuple(sorted(spells)))
    program = compile_program(scenario, "all", eras(scenario)[0].models, window)
    return [(s.mode, s.status, s.share, s.slowdown) for s in program.targets[name].spells]


def test_kinds_come_as_often_as_their_weights_say_and_stay_with_their_episode():
    law = {"mtbf_h": 1, "duration_h": 0.1, "kinds": KINDS}
    scenario = world({"a": ("openai", None, law), "b": ("openai", None, law)})
    (line,) = outage_lines(scenario).values()
    spells = cut(scenario, line, 0, 0.0, 8e6)
    found = statuses(scenario, "a", spells)
    assert found == statuses(scenario, "b", spells)  # one provider, one kind
    assert set(found) == {(1, 500, 1.0, 3.0), (1, 502, 0.3, 3.0), (3, 503, 1.0, 4.0)}
    counts = [sum(one[1] == status for one in found) for status in (500, 502, 503)]
    assert len(found) > 2000
    assert stats.chisquare(counts, np.array([1, 2, 1]) / 4 * len(found)).pvalue > CERTAIN
    # The k-th episode keeps its kind wherever it is cut from the line.
    later = cut(scenario, line, 0, 4e6, 1e6)
    luck = {round(s.from_ns + 4e15, -6): s.luck for s in later}
    whole = {round(s.from_ns, -6): s.luck for s in spells}
    assert len(luck) > 200
    assert luck.items() <= whole.items()
    # They start when they would without kinds.
    plain = world({"a": ("openai", None, {"mtbf_h": 1, "duration_h": 0.1})})
    (other,) = outage_lines(plain).values()
    assert [s[:3] for s in cut(plain, other, 0, 0.0, 8e6)] == [s[:3] for s in spells]


def test_a_deployment_of_other_kinds_meets_the_same_episodes_in_its_own_way():
    scenario = world(
        {
            "a": ("openai", None, {"mtbf_h": 1, "duration_h": 0.1, "kinds": KINDS}),
            "b": ("openai", None, {"mtbf_h": 1, "duration_h": 0.1, "mode": "hang"}),
        }
    )
    (line,) = outage_lines(scenario).values()
    assert line.deployments == ("a", "b")
    spells = cut(scenario, line, 0, 0.0, 8e5)
    assert {one[0] for one in statuses(scenario, "b", spells)} == {2}
