"""Break-even and the decision map on screen: what is asked for, run once, and its tables as texts."""

import pandas as pd
import streamlit as st

import planner
from app import jobs, text
from app.jobs import Place
from planner.api import BreakEven, DecisionMap
from planner.errors import PlannerError
from planner.experiments.comparison import Comparison
from planner.experiments.omni_share import OmniShare, omni_share, threshold_strategies
from planner.finance.ledger import usd
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.workload.windows import requests_per_month

VOLUME = "traffic.requests_per_month"
USERS = "traffic.users.active_per_day"


@st.cache_resource(max_entries=8, show_spinner=False)
def _even(scenario_hash: str, replications: int, version: str, _comparison: Comparison) -> BreakEven:
    return planner.break_even(_comparison)


def break_even_of(comparison: Comparison) -> BreakEven:
    """Break-even of all pairs, remembered. Raises PlannerError where a cost is no straight line."""
    scenario = comparison.scenario
    return _even(scenario.hash, scenario.run.replications, planner.__version__, comparison)


def crossings(comparison: Comparison) -> pd.DataFrame:
    """month, amount_usd, text: where what was spent so far by one strategy passes another's, for the chart."""
    try:
        found = break_even_of(comparison)
    except PlannerError:  # no break-even volume; the months are not shown then either
        return pd.DataFrame(columns=["month", "amount_usd", "text"])
    column = f"cumulative_{comparison.scenario.objective}_usd"
    rows = []
    for pair in found.pairs:
        for one in pair.months.turns:
            months = comparison.results[one.after].tco.per_month
            amount = next(getattr(month, column) for month in months if month.month == one.month)
            rows.append(
                {
                    "month": one.month,
                    "amount_usd": float(amount),
                    "text": f"By {one.month} {one.after} has cost less so far than {one.before}",
                }
            )
    return pd.DataFrame(rows, columns=["month", "amount_usd", "text"])


def omni_shares_of(scenario: Scenario, place: Place, *, asked: bool) -> tuple[OmniShare, ...] | None:
    """The omni share that costs least, for every threshold router; None where it was not asked for yet."""
    key = ("omni shares", scenario.hash, planner.__version__)
    if not (asked or jobs.is_known(key)):
        return None
    names = threshold_strategies(scenario)

    def work(report: jobs.Report) -> tuple[OmniShare, ...]:
        found = []
        for index, name in enumerate(names):
            before = index

            def heard(done: int, total: int, before: int = before) -> None:
                report(1000 * before + 1000 * done // max(total, 1), 1000 * len(names))

            found.append(omni_share(scenario, name, report=heard))
        return tuple(found)

    return jobs.result_of(key, work, place, "Simulating shares", kind="omni shares")


def share_words(one: OmniShare) -> str:
    """What was found of a strategy's share, in a sentence or two."""
    floor = "" if one.floor is None else f" with accuracy at least {one.floor:.4g}"
    if one.best is None:
        return f"{one.strategy}: no share keeps accuracy at {one.floor:.4g} or more."
    near = one.near
    span = f" Anything from {near[0]:.3g} to {near[1]:.3g} is as good within 2 %." if near else ""
    today = "" if one.today is None else f" Today it is {one.today:.3g}."
    binds = " The floor binds." if one.floor_binds else ""
    return (
        f"{one.strategy}: the omni share that costs least{floor} is {one.best.share:.4g}, at {usd(one.best.cost.value)}."
        f"{today}{span}{binds}"
    )


def volume_table(found: BreakEven) -> pd.DataFrame:
    """A row per pair: volumes at which the cheaper one changes, months in which cumulative cost crosses."""
    rows = []
    for pair in found.pairs:
        volumes = "; ".join(
            f"{float(one.volume):,.0f}: from {one.before} to {one.after}" for one in pair.volumes
        )
        months = "; ".join(f"{one.month}: from {one.before} to {one.after}" for one in pair.months.turns)
        rows.append(
            {
                "Pair": f"{pair.a} and {pair.b}",
                "Cheaper today": pair.today or "the same",
                "Requests a month at which it changes": volumes
                or (f"never; always {pair.always}" if pair.always else "never: the same cost"),
                "Months in which what was spent so far crosses": months
                or (
                    f"never; {pair.months.leads_at_first} from the start"
                    if pair.months.leads_at_first
                    else "never"
                ),
            }
        )
    return pd.DataFrame(rows)


def error_table(found: BreakEven) -> pd.DataFrame:
    """A row per pair and task: the cost of a wrong answer at which the ranking flips, and who is cheaper around it."""
    rows = []
    for pair in found.pairs:
        for one in pair.error_costs:
            if one.task is None:
                today, flips = "× 1", text.DASH if one.factor is None else f"× {float(one.factor):.4g}"
            else:
                today = usd(one.today_usd)
                flips = text.DASH if one.usd is None else f"{float(one.usd):,.4g} USD"
            if one.below is None or one.above is None:
                around = "the same at any cost"
            elif one.below == one.above:
                around = f"{one.below} at any cost"
            else:
                around = f"{one.below} below, {one.above} above"
            rows.append(
                {
                    "Pair": f"{pair.a} and {pair.b}",
                    "Wrong answers to": one.task or "all tasks, by one factor",
                    "Cost today": today,
                    "The ranking flips at": flips,
                    "Cheaper": around,
                }
            )
    return pd.DataFrame(rows)


def suggested(scenario: Scenario) -> tuple[str, str]:
    """Axes to begin with: a tenth to ten times the volume, and of the cost of a wrong answer (or of downtime).

    The volume is the number that the scenario gives: of requests, or of users.
    """
    users = scenario.traffic.users
    path, volume = (VOLUME, requests_per_month(scenario)) if users is None else (USERS, users.active_per_day)
    x = f"{path}={volume / 10:.15g}..{volume * 10:.15g}:7"
    for name, task in scenario.tasks.items():
        cost = task.cost_of_wrong_answer_usd
        if cost:
            path = paths.render(("tasks", name, "cost_of_wrong_answer_usd"))
            return x, f"{path}={cost / 10:.4g}..{cost * 10:.4g}:9"
    return x, "finance.downtime_usd_per_hour=0..10000:9"


def map_of(scenario: Scenario, x: str, y: str, place: Place, *, asked: bool) -> DecisionMap | None:
    """The map of two axes: remembered, under way, or begun if it is `asked` for; None where it is none of these.

    Raises ScenarioError for axes that cannot be, PlannerError where the map cannot be made.
    """
    key = ("map", scenario.hash, planner.__version__, x, y)
    if not (asked or jobs.is_known(key)):
        return None
    return jobs.result_of(
        key,
        lambda report: planner.decision_map(scenario, x=x, y=y, report=report),
        place,
        "Billing and simulating the points of the map",
        kind="map",
    )
