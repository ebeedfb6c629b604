"""What a person with a pocket calculator knows before any simulation: mean sizes, and who is asked first.

Comes in: a scenario, one of its strategies and the models in force. Goes out: the mean tokens of a request on each
deployment, from the laws themselves (or the recording), and the share of each task's requests that the strategy's own
routing sends there first. Both are decimals with six places, so that a line can be worked again by hand.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from statistics import NormalDist

import numpy as np

from planner.finance.ledger import exact, rounded
from planner.routing.routers import Levels, groups_of, matches
from planner.scenario.fields import CascadeRouter, Scenario, ThresholdRouter
from planner.scenario.laws import Component, Kind, Law
from planner.workload.calibration import calibration_sample
from planner.workload.conversations import turn_chances
from planner.workload.requests import Requests, generate
from planner.workload.sizes import NOT_RECORDED, Model, eligible_task, resolve_model
from planner.workload.windows import plan_windows

OMNI, MINI = range(2)  # places of the tiers among a strategy's groups
ONE = Fraction(1)
_NORMAL = NormalDist()

Means = dict[str, Decimal]  # METER: tokens of a request


@dataclass(frozen=True, kw_only=True)
class MeanSizes:
    """Mean tokens of a task's request on a model, by meter; meters that it does not have are left out.

    `plain` is the mean as it is written. `cut` is what the caps on answers take off it (negative), `resent` what
    later turns of conversations send again; both by the laws, before any simulation.
    """

    plain: Means
    cut: Means
    resent: Means

    def all(self, meter: str) -> Fraction:
        """The mean with both corrections."""
        return sum(
            (Fraction(part.get(meter, 0)) for part in (self.plain, self.cut, self.resent)), Fraction(0)
        )


class Pocket:
    """The calculator's knowledge of one strategy."""

    def __init__(self, scenario: Scenario, strategy: str) -> None:
        self.scenario = scenario
        self.strategy = strategy
        self._sizes: dict[tuple[str, str, str], MeanSizes] = {}
        self._models: dict[tuple[str, str | None], Model] = {}

    def sizes(self, task: str, deployment: str, models: Mapping[str, str]) -> MeanSizes:
        """Mean sizes of a task's request on a deployment with these models in force."""
        asked = (task, deployment, models[deployment])
        if asked not in self._sizes:
            model = self._model(deployment, models)
            is_recorded = self.scenario.traffic.trace is not None
            self._sizes[asked] = (
                self._recorded_sizes(task, model) if is_recorded else self._law_sizes(task, model)
            )
        return self._sizes[asked]

    def first(self, task: str, models: Mapping[str, str]) -> dict[str, Decimal]:
        """DEPLOYMENT: share of a task's requests that are sent there first, if nothing fails.

        Rules take the share that meets their conditions, the router the wanted one of the rest; a cascade asks mini
        first. Of equals the one written first is asked, by weight under `weighted`, else each as often as the others.
        """
        found: dict[str, Fraction] = {}
        for levels, share in self._groups(task):
            for name, part in self._of_levels(task, levels, models):
                found[name] = found.get(name, Fraction(0)) + share * part
        return {name: rounded(share) for name, share in found.items() if share}

    # -- who is asked first --------------------------------------------------------------------

    def _groups(self, task: str) -> Iterator[tuple[Levels, Fraction]]:
        strategy = self.scenario.strategy(self.strategy)
        groups = groups_of(self.scenario, self.strategy)
        names = [group.name for group in groups]
        left = ONE
        unnamed = 2 + len(strategy.groups)
        for rule, share in zip(strategy.rules, self._rule_shares(task), strict=True):
            if isinstance(rule.to, tuple):
                target, unnamed = unnamed, unnamed + 1
            else:
                target = names.index(rule.to)
            left -= share
            yield groups[target].levels, share
        for target, share in self._routed():
            yield groups[target].levels, left * share

    def _routed(self) -> Iterator[tuple[int, Fraction]]:
        """The tiers and the wanted share of what the router decides."""
        strategy = self.scenario.strategy(self.strategy)
        router = strategy.router
        if not (strategy.omni and strategy.mini) or router is None:
            yield (OMNI if strategy.omni else MINI), ONE
        elif isinstance(router, CascadeRouter):
            yield MINI, ONE
        else:
            share = wanted_omni_share(router)
            yield OMNI, share
            yield MINI, ONE - share

    def _rule_shares(self, task: str) -> list[Fraction]:
        """Of a task's requests those that each rule decides, in a fixed sample of the mix or in the recording."""
        rules = self.scenario.strategy(self.strategy).rules
        if not rules:
            return []
        sample = self._sample
        mine = sample.task == list(self.scenario.tasks).index(task)
        open_ = mine.copy()
        found = []
        for rule in rules:
            met = open_ & matches(self.scenario, rule, sample)
            open_ &= ~met
            found.append(Fraction(int(met.sum()), int(mine.sum())) if mine.any() else Fraction(0))
        return found

    @cached_property
    def _sample(self) -> Requests:
        if self.scenario.traffic.trace is not None:
            return generate(self.scenario, plan_windows(self.scenario)[0])
        return calibration_sample(self.scenario)

    def _of_levels(
        self, task: str, levels: Levels, models: Mapping[str, str]
    ) -> Iterator[tuple[str, Fraction]]:
        """The deployments of the first level in which some can take the task."""
        select = self.scenario.strategy_policy(self.strategy).select
        for level in levels:
            able = [name for name in level if eligible_task(self.scenario, task, self._model(name, models))]
            if not able:
                continue
            if select == "in-order":
                able = able[:1]
            weights = [
                Fraction(exact(self.scenario.deployments[name].weight)) if select == "weighted" else ONE
                for name in able
            ]
            total = sum(weights, Fraction(0))
            yield from ((name, weight / total) for name, weight in zip(able, weights, strict=True))
            return

    def _model(self, deployment: str, models: Mapping[str, str]) -> Model:
        asked = (models[deployment], self.scenario.deployments[deployment].provider)
        if asked not in self._models:
            self._models[asked] = resolve_model(self.scenario, *asked)
        return self._models[asked]

    # -- mean sizes ----------------------------------------------------------------------------

    def _law_sizes(self, task: str, model: Model) -> MeanSizes:
        kind = self.scenario.tasks[task]
        cap = _least(kind.max_output_tokens, model.max_output_tokens)
        factor = model.output_token_factor
        answer = kind.output_tokens.mean * factor
        plain = {
            "input": (kind.shared_prefix_tokens + kind.input_tokens.mean) * model.input_token_factor,
            "image": float(model.image_tokens.get(task, 0)),
            "output": answer,
        }
        if "audio" in kind.modalities:
            plain["audio_input"] = kind.audio.input_s.mean * model.audio_input_tokens_per_s
            plain["audio_output"] = kind.audio.output_s.mean * model.audio_output_tokens_per_s
        cut = {
            "output": 0.0 if cap is None else mean_below(kind.output_tokens, cap / factor) * factor - answer
        }
        return MeanSizes(
            plain=_decimals(plain), cut=_decimals(cut), resent=_decimals(self._resent(task, model))
        )

    def _resent(self, task: str, model: Model) -> dict[str, float]:
        """What the turns before it add to a turn's prompt, on average over all turns."""
        kind, sessions = self.scenario.tasks[task], self.scenario.traffic.sessions
        before = earlier_turns(self.scenario.turns_by_task()[task])
        if sessions.context != "resend" or not before:
            return {}
        said = kind.input_tokens.mean + _cut_mean(kind.output_tokens, kind.max_output_tokens)
        found = {
            "input": before * said * model.input_token_factor,
            "image": before * model.image_tokens.get(task, 0),
        }
        if "audio" in kind.modalities:
            heard = kind.audio.input_s.mean * model.audio_input_tokens_per_s
            spoken = kind.audio.output_s.mean * model.audio_output_tokens_per_s
            found["audio_input"] = before * (heard + spoken)
        return found

    def _recorded_sizes(self, task: str, model: Model) -> MeanSizes:
        """Means over the recording's rows of the task; speech, which no recording holds, by its law."""
        rows, law = self._sample, self._law_sizes(task, model)
        mine = rows.task == list(self.scenario.tasks).index(task)
        if not mine.any():
            return law
        answers = rows.output_tokens * model.output_token_factor
        own = rows.output_by_model.get(model.name)
        if own is not None:
            answers = np.where(own == NOT_RECORDED, answers, own)
        answers = answers[mine]
        cap = _least(self.scenario.tasks[task].max_output_tokens, model.max_output_tokens)
        mean = float(answers.mean())
        cut = 0.0 if cap is None else float(np.minimum(answers, cap).mean()) - mean
        sent = float(rows.input_tokens[mine].mean()) * model.input_token_factor
        return MeanSizes(
            plain=law.plain | _decimals({"input": sent, "output": mean}),
            cut=_decimals({"output": cut}),
            resent={},
        )


def wanted_omni_share(router: ThresholdRouter) -> Fraction:
    """The share that a threshold router is to send to omni: scores of all requests are uniform."""
    if router.threshold is not None:
        return ONE - Fraction(exact(router.threshold))
    assert router.omni_share is not None, "a threshold router has a threshold or an omni_share"
    return Fraction(exact(router.omni_share))


def earlier_turns(turns_mean: float) -> float:
    """Turns before a turn in its conversation, on average over all turns: E[T (T - 1) / 2] / E[T].

    >>> earlier_turns(1.0)
    0.0
    """
    chances = np.diff(turn_chances(turns_mean), prepend=0.0)
    turns = np.arange(1, len(chances) + 1)
    return float((chances * turns * (turns - 1) / 2).sum() / (chances * turns).sum())


def mean_below(law: Law, cap: float) -> float:
    """Mean of the lesser of a draw and a cap.

    >>> mean_below(Law.fixed(300), 200), mean_below(Law.fixed(100), 200)
    (200.0, 100.0)
    """
    return math.fsum(part.weight * _part_below(part, cap) for part in law.components)


def _part_below(part: Component, cap: float) -> float:
    if cap <= 0:
        return 0.0
    match part.kind:
        case Kind.FIXED:
            return min(part.a, cap)
        case Kind.EXPONENTIAL:
            return -part.a * math.expm1(-cap / part.a)
        case Kind.LOGNORMAL:
            place = (math.log(cap) - part.a) / part.b
            return part.mean * _NORMAL.cdf(place - part.b) + cap * _NORMAL.cdf(-place)
        case Kind.GAMMA:
            from scipy.special import gammainc, gammaincc

            below = part.mean * float(gammainc(part.a + 1, cap / part.b))
            return below + cap * float(gammaincc(part.a, cap / part.b))
    return math.fsum(min(value, cap) for value in part.values) / len(part.values)


def _cut_mean(law: Law, cap: int | None) -> float:
    return law.mean if cap is None else mean_below(law, cap)


def _least(*caps: int | None) -> int | None:
    return min((cap for cap in caps if cap is not None), default=None)


def _decimals(means: Mapping[str, float]) -> Means:
    """Six places; what is nothing is left out."""
    found = {meter: rounded(Fraction(mean)) for meter, mean in means.items()}
    return {meter: mean for meter, mean in found.items() if mean}
