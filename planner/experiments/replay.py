"""A log of one's own traffic under every strategy: what it would have cost, how fast and how reliable it would have been.

Comes in: a scenario and a `Log`; goes out: a `Replay`. The scenario's traffic is replaced by exactly these requests, each
window of a run is the whole log with other luck, and everything is done three times: with the tokens as they were counted,
and with the low and the high end of what they may be for other models. Counts come from the engine, measures from `metrics`,
money from `finance`; this file only lays them side by side.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from planner.experiments import answer as answers
from planner.experiments import replay_tokens as tokens
from planner.experiments.answer import SloRow
from planner.experiments.cells import Cell, Progress, clock, run_cells
from planner.experiments.comparison import measure_weights, measured
from planner.experiments.replay_answer import sentence
from planner.experiments.replay_tokens import LEVELS, Factor, changes, factors
from planner.finance.horizon import plan_of
from planner.finance.ledger import INVOICED, Ledger, View, merge
from planner.finance.log_bill import by_the_month, mean_counts, once_of, standing_of, use_ledger
from planner.finance.totals import per
from planner.metrics import LOST, Estimate, deletions
from planner.scenario import paths
from planner.scenario.fields import MONTH_S, Scenario
from planner.workload.log_profile import many
from planner.workload.logs import Log
from planner.workload.windows import Window, eras, plan_windows, requests_per_month

if TYPE_CHECKING:
    import pandas as pd

TICK_S = 0.1
BUDGET = 12_000_000  # simulated requests in all: windows are as many as fit, at least one
LEAST_MONTH_S = 3600.0  # a shorter log says nothing of a month
MEASURES = (
    "latency_p50_s", "latency_p95_s", "latency_p99_s", "ttft_p50_s", "ttft_p95_s", "speed_p05", "availability",
    "accuracy", "omni_share", "over_context_share", "attempts_mean",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One strategy at one level of tokens.

    `use` follows the requests of the log, `standing` is what stands for as long as the log is; `month` and
    `month_standing` are both for a mean month at the log's pace, None where it is shorter than an hour.
    """

    use: Ledger
    standing: Ledger
    month: Ledger | None
    month_standing: Ledger | None
    estimates: Mapping[tuple[str, str], Estimate]
    misses: tuple[str, ...]

    def cost(self, objective: str) -> Decimal:
        """USD of the log: use and what stands meanwhile; economic includes what is on no invoice."""
        return merge([self.use, self.standing]).total(_view(objective))

    def month_cost(self, objective: str) -> Decimal | None:
        """USD of a mean month, None where the log is too short to say."""
        if self.month is None or self.month_standing is None:
            return None
        return merge([self.month, self.month_standing]).total(_view(objective))


@dataclass(frozen=True, kw_only=True)
class StrategyReplay:
    """One strategy on the log."""

    name: str
    levels: Mapping[str, Outcome]  # low, central, high
    once: Ledger  # paid once over the plan, in no figure of the log

    @property
    def central(self) -> Outcome:
        return self.levels["central"]

    def costs(self, objective: str) -> tuple[Decimal, Decimal, Decimal]:
        """(low, central, high) of the log."""
        low, central, high = (self.levels[level].cost(objective) for level in LEVELS)
        return min(low, central, high), central, max(low, central, high)

    def meets(self, level: str = "central") -> bool:
        """Whether every target is met."""
        return not self.levels[level].misses

    @property
    def is_certain(self) -> bool:
        """Whether fewer or more tokens lead to the same verdict."""
        return all(self.meets(level) == self.meets() for level in self.levels)


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a log would have been under each strategy; tables are DataFrames made when asked for."""

    scenario: Scenario  # with the log as its traffic
    log: Log
    counted_by: str | None
    counted_by_reason: str
    factors: tuple[Factor, ...]
    strategies: Mapping[str, StrategyReplay]
    slo_rows: tuple[SloRow, ...]  # at the tokens as counted
    winner: str | None
    answer: str
    notices: tuple[str, ...]
    n_windows: int
    simulated_requests: int
    seconds: float = field(compare=False)

    @property
    def table(self) -> "pd.DataFrame":
        """Measures: strategy, task ("" for all), measure, unit, central, low, high; the ends are of the tokens."""
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for name, one in self.strategies.items():
            for (task, measure), found in one.central.estimates.items():
                if measure in MEASURES or measure.startswith(LOST):
                    ends = [one.levels[level].estimates.get((task, measure)) for level in ("low", "high")]
                    low, high = (None if end is None else end.value for end in ends)
                    rows.append((name, task, measure, unit_of(measure), found.value, low, high))
        columns = ["strategy", "task", "measure", "unit", "central", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def money(self) -> "pd.DataFrame":
        """Money: strategy, measure, central, low, high in USD (Decimal; None where not known)."""
        import pandas as pd

        rows = [
            (name, measure, *(made[level] for level in ("central", "low", "high")))
            for name, one in self.strategies.items()
            for measure, made in money_of(one, self.log.n).items()
        ]
        columns = ["strategy", "measure", "central", "low", "high"]
        return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], object))

    @property
    def ledger(self) -> "pd.DataFrame":
        """Every row behind the costs of the log: level, part (use or standing), and those of a ledger."""
        import pandas as pd

        frames = [
            ledger.to_frame().assign(level=level, part=part)
            for one in self.strategies.values()
            for level, outcome in one.levels.items()
            for part, ledger in (("use", outcome.use), ("standing", outcome.standing))
        ]
        found = pd.concat(frames, ignore_index=True)
        first = ["level", "part", "strategy"]
        return found[[*first, *[name for name in found.columns if name not in first]]]

    @property
    def token_factors(self) -> "pd.DataFrame":
        """Factors on tokens: model, meter, low, central, high, confidence, source."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self.factors])

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `planner replay --json`: plain values, money as decimal strings."""
        from planner.experiments.replay_document import document

        return document(self)


def money_of(one: StrategyReplay, n_requests: int) -> dict[str, dict[str, Decimal | None]]:
    """MEASURE: level: USD. `use_*` and `standing` add up to `total_*`; all are sums of ledger rows."""
    found: dict[str, dict[str, Decimal | None]] = {}

    def put(measure: str, level: str, amount: Decimal | None) -> None:
        found.setdefault(measure, {})[level] = amount

    for level in LEVELS:
        outcome = one.levels[level]
        put("standing_usd", level, outcome.standing.total())
        for objective in ("invoiced", "economic"):
            put(f"use_{objective}_usd", level, outcome.use.total(_view(objective)))
            put(f"total_{objective}_usd", level, outcome.cost(objective))
            put(f"per_1k_{objective}_usd", level, per(outcome.cost(objective), Decimal(n_requests), 1000))
            put(f"month_{objective}_usd", level, outcome.month_cost(objective))
        put("once_usd", level, one.once.total())
    return found


def unit_of(measure: str) -> str:
    """The unit of a measure that is shown."""
    if measure.endswith("_s"):
        return "s"
    if measure.startswith("speed"):
        return "tokens/s"
    return "calls" if measure == "attempts_mean" else "share"


def _view(objective: str) -> View | None:
    return INVOICED if objective == "invoiced" else None


def replayed(scenario: Scenario, log: Log) -> Scenario:
    """The scenario with exactly the requests of a log as its traffic; it can be run as long as the log is kept.

    Raises ScenarioError where the scenario cannot be run on a recording.
    """
    traffic: dict[str, Any] = {"traffic.trace": {"file": str(log.file)}}
    traffic |= {
        f"traffic.{name}": None
        for name in ("requests_per_month", "users")
        if getattr(scenario.traffic, name) is not None
    }
    if not _names_tasks(scenario, log):
        traffic["traffic.trace"] = {"file": str(log.without_tasks.file)}
    again = {
        paths.render(("tasks", name, "requery_probability")): 0.0
        for name, task in scenario.tasks.items()
        if task.requery_probability > 0
    }
    return scenario.set(traffic | again)


def _names_tasks(scenario: Scenario, log: Log) -> bool:
    """Whether every row of the log is about a task of the scenario."""
    return log.task is None or (bool((log.task >= 0).all()) and set(log.task_names) <= set(scenario.tasks))


def replay(
    scenario: Scenario,
    log: Log,
    *,
    counted_by: str | None = None,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> Replay:
    """Every strategy of a scenario on exactly the requests of a log.

    Parameters
    ----------
    counted_by : str, optional
        The model whose tokens the log counted, or "unknown"; guessed from the log's column of models if not given.
    engine, workers, report
        As in `planner.compare`.
    replications : int, optional
        How often the log is replayed, with other luck; those with a planted outage come on top. If not given, as often as
        `run.replications` says, less for long logs.

    Raises
    ------
    ScenarioError
        The scenario cannot be run on a recording, or nobody knows the model that counted.
    """
    began = clock()
    counter, reason = tokens.counted_by(scenario, log, counted_by)
    rows = factors(scenario, counter)
    base = replayed(scenario, log)
    scenarios = {level: _at(base, rows, level) for level in LEVELS}
    wanted = replications or min(
        scenario.run.replications, max(1, BUDGET // (log.n * len(LEVELS) * len(scenario.strategies)))
    )
    windows = windows_of(scenarios["central"], wanted)
    cells = _run(scenarios, windows, engine, workers, report)
    plan = deletions(measure_weights(base, windows), [(window.era, window.stratum) for window in windows])
    span_s = Fraction(int(log.arrival_ns[-1]), 10**9)
    strategies: dict[str, StrategyReplay] = {}
    slo_rows: list[SloRow] = []
    for name in scenario.strategies:
        levels = {}
        for level in LEVELS:
            own = [cell[name] for cell in cells[level]]
            estimates = {
                key: one.estimate(plan.strata) for key, one in measured(scenarios[level], plan, own).items()
            }
            met = answers.slo_rows(scenarios[level], name, estimates)
            slo_rows += met if level == "central" else []
            levels[level] = _outcome(scenarios[level], name, windows, own, span_s, estimates, met, log)
        strategies[name] = StrategyReplay(
            name=name, levels=levels, once=once_of(plan_of(scenarios["central"], name))
        )
    words, winner = sentence(scenario, log, strategies, slo_rows)
    return Replay(
        scenario=scenarios["central"],
        log=log,
        counted_by=counter,
        counted_by_reason=reason,
        factors=rows,
        strategies=strategies,
        slo_rows=tuple(slo_rows),
        winner=winner,
        answer=words,
        notices=tuple(_notices(scenario, log, windows, counter, reason, strategies)),
        n_windows=len(windows),
        simulated_requests=sum(
            one.sample.n
            for by_window in {
                id(one): one for one in cells.values()
            }.values()  # levels that are the same were run once
            for cell in by_window
            for one in cell.values()
        ),
        seconds=clock() - began,
    )


def _at(scenario: Scenario, rows: Sequence[Factor], level: str) -> Scenario:
    """The scenario with the factors of a level; those that are 1 anyway are not written into it."""
    wanted = changes(rows, level)
    central = changes(rows, "central")
    set_ = {
        path: value
        for path, value in wanted.items()
        if value != 1.0 or central[path] != 1.0 or _is_given(scenario, path)
    }
    return scenario.set(set_) if set_ else scenario


def _is_given(scenario: Scenario, path: str) -> bool:
    """Whether the scenario gives a factor, which must then be overwritten."""
    _, model, name = paths.parse(path)
    own = scenario.models.get(str(model))
    return own is not None and getattr(own, str(name)) is not None


def windows_of(scenario: Scenario, wanted: int) -> tuple[Window, ...]:
    """Windows with the models of the plan's first day; their weights add up to 1."""
    first = eras(scenario)[0]
    ask = wanted if wanted == 1 else min(1000, math.ceil(wanted / first.weight))
    found = [one for one in plan_windows(scenario, ask) if one.era == first.index]
    if len(eras(scenario)) == 1:
        return tuple(found)
    total = math.fsum(one.weight for one in found)
    return tuple(replace(one, weight=one.weight / total) for one in found)


def _run(
    scenarios: Mapping[str, Scenario],
    windows: Sequence[Window],
    engine: str,
    workers: int | None,
    report: Progress | None,
) -> dict[str, list[Mapping[str, Cell]]]:
    """LEVEL: the cells of each window; levels that are the same scenario are run once.

    Where each has one window only, two are run at a time; `report` is called by the thread that asked.
    """
    different = list(dict.fromkeys(scenarios.values()))
    done = [0] * len(different)
    total = 1000 * len(windows) * len(different)
    stop = threading.Event()
    is_threaded = engine == "compiled" and len(windows) == 1 and workers != 1 and len(different) > 1

    def run(place: int) -> list[Mapping[str, Cell]]:
        def heard(so_far: int, _: int) -> None:
            done[place] = so_far
            if stop.is_set():
                raise _Stopped
            if report is not None and not is_threaded:
                report(sum(done), total)

        return run_cells(different[place], windows, engine=engine, workers=workers, report=heard)

    if not is_threaded:
        found = [run(place) for place in range(len(different))]
    else:
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(run, place) for place in range(len(different))]
            try:
                is_over = False
                while not is_over:
                    is_over = not wait(futures, timeout=TICK_S, return_when=FIRST_EXCEPTION).not_done
                    if any(one.done() and one.exception() for one in futures):
                        break
                    if report is not None:
                        report(sum(done), total)
                found = [one.result() for one in futures]
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    by_scenario = dict(zip(different, found, strict=True))
    return {level: by_scenario[one] for level, one in scenarios.items()}


class _Stopped(Exception):
    """Tells a thread to give up."""


def _outcome(
    scenario: Scenario,
    name: str,
    windows: Sequence[Window],
    cells: Sequence[Cell],
    span_s: Fraction,
    estimates: Mapping[tuple[str, str], Estimate],
    met: Sequence[SloRow],
    log: Log,
) -> Outcome:
    """The bills of a strategy on the log, and of a month like it."""
    plan = plan_of(scenario, name)
    counts = mean_counts(windows, [cell.quantities for cell in cells])
    month = month_standing = None
    if log.span_s >= LEAST_MONTH_S:
        times = Fraction(requests_per_month(scenario)) / log.n
        month = use_ledger(plan, counts, times, Fraction(MONTH_S, 3600))
        month_standing = standing_of(plan, Fraction(MONTH_S))
    return Outcome(
        use=use_ledger(plan, counts, Fraction(1), span_s / 3600),
        standing=standing_of(plan, span_s),
        month=month,
        month_standing=month_standing,
        estimates=estimates,
        misses=tuple(row.words() for row in met if not row.met),
    )


def _later_models(scenario: Scenario) -> list[str]:
    """That models of the first day serve, where others will for the rest of the plan."""
    stretches = eras(scenario)
    found = {
        (old, new): after.start
        for before, after in pairwise(stretches)
        for name, new in after.models.items()
        if (old := before.models[name]) != new
    }
    if not found:
        return []
    told = ", ".join(f"{old} becomes {new} on {on}" for (old, new), on in found.items())
    return [
        f"models are those of {scenario.start} (start), too: {told}, of which nothing is in these figures"
    ]


def _notices(
    scenario: Scenario,
    log: Log,
    windows: Sequence[Window],
    counter: str | None,
    reason: str,
    strategies: Mapping[str, StrategyReplay],
) -> list[str]:
    """What has to be known to read the figures."""
    who = (
        f"counted by {counter} ({reason})"
        if counter
        else f"whose tokens the log counted is not known ({reason})"
    )
    told = [
        f"{log.source}: {many(log.n, 'request')} of {many(log.n_read, 'row')}"
        + (f", {log.n_bad:,} left out" if log.n_bad else ""),
        *log.notices,
        f"tokens: {who}; ranges say what they may be for other models",
        f"prices are those of {scenario.start} (start), whatever the date of the log",
        *_later_models(scenario),
        f"standing charges are the plan's, spread evenly over its days, for the {float(log.span_s):,.6g} s of the log",
    ]
    if not _names_tasks(scenario, log):
        assert log.task is not None
        others = [one for one in log.task_names if one not in scenario.tasks]
        names = f" ({', '.join(others[:3])}{' and more' if len(others) > 3 else ''})" if others else ""
        told.append(
            f"the log's tasks{names} are not all tasks of the scenario: tasks are drawn by their shares instead"
        )
    elif log.task is None and len(scenario.tasks) > 1:
        told.append("the log does not say what requests are about: tasks are drawn by their shares")
    if any(task.requery_probability > 0 for task in scenario.tasks.values()):
        told.append(
            "nobody asks again (tasks.X.requery_probability is left out): the log is replayed as it is"
        )
    paid_once = [one for one in strategies.values() if one.once.rows]
    if paid_once:
        sums = ", ".join(f"{one.name} {answers.money_words(one.once.total())}" for one in paid_once)
        told.append(f"paid once over the plan and in no figure of the log: {sums}")
    left_out = by_the_month(scenario)
    if left_out:
        told.append(f"what goes by the use of a month is in no figure of the log: {', '.join(left_out)}")
    if len(windows) < 4:
        told.append(
            f"the log was replayed {'once' if len(windows) == 1 else f'{len(windows)} times'}: outages came as they were "
            "drawn, so that availability is a matter of luck; more replications (--replications) would even it out"
        )
    if log.span_s < LEAST_MONTH_S:
        told.append("the log is shorter than an hour: nothing is said of a month like it")
    else:
        told.append("figures of a month hold if all of it were like the log, its hours and days included")
    return told


__all__ = [
    "MEASURES",
    "Outcome",
    "Replay",
    "StrategyReplay",
    "money_of",
    "replay",
    "replayed",
    "unit_of",
    "windows_of",
]
