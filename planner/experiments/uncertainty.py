"""How sure a plan is of its costs: ten thousand draws of its inputs through the bills of all strategies.

Comes in: a comparison (or a scenario, which is then compared); goes out: an Uncertainty with tables of budgets, months,
who is cheapest, what flips the decision and what knowing would be worth. Only inputs that change what is simulated are
simulated again, at their 10 % and 90 % values on the same luck; everything else is arithmetic on the bills.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from planner.errors import PlannerError
from planner.experiments.cells import Progress, clock
from planner.experiments.comparison import OBJECTIVE, Comparison, compare
from planner.experiments.uncertain_bills import Bills, Check, checked
from planner.finance import tco_interval
from planner.finance.arrival_noise import month_noise
from planner.finance.cost_model import CostModel, RulesVary, cost_model
from planner.finance.distributions import Correlation, Input, draw
from planner.finance.fiscal import fiscal_year
from planner.finance.horizon import plan_of
from planner.finance.ledger import INVOICED
from planner.finance.risk import (
    SHARES,
    normal_scores,
    quantiles,
    regrets,
    shares_cheapest,
    tail_mean,
    value_of_knowing,
    value_of_perfect_information,
)
from planner.finance.sensitivity import Bar, rank_correlations, sobol_indices, tornado
from planner.finance.uncertain_inputs import correlations_of, inputs_of, moves
from planner.scenario.fields import Scenario
from planner.scenario.paths import render

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
DRAWS = 2**14  # a scrambled Sobol design keeps its balance only for powers of two: the next one above 10,000
MOST_DRAWS = 2**20
VIEWS = ("invoiced", "economic")
DISCOUNT, INFLATION = "finance.discount_rate", "finance.inflation_per_year"
_NAMES = tuple(f"p{round(100 * share)}" for share in SHARES)


@dataclass(frozen=True)
class Drawn:
    """A strategy over all draws: quantiles of its months and its totals."""

    model: CostModel
    months: Mapping[str, Floats]  # VIEW: (quantiles, months)
    cumulative: Mapping[str, Floats]
    month_means: Mapping[str, Floats]  # VIEW: (months,)
    breaches: Floats | None  # share of draws over the budget, by month
    year_breaches: Mapping[str, float] | None
    totals: Mapping[str, Floats]  # VIEW: (draws,)
    today: Mapping[str, Floats]  # VIEW: present value, (draws,)


@dataclass(frozen=True)
class Uncertainty:
    """What is not known of the inputs, carried through to costs. Tables are DataFrames made when asked for.

    Money is in USD as floats: these are quantiles of beliefs, not amounts of a ledger. `economic` includes what is
    invoiced. Sampling error of the simulation is not in any of it; `sampling_error` states it.
    """

    scenario: Scenario
    inputs_used: tuple[Input, ...]
    correlations: tuple[Correlation, ...]
    is_default: bool  # the scenario names no uncertain input: default ranges stand in
    values: Floats = field(repr=False)  # (draws, inputs)
    drawn: Mapping[str, Drawn] = field(repr=False)
    passing: tuple[str, ...]  # strategies that pass every gate
    month_names: tuple[str, ...]
    expected: Mapping[str, Mapping[str, float]]  # STRATEGY: VIEW: the comparison's total
    sampling_error: str
    check: Check
    seconds: float = field(compare=False)

    @property
    def draws(self) -> int:
        return int(self.values.shape[0])

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(self.drawn)

    @property
    def objective(self) -> str:
        """The view by which strategies are ranked: that of the scenario's objective."""
        return self.scenario.objective

    def totals(self, strategies: Sequence[str] | None = None) -> Floats:
        """USD over the horizon in the objective's view, shape (draws, strategies)."""
        names = self.strategies if strategies is None else strategies
        return np.column_stack([self.drawn[name].totals[self.objective] for name in names])

    # -- tables --------------------------------------------------------------------------------

    def _is_met(self, index: int) -> bool:
        """Whether the effect of an input is exact in the bills of every strategy."""
        return all(drawn.model.met[index] for drawn in self.drawn.values())

    @property
    def inputs(self) -> "pd.DataFrame":
        """Uncertain inputs: name, label, kind, p10, p50, p90, value, unit, source, confidence, is_met.

        `value` is the scenario's own; `is_met` False marks an input whose effect is an approximation.
        """
        import pandas as pd

        rows = [
            (one.name, one.label, one.kind, one.p10, one.p50, one.p90, one.value, one.unit, one.source, one.confidence,
             self._is_met(index))
            for index, one in enumerate(self.inputs_used)
        ]  # fmt: skip
        columns = ["name", "label", "kind", "p10", "p50", "p90", "value", "unit", "source", "confidence", "is_met"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    @property
    def budget(self) -> "pd.DataFrame":
        """Totals: strategy, view, measure (total, npv), mean, p10, p50, p80, p90, p95, cvar95, expected.

        p95 is the 95 % budget: passed in one draw of twenty. cvar95 is the mean of those. `expected` is the
        comparison's own total, every input as the scenario has it (None for npv).
        """
        import pandas as pd

        rows = []
        for name, drawn in self.drawn.items():
            for view in VIEWS:
                for measure, costs in (("total", drawn.totals[view]), ("npv", drawn.today[view])):
                    expected = self.expected[name][view] if measure == "total" else None
                    rows.append((name, view, measure, float(costs.mean()), *map(float, quantiles(costs)), tail_mean(costs), expected))  # fmt: skip
        return pd.DataFrame(rows, columns=["strategy", "view", "measure", "mean", *_NAMES, "cvar95", "expected"])  # fmt: skip

    @property
    def months(self) -> "pd.DataFrame":
        """Months: strategy, view, month, measure (month, cumulative), mean, p10, p50, p80, p90, p95, breach.

        `breach` is the probability that the month's invoiced spend passes finance.budget_usd_per_month; None where
        there is no budget, and for rows that are not of it.
        """
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for name, drawn in self.drawn.items():
            for view in VIEWS:
                means = drawn.month_means[view]
                for measure, found, mean in (("month", drawn.months[view], means), ("cumulative", drawn.cumulative[view], np.cumsum(means))):  # fmt: skip
                    for index, month in enumerate(self.month_names):
                        is_budgeted = drawn.breaches is not None and (view, measure) == (INVOICED, "month")
                        breach = float(drawn.breaches[index]) if is_budgeted and drawn.breaches is not None else None  # fmt: skip
                        rows.append((name, view, month, measure, float(mean[index]), *map(float, found[:, index]), breach))  # fmt: skip
        return pd.DataFrame(rows, columns=["strategy", "view", "month", "measure", "mean", *_NAMES, "breach"])

    @property
    def years(self) -> "pd.DataFrame":
        """Fiscal years: strategy, year, breach: probability that invoiced spend passes the year's budget.

        The budget of a year is finance.budget_usd_per_month for each of its months in the plan. Empty without a budget.
        """
        import pandas as pd

        rows = [
            (name, year, breach)
            for name, drawn in self.drawn.items()
            for year, breach in (drawn.year_breaches or {}).items()
        ]
        return pd.DataFrame(rows, columns=["strategy", "year", "breach"])

    @property
    def cheapest(self) -> "pd.DataFrame":
        """Probability of costing least, by objective: strategy, passes, among_all, among_passing.

        `among_passing` is None for strategies that miss a target.
        """
        import pandas as pd

        among_all = shares_cheapest(self.totals())
        passing = dict(zip(self.passing, shares_cheapest(self.totals(self.passing)), strict=True)) if self.passing else {}  # fmt: skip
        rows = [
            (name, name in self.passing, float(share), None if name not in passing else float(passing[name]))
            for name, share in zip(self.strategies, among_all, strict=True)
        ]
        return pd.DataFrame(rows, columns=["strategy", "passes", "among_all", "among_passing"])

    @property
    def regret(self) -> "pd.DataFrame":
        """What a choice costs more than the best of each draw, USD: strategy, mean, p50, p80, p95, largest."""
        import pandas as pd

        found = regrets(self.totals())
        rows = [
            (name, float(column.mean()), *map(float, np.quantile(column, (0.5, 0.8, 0.95))), float(column.max()))
            for name, column in zip(self.strategies, found.T, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["strategy", "mean", "p50", "p80", "p95", "largest"])

    @property
    def information(self) -> "pd.DataFrame":
        """What knowing before choosing is worth, USD over the horizon: input ("" for all of them), usd, usd_among_passing.

        The first row is the expected value of perfect information.
        """
        import pandas as pd

        sets = [self.totals(), self.totals(self.passing) if len(self.passing) > 1 else None]
        rows: list[tuple[Any, ...]] = []
        scores = [normal_scores(self.values[:, index]) for index in range(len(self.inputs_used))]
        everything = [None if costs is None else value_of_perfect_information(costs) for costs in sets]
        rows.append(("", *everything))
        for one, score in zip(self.inputs_used, scores, strict=True):
            found = [
                None if costs is None or whole is None else min(value_of_knowing(score, costs), whole)
                for costs, whole in zip(sets, everything, strict=True)
            ]
            rows.append((one.name, *found))
        table = pd.DataFrame(rows, columns=["input", "usd", "usd_among_passing"])
        first, rest = table.iloc[:1], table.iloc[1:].sort_values("usd", ascending=False, kind="stable")
        return pd.concat([first, rest], ignore_index=True)

    @property
    def importance(self) -> "pd.DataFrame":
        """What moves each strategy's total: strategy, input, rank_correlation, first, total.

        `first` and `total` are Sobol's shares of the variance; None where inputs are correlated, which have none.
        """
        import pandas as pd

        rows = []
        for name, drawn in self.drawn.items():
            ranks = rank_correlations(self.values, drawn.totals[self.objective])
            shares = None if self.correlations else sobol_indices(self.figure(name), self.inputs_used, seed=self.scenario.run.seed)  # fmt: skip
            for index, one in enumerate(self.inputs_used):
                parts = (None, None) if shares is None else (float(shares.first[index]), float(shares.total[index]))  # fmt: skip
                rows.append((name, one.name, float(ranks[index]), *parts))
        return pd.DataFrame(rows, columns=["strategy", "input", "rank_correlation", "first", "total"])

    def figure(self, a: str, b: str | None = None) -> Any:
        """Total of a in the objective's view (minus that of b), as a function of a table of input values."""
        self._check_names(a, *(() if b is None else (b,)))

        def found(values: Floats) -> Floats:
            first = self.drawn[a].model.total(values, self.objective)
            return (
                first if b is None else np.asarray(first - self.drawn[b].model.total(values, self.objective))
            )

        return found

    def bars(self, a: str, b: str | None = None) -> tuple[Bar, ...]:
        """Bars of a tornado; see `tornado`."""
        return tornado(self.inputs_used, self.figure(a, b), self._spans)

    def tornado(self, a: str, b: str | None = None) -> "pd.DataFrame":
        """Each input at p10 and p90, others at p50: what the total of a (minus that of b) is then, USD.

        Columns: input, p10, p90, at_p10, at_p90, baseline, swing, switches (values of the input at which the sign turns,
        in its unit; a tuple, empty where it never does), straight (False: not a straight line), is_outside (the
        baseline is not between the two ends). The widest first.
        """
        import pandas as pd

        self._check_names(*(name for name in (a, b) if name is not None))
        names = [one.name for one in self.inputs_used]
        models = [self.drawn[name].model for name in (a, b) if name is not None]
        rows = [
            (bar.name, bar.low, bar.high, bar.at_low, bar.at_high, bar.baseline, bar.swing, bar.switches,
             all(model.straight[names.index(bar.name)] for model in models), bar.is_outside)
            for bar in self.bars(a, b)
        ]  # fmt: skip
        columns = ["input", "p10", "p90", "at_p10", "at_p90", "baseline", "swing", "switches", "straight", "is_outside"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def _spans(self) -> tuple[tuple[float, float], ...]:
        return spans_of(self.values)

    def _check_names(self, *names: str) -> None:
        for name in names:
            if name not in self.drawn:
                raise PlannerError(f"no strategy {name!r}; there are {', '.join(self.drawn)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values: every table as a list of rows, tornadoes of all pairs."""
        pairs = [(a, b) for i, a in enumerate(self.strategies) for b in self.strategies[i + 1 :]]
        return {
            "draws": self.draws,
            "seed": self.scenario.run.seed,
            "objective": self.objective,
            "is_default": self.is_default,
            "inputs": _rows(self.inputs),
            "correlations": [
                {
                    "between": [self.inputs_used[one.first].name, self.inputs_used[one.second].name],
                    "rank": one.rank,
                }
                for one in self.correlations
            ],
            "budget": _rows(self.budget),
            "months": _rows(self.months),
            "years": _rows(self.years),
            "cheapest": _rows(self.cheapest),
            "regret": _rows(self.regret),
            "information": _rows(self.information),
            "importance": _rows(self.importance),
            "tornado": [{"a": a, "b": b, "bars": _rows(self.tornado(a, b))} for a, b in pairs],
            "sampling_error": self.sampling_error,
            "check": {
                "draws": self.check.draws,
                "largest_difference": self.check.largest_difference,
                "with_rounding": self.check.with_rounding,
            },
            "seconds": self.seconds,
        }


def _rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.astype(object).where(table.notna(), None).to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value


def _check_steps(scenario: Scenario, inputs: Sequence[Input], values: Floats) -> None:
    """Refuse draws in which a step of a tier would come before the one below it: no file may say so either."""
    drawn = {one.name: values[:, index] for index, one in enumerate(inputs)}
    for place, rule in enumerate(scenario.finance.volume_prices):
        paths = [
            render(("finance", "volume_prices", place, "steps", step, "above"))
            for step in range(len(rule.steps))
        ]
        above = [
            drawn.get(path, np.full(len(values), step.above))
            for path, step in zip(paths, rule.steps, strict=True)
        ]
        for lower, upper, path in zip(above[:-1], above[1:], paths[1:], strict=True):
            if (crossed := float((lower >= upper).mean())) > 0:
                raise PricedByVolume(
                    f"uncertain: in {crossed:.1%} of the draws the step before {path} is not below it; give narrower ranges"
                )


def spans_of(values: Floats) -> tuple[tuple[float, float], ...]:
    """Lowest and highest draw of each input."""
    return tuple((float(column.min()), float(column.max())) for column in values.T)


class PricedByVolume(PlannerError):
    """Costs whose draws are not worked out, because of how their prices move with what is used in all."""


def uncertainty(
    given: Comparison | Scenario,
    *,
    draws: int = DRAWS,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> Uncertainty:
    """Carry what is not known of the inputs through to costs.

    Parameters
    ----------
    given : Comparison or Scenario
        A scenario is compared first, with `engine`, `replications` and `workers`. Inputs that change what is simulated
        are simulated with them too.
    draws : int
        A power of two, up to 2**20: other numbers would unbalance the Sobol design. Its seed is `run.seed`.
    report : callable (done, total), optional
        Hears of what is simulated.

    Raises
    ------
    PlannerError
        A number of draws that is no power of two.
    PricedByVolume
        A bill has tiers that go by tokens, or an input adds or takes away a step of prices that move with volume.
    """
    if draws < 2 or draws > MOST_DRAWS or draws & (draws - 1):
        raise PlannerError(
            f"draws: got {draws}; allowed: a power of two from 2 to {MOST_DRAWS}, such as {DRAWS}"
        )
    comparison = given if isinstance(given, Comparison) else compare(given, engine=engine, replications=replications, workers=workers, report=report)  # fmt: skip
    began = clock()
    scenario = comparison.scenario
    for name in comparison.strategies:
        if any(one.of == "quantity" for one in plan_of(scenario, name).adjustments):
            raise PricedByVolume(
                f"not supported yet: how sure the costs of {name} are, as tiers of them go by tokens "
                "(finance.volume_prices with of: tokens)"
            )
    inputs = inputs_of(scenario)
    correlations = correlations_of(scenario, inputs)
    values = draw(inputs, correlations, draws, scenario.run.seed)
    _check_steps(scenario, inputs, values)
    bills = Bills(comparison, inputs, engine, workers, report, replications)
    try:
        models = {
            name: cost_model(name, inputs, spans_of(values), partial(bills.bill, name), moves, bills.volume)
            for name in comparison.strategies
        }
    except RulesVary as error:
        raise PricedByVolume(f"not supported yet: {error}") from None
    months = plan_of(scenario, comparison.strategies[0]).months
    names = tuple(month.name for month in months)
    rate = _nominal_rates(scenario, inputs, values)
    ends = np.array([float(month.ends_after) for month in months])
    today = (1 + rate[:, np.newaxis]) ** (-ends / 12)
    drawn = {name: _drawn(scenario, model, values, names, today) for name, model in models.items()}
    return Uncertainty(
        scenario=scenario,
        inputs_used=inputs,
        correlations=correlations,
        is_default=not scenario.uncertain,
        values=values,
        drawn=drawn,
        passing=tuple(
            name for name, one in comparison.verdicts.items() if one.meets is not False and name in drawn
        ),
        month_names=names,
        expected={
            name: {view: float(getattr(one.tco, OBJECTIVE[view])) for view in VIEWS}
            for name, one in comparison.results.items()
        },
        sampling_error=_sampling_error(comparison),
        check=checked(bills, models, inputs, values),
        seconds=clock() - began,
    )


def _nominal_rates(scenario: Scenario, inputs: Sequence[Input], values: Floats) -> Floats:
    """Rate for nominal amounts in every draw, shape (draws,); see `planner.finance.calendar.nominal_rate`."""

    def drawn(name: str, given: float) -> Floats:
        index = next((index for index, one in enumerate(inputs) if one.name == name), None)
        return np.full(values.shape[0], given) if index is None else values[:, index]

    rate = drawn(DISCOUNT, scenario.finance.discount_rate)
    if scenario.finance.rates == "nominal" or scenario.finance.inflation_per_year is None:
        return rate
    return np.asarray((1 + rate) * (1 + drawn(INFLATION, scenario.finance.inflation_per_year)) - 1)


def _drawn(
    scenario: Scenario, model: CostModel, values: Floats, names: tuple[str, ...], today: Floats
) -> Drawn:
    costs = model.costs(values)
    budget = scenario.finance.budget_usd_per_month
    months, cumulative, means, totals, npv = {}, {}, {}, {}, {}
    for view in VIEWS:
        table, first = costs.months(view), costs.at_start(view)
        months[view] = quantiles(table)
        cumulative[view] = quantiles(np.cumsum(table, axis=1))
        means[view] = table.mean(axis=0)
        totals[view] = table.sum(axis=1)
        later = table.copy()
        later[:, 0] -= first
        npv[view] = first + (later * today).sum(axis=1)
    breaches, year_breaches = None, None
    if budget is not None:
        breaches = (costs.invoiced > budget).mean(axis=0)
        year_breaches = {}
        years = [fiscal_year(name, scenario.finance.fiscal_year_starts) for name in names]
        for year in dict.fromkeys(years):
            inside = np.array([one == year for one in years])
            spent = costs.invoiced[:, inside].sum(axis=1)
            year_breaches[year] = float((spent > budget * inside.sum()).mean())
    return Drawn(model, months, cumulative, means, breaches, year_breaches, totals, npv)


def _sampling_error(comparison: Comparison) -> str:
    """One line: how far the simulation itself may be off, which no draw holds."""
    name = OBJECTIVE[comparison.scenario.objective]
    parts = []
    for strategy, one in comparison.results.items():
        value = getattr(one.tco, name)
        ends = tco_interval(one.vectors, name, value)
        if ends is None:
            parts.append(f"{strategy} not known")
        else:
            half = float(ends.high - ends.low) / 2
            parts.append(
                f"{strategy} ±{half / float(value):.2%}" if value else f"{strategy} ±{half:,.2f} USD"
            )
    noise = [month_noise(comparison.scenario, one.ledger) for one in comparison.results.values()]
    known = [one for one in noise if one is not None]
    chance = (
        f" Chance alone: a first month passes its mean by {max(known):.2%} once in twenty." if known else ""
    )
    return f"Sampling error of the simulation, apart from all this (95 %): {', '.join(parts)} of the total.{chance}"


__all__ = ["DRAWS", "Check", "Drawn", "Uncertainty", "uncertainty"]
