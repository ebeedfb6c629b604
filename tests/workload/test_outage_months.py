"""Seconds out by month: closed forms of Poisson outages, direct simulation, and single replications by hand."""

import math

import numpy as np
import pytest

from planner.workload.outage_lines import cut, outage_lines
from planner.workload.outage_months import REPLICATIONS, seconds_out
from tests.workload.small import small

H = 3600.0
MONTH_S = 31 * 86_400.0
Z = 4.0  # standard errors: one run in 16,000


def plan(strategies=None, gateway=None, **outages):
    """Deployments with outages of their own; NAME: (provider, law)."""
    return small(
        deployments={
            name: {"model": "gpt-4o-2024-11-20", "outages": law}
            | ({"provider": provider} if provider else {})
            for name, (provider, law) in outages.items()
        },
        strategies=strategies or {"all": {"omni": list(outages)}},
        **({"gateway": gateway} if gateway else {}),
    )


def law(mtbf_h, duration, **more):
    return {"mtbf_h": mtbf_h, "duration_h": duration, **more}


def out_of(scenario, *chains, strategy=None, edges=(0.0, MONTH_S)):
    return seconds_out(scenario, strategy, tuple(chains), edges)


def near(values, expected):
    """The mean of replications lies where it should."""
    assert abs(values.mean() - expected) <= Z * values.std(ddof=1) / math.sqrt(len(values)) + 1e-12


def direct(mtbf_h, durations, hours, rng):
    """Hours out of a month in one run, by another program: starts before and in it, merged one after the other."""
    longest = 200.0
    n = rng.poisson((hours + longest) / mtbf_h)
    starts = np.sort(rng.uniform(-longest, hours, n))
    total, until = 0.0, 0.0
    for start, end in zip(starts, starts + durations(rng, n), strict=True):
        total += max(0.0, min(end, hours) - max(start, until, 0.0))
        until = max(until, end)
    return total


@pytest.mark.parametrize(("mtbf_h", "duration_h"), [(1000.0, 2.0), (400.0, 30.0)])
def test_months_without_any_outage_are_as_many_as_poissons_law_says(mtbf_h, duration_h):
    found = out_of(plan(a=("openai", law(mtbf_h, {"fixed": duration_h}))), ("a",))
    none = math.exp(-(duration_h + 744) / mtbf_h)
    near((found[:, 0] == 0).astype(float), none)


@pytest.mark.parametrize("duration", [{"fixed": 5.0}, {"exponential_mean": 5.0}, {"p50": 1.0, "p95": 20.0}])
def test_the_mean_time_out_is_that_of_a_line_whose_episodes_overlap(duration):
    """Up with probability exp(-E[D] / mtbf), as a service system with room for all is empty."""
    scenario = plan(a=("openai", law(50.0, duration)))
    mean_h = outage_lines(scenario)["outage:openai"].duration_h.mean
    found = out_of(scenario, ("a",), edges=(0.0, MONTH_S, 2 * MONTH_S))
    for month in (0, 1):
        near(found[:, month] / MONTH_S, 1 - math.exp(-mean_h / 50.0))


@pytest.mark.parametrize(
    ("duration", "draw"),
    [
        ({"fixed": 4.0}, lambda rng, n: np.full(n, 4.0)),
        ({"exponential_mean": 4.0}, lambda rng, n: rng.exponential(4.0, n)),
    ],
)
@pytest.mark.parametrize("allowed_h", [2.0, 6.0, 12.0])
def test_the_law_of_the_time_out_is_that_of_a_direct_simulation(duration, draw, allowed_h):
    found = out_of(plan(a=("openai", law(200.0, duration))), ("a",))[:, 0] > allowed_h * H
    rng = np.random.default_rng(5)
    other = np.array([direct(200.0, draw, 744.0, rng) > allowed_h for _ in range(20_000)])
    error = math.sqrt(other.var() * (1 / REPLICATIONS + 1 / len(other)))
    assert 0.02 < other.mean() < 0.98
    assert abs(found.mean() - other.mean()) <= Z * error


def test_two_providers_are_out_together_as_often_as_chance_has_it():
    scenario = plan(
        a=("openai", law(40.0, {"fixed": 10.0})), b=("azure", law(30.0, {"exponential_mean": 15.0}))
    )
    both = (1 - math.exp(-0.25)) * (1 - math.exp(-0.5))
    near(out_of(scenario, ("a", "b"))[:, 0] / MONTH_S, both)


def test_two_deployments_of_one_provider_help_nobody():
    often = law(40.0, {"fixed": 10.0})
    scenario = plan(a=("openai", often), b=("openai", often))
    assert (out_of(scenario, ("a", "b")) == out_of(scenario, ("a",))).all()


def test_what_has_no_outages_is_never_out():
    scenario = plan(a=("openai", law(40.0, {"fixed": 10.0})), b=("azure", None))
    assert not out_of(scenario, ("a", "b")).any()
    assert not out_of(scenario, ("b",)).any()


@pytest.mark.parametrize(
    ("harm", "part"),
    [({"share": 0.3}, 0.3), ({"mode": "hang"}, 1.0), ({"mode": "degraded"}, 0.0), ({"mode": "limited"}, 0.0)],
)
def test_episodes_count_by_what_they_do(harm, part):
    whole = out_of(plan(a=("openai", law(40.0, {"fixed": 10.0}))), ("a",))
    found = out_of(plan(a=("openai", law(40.0, {"fixed": 10.0}, **harm))), ("a",))
    assert found == pytest.approx(part * whole, abs=1e-6)


def test_shares_of_one_line_multiply_along_a_chain():
    some = law(40.0, {"fixed": 10.0}, share=0.3)
    scenario = plan(a=("openai", some), b=("openai", some))
    assert out_of(scenario, ("a", "b")) == pytest.approx(0.3 * out_of(scenario, ("a",)), abs=1e-6)


def test_kinds_of_episodes_have_their_shares_on_average():
    kinds = [{"weight": 1.0}, {"weight": 3.0, "share": 0.2}, {"weight": 1.0, "mode": "degraded"}]
    rare = law(5000.0, {"fixed": 10.0})  # so that hardly any two overlap
    found = out_of(plan(a=("openai", {**rare, "kinds": kinds})), ("a",))
    whole = out_of(plan(a=("openai", rare)), ("a",))
    differences = found[:, 0] - (1 + 3 * 0.2) / 5 * whole[:, 0]
    near(differences, 0.0)


def test_the_one_that_began_last_holds():
    """Two deployments' lines cannot overlap; one line with itself does: its later episodes are painted over."""
    kinds = [{"weight": 1.0}, {"weight": 1.0, "share": 0.5}]
    scenario = plan(a=("openai", law(5.0, {"fixed": 10.0}, kinds=kinds)))
    line = outage_lines(scenario)["outage:openai"]
    found = out_of(scenario, ("a",), edges=(0.0, 100 * H))
    deployment_law = scenario.deployments["a"].outages
    for number in (0, 1, 2):
        spells = cut(scenario, line, number, 0.0, 100 * H)
        expected = 0.0
        for minute in range(6000):
            moment = (minute + 0.5) * 60e9
            holding = [spell for spell in spells if spell.from_ns <= moment < spell.to_ns]
            if holding:
                expected += deployment_law.harm(
                    max(holding).luck if len(holding) == 1 else max(holding, key=lambda s: s.from_ns).luck
                ).share
        assert found[number, 0] / 60 == pytest.approx(expected, abs=len(spells) + 1)  # a minute for each edge


def test_where_a_tier_fails_more_than_another_it_counts():
    scenario = plan(a=("openai", law(40.0, {"fixed": 10.0})), b=("azure", law(30.0, {"fixed": 15.0})))
    either = 1 - math.exp(-0.25) * math.exp(-0.5)
    near(out_of(scenario, ("a",), ("b",))[:, 0] / MONTH_S, either)


def test_a_platform_is_met_before_its_providers():
    gateway = {"kind": "unified", "outages": law(60.0, {"fixed": 12.0})}
    scenario = plan(
        gateway=gateway, a=("openai", law(40.0, {"fixed": 10.0})), b=("azure", law(30.0, {"fixed": 15.0}))
    )
    up = math.exp(-0.2)
    near(out_of(scenario, ("a",), strategy="all")[:, 0] / MONTH_S, 1 - up * math.exp(-0.25))
    both = (1 - math.exp(-0.25)) * (1 - math.exp(-0.5))
    near(out_of(scenario, ("a", "b"), strategy="all")[:, 0] / MONTH_S, 1 - up * (1 - both))
    near(out_of(scenario, ("a",))[:, 0] / MONTH_S, 1 - math.exp(-0.25))  # the provider by itself


def test_months_add_up_to_the_plan():
    scenario = plan(a=("openai", law(40.0, {"fixed": 10.0})))
    months = out_of(scenario, ("a",), edges=(0.0, 28 * 86_400.0, 59 * 86_400.0))
    whole = out_of(scenario, ("a",), edges=(0.0, 59 * 86_400.0))
    assert months.sum(axis=1) == pytest.approx(whole[:, 0], rel=1e-9)
