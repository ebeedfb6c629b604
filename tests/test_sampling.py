"""Packed laws: every law against its closed form, mixtures, bit equality with plain Python, refusals."""

import math

import numpy as np
import pytest
from scipy import stats

from planner import chance
from planner.sampling import (
    CUMULATED_WEIGHT,
    END_OF_VALUES,
    FIRST_VALUE,
    KIND,
    WIDTH,
    content,
    draw_each,
    draw_law,
    draw_many,
    pack_laws,
)

COUNT = 40_000
REQUESTS = np.arange(COUNT)
CERTAIN = 1e-6  # a right sampler fails a test with at most this chance
NONE = ()

FIXED = (1.0, 0, 2.5, 0.0, NONE)
EXPONENTIAL = (1.0, 1, 3.0, 0.0, NONE)
LOGNORMAL = (1.0, 2, 0.4, 0.9, NONE)
GAMMA = (1.0, 3, 0.7, 2.0, NONE)
EMPIRICAL = (1.0, 4, 0.0, 0.0, (1.0, 1.0, 4.0, 10.0))
ALL = [[FIXED], [EXPONENTIAL], [LOGNORMAL], [GAMMA], [EMPIRICAL], [LOGNORMAL, FIXED, GAMMA, EMPIRICAL]]


def draws(law, stream=1, attempt=0):
    return draw_many(pack_laws([law]), 0, 11, 0, stream, REQUESTS, attempt)


def assert_follows(drawn, law):
    assert stats.kstest(drawn, law.cdf).pvalue > CERTAIN
    # 5.2 standard errors: exceeded by chance in 2 of 10 million runs.
    assert abs(drawn.mean() - law.mean()) < 5.2 * law.std() / math.sqrt(drawn.size)


def test_fixed_law_gives_its_value():
    assert np.all(draws([FIXED]) == 2.5)


def test_exponential_law_follows_its_closed_form():
    assert_follows(draws([EXPONENTIAL]), stats.expon(scale=3.0))


def test_lognormal_law_follows_its_closed_form():
    assert_follows(draws([LOGNORMAL]), stats.lognorm(0.9, scale=math.exp(0.4)))


@pytest.mark.parametrize("shape", [0.3, 1.0, 12.0])
def test_gamma_law_follows_its_closed_form(shape):
    assert_follows(draws([(1.0, 3, shape, 2.0, NONE)]), stats.gamma(shape, scale=2.0))


def test_empirical_law_gives_each_value_its_share():
    values, counts = np.unique(draws([EMPIRICAL]), return_counts=True)
    assert values.tolist() == [1.0, 4.0, 10.0]
    assert stats.chisquare(counts, COUNT * np.array([0.5, 0.25, 0.25])).pvalue > CERTAIN


def test_empirical_law_gives_the_value_at_floor_of_u_times_n():
    values = tuple(float(value) for value in range(97))
    drawn = draws([(1.0, 4, 0.0, 0.0, values)])
    u = chance.uniform_many(11, 0, 1, REQUESTS, 0)
    assert np.floor(u * 97).tolist() == drawn.tolist()


def test_values_are_those_of_inversion_of_the_first_uniform():
    u = chance.uniform_many(11, 0, 1, REQUESTS, 0)
    np.testing.assert_allclose(draws([EXPONENTIAL]), stats.expon(scale=3.0).ppf(u), rtol=1e-12)
    expected = stats.lognorm(0.9, scale=math.exp(0.4)).ppf(u)
    np.testing.assert_allclose(draws([LOGNORMAL]), expected, rtol=1e-12)


def test_mixture_has_the_shares_and_the_mean_of_its_parts():
    law = [(3.0, 0, -1.0, 0.0, NONE), (1.0, 1, 2.0, 0.0, NONE), (4.0, 3, 0.5, 8.0, NONE)]
    drawn = draws(law)
    fixed = np.count_nonzero(drawn == -1.0)
    assert stats.binomtest(fixed, COUNT, 3 / 8).pvalue > CERTAIN
    mean = 3 / 8 * -1.0 + 1 / 8 * 2.0 + 4 / 8 * 4.0
    variance = 3 / 8 * 1.0 + 1 / 8 * 8.0 + 4 / 8 * (4.0**2 + 0.5 * 64.0) - mean**2
    assert abs(drawn.mean() - mean) < 5.2 * math.sqrt(variance / COUNT)


def test_each_part_of_a_mixture_keeps_its_own_law():
    # The part is chosen by the second uniform, so the values within a part must still follow the part's law.
    drawn = draws([(1.0, 0, -1.0, 0.0, NONE), (1.0, 3, 0.6, 1.0, NONE)])
    assert stats.kstest(drawn[drawn >= 0.0], stats.gamma(0.6).cdf).pvalue > CERTAIN
    drawn = draws([(1.0, 2, 0.0, 1.0, NONE), (1.0, 0, -1.0, 0.0, NONE)])
    assert stats.kstest(drawn[drawn >= 0.0], stats.lognorm(1.0).cdf).pvalue > CERTAIN


def test_parts_without_weight_are_never_chosen():
    off = (0.0, 0, 99.0, 0.0, NONE)
    drawn = draws([off, (0.1, 0, 1.0, 0.0, NONE), off, (0.2, 0, 2.0, 0.0, NONE), off])
    assert np.unique(drawn).tolist() == [1.0, 2.0]


def test_laws_packed_together_draw_as_if_packed_alone():
    laws = pack_laws(ALL)
    for index, law in enumerate(ALL):
        alone = draw_many(pack_laws([law]), 0, 1, 2, 3, REQUESTS[:500], 4)
        assert alone.tolist() == draw_many(laws, index, 1, 2, 3, REQUESTS[:500], 4).tolist()


def test_one_draw_and_many_draws_are_the_same():
    laws = pack_laws(ALL)
    for index in range(len(ALL)):
        one_by_one = [draw_law(laws, index, 1, 2, 3, request, 4) for request in range(200)]
        assert one_by_one == draw_many(laws, index, 1, 2, 3, REQUESTS[:200], 4).tolist()


PLAIN = [
    [(1.0, 2, 0.5, 1.2, NONE)],
    [(2.0, 0, 7.0, 0.0, NONE)],
    [(1.0, 2, -3.0, 0.0, NONE)],
]  # lognormal or fixed


@pytest.mark.parametrize("laws", [PLAIN, ALL], ids=["lognormal and fixed", "of every kind"])
def test_draws_from_a_law_for_each_request_are_those_made_one_by_one(laws):
    packed, which = pack_laws(laws), np.arange(3_000) % len(laws)
    together = draw_each(packed, which, 1, 2, 3, REQUESTS[:3_000], 4)
    assert together.tolist() == [
        draw_law(packed, index, 1, 2, 3, request, 4) for request, index in enumerate(which.tolist())
    ]


def test_plain_python_draws_the_same_bits():
    laws = pack_laws(ALL)
    plain = getattr(draw_law, "py_func", draw_law)
    for index in range(len(ALL)):
        expected = draw_many(laws, index, 5, 6, 7, REQUESTS[:200], 1).tolist()
        assert expected == [plain(laws, index, 5, 6, 7, request, 1) for request in range(200)]


def test_another_attempt_is_another_draw():
    first, second = draws([LOGNORMAL]), draws([LOGNORMAL], attempt=1)
    assert np.all(first != second)
    assert abs(stats.spearmanr(first, second).statistic) < 5.2 / math.sqrt(COUNT)


def test_the_packed_array_has_the_documented_places():
    laws = pack_laws(ALL)  # six laws of 1, 1, 1, 1, 1 and 4 components, eight empirical values in all
    assert laws.dtype == np.float64
    assert laws.shape == (6 + 9 * WIDTH + 8,)
    assert laws[:6].tolist() == [6 + WIDTH * row for row in (0, 1, 2, 3, 4, 5)]
    components = laws[6 : 6 + 9 * WIDTH].reshape(9, WIDTH)
    assert components[5:, CUMULATED_WEIGHT].tolist() == [0.25, 0.5, 0.75, 1.0]
    for row in components:
        values = laws[int(row[FIRST_VALUE]) : int(row[END_OF_VALUES])]
        assert values.tolist() == sorted(values)
        assert (len(values) > 0) == (row[KIND] == 4)
    assert pack_laws([]).shape == (0,)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ([], r"laws\[0\] must have at least one component"),
        ([(-1.0, 0, 1.0, 0.0, NONE)], r"laws\[0\]\[0\]: weight must be a number >= 0: -1.0"),
        ([(math.nan, 0, 1.0, 0.0, NONE)], r"weight must be a number >= 0: nan"),
        ([(0.0, 0, 1.0, 0.0, NONE)], r"laws\[0\]: weights must have a sum > 0: 0.0"),
        ([(1.0, 5, 1.0, 0.0, NONE)], r"kind must be 0, 1, 2, 3 or 4: 5"),
        ([(1.0, 0, math.inf, 0.0, NONE)], r"the value\) must be finite"),
        ([FIXED, (1.0, 1, -2.0, 0.0, NONE)], r"laws\[0\]\[1\]: a \(the mean\) must be >= 0 and finite: \(-2"),
        ([(1.0, 2, 0.0, -0.1, NONE)], r"b >= 0 and finite: \(0.0, -0.1\)"),
        ([(1.0, 3, 0.0, 1.0, NONE)], r"a \(shape\) must be > 0"),
        ([(1.0, 4, 0.0, 0.0, NONE)], r"values must be finite, sorted ascending, at least one: \[\]"),
        ([(1.0, 4, 0.0, 0.0, (2.0, 1.0))], r"sorted ascending, at least one: \[2.0, 1.0\]"),
        ([(1.0, 0, 1.0, 0.0, (2.0,))], r"only an empirical law \(kind 4\) has values: \[2.0\]"),
    ],
)
def test_what_is_no_law_is_refused_by_place_rule_and_value(law, message):
    with pytest.raises(ValueError, match=message):
        pack_laws([law])


def test_the_content_of_a_law_is_the_same_wherever_it_stands_and_another_where_its_draws_are():
    mixture = [(0.25, 2, 0.5, 0.2, ()), (0.75, 4, 0.0, 0.0, (1.0, 2.0, 5.0))]
    others = [
        [(0.25, 2, 0.5, 0.2, ()), (0.75, 4, 0.0, 0.0, (1.0, 2.0, 6.0))],
        [(0.25, 2, 0.5, 0.3, ()), (0.75, 4, 0.0, 0.0, (1.0, 2.0, 5.0))],
        [(0.35, 2, 0.5, 0.2, ()), (0.65, 4, 0.0, 0.0, (1.0, 2.0, 5.0))],
        [(1.0, 2, 0.5, 0.2, ())],
        [(1.0, 0, 0.5, 0.0, ())],
    ]
    alone = content(pack_laws([mixture]), 0)
    together = pack_laws([*others, mixture])
    assert content(together, len(others)) == alone
    assert len({alone, *(content(together, index) for index in range(len(others)))}) == 1 + len(others)
