"""The dearest possible request of a strategy: its largest prompt and answer, on its longest way, all that can be billed.

Comes in: a scenario whose fields are sound; goes out: a bound in money for each strategy, found without any run. It
holds for every request; most cost far less. Prices are those of the plan's first day.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from planner.errors import PriceUnknown
from planner.finance.ledger import exact
from planner.finance.token_prices import batch_price, long_threshold, pays_by_token, token_price
from planner.scenario.batches import Terms, terms_of
from planner.scenario.demand import MAX_QUESTIONS
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.known import charges_writes
from planner.scenario.migrations import model_in_force, models_in_force
from planner.scenario.policy import Policy
from planner.scenario.supply import Errors
from planner.scenario.worst_case import Turn, Way, hedges_of, passes_of, ways
from planner.workload.sizes import Model, eligible_task, resolve_model

Tokens = dict[str, int]  # METER: tokens
_NOTHING = Fraction(0)
_WHOLE = 10**15  # tokens: of a conversation all that is sent may be kept
_PROMPT = ("input", "cached_input", "cache_write", "image", "audio_input")


@dataclass(frozen=True, kw_only=True)
class Dearest:
    """A bound of what one request may cost under a strategy, and the task whose request that is.

    `usd` is None where nothing bounds it or a price is not known; `unbounded` then says what.
    """

    usd: Decimal | None
    task: str = ""
    unbounded: str = ""

    @property
    def text(self) -> str:
        """One line for people."""
        if self.usd is None:
            return f"the money of one request has no bound: {self.unbounded}"
        if self.usd == 0:
            return "no request costs anything by the token"
        shown = round(self.usd, max(2, 1 - self.usd.adjusted()))
        return f"at most {shown:,f} USD of tokens for one request (task {self.task})"


def dearest(scenario: Scenario, strategy: str) -> Dearest:
    """The bound of one request under a strategy.

    Every call of the longest way counts that a timeout, a deadline, a hedge or a content filter may leave billed,
    by what the policy says of it, and one answer (two and a check in a cascade) in each pass of the layers.
    """
    bill = _Bill(scenario, strategy)
    best = Dearest(usd=Decimal(0))
    for task in scenario.tasks:
        for way in ways(scenario, strategy):
            try:
                usd = bill.of(task, way)
            except _Unbounded as reason:
                return Dearest(usd=None, unbounded=str(reason))
            except PriceUnknown as unknown:
                return Dearest(usd=None, unbounded=str(unknown))
            amount = Decimal(usd.numerator) / Decimal(usd.denominator)
            if best.usd is None or amount > best.usd:
                best = Dearest(usd=amount, task=task)
    return best


class _Unbounded(Exception):
    """Nothing limits how large a request may be."""


class _Bill:
    """What calls of the largest requests cost on the plan's first day."""

    def __init__(self, scenario: Scenario, strategy: str) -> None:
        self.scenario, self.strategy = scenario, strategy
        self.day = scenario.start
        self.models = models_in_force(scenario, self.day)
        self.fee = 1 + Fraction(exact(scenario.gateway_for(strategy).fee))

    def of(self, task: str, way: Way) -> Fraction:
        """Money of a request of a task that goes a way to its end, in every pass."""
        lost, answers = _NOTHING, [_NOTHING]
        for turn in way.turns:
            left, turn_answers = self._turn(task, turn, way)
            lost += left
            answers += turn_answers
        check = self._check() if way.has_check else _NOTHING
        served = sum(sorted(answers)[-2:], _NOTHING) if way.has_check else max(answers)
        return passes_of(self.scenario.strategy_policy(self.strategy)) * (lost + served + check)

    def _turn(self, task: str, turn: Turn, way: Way) -> tuple[Fraction, list[Fraction]]:
        """(the most that a turn may leave billed without an answer, what an answer may add by call)."""
        most: list[tuple[int, int]] = []  # calls, and hedges of each, by deployment
        lefts: list[tuple[Fraction, Fraction]] = []  # what a call and a hedge of it leave billed
        answers: list[Fraction] = []
        for name in turn.deployments:
            policy = self.scenario.policy_for(self.strategy, name)
            is_hedged = not self.scenario.tasks[task].is_batch  # a task in no hurry never is
            hedge, n_hedges = (policy.hedge, hedges_of(policy)) if is_hedged else (None, 0)
            whole, left = self._call(task, name, policy, way) or (_NOTHING, _NOTHING)
            beside, beside_left = _NOTHING, _NOTHING
            if hedge is not None:
                beside, beside_left = self._call(task, hedge.to or name, policy, way) or (_NOTHING, _NOTHING)
            most.append((1 + policy.most_retries, n_hedges))
            lefts.append((left, beside_left))
            answers += [whole - left, beside - beside_left]
        if turn.reselects:  # any of them, each time
            most = [(max(n for n, _ in most), max(k for _, k in most))]
            lefts = [(max(left for left, _ in lefts), max(left for _, left in lefts))]
        totals = [n * (left + k * beside) for (n, k), (left, beside) in zip(most, lefts, strict=True)]
        return max(totals), answers

    def _call(self, task: str, name: str, asked_by: Policy, way: Way) -> tuple[Fraction, Fraction] | None:
        """(all of a call, the most that it may leave billed without an answer); None where it cannot take the task.

        `asked_by` is the policy of the deployment that was turned to, which says what losers of a hedge cost.
        """
        deployment = self.scenario.deployments[name]
        model = resolve_model(self.scenario, self.models[name], deployment.provider)
        if not eligible_task(self.scenario, task, model):
            return None
        terms = self._batch_terms(task, name)
        sizes = self._largest(task, name, model)
        if terms is None:
            sizes = self._as_cached(task, name, model, sizes)
        whole, sent = self._usd(name, sizes, terms), self._usd(name, _sent(sizes), terms)
        amounts = {"none": _NOTHING, "input": sent, "full": whole, "partial": whole}
        bills = self._bills(name, asked_by, way) if terms is None else self._filter_bills(name)
        return whole, max(amounts[bill] for bill in ("none", *bills))

    def _batch_terms(self, task: str, name: str) -> Terms | None:
        """The batch API that takes a task's calls to a deployment."""
        if not self.scenario.tasks[task].is_batch:
            return None
        return terms_of(self.scenario, name, self.models[name], self.day)

    def _filter_bills(self, name: str) -> Iterator[str]:
        """How a prompt that a content filter refuses is billed."""
        content_filter = self.scenario.deployments[name].content_filter
        if content_filter is not None and content_filter.share > 0:
            yield content_filter.billed

    def _bills(self, name: str, asked_by: Policy, way: Way) -> Iterator[str]:
        """How a call may be billed that was no answer, or not the one that is counted as such."""
        policy = self.scenario.policy_for(self.strategy, name)
        deadline_s = self.scenario.strategy_policy(self.strategy).deadline_s
        if policy.timeout_s is not None or deadline_s is not None:
            yield policy.bill_timeouts
        if asked_by.hedge is not None:
            yield asked_by.hedge.bill_losers
        yield from self._filter_bills(name)
        deployment = self.scenario.deployments[name]
        # One that breaks off ends the pass in place of an answer, unless it is tried again.
        is_tried_again = asked_by.retries_mid_stream or asked_by.hedge is not None or way.has_check
        if isinstance(deployment.errors, Errors) and deployment.errors.mid_stream > 0 and is_tried_again:
            yield policy.bill_mid_stream

    def _largest(self, task: str, name: str, model: Model) -> Tokens:
        """Tokens by meter of the largest request of a task that a model takes."""
        found = self.scenario.tasks[task]
        longest, answer, heard_s, spoken_s = self._bounds(task)
        recorded = self._recorded(task, model.name)
        turns = self._turns(task)
        in_window = model.image_context_tokens.get(task, 0)
        sets = turns
        if in_window and model.context_tokens is not None:
            sets = max(1, min(turns, model.context_tokens // in_window))
        image = model.image_tokens.get(task, 0) * sets
        of_speech = turns * heard_s * model.audio_input_tokens_per_s
        if turns > 1 and model.audio_output_tokens_per_s:
            of_speech += (turns - 1) * spoken_s * model.audio_output_tokens_per_s
        heard = of_speech if math.isinf(of_speech) else round(of_speech)
        text = _scaled(longest, model.input_token_factor)
        if model.context_tokens is not None:
            heard = min(heard, model.context_tokens)
            text = min(text, max(0, model.context_tokens - in_window))
        caps = [cap for cap in (found.max_output_tokens, model.max_output_tokens) if cap is not None]
        visible = min([*caps, max(recorded, _scaled(answer, model.output_token_factor))])
        spoken = spoken_s if math.isinf(spoken_s) else round(spoken_s * model.audio_output_tokens_per_s)
        if model.audio_output_tokens_per_s == 0:
            spoken = 0
        for what, amount, remedy in (
            ("prompts", text, "context window"), ("speech", heard, "context window"),
            ("answers", visible, "max_output_tokens"), ("spoken answers", spoken, "longest answer"),
        ):  # fmt: skip
            if math.isinf(amount):
                raise _Unbounded(f"{what} of task {task} have no longest one, and {name} has no {remedy}")
        return {
            "input": int(text),
            "image": image,
            "audio_input": int(heard),
            "output": int(visible),
            "reasoning": round(visible * model.reasoning_tokens_per_output_token),
            "audio_output": int(spoken),
        }

    def _as_cached(self, task: str, name: str, model: Model, sizes: Tokens) -> Tokens:
        """Tokens of a call whose prefix is the dearest it can be: read, written, or plain input."""
        deployment = self.scenario.deployments[name]
        cache = deployment.prompt_cache
        if cache is None:
            return sizes
        prefix = int(_scaled(self._longest_prefix(task), model.input_token_factor))
        kept = cache.kept(min(prefix, sizes["input"]))
        writes = charges_writes(self.scenario, name, model.name, self.day)
        meters = ("input", "cached_input", *(("cache_write",) if writes else ()))
        if kept == 0:
            return sizes
        is_long = self._is_long(name, sizes)
        usd = {meter: self._usd_per_token(name, meter, is_long) for meter in meters}
        dearest_meter = max(meters, key=lambda meter: usd[meter])
        if dearest_meter == "input":
            return sizes
        return sizes | {"input": sizes["input"] - kept, dearest_meter: kept}

    def _turns(self, task: str) -> int:
        """Turns of a conversation whose questions and answers one prompt of the task may hold."""
        scenario = self.scenario
        talks = scenario.traffic.trace is None and scenario.turns_by_task()[task] > 1.0
        return MAX_QUESTIONS if talks and scenario.traffic.sessions.context == "resend" else 1

    def _longest_prefix(self, task: str) -> int:
        found = self.scenario.tasks[task]
        if self.scenario.traffic.trace is None:
            talks = self.scenario.turns_by_task()[task] > 1.0
            return _WHOLE if talks else found.shared_prefix_tokens
        from planner.workload.traces import recording

        rows, own = recording(self.scenario), self._rows_of(task)
        if (rows.session[own] >= 0).any():
            return _WHOLE
        return int(rows.prefix_tokens[own].max(initial=0))

    def _bounds(self, task: str) -> tuple[float, float, float, float]:
        """Longest prompt and answer in tokens, longest speech in and out in seconds; inf where nothing bounds them."""
        found = self.scenario.tasks[task]
        speech = found.audio if "audio" in found.modalities else None
        heard_s, spoken_s = (0.0, 0.0) if speech is None else (speech.input_s.upper, speech.output_s.upper)
        if self.scenario.traffic.trace is None:
            turns, question = self._turns(task), _counted(found.input_tokens.upper)
            answer = _counted(found.output_tokens.upper)
            prompt = found.shared_prefix_tokens + turns * question
            if turns > 1:
                prompt += (turns - 1) * min(answer, found.max_output_tokens or math.inf)
            return prompt, answer, heard_s, spoken_s
        from planner.workload.traces import recording  # half a second, for recordings only

        rows, own = recording(self.scenario), self._rows_of(task)
        if not own.any():
            return 0.0, 0.0, 0.0, 0.0
        return (
            float(rows.input_tokens[own].max()), float(rows.output_tokens[own].max()), heard_s, spoken_s,
        )  # fmt: skip

    def _recorded(self, task: str, model: str) -> int:
        """The longest answer recorded for this very model, which is taken as it is; 0 where there is none."""
        if self.scenario.traffic.trace is None:
            return 0
        from planner.workload.traces import recording

        answers = recording(self.scenario).output_by_model.get(model)
        own = self._rows_of(task)
        return 0 if answers is None or not own.any() else max(0, int(answers[own].max()))

    def _rows_of(self, task: str) -> npt.NDArray[np.bool_]:
        """Which rows of a recording may become requests of a task."""
        from planner.workload.traces import recording  # half a second, for recordings only

        rows = recording(self.scenario)
        if not rows.names_tasks:
            return np.ones(len(rows.task), bool)
        return rows.task == list(self.scenario.tasks).index(task)

    def _is_long(self, name: str, sizes: Tokens) -> bool:
        """Whether a whole prompt is above the long-context threshold."""
        deployment = self.scenario.deployments[name]
        above = long_threshold(self.scenario, self.models[name], deployment.provider, self.day)
        return above is not None and sum(sizes.get(meter, 0) for meter in _PROMPT) > above

    def _usd_per_token(self, name: str, meter: str, is_long: bool, terms: Terms | None = None) -> Fraction:
        """Price of a token at a deployment; 0 where it is paid by the hour, the piece or the unit."""
        deployment, model = self.scenario.deployments[name], self.models[name]
        if not pays_by_token(self.scenario, deployment, model, meter):
            return _NOTHING
        if terms is None:
            found = token_price(
                self.scenario,
                model,
                deployment.provider,
                meter,
                self.day,
                is_long=is_long,
                level=deployment.level,
            )
        else:
            found = batch_price(
                self.scenario,
                model,
                deployment.provider,
                meter,
                self.day,
                factor=terms.price_factor,
                is_long=is_long,
            )
        return Fraction(found.usd)

    def _usd(self, name: str, sizes: Tokens, terms: Terms | None) -> Fraction:
        """Money of one call that is billed for these tokens, with the gateway's fee where it goes through it."""
        is_long = self._is_long(name, sizes)
        total = sum(
            (n * self._usd_per_token(name, meter, is_long, terms) for meter, n in sizes.items() if n),
            _NOTHING,
        )
        return total if self.scenario.deployments[name].is_own_hardware else total * self.fee

    def _check(self) -> Fraction:
        """Money of a verifier's call."""
        router = self.scenario.strategy(self.strategy).router
        assert isinstance(router, CascadeRouter), "a way with a check is a cascade's"
        verifier = router.verifier
        model = model_in_force(self.scenario, verifier.model, self.day)
        total = _NOTHING
        for meter, tokens in (("input", verifier.input_tokens), ("output", verifier.output_tokens)):
            if tokens:
                price = token_price(self.scenario, model, verifier.provider, meter, self.day)
                total += round(tokens) * Fraction(price.usd)
        return total * self.fee


def _counted(longest: float) -> float:
    """The largest count that a law with this upper end draws: a whole number, at least 1."""
    return longest if math.isinf(longest) else max(1, round(longest))


def _scaled(counted: float, factor: float) -> float:
    """A common count in a model's tokens, as `workload.sizes` has it."""
    return counted if math.isinf(counted) or counted == 0 else max(1, round(counted * factor))


def _sent(sizes: Tokens) -> Tokens:
    """What is sent, without what would be answered."""
    return sizes | {"output": 0, "reasoning": 0, "audio_output": 0}
