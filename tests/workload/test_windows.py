"""The plan in time against calendars counted by hand, and the plan of windows against exact probabilities."""

import calendar
import datetime
import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from planner.metrics.intervals import deletions, interval
from planner.scenario.fields import MONTH_S
from planner.scenario.migrations import model_in_force, models_in_force
from planner.workload import windows as windows_
from planner.workload.outage_lines import outage_lines
from planner.workload.windows import (
    counts,
    eras,
    expected_requests,
    horizon,
    month_pieces,
    plan_windows,
    requests_per_month,
    task_share,
    volume_notice,
    windows_per_era,
)
from tests.workload.small import BASE, small, with_seed

CERTAIN = 1e-6
DATE = datetime.date.fromisoformat
OMNI, MINI = "gpt-4o-2024-11-20", "gpt-4o-mini-2024-07-18"


def moved(*migrations, **finance):
    """Migrations as (day, from, to)."""
    rows = [{"at": at, "from": old, "to": new} for at, old, new in migrations]
    return small(finance={"migrations": rows, **finance})


def outages(*laws, **more):
    """One provider for each (mtbf_h, duration law)."""
    providers = ["openai", "azure", "anthropic", "google"]
    names = [f"d{index}" for index in range(len(laws))]
    return small(
        deployments={
            name: {"model": OMNI, "provider": provider, "outages": {"mtbf_h": mtbf, "duration_h": duration}}
            for name, provider, (mtbf, duration) in zip(names, providers, laws, strict=False)
        },
        strategies={"all": {"omni": names}},
        **more,
    )


# -- calendar ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2027-01-01", 36, "2030-01-01"),
        ("2027-01-15", 1, "2027-02-15"),
        ("2027-12-31", 2, "2028-02-29"),
        ("2027-10-31", 1, "2027-11-30"),
        ("2024-05-13", 12, "2025-05-13"),
        ("2027-01-01", 240, "2047-01-01"),
    ],
)
def test_the_horizon_ends_on_the_same_day_of_the_month(start, months, end):
    scenario = small(start=start, finance={"horizon_months": months})
    assert horizon(scenario) == (DATE(start), DATE(end))


def test_months_get_their_share_by_length_and_growth_by_calendar_month():
    scenario = small(
        start="2028-01-01",  # a leap year
        traffic={"requests_per_month": 1e6, "growth_per_month": 0.1},
        finance={"horizon_months": 12},
    )
    pieces = month_pieces(scenario)
    expected = [
        1e6 * calendar.monthrange(2028, month)[1] * 86_400 / 2_629_800 * 1.1 ** (month - 1)
        for month in range(1, 13)
    ]
    assert [piece.month for piece in pieces] == [f"2028-{month:02}" for month in range(1, 13)]
    assert [piece.expected_requests for piece in pieces] == pytest.approx(expected, rel=1e-12)
    assert pieces[1].expected_requests == pytest.approx(1e6 * 29 * 86_400 / 2_629_800 * 1.1, rel=1e-12)
    assert {piece.months for piece in pieces} == {1.0}
    assert expected_requests(scenario) == pytest.approx(sum(expected), rel=1e-12)


def test_a_start_in_the_middle_of_a_month_grows_with_the_next_calendar_month():
    scenario = small(
        start="2028-02-10",
        traffic={"requests_per_month": 1e6, "growth_per_month": 0.5},
        finance={"horizon_months": 2},
    )
    pieces = month_pieces(scenario)
    assert [(piece.start, piece.end) for piece in pieces] == [
        (DATE("2028-02-10"), DATE("2028-03-01")),
        (DATE("2028-03-01"), DATE("2028-04-01")),
        (DATE("2028-04-01"), DATE("2028-04-10")),
    ]
    days = 1e6 * 86_400 / 2_629_800
    expected = [20 * days, 31 * days * 1.5, 9 * days * 2.25]
    assert [piece.expected_requests for piece in pieces] == pytest.approx(expected, rel=1e-12)
    assert [piece.months for piece in pieces] == pytest.approx([20 / 29, 1.0, 9 / 30])


def test_extra_cuts_and_migrations_cut_months_and_add_up():
    scenario = moved(("2027-06-14", OMNI, "gpt-5"), horizon_months=12)
    cuts = [
        DATE("2027-07-01"),
        DATE("2027-08-20"),
        DATE("2026-01-01"),
        DATE("2028-01-01"),
        DATE("2027-01-01"),
    ]
    pieces = month_pieces(scenario, cuts)
    assert Counter(piece.month for piece in pieces)["2027-06"] == 2
    assert Counter(piece.month for piece in pieces)["2027-08"] == 2
    assert len(pieces) == 14
    assert [piece.era for piece in pieces if piece.month == "2027-06"] == [0, 1]
    assert all(a.end == b.start for a, b in itertools.pairwise(pieces))
    assert math.fsum(piece.expected_requests for piece in pieces) == pytest.approx(
        expected_requests(scenario), rel=1e-12
    )
    by_month = Counter()
    for piece in pieces:
        by_month[piece.month] += piece.months
    assert list(by_month.values()) == pytest.approx([1.0] * 12)


@settings(max_examples=50, deadline=None)
@given(st.dates(DATE("2024-01-01"), DATE("2040-01-01")), st.integers(1, 60), st.floats(-0.2, 0.3))
def test_pieces_add_up_to_the_sum_over_days(start, months, growth):
    scenario = small(
        start=start.isoformat(),
        traffic={"requests_per_month": 3e5, "growth_per_month": growth},
        finance={"horizon_months": months},
    )
    first, last = horizon(scenario)
    by_day = [
        3e5 * 86_400 / MONTH_S * (1 + growth) ** ((day.year - first.year) * 12 + day.month - first.month)
        for day in (first + datetime.timedelta(days=i) for i in range((last - first).days))
    ]
    assert math.fsum(piece.expected_requests for piece in month_pieces(scenario)) == pytest.approx(
        math.fsum(by_day), rel=1e-9
    )
    assert math.fsum(era.weight for era in eras(scenario)) == pytest.approx(1.0, rel=1e-12)


# -- models in force ---------------------------------------------------------------------------


def test_a_migration_acts_from_its_day_on_in_every_deployment_of_its_model():
    scenario = moved(("2027-06-14", OMNI, "gpt-5"))
    assert models_in_force(scenario, DATE("2027-06-13")) == {"omni": OMNI, "mini": MINI}
    assert models_in_force(scenario, DATE("2027-06-14")) == {"omni": "gpt-5", "mini": MINI}


def test_chains_of_migrations_are_followed_also_on_one_day_and_in_any_order_of_writing():
    chain = moved(("2028-01-01", "gpt-5", "gpt-5.1"), ("2027-06-14", OMNI, "gpt-5"))
    assert model_in_force(chain, OMNI, DATE("2027-12-31")) == "gpt-5"
    assert model_in_force(chain, OMNI, DATE("2028-01-01")) == "gpt-5.1"
    same_day = moved(("2027-06-14", "gpt-5", "gpt-5.1"), ("2027-06-14", OMNI, "gpt-5"))
    assert model_in_force(same_day, OMNI, DATE("2027-06-14")) == "gpt-5.1"


def test_a_step_that_was_due_before_its_model_was_reached_is_past():
    scenario = moved(("2027-03-01", "gpt-5", "gpt-5.1"), ("2027-06-14", OMNI, "gpt-5"))
    assert model_in_force(scenario, OMNI, DATE("2028-01-01")) == "gpt-5"


def test_there_and_back_on_one_day_ends():
    scenario = moved(("2027-06-14", OMNI, "gpt-5"), ("2027-06-14", "gpt-5", OMNI))
    assert model_in_force(scenario, OMNI, DATE("2027-06-14")) in {OMNI, "gpt-5"}


def test_eras_are_cut_only_where_a_deployment_changes_its_model():
    scenario = moved(
        ("2026-12-01", OMNI, "gpt-4.1"),  # before the start: in force from the first day
        ("2027-06-14", "gpt-4.1", "gpt-5"),
        ("2027-09-01", "o1", "gpt-5"),  # nobody uses o1
        ("2028-01-01", MINI, "gpt-5-mini"),
        ("2030-01-01", "gpt-5", "gpt-5.1"),  # the day after the last
        horizon_months=36,
    )
    found = eras(scenario)
    assert [(era.start, era.end) for era in found] == [
        (DATE("2027-01-01"), DATE("2027-06-14")),
        (DATE("2027-06-14"), DATE("2028-01-01")),
        (DATE("2028-01-01"), DATE("2030-01-01")),
    ]
    assert [dict(era.models) for era in found] == [
        {"omni": "gpt-4.1", "mini": MINI},
        {"omni": "gpt-5", "mini": MINI},
        {"omni": "gpt-5", "mini": "gpt-5-mini"},
    ]
    days = np.array([164, 201, 731])
    assert [era.weight for era in found] == pytest.approx(days / days.sum(), rel=1e-12)
    assert [era.index for era in found] == [0, 1, 2]


# -- counts ------------------------------------------------------------------------------------


def test_users_give_turns_and_conversations():
    scenario = small(
        traffic={
            "users": {"active_per_day": 5000, "conversations_per_day": 1.2},
            "sessions": {"turns_mean": 3.5},
        }
    )
    found = counts(scenario)
    assert found.turns_per_month == pytest.approx(5000 * 1.2 * 3.5 * 2_629_800 / 86_400, rel=1e-12)
    assert found.conversations_per_month == pytest.approx(found.turns_per_month / 3.5, rel=1e-12)
    assert found.users_active_per_day == 5000
    assert volume_notice(scenario) is None


def test_a_recording_goes_on_at_its_own_pace():
    rows = [{"arrival_s": 5 + 10 * i, "input_tokens": 9, "output_tokens": 9} for i in range(4)]
    scenario = small(traffic={"trace": {"rows": rows}})
    assert requests_per_month(scenario) == pytest.approx(2_629_800 / 10, rel=1e-12)
    assert volume_notice(scenario) == (
        "traffic.requests_per_month is not given: the trace is taken to go on at its own pace, "
        "3 gaps in 30 s, 262,980 requests a month"
    )
    assert counts(scenario).conversations_per_month == requests_per_month(scenario)


@pytest.mark.parametrize("n", [1, 3])
def test_a_recording_of_one_moment_fills_one_window(n):
    rows = [{"arrival_s": 2, "input_tokens": 9, "output_tokens": 9}] * n
    scenario = small(traffic={"trace": {"rows": rows}}, run={"window_s": 900})
    assert requests_per_month(scenario) == pytest.approx(n * 2_629_800 / 900, rel=1e-12)
    assert "in every 900 s (run.window_s)" in volume_notice(scenario)


def test_a_recording_with_sessions_counts_its_own_conversations():
    sessions = ["a", "b", "a", None, "a", ""]
    rows = [
        {"arrival_s": i, "input_tokens": 9, "output_tokens": 9, "session": session}
        for i, session in enumerate(sessions)
    ]
    scenario = small(traffic={"trace": {"rows": rows}, "requests_per_month": 6000})
    assert counts(scenario).conversations_per_month == pytest.approx(6000 * 4 / 6)
    assert requests_per_month(scenario) == 6000


def test_task_shares_are_given_or_counted_in_the_recording():
    assert task_share(small()) == {"faq": 0.6, "photo": 0.4}
    row = {"arrival_s": 0, "input_tokens": 9, "output_tokens": 9}
    named = [{**row, "task": task} for task in ("photo", "photo", "faq", "photo")]
    assert task_share(small(traffic={"trace": {"rows": named}})) == {"faq": 0.25, "photo": 0.75}
    assert task_share(small(traffic={"trace": {"rows": [row]}})) == {"faq": 0.6, "photo": 0.4}


# -- windows -----------------------------------------------------------------------------------


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8), st.integers(1, 60))
def test_windows_are_shared_among_eras_by_weight(weights, replications):
    weights = [weight / sum(weights) for weight in weights]
    found = windows_per_era(weights, replications)
    least = 1 if replications == 1 else 2
    assert min(found) >= least
    assert sum(found) == max(replications, least * len(weights))
    ranked = sorted(zip(weights, found, strict=True))
    assert all(b[1] >= a[1] - 1 for a, b in itertools.pairwise(ranked))


@pytest.mark.parametrize(
    ("weights", "replications", "found"),
    [
        ([0.5, 0.5], 10, [5, 5]),
        ([0.09, 0.91], 10, [2, 8]),
        ([0.26, 0.35, 0.39], 10, [3, 3, 4]),
        ([0.3, 0.3, 0.4], 1, [1, 1, 1]),
        ([0.2] * 5, 3, [2] * 5),
        ([1.0], 10, [10]),
    ],
)
def test_shares_of_windows_by_hand(weights, replications, found):
    assert windows_per_era(weights, replications) == found


def weights_of(plan):
    return math.fsum(window.weight for window in plan)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 30),
    st.lists(st.floats(0.5, 2000), max_size=3),
    st.sampled_from([[], ["2027-02-01"], ["2027-02-01", "2028-06-01", "2028-07-01"]]),
    st.integers(0, 2**32 - 1),
)
def test_weights_sum_to_one_and_indexes_name_the_windows(replications, mtbfs, days, seed):
    models = [OMNI, "gpt-4.1", "gpt-5", "gpt-5.1"]
    migrations = [
        {"at": day, "from": old, "to": new} for day, old, new in zip(days, models, models[1:], strict=False)
    ]
    laws = [(mtbf, {"exponential_mean": 1.0}) for mtbf in mtbfs] or [(1000, {"fixed": 1.0})]
    scenario = with_seed(outages(*laws, finance={"migrations": migrations}), seed)
    plan = plan_windows(scenario, replications)
    assert weights_of(plan) == pytest.approx(1.0, abs=1e-12)
    assert [window.index for window in plan] == list(range(len(plan)))
    found = eras(scenario)
    for era in found:
        own = [window for window in plan if window.era == era.index]
        assert math.fsum(window.weight for window in own) == pytest.approx(era.weight, rel=1e-9)
        for window in own:
            day = scenario.start + datetime.timedelta(seconds=window.start_s)
            assert era.start <= day < era.end
            assert window.start_s % 3600 == 0
            assert window.length_s == scenario.run.window_s


def test_every_era_has_two_windows_and_the_first_ones_are_as_many_as_replications():
    plan = plan_windows(moved(("2027-01-14", OMNI, "gpt-5"), ("2029-12-01", MINI, "gpt-5-mini")))
    normal = [window for window in plan if window.stratum == ""]
    assert Counter(window.era for window in normal) == {0: 2, 1: 6, 2: 2}
    assert [window.index for window in normal] == list(range(10))


def test_one_replication_is_one_window_for_each_era():
    plan = plan_windows(moved(("2027-01-14", OMNI, "gpt-5")), 1)
    assert [(window.era, window.stratum) for window in plan] == [(0, ""), (1, "")]


def test_starts_are_drawn_in_proportion_to_the_requests_expected_in_the_hour():
    scenario = small(
        traffic={"requests_per_month": 1e6, "growth_per_month": 1.0, "weekly_shape": "business-hours"},
        finance={"horizon_months": 2},
        deployments={"omni": {"model": OMNI}},
        strategies={"all": {"omni": ["omni"]}},
    )
    starts = [plan_windows(with_seed(scenario, seed), 1)[0].start_s / 3600 for seed in range(4000)]
    hours = np.arange(59 * 24)
    shape = np.array([*windows_.hourly_weights(scenario, 0, 168)])
    rate = shape[hours % 168] * np.where(hours < 31 * 24, 1.0, 2.0)
    bins = hours % 24 // 4 + 6 * (hours >= 31 * 24)
    observed = np.bincount(bins[np.array(starts, int)], minlength=12)
    expected = np.bincount(bins, rate, minlength=12) / rate.sum() * 4000
    assert stats.chisquare(observed, expected).pvalue > CERTAIN


def test_each_window_lies_in_its_own_part_of_the_expected_requests():
    scenario = small(deployments={"omni": {"model": OMNI}}, strategies={"all": {"omni": ["omni"]}})
    starts = [window.start_s / 3600 for window in plan_windows(scenario)]
    assert [int(start / (1096 * 24) * 10) for start in starts] == list(range(10))


def test_a_long_window_counts_every_inner_hour_alike():
    """The sum over starts of P(start) / requests of the window is the same for every hour that it can hold."""
    weights = [1.0 + (hour % 24 > 12) * 5 for hour in range(168)]
    scenario = small(
        traffic={"requests_per_month": 1e6, "weekly_shape": weights},
        finance={"horizon_months": 1},
        run={"window_s": 4 * 3600},
        deployments={"omni": {"model": OMNI}},
        strategies={"all": {"omni": ["omni"]}},
    )
    starts = [int(plan_windows(with_seed(scenario, seed), 1)[0].start_s / 3600) for seed in range(4000)]
    rate = windows_.hourly_weights(scenario, 0, 31 * 24 + 4)
    window = np.array([rate[start : start + 4].sum() for start in range(31 * 24)])
    bins = np.arange(31 * 24) % 24
    observed = np.bincount(bins[starts], minlength=24)
    expected = np.bincount(bins, window, minlength=24) / window.sum() * 4000
    assert stats.chisquare(observed, expected).pvalue > CERTAIN


def test_an_era_without_expected_traffic_still_has_windows():
    weights = [0.0] * 167 + [1.0]
    scenario = small(
        traffic={"requests_per_month": 1e6, "weekly_shape": weights},
        finance={"migrations": [{"at": "2027-01-02", "from": OMNI, "to": "gpt-5"}]},
    )
    plan = plan_windows(scenario)
    assert [window.start_s < 86_400 for window in plan if window.era == 0] == [True, True]


def test_rare_outages_are_planted_four_times_for_each_line_and_absent_elsewhere():
    scenario = outages((300, {"p50": 0.7, "p95": 4.8}), (200, {"fixed": 2.0}))
    plan = plan_windows(scenario)
    assert Counter(window.stratum for window in plan) == {"": 10, "outage:openai": 4, "outage:azure": 4}
    p_openai, p_azure = (line.chance_in(3600) for line in outage_lines(scenario).values())
    weight = {
        stratum: weights_of([w for w in plan if w.stratum == stratum])
        for stratum in ("", "outage:openai", "outage:azure")
    }
    assert weight["outage:openai"] == pytest.approx(p_openai, rel=1e-12)
    assert weight["outage:azure"] == pytest.approx((1 - p_openai) * p_azure, rel=1e-12)
    assert weight[""] == pytest.approx((1 - p_openai) * (1 - p_azure), rel=1e-12)
    for window in plan:
        touched = {spell.line for spell in window.spells}
        assert all(s.from_ns < 3_600_000_000_000 and s.to_ns > 0 for s in window.spells)
        assert (window.stratum == "") == (not touched)
        if window.stratum:
            assert window.stratum in touched
        if window.stratum == "outage:azure":
            assert "outage:openai" not in touched


def test_few_windows_or_frequent_outages_take_spells_as_drawn():
    assert {window.stratum for window in plan_windows(outages((300, {"fixed": 2.0})), 3)} == {""}
    often = plan_windows(outages((6, {"fixed": 2.0})))
    assert {window.stratum for window in often} == {""}
    assert any(window.spells for window in often)


def down_share(window, line):
    """Time in spells of a line over the window's length, overlapping spells counted each."""
    length = window.length_s * 1e9
    return (
        sum(min(spell.to_ns, length) - max(spell.from_ns, 0) for spell in window.spells if spell.line == line)
        / length
    )


@pytest.mark.parametrize("replications", [2, 5, 12])
def test_outage_time_of_the_plan_is_unbiased(replications):
    """E[time in spells] / length = E[D] / mtbf whatever is planted; two rare lines and a frequent one."""
    laws = [(40, {"exponential_mean": 1.5}), (60, {"p50": 0.5, "p95": 3.0}), (3, {"fixed": 0.4})]
    scenario = outages(*laws, finance={"horizon_months": 1})
    lines = outage_lines(scenario)
    shares = np.array(
        [
            [sum(w.weight * down_share(w, key) for w in plan) for key in lines]
            for plan in (plan_windows(with_seed(scenario, seed), replications) for seed in range(600))
        ]
    )
    expected = np.array([line.duration_h.mean / line.mtbf_h for line in lines.values()])
    error = shares.std(axis=0, ddof=1) / math.sqrt(600)
    assert (np.abs(shares.mean(axis=0) - expected) < 5 * error).all()
    assert (error < 0.2 * expected).all()


@pytest.mark.parametrize(
    ("duration", "least"),
    [({"p50": 0.7, "p95": 4.8}, 360), ({"exponential_mean": 0.2}, 360), ({"exponential_mean": 5}, 280)],
)
def test_the_interval_of_a_rare_outage_seldom_misses(duration, least):
    """One provider that is out once in two weeks: the share of time without it is 1 - E[D] / mtbf.

    Spells much longer than a window mostly cover all four windows whole, which then show no spread.
    """
    scenario = outages((328, duration))
    ((key, line),) = outage_lines(scenario).items()
    truth, covered = line.duration_h.mean / line.mtbf_h, 0
    for seed in range(400):
        plan = plan_windows(with_seed(scenario, seed))
        weights = deletions([w.weight for w in plan], [(w.era, w.stratum) for w in plan])
        low, high = interval(weights.weights @ [down_share(w, key) for w in plan], weights.strata)
        covered += low <= truth <= high
    assert covered >= least


def test_probability_of_any_outage_in_the_plan_is_exact():
    scenario = outages((40, {"exponential_mean": 1.5}), (60, {"fixed": 1.0}), finance={"horizon_months": 1})
    p = [line.chance_in(3600) for line in outage_lines(scenario).values()]
    plan = plan_windows(scenario, 8)
    clear = weights_of([window for window in plan if not window.spells])
    assert clear == pytest.approx((1 - p[0]) * (1 - p[1]), rel=1e-12)


def test_the_plan_is_the_same_for_other_volumes_and_orders_of_strategies():
    one = plan_windows(small())
    assert one == plan_windows(small(traffic={"requests_per_month": 5e7}))
    assert one == plan_windows(small(strategies=dict(reversed(BASE["strategies"].items()))))


def test_every_window_of_a_recording_is_the_whole_recording():
    rows = [{"arrival_s": t, "input_tokens": 9, "output_tokens": 9} for t in (0.5, 7.25, 3)]
    plan = plan_windows(small(traffic={"trace": {"rows": rows}}))
    assert {window.length_s for window in plan} == {7.25}
    assert weights_of(plan) == pytest.approx(1.0, abs=1e-12)


def test_fewer_than_one_replication_is_refused():
    with pytest.raises(ValueError, match="replications must be >= 1: 0"):
        plan_windows(small(), 0)
