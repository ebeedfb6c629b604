"""Break-even against closed forms, published examples and drawn options; commitments against brute force."""

import doctest
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import PlannerError
from planner.finance.break_even import (
    Option,
    Steps,
    api,
    best_commitment,
    break_even_utilisation,
    break_even_volume,
    cheaper_at,
    commitment_cost,
    crossings,
    device_fleet,
    own_compute,
    owned_month,
    rented_month,
    self_host_usd_per_mtok,
    utilisation,
)

# -- published examples (llmtco.com/methodology, read 2026-11) ----------------------------------------


def test_a_rented_gpu_for_a_third_of_the_month() -> None:
    assert rented_month(1.5, 730, 0.3) == Fraction("328.5")


def test_an_owned_server_written_off_over_three_years() -> None:
    assert round(owned_month(15_000, 36), 2) == Fraction("416.67")


def test_a_gpu_against_an_api_breaks_even_at_107_million_tokens() -> None:
    volume = break_even_volume(0, 3, 320, 0)
    assert volume == Fraction(320, 3)
    assert round(volume, 2) == Fraction("106.67")


def test_a_busy_gpu_makes_a_million_tokens_for_21_cents() -> None:
    assert round(self_host_usd_per_mtok(1.5, 2000, 1.0), 4) == Fraction("0.2083")


def test_a_peak_of_twice_the_mean_at_70_percent_uses_35_percent() -> None:
    assert utilisation(2, 0.7) == Fraction("0.35")
    assert self_host_usd_per_mtok(1.5, 2000, utilisation(2, 0.7)) == Fraction(1_500_000) / (7_200_000 * Fraction("0.35"))  # fmt: skip


# -- two straight lines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 3), (320, 0), Fraction(320, 3)),
        ((320, 0), (0, 3), Fraction(320, 3)),  # the same, whichever is named first
        ((0, "2.5"), (0, 3), None),  # dearer for a unit and nothing less fixed: never
        ((0, "2.5"), (100, 3), None),  # dearer in both
        ((100, 3), (100, 3), None),
        ((5, 3), (100, 3), None),
    ],
)
def test_the_volume_of_two_lines(first: tuple, second: tuple, expected: Fraction | None) -> None:
    assert break_even_volume(*first, *second) == expected
    a, b = (Option(name=n, fixed_usd=Fraction(f), unit_usd=Fraction(v)) for n, (f, v) in (("a", first), ("b", second)))  # fmt: skip
    assert [one.volume for one in crossings(a, b)] == ([] if expected is None else [expected])


# -- steps of capacity --------------------------------------------------------------------------------


def test_a_crossing_beyond_a_step_is_looked_for_at_the_next() -> None:
    """API at 1 USD a unit; a machine at 100 USD carries 80: at 100 it would break even, but 80 is its end.

    Two machines cost 200 and carry 160: short again; with k machines 100 k = V needs V <= 80 k: never.
    """
    assert crossings(api("API", 1), own_compute("GPU", 1, 80, hours=100)) == ()


def test_every_crossing_of_a_saw() -> None:
    """A machine at 100 USD carries 120 units, the API costs 1 USD a unit.

    One machine: level at 100, cheaper to 120. At the second (200 USD) the API is cheaper again up to 200, the machines to
    240; the third costs 300: level at 300, to 360; and so on: from k = 6 on (600 = 5 x 120) a further machine is never
    dearer than what is carried already, so the API is never cheaper again.
    """
    found = crossings(api("API", 1), own_compute("GPU", 1, 120, hours=100))
    assert [(float(one.volume), one.after, one.kind) for one in found] == [
        (100, "GPU", "equal"), (120, "API", "step"),
        (200, "GPU", "equal"), (240, "API", "step"),
        (300, "GPU", "equal"), (360, "API", "step"),
        (400, "GPU", "equal"), (480, "API", "step"),
        (500, "GPU", "equal"),
    ]  # fmt: skip


def test_a_spare_is_paid_and_carries_nothing() -> None:
    """Two machines (one spare) at 100 USD: 200 USD from the start, level with 1 USD a unit at 200, within 300."""
    gpu = own_compute("GPU", 1, 300, hours=100, spare=1)
    assert gpu.cost(300) == 200
    assert gpu.cost(301) == 300
    assert [(one.volume, one.kind) for one in crossings(api("API", 1), gpu)] == [(200, "equal")]


def test_a_device_for_every_hundred_users() -> None:
    """A device of 360 USD for 36 months and 100 users: 10 USD a month; against 0.25 USD a user level at 40, again at 120 ..."""
    fleet = device_fleet("devices", 360, 36, 100)
    assert [fleet.cost(users) for users in (1, 100, 101)] == [10, 10, 20]
    # 0.25 x 100 = 25 > 20 (two devices): from the first crossing on the fleet stays cheaper.
    assert [one.volume for one in crossings(api("cloud", "0.25"), fleet)] == [40]


def test_the_same_long_run_cost_needs_an_end() -> None:
    gpu = own_compute("GPU", 1, 100, hours=100)
    with pytest.raises(PlannerError, match="API and GPU cost the same for a unit in the long run"):
        crossings(api("API", 1), gpu)
    assert crossings(api("API", 1), gpu, up_to=1000) == ()  # level at each full machine, never cheaper


def test_too_many_steps_are_refused_with_how_many() -> None:
    tiny = own_compute("GPU", 1, Fraction(1, 10**9), hours=100)
    with pytest.raises(PlannerError, match=r"steps of capacity lie below .* at most 200,000 are looked at"):
        crossings(api("API", 1), tiny)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: own_compute("g", 1, 0), "the capacity of a step: got 0; allowed: more than 0"),
        (lambda: owned_month(1, 0), "months of use: got 0; allowed: more than 0"),
        (lambda: utilisation(0.5, 0.7), "peak over mean: got 0.5; allowed: 1 or more"),
        (
            lambda: self_host_usd_per_mtok(1, 100, 1.5),
            "utilisation: got 1.5; allowed: more than 0, at most 1",
        ),
        (lambda: best_commitment([], 1, 2), "hours of load: got 0; allowed: at least one"),
        (lambda: break_even_utilisation(1, 0), "the rate on demand: got 0; allowed: more than 0"),
    ],
)
def test_impossible_figures_are_named(make, message: str) -> None:
    with pytest.raises(PlannerError) as caught:
        make()
    assert str(caught.value) == message


amounts = st.integers(0, 400).map(lambda n: Fraction(n, 8))
steps = st.none() | st.builds(
    Steps,
    capacity=st.integers(1, 60).map(lambda n: Fraction(n, 3)),
    usd=amounts,
    spare=st.integers(0, 2),
    least=st.integers(0, 2),
)


def options(name: str) -> st.SearchStrategy[Option]:
    return st.builds(Option, name=st.just(name), fixed_usd=amounts, unit_usd=amounts, steps=steps)


@given(options("a"), options("b"), st.integers(1, 40), st.data())
def test_costs_are_equal_at_a_crossing_and_the_order_stays_between(
    a: Option, b: Option, up_to: int, data: st.DataObject
) -> None:
    found = crossings(a, b, up_to=up_to)
    for one in found:
        gap = a.cost(one.volume) - b.cost(one.volume)
        if one.kind == "equal":
            assert abs(gap) <= Fraction(1, 10**9)
        else:  # at a step the one before is cheaper, or level, up to the very end of its capacity
            assert cheaper_at(a, b, one.volume) in (one.before, None)
    ends = [Fraction(0), *(one.volume for one in found), Fraction(up_to)]
    for index, (low, high) in enumerate(pairwise(ends)):
        if low == high:
            continue
        part = data.draw(st.integers(1, 999)) / Fraction(1000)
        cheaper = cheaper_at(a, b, low + (high - low) * part)
        if found:
            assert cheaper in (found[index - 1].after if index else found[0].before, None)
        else:
            others = {cheaper_at(a, b, Fraction(up_to) * k / 7) for k in range(1, 7)} - {None}
            assert len(others | ({cheaper} - {None})) <= 1


@given(options("a"), options("b"))
def test_nothing_crosses_beyond_the_last_crossing(a: Option, b: Option) -> None:
    if a.slope == b.slope:
        return
    found = crossings(a, b)
    beyond = (found[-1].volume if found else Fraction(0)) + 1
    seen = {cheaper_at(a, b, beyond * Fraction(k, 3)) for k in range(3, 60)} - {None}
    last = {found[-1].after} if found else seen
    assert seen <= last
    assert len(seen) <= 1


# -- commitments ---------------------------------------------------------------------------------------


def test_a_block_of_gpus_pays_when_it_is_used_71_percent_of_the_time() -> None:
    """AWS p5: a capacity block at 4.916 USD an hour against 6.88 on demand (November 2026)."""
    assert break_even_utilisation("4.916", "6.88") == Fraction(4916, 6880)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=24), st.integers(1, 30), st.integers(1, 20))
def test_the_best_commitment_is_the_cheapest_of_all_levels(
    loads: list[int], rate: int, on_demand: int
) -> None:
    level = best_commitment(loads, rate, on_demand)
    costs = {candidate: commitment_cost(loads, candidate, rate, on_demand) for candidate in range(13)}
    assert commitment_cost(loads, level, rate, on_demand) == min(costs.values())


def test_the_level_is_exceeded_with_the_probability_of_the_rates() -> None:
    """Loads 1..100 once each: at 30 % of the price on demand one commits to what 30 % of the hours exceed."""
    assert best_commitment(list(range(1, 101)), Decimal("0.3"), 1) == 70


def test_the_examples_of_the_page_are_true() -> None:
    page = Path(__file__).parents[2] / "docs" / "break-even.md"
    found = doctest.testfile(str(page), module_relative=False)
    assert found.attempted >= 4
    assert found.failed == 0
