"""One request's life, step by step, from the tables of a run.

Comes in: a `Run` of either engine and which request is meant; goes out: the steps as rows, a DataFrame or text. A
call that was turned away before it was sent leaves no row in any table: such a step is told only as far as the
route, the sizes, the breakers' edges and the final cause show it.
"""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from planner import tables as t
from planner.chance import to_ns
from planner.engines.run import Arrays, Run
from planner.errors import PlannerError
from planner.experiments.call_cost import CallCosts
from planner.experiments.edges import Edges, Row, rows_of, seconds
from planner.routing.routers import Levels, Route, flat, matches, reachable
from planner.routing.scores import router_scores
from planner.scenario.batches import terms_of
from planner.scenario.demand import Task
from planner.scenario.fields import ThresholdRouter
from planner.scenario.strategies import Rule
from planner.workload.requests import Requests
from planner.workload.windows import eras

if TYPE_CHECKING:
    import pandas as pd

WORDS = ("slowest", "first-failed")

_SOME_WAIT = "waited: the router, a backoff, a layer of retries, or a queue that it left"
_NO_ROW = "turned away: busy, at a limit, or too long in its queue (a call that is not sent leaves no row)"
_TURNED_AWAY = {
    t.LIMIT: "turned away: busy, or at its rate limit",
    t.OWN_BREAKER: "turned away by its breaker",
    t.QUEUE: "turned away: its queue was full, or the wait in it too long",
    t.TOO_LARGE: "turned away: larger than its limits ever admit",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that happened to a request, or to a deployment on its way."""

    time_ns: int  # since the start of the window
    what: (
        str  # arrived, route, state, wait, passed over, queued, sent, first token, end, breaker, outage, done
    )
    deployment: str  # "" where it belongs to none
    text: str


def find_request(run: Run, which: int | str) -> int:
    """The name of the request that is meant.

    Parameters
    ----------
    which : int or str
        A name; `#K`, the K-th arrival of the window from 0; `slowest`, the longest from arrival to end, whatever
        its outcome; or `first-failed`, the first arrival that did not end ok.

    Raises
    ------
    PlannerError
        No such request, with names that there are.
    """
    outcomes = run.outcome_arrays
    names = by_arrival(run)
    text = str(which).strip()
    if names.size == 0:
        raise PlannerError("request: no request arrives in this window")
    if text == "slowest":
        took = outcomes["ended_ns"] - outcomes["arrived_ns"]
        return _first(outcomes, took == took.max())
    if text == "first-failed":
        failed = outcomes["outcome"] != t.OK
        if not failed.any():
            raise PlannerError(
                f"request: got first-failed; all {names.size:,} requests of this window ended ok"
            )
        return _first(outcomes, failed)
    if re.fullmatch(r"#\d{1,18}", text) and int(text[1:]) < names.size:
        return int(names[int(text[1:])])
    if re.fullmatch(r"\d{1,18}", text) and (names == int(text)).any():
        return int(text)
    if re.fullmatch(r"\d{1,18}", text) and (run.work.requests.request == int(text)).any():
        raise PlannerError(
            f"request: {text} never comes: its conversation has ended before, or the answer it asks for once more was right"
        )
    some = ", ".join(str(name) for name in names[:3])
    raise PlannerError(
        f"request: got {which!r}; allowed: a name of this window, such as {some}, #0 to #{names.size - 1} (by arrival), "
        f"{' or '.join(WORDS)}"
    )


def by_arrival(run: Run) -> np.ndarray:
    """Names of the requests that came, in the order in which they did."""
    outcomes = run.outcome_arrays
    found: np.ndarray = outcomes["request"][np.lexsort((outcomes["request"], outcomes["arrived_ns"]))]
    return found


def explain(run: Run, which: int | str) -> "pd.DataFrame":
    """The steps of a request as a table: time_s, after_s (since the step before), what, deployment, text.

    `which` is as in `find_request`. Times are seconds since the start of the window.
    """
    import pandas as pd

    found = steps(run, find_request(run, which))
    times = np.array([step.time_ns for step in found], np.int64)
    return pd.DataFrame(
        {
            "time_s": times / 1e9,
            "after_s": np.diff(times, prepend=times[:1]) / 1e9,
            "what": [step.what for step in found],
            "deployment": [step.deployment or None for step in found],
            "text": [step.text for step in found],
        }
    )


def explain_text(run: Run, which: int | str) -> str:
    """The steps of a request as lines: moment, time since the step before, and what happened."""
    name = find_request(run, which)
    story = _Story(run, name)
    found = story.steps()
    lines = [story.heading(), ""]
    lines.append(f"{'moment, s':>13} {'after, s':>10}  what happened")
    before = found[0].time_ns
    for step in found:
        where = f"{step.deployment}: " if step.deployment else ""
        after = seconds(step.time_ns - before) if step is not found[0] else ""
        lines.append(f"{seconds(step.time_ns):>13} {after:>10}  {where}{step.text}")
        before = step.time_ns
    return "\n".join([*lines, "", *story.closing()])


def steps(run: Run, name: int) -> list[Step]:
    """All that the tables show of a request, in order of time."""
    return _Story(run, name).steps()


class _Story:
    """A request's rows, and the steps that they make."""

    def __init__(self, run: Run, name: int) -> None:
        self.run, self.name = run, name
        self.deployments = list(run.scenario.deployments)
        self.number = int(np.flatnonzero(by_arrival(run) == name)[0])
        self.index = int(np.flatnonzero(run.work.requests.request == name)[0])
        self.request = _one(run.work.requests, self.index)
        self.outcome = rows_of(run.outcome_arrays, run.outcome_arrays["request"] == name)[0]
        calls = rows_of(run.attempt_arrays, run.attempt_arrays["request"] == name)
        self.calls = sorted(calls, key=lambda call: call["attempt"])
        routing = run.work.routing
        self.route: Route = routing.routes[int(routing.route[self.index])]
        self.group = routing.groups[self.route.group]
        self.escalate = routing.groups[self.route.escalate] if self.route.is_cascade else None
        reached = [reachable(routing.groups, self.route.group)]
        reached += [reachable(routing.groups, self.route.escalate)] if self.route.is_cascade else []
        groups = dict.fromkeys(one for found in reached for one in found)
        self.names = tuple(dict.fromkeys(name for one in groups for name in routing.groups[one].chain))
        self.costs = CallCosts(run)
        self.edges = Edges(run, name, self.names)
        self.is_ok = self.outcome["outcome"] == t.OK

    # -- what stands around the steps --

    def heading(self) -> str:
        run = self.run
        start = datetime.datetime.combine(run.scenario.start, datetime.time()) + datetime.timedelta(
            seconds=run.window.start_s
        )
        return (
            f"Request {self.name}, arrival #{self.number} of {len(run.outcome_arrays['request']):,}, under {run.strategy}\n"
            f"Window {run.window.index}: {run.window.length_s:,g} s from {start:%Y-%m-%d %H:%M} UTC; "
            f"moments are seconds since its start"
        )

    def closing(self) -> Iterator[str]:
        first, arrived = self.outcome["first_token_ns"], self.outcome["arrived_ns"]
        yield f"Latency {seconds(self.outcome['ended_ns'] - arrived)} s" + (
            f", first token after {seconds(first - arrived)} s" if first != t.NEVER else ""
        )
        yield self.costs.summary(self.outcome, self.calls)

    # -- the steps --

    def steps(self) -> list[Step]:
        own = [*self._beginning(), *self._calls(), self._done()]
        return self._with_events(own)

    def _beginning(self) -> Iterator[Step]:
        arrived_ns = self.outcome["arrived_ns"]
        yield Step(time_ns=arrived_ns, what="arrived", deployment="", text=f"arrives: {self._description()}")
        yield Step(time_ns=arrived_ns, what="route", deployment="", text=self._decision())
        for name in self.names:
            for text in (self.edges.breaker_at(name, arrived_ns), self.edges.outage_at(name, arrived_ns)):
                if text:
                    yield Step(time_ns=arrived_ns, what="state", deployment=name, text=text)

    def _description(self) -> str:
        one = self.request
        prefix = int(one.prefix_tokens[0])
        parts = [
            f"task {list(self.run.scenario.tasks)[int(one.task[0])]}"
            + (" (in no hurry: urgency batch)" if self._task.is_batch else ""),
            f"{int(one.input_tokens[0]):,} input tokens"
            + (f" ({prefix:,} of them {self._of_prefix(prefix)})" if prefix else ""),
            f"{int(one.output_tokens[0]):,} output tokens",
        ]
        for side, values in (("heard", one.audio_input_ms), ("spoken", one.audio_output_ms)):
            parts += [f"{values[0] / 1000:.3f} s {side}"] if values[0] else []
        parts.append(f"difficulty {one.difficulty[0]:.4f}")
        if not np.isnan(one.verifier_score[0]):
            parts.append(f"recorded verifier score {one.verifier_score[0]:.4f}")
        parts += ["private data"] if one.sensitive[0] else []
        if one.session[0] >= 0:
            turn = f"turn {int(one.turn[0]) + 1} of " * (one.source == "generated")
            parts.append(f"{turn}conversation {one.session[0]}")
        if one.repeat[0] > 0:
            parts.append(f"asked again ({int(one.repeat[0])})")
        return ", ".join(parts)

    def _of_prefix(self, prefix: int) -> str:
        return "shared" if prefix == int(self.request.shared_tokens[0]) else "shared or sent before"

    def _decision(self) -> str:
        """Why it goes where it goes, and in which order deployments are tried."""
        run, scenario = self.run, self.run.scenario
        strategy, router = scenario.strategy(run.strategy), scenario.strategy(run.strategy).router
        chain = self._order(self.group.levels)
        for number, rule in enumerate(strategy.rules, 1):
            if matches(scenario, rule, self.request)[0]:
                return f"rule {number} ({_conditions(rule)}) sends it to {_destination(rule)}: {chain}"
        if self.escalate is not None:
            return f"cascade: mini first ({chain}), then a verifier, then omni ({self._order(self.escalate.levels)})"
        if not run.work.routing.asked[self.index]:
            return f"the only tier, {t.TIERS[self.route.tier]}: {chain}"
        assert isinstance(router, ThresholdRouter), f"who decided about request {self.name}?"
        threshold = run.work.routing.threshold
        assert threshold is not None, "a threshold router decided without a threshold"
        score = router_scores(scenario, self.request, run.window.index, router.score_correlation)[0]
        sign = ">=" if score >= threshold else "<"
        return (
            f"router score {score:.6f} {sign} threshold {threshold:.6f}: {t.TIERS[self.route.tier]}: {chain}"
        )

    def _order(self, levels: Levels) -> str:
        """Deployments in the order in which they are tried; equals among which a selection chooses as such."""
        policy = self.run.scenario.strategy_policy(self.run.strategy)
        select, is_shared = policy.select, policy.spill_over is not None and len(levels) > 1
        is_anew = policy.retry_target == "reselect"
        if select == "in-order" and not is_shared and not is_anew and policy.asks_equals:
            return ", then ".join(flat(levels))
        words = (" or ".join(level) + (f" ({select})" if len(level) > 1 else "") for level in levels)
        told = [
            "from a level drawn by spill_over on" if is_shared else "",
            "retries choose anew" if is_anew else "",
            "" if policy.asks_equals else "one of a level",
        ]
        notes = [note for note in told if note]
        return ", then ".join(words) + (f" ({'; '.join(notes)})" if notes else "")

    @property
    def _is_winding(self) -> bool:
        """Whether the rows alone do not tell which deployments were asked in which order."""
        scenario, name = self.run.scenario, self.run.strategy
        policy = scenario.strategy_policy(name)
        is_hedged = any(scenario.policy_for(name, one).hedge is not None for one in self.names)
        return bool(
            policy.layers
            or policy.select != "in-order"
            or policy.spill_over is not None
            or policy.retry_target != "same"
            or not policy.asks_equals
            or scenario.strategy(name).fallbacks
            or is_hedged
        )

    def _calls(self) -> Iterator[Step]:
        """All calls with what lies between them: the stages of a cascade, or the one of all others."""
        ended_ns = self.outcome["ended_ns"]
        if self._is_winding:
            yield from self._rows_only()
            return
        if self.escalate is None:
            yield from self._stage(self.group.chain, self.calls, None, ended_ns, self.is_ok)
            return
        mini, checks, omni = (
            [call for call in self.calls if call["role"] == role]
            for role in (t.ROLE_MINI, t.ROLE_VERIFIER, t.ROLE_OMNI)
        )
        has_answer = any(call["outcome"] == t.OK for call in mini)
        goes_on = self.outcome["tier"] == t.OMNI
        until_ns = omni[0]["queued_ns"] if omni else ended_ns
        yield from self._stage(self.group.chain, mini, None, until_ns, has_answer, is_last=not goes_on)
        for check in checks:
            yield from self._check(check)
        if goes_on:
            before = (mini + checks)[-1] if mini + checks else None
            yield from self._stage(self.escalate.chain, omni, before, ended_ns, self.is_ok)

    def _rows_only(self) -> Iterator[Step]:
        """Calls of several passes, or chosen among equals: the tables do not tell who was passed over."""
        before = None
        for call in self.calls:
            if call["role"] == t.ROLE_VERIFIER:
                yield from self._check(call)
            else:
                since_ns = self.outcome["arrived_ns"] if before is None else before["ended_ns"]
                if call["queued_ns"] > since_ns:
                    yield Step(time_ns=call["queued_ns"], what="wait", deployment="", text=_SOME_WAIT)
                yield from self._call(call, self.deployments[call["deployment"]])
            before = call
        since_ns = self.outcome["arrived_ns"] if before is None else before["ended_ns"]
        if not self.is_ok and self.outcome["ended_ns"] > since_ns:
            yield Step(time_ns=self.outcome["ended_ns"], what="wait", deployment="", text=_SOME_WAIT)

    def _stage(
        self,
        chain: Sequence[str],
        calls: Sequence[Row],
        before: Row | None,
        until_ns: int,
        is_served: bool,
        is_last: bool = True,
    ) -> Iterator[Step]:
        """One chain of deployments: its calls in order, and those that none was sent to."""
        place = 0
        for call in calls:
            name = self.deployments[call["deployment"]]
            at = chain.index(name, max(place - 1, 0))
            yield from self._wait(before, call, has_passed=at > place)
            yield from self._passed(chain[place:at], call["queued_ns"], t.NO_CAUSE)
            yield from self._call(call, name)
            place, before = at + 1, call
        if is_served:
            return
        ended_ns = self.outcome["arrived_ns"] if before is None else before["ended_ns"]
        if is_last and until_ns > ended_ns:
            text = "waited: a backoff, or a queue that it left"
            yield Step(time_ns=until_ns, what="wait", deployment="", text=text)
        cause = self.outcome["cause"] if is_last else t.NO_CAUSE
        yield from self._passed(chain[place:], until_ns, cause)

    def _wait(self, before: Row | None, call: Row, has_passed: bool) -> Iterator[Step]:
        """What the time was before a call was asked for, as far as the tables tell."""
        since_ns = self.outcome["arrived_ns"] if before is None else before["ended_ns"]
        waited_ns = call["queued_ns"] - since_ns
        if waited_ns == 0:
            return
        is_router = before is None and bool(self.run.work.routing.asked[self.index])
        if is_router and not self.route.is_cascade and not has_passed:
            text = "the router has decided"
        elif before is not None and before["deployment"] == call["deployment"]:
            is_asked = before["outcome"] == t.LIMITED and before["retry_after_ns"] == waited_ns
            text = "waited as long as the refusal asked" if is_asked else "waited before the retry (backoff)"
        else:
            text = "waited: a backoff, or a queue that it left"
        yield Step(time_ns=call["queued_ns"], what="wait", deployment="", text=text)

    def _passed(self, names: Sequence[str], time_ns: int, cause: int) -> Iterator[Step]:
        """Deployments that no call was sent to, with the reason where it can be known."""
        able = [name for name in names if self.run.work.sizes[name].eligible[self.index]]
        for name in names:
            if name not in able:
                text = "passed over: cannot take this request (its size or what it holds)"
            elif cause == t.DEADLINE:
                text = "no call was sent before the deadline"
            elif self.edges.is_known_out(name, time_ns):
                text = "passed over: known to be out"
            elif cause in _TURNED_AWAY and name == able[-1]:
                text = _TURNED_AWAY[cause]
            elif self.edges.is_rejecting(name, time_ns):
                text = _TURNED_AWAY[t.OWN_BREAKER]
            else:
                text = _NO_ROW
            yield Step(time_ns=time_ns, what="passed over", deployment=name, text=text)

    def _call(self, call: Row, name: str) -> Iterator[Step]:
        what = f"call {call['attempt']} ({t.ROLES[call['role']]}, {self.run.models[name]})"
        queued_ns, started_ns, ended_ns = call["queued_ns"], call["started_ns"], call["ended_ns"]
        sent = f"{what} is {'handed in to the batch API' if self._is_handed_in(call) else 'sent'}"
        if started_ns > queued_ns:
            yield Step(time_ns=queued_ns, what="queued", deployment=name, text=f"{what} joins the queue")
            sent = f"call {call['attempt']} is sent after {seconds(started_ns - queued_ns)} s in the queue"
        if call["outcome"] == t.LIMITED:
            asked = call["retry_after_ns"]
            after = f", retry after {seconds(asked)} s" if asked != t.NEVER else ", no retry will help"
            text = f"{what} is refused: status {call['status']}{after}"
            yield Step(time_ns=ended_ns, what="end", deployment=name, text=text)
            return
        yield Step(time_ns=started_ns, what="sent", deployment=name, text=sent)
        if call["first_token_ns"] != t.NEVER:
            yield Step(
                time_ns=call["first_token_ns"], what="first token", deployment=name, text="first token"
            )
        yield Step(time_ns=ended_ns, what="end", deployment=name, text=self._ending(call))

    def _ending(self, call: Row) -> str:
        how = t.OUTCOMES[call["outcome"]]
        if call["outcome"] == t.TIMEOUT and self._is_handed_in(call):
            how += " (expired in the batch API)"
        elif call["outcome"] == t.TIMEOUT:
            how += " (cut by the deadline)" if self._is_deadline(call["ended_ns"]) else " (cut)"
        status = f", status {call['status']}" if call["status"] else ""
        return f"call {call['attempt']} ends: {how}{status}; {self.costs.tokens(self.outcome, call)}"

    def _check(self, call: Row) -> Iterator[Step]:
        """A verifier's call, and its verdict."""
        text = f"call {call['attempt']} (verifier) is sent"
        yield Step(time_ns=call["started_ns"], what="sent", deployment="verifier", text=text)
        verdict = ""
        if call["outcome"] == t.OK:
            verdict = "turned down; " if self.outcome["tier"] == t.OMNI else "accepted; "
        text = verdict + self._ending(call)
        yield Step(time_ns=call["ended_ns"], what="end", deployment="verifier", text=text)

    def _done(self) -> Step:
        outcome = self.outcome
        n_calls = outcome["attempts"]
        calls = f"after {n_calls} call{'' if n_calls == 1 else 's'}"
        if self.is_ok:
            answer = {1: "right", 0: "wrong"}.get(outcome["correct"], "not rated")
            tier, who = t.TIERS[outcome["tier"]], self.deployments[outcome["deployment"]]
            text = f"done {calls}: ok, served by {who} ({tier}), answer {answer}"
        else:
            text = f"fails {calls}: {t.OUTCOMES[outcome['outcome']]}, cause {t.CAUSES[outcome['cause']]}"
        return Step(time_ns=outcome["ended_ns"], what="done", deployment="", text=text)

    # -- breakers and outages --

    def _with_events(self, own: list[Step]) -> list[Step]:
        """The edges on its way while it lived, among its own steps."""
        found = list(own)
        arrived_ns, ended_ns = self.outcome["arrived_ns"], self.outcome["ended_ns"]
        for event in self.edges.all:
            is_own = event["request"] == self.name
            if arrived_ns < event["time_ns"] <= ended_ns or is_own:
                step = self._edge(event)
                if is_own and event["from"] == t.OPEN and event["to"] in (t.HALF_OPEN, t.CLOSED):
                    place = _before_probe(found, step)
                else:
                    place = _after_ends(found, step.time_ns, is_own)
                found.insert(place, step)
        return found

    def _edge(self, event: Row) -> Step:
        kind, owner = t.EVENT_KINDS[event["kind"]], event["request"]
        who = "" if owner < 0 else " by this request" if owner == self.name else f" by request {owner}"
        text = f"{kind} {t.STATES[event['from']]} to {t.STATES[event['to']]}{who}"
        place = event["deployment"]
        name = "the platform" if place == t.NO_DEPLOYMENT else self.deployments[place]
        return Step(time_ns=event["time_ns"], what=kind, deployment=name, text=text)

    def _is_handed_in(self, call: Row) -> bool:
        """Whether a call went to a batch API."""
        if call["deployment"] < 0 or not self._task.is_batch:
            return False
        scenario, name = self.run.scenario, self.deployments[call["deployment"]]
        on = eras(scenario)[self.run.window.era].start
        return terms_of(scenario, name, self.run.models[name], on) is not None

    @property
    def _task(self) -> Task:
        return list(self.run.scenario.tasks.values())[self.outcome["task"]]

    def _is_deadline(self, time_ns: int) -> bool:
        if self._task.is_batch:
            return False
        deadline_s = self.run.scenario.strategy_policy(self.run.strategy).deadline_s
        return deadline_s is not None and time_ns == self.outcome["arrived_ns"] + int(to_ns(deadline_s))


def _after_ends(found: Sequence[Step], time_ns: int, is_own: bool) -> int:
    """Place of an edge among steps of the same instant: after ends, before what starts because of them.

    One that this request's own end caused stands after that end, whatever else came first in the instant.
    """
    place = 0
    for index, step in enumerate(found):
        is_end = step.what in ("end", "first token", "breaker", "outage")
        if step.time_ns < time_ns or (step.time_ns == time_ns and is_end and (is_own or index == place)):
            place = index + 1
    return place


def _before_probe(found: Sequence[Step], edge: Step) -> int:
    """Place of the edge from open: before the call that is sent then, which may be refused at once."""
    here = [
        (step.what, index)
        for index, step in enumerate(found)
        if (step.time_ns, step.deployment) == (edge.time_ns, edge.deployment)
    ]
    sent = [index for what, index in here if what == "sent"]
    return sent[0] if sent else [index for what, index in here if what == "end"][-1]


def _first(outcomes: Arrays, chosen: np.ndarray) -> int:
    """Name of the first arrival among the chosen; equals by name."""
    rows = np.flatnonzero(chosen)
    order = np.lexsort((outcomes["request"][rows], outcomes["arrived_ns"][rows]))
    return int(outcomes["request"][rows[order[0]]])


def _one(requests: Requests, index: int) -> Requests:
    """A table of one of the requests."""
    n, cut = requests.n, slice(index, index + 1)
    changes: dict[str, Any] = {}
    for one in fields(requests):
        values = getattr(requests, one.name)
        if isinstance(values, np.ndarray) and values.shape[:1] == (n,):
            changes[one.name] = values[cut]
        elif isinstance(values, Mapping):
            changes[one.name] = {key: column[cut] for key, column in values.items()}
    return replace(requests, **changes)


def _conditions(rule: Rule) -> str:
    given = {name: getattr(rule.when, name) for name in type(rule.when).model_fields}
    return ", ".join(f"{name}: {str(value).lower()}" for name, value in given.items() if value is not None)


def _destination(rule: Rule) -> str:
    return ", ".join(flat(rule.to)) if isinstance(rule.to, tuple) else rule.to


__all__ = ["WORDS", "Step", "explain", "explain_text", "find_request", "steps"]
