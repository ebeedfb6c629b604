"""Findings: rules over results that say what a reader would otherwise have to dig for.

Each rule is a function from the facts of a comparison to findings; a finding carries its number, so a
test can check it against something independent. Thresholds stand at the top, with the reason.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from planner.finance import Ledger, usd
from planner.finance.token_prices import token_price
from planner.metrics import Estimate, Sample
from planner.scenario.fields import Scenario
from planner.tables import WASTES
from planner.workload.outage_lines import GATEWAY_LINE
from planner.workload.sizes import resolve_model
from planner.workload.windows import Window, eras

WORTH_SAYING = 0.01  # shares under a percent are noise to a reader
LIMIT_SHARE = 0.001  # one refused call in a thousand is felt in the tail
MEAN_OVER_MEDIAN = 1.1
WASTE_WORDS = {
    "timeout": "calls that were cut",
    "error": "calls that failed",
    "hedge": "calls that another one beat",
    "lost-answer": "answers of requests that failed all the same",
}


@dataclass(frozen=True)
class Finding:
    """One sentence with its number."""

    code: str
    strategy: str | None
    text: str
    value: float


@dataclass(frozen=True)
class Facts:
    """What the rules look at."""

    scenario: Scenario
    windows: tuple[Window, ...]
    ledgers: Mapping[str, Ledger]
    estimates: Mapping[str, Mapping[tuple[str, str], Estimate]]
    samples: Mapping[str, tuple[Sample, ...]]

    def number(self, strategy: str, measure: str, task: str = "") -> float | None:
        found = self.estimates[strategy].get((task, measure))
        return None if found is None else found.value


Rule = Callable[[Facts], Iterator[Finding]]


def findings(facts: Facts) -> tuple[Finding, ...]:
    """All that the rules find, in their order; the same sentence once."""
    found = [finding for rule in RULES for finding in rule(facts)]
    return tuple({(one.code, one.text): one for one in found}.values())


def images_cost_more_on_mini(facts: Facts) -> Iterator[Finding]:
    """A photo is billed by tokens that differ by model: the cheaper model may be the dearer one."""
    scenario = facts.scenario
    omni, mini = _tier(scenario, "omni"), _tier(scenario, "mini")
    for task, found in scenario.tasks.items():
        if not found.images:
            continue
        costs = {name: _image_cost(scenario, name, task) for name in (*omni, *mini)}
        for small in mini:
            for large in omni:
                a, b = costs[small], costs[large]
                if a is not None and b is not None and b > 0 and a > b:
                    models = scenario.deployments[small].model, scenario.deployments[large].model
                    yield Finding(
                        "images-dearer-on-mini",
                        None,
                        f"The images of a {task} request cost {usd(a)} on {models[0]} and {usd(b)} on {models[1]}: "
                        f"the mini bills more image tokens than its lower price saves ({float(a / b):.2f} times).",
                        float(a / b),
                    )


def _tier(scenario: Scenario, tier: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in scenario.strategies:
        for level in getattr(scenario.strategy(name), tier) or ():
            found |= dict.fromkeys(level)
    return tuple(found)


def _image_cost(scenario: Scenario, name: str, task: str) -> Decimal | None:
    deployment = scenario.deployments[name]
    if not deployment.is_paid_by_token:
        return None
    model = resolve_model(scenario, deployment.model, deployment.provider)
    if "vision" not in model.modalities:
        return None
    price = token_price(scenario, deployment.model, deployment.provider, "image", scenario.start)
    tokens = model.image_tokens[task]
    return price.usd_per_mtok * tokens / 10**6


def hidden_tokens(facts: Facts) -> Iterator[Finding]:
    """Reasoning tokens are billed as output though nobody sees them."""
    for strategy, samples in facts.samples.items():
        hidden = sum(one.billed_tokens["reasoning"] for one in samples)
        shown = sum(one.billed_tokens["output"] for one in samples)
        if hidden and hidden / (hidden + shown) > WORTH_SAYING:
            share = hidden / (hidden + shown)
            yield Finding(
                "hidden-tokens",
                strategy,
                f"{strategy}: {share:.0%} of the output tokens paid for are hidden reasoning that nobody sees.",
                share,
            )


def cached_share(facts: Facts) -> Iterator[Finding]:
    """How much of the text that is paid for a prompt cache gave; also where that is next to nothing."""
    scenario = facts.scenario
    for strategy, samples in facts.samples.items():
        names = scenario.deployments_of(strategy)
        if all(scenario.deployments[name].prompt_cache is None for name in names):
            continue
        plain, read, written = (
            sum(one.billed_tokens[meter] for one in samples)
            for meter in ("input", "cached_input", "cache_write")
        )
        total = plain + read + written
        if total:
            wrote = f", and {written / total:.1%} were written to one" if written else ""
            yield Finding(
                "cached-share",
                strategy,
                f"{strategy}: {read / total:.1%} of the input tokens paid for came from a prompt cache{wrote}.",
                read / total,
            )


def wasted_spend(facts: Facts) -> Iterator[Finding]:
    """Money for calls that no user got anything from."""
    for strategy, ledger in facts.ledgers.items():
        by = ledger.by("group")
        wasted, useful = by.get("wasted", Decimal(0)), by.get("api", Decimal(0))
        spent_on = ledger.by("waste")
        causes = {WASTE_WORDS.get(cause, cause): spent_on[cause] for cause in WASTES if spent_on.get(cause)}
        if wasted and wasted / (wasted + useful) > Decimal(str(WORTH_SAYING)):
            share = float(wasted / (wasted + useful))
            told = [f"{usd(spent)} for {words}" for words, spent in causes.items()]
            yield Finding(
                "wasted-spend",
                strategy,
                f"{strategy}: {share:.1%} of the spend on tokens, {usd(wasted)}, buys nobody an answer: "
                + (", ".join(told) if len(told) > 1 else next(iter(causes)))
                + ".",
                share,
            )


def limit_binds(facts: Facts) -> Iterator[Finding]:
    """A rate limit refuses calls."""
    names = list(facts.scenario.deployments)
    for strategy, samples in facts.samples.items():
        pooled = _pooled(facts.scenario, strategy)
        limiters: list[tuple[str, tuple[str, ...]]] = [
            (f"the rate limit of {name}", (name,)) for name in names if name not in pooled
        ]
        if pooled:
            limiters.append(("the limit of the platform's account", pooled))
        for whose, members in limiters:
            places = [names.index(name) for name in members]
            limited = sum(one.n_limited.get(index, 0) for one in samples for index in places)
            calls = sum(one.n_calls.get(index, 0) for one in samples for index in places)
            if calls and limited / calls > LIMIT_SHARE:
                yield Finding(
                    "limit-binds",
                    strategy,
                    f"{strategy}: {whose} refuses {limited / calls:.1%} of its calls (429).",
                    limited / calls,
                )


def _pooled(scenario: Scenario, strategy: str) -> tuple[str, ...]:
    """Deployments that draw on the limits of a platform's account."""
    return () if scenario.gateway_for(strategy).limits is None else scenario.behind_gateway(strategy)


def waiting(facts: Facts) -> Iterator[Finding]:
    """A good part of the latency is spent in the client's own queue."""
    for strategy in facts.samples:
        wait, latency = facts.number(strategy, "wait_mean_s"), facts.number(strategy, "latency_mean_s")
        if wait is not None and latency and wait / latency > 0.1:
            yield Finding(
                "waiting",
                strategy,
                f"{strategy}: {wait / latency:.0%} of the mean latency is waiting for a free slot or a refilled limit.",
                wait / latency,
            )


def mean_against_median(facts: Facts) -> Iterator[Finding]:
    """A median times a price is not the bill."""
    strategy = next(iter(facts.samples))
    for task in facts.scenario.tasks:
        mean, median = (
            facts.number(strategy, "input_tokens_mean", task),
            facts.number(strategy, "input_tokens_p50", task),
        )
        if mean and median and mean / median > MEAN_OVER_MEDIAN:
            yield Finding(
                "mean-against-median",
                None,
                f"{task}: the mean prompt has {mean:,.0f} tokens, the median {median:,.0f}; the bill follows the mean, "
                f"{mean / median - 1:.0%} above what a median times a price would say.",
                mean / median,
            )


def sensitive_outside(facts: Facts) -> Iterator[Finding]:
    """Private data leaves the house."""
    for strategy in facts.samples:
        number = facts.number(strategy, "sensitive_outside")
        if number:
            yield Finding(
                "sensitive-outside",
                strategy,
                f"{strategy}: {number:,.1f} requests with private data per simulated window go to deployments outside.",
                number,
            )


def over_context(facts: Facts) -> Iterator[Finding]:
    """Requests that a deployment of their route cannot take for their size."""
    for strategy in facts.samples:
        share = facts.number(strategy, "over_context_share")
        if share:
            yield Finding(
                "over-context",
                strategy,
                f"{strategy}: {share:.2%} of requests exceed the context window of a deployment they are sent to.",
                share,
            )


def own_breaker(facts: Facts) -> Iterator[Finding]:
    """Requests lost to our own breaker, not to the provider."""
    for strategy in facts.samples:
        share = facts.number(strategy, "failed:own-breaker")
        if share:
            yield Finding(
                "own-breaker",
                strategy,
                f"{strategy}: {share:.2%} of requests are lost to our own breaker while no call was tried.",
                share,
            )


def retries_amplify(facts: Facts) -> Iterator[Finding]:
    """Calls per request."""
    for strategy in facts.samples:
        calls = facts.number(strategy, "attempts_mean")
        if calls is not None and calls > 1.05:
            yield Finding(
                "calls-per-request",
                strategy,
                f"{strategy}: one request becomes {calls:.2f} upstream calls on average.",
                calls,
            )


def error_cost_rules(facts: Facts) -> Iterator[Finding]:
    """Wrong answers cost more than the whole invoice."""
    for strategy, ledger in facts.ledgers.items():
        invoiced, wrong = ledger.total("invoiced"), ledger.by("account").get("wrong answers", Decimal(0))
        if wrong > invoiced > 0:
            yield Finding(
                "errors-outweigh-the-bill",
                strategy,
                f"{strategy}: wrong answers cost {usd(wrong)}, {float(wrong / invoiced):.1f} times the invoiced {usd(invoiced)}.",
                float(wrong / invoiced),
            )


def over_budget(facts: Facts) -> Iterator[Finding]:
    """Months whose invoiced spend passes the budget."""
    budget = facts.scenario.finance.budget_usd_per_month
    if budget is None:
        return
    for strategy, ledger in facts.ledgers.items():
        months = ledger.by("month", view="invoiced")
        over = [month for month, amount in months.items() if amount > Decimal(str(budget))]
        if over:
            yield Finding(
                "over-budget",
                strategy,
                f"{strategy}: {len(over)} of {len(months)} months pass the budget of {usd(Decimal(str(budget)))}, first {min(over)}.",
                float(len(over)),
            )


def unrated_models(facts: Facts) -> Iterator[Finding]:
    """Answers that nobody rated cannot count as right."""
    for strategy, ledger in facts.ledgers.items():
        unrated = sum((volume.unrated for volume in ledger.volumes), Decimal(0))
        completed = sum((volume.completed for volume in ledger.volumes), Decimal(0))
        if completed and unrated / completed > Decimal(str(WORTH_SAYING)):
            share = float(unrated / completed)
            yield Finding(
                "unrated",
                strategy,
                f"{strategy}: {share:.0%} of answers come from models without accuracy, ability or score; they count as unrated.",
                share,
            )


def planted_outages(facts: Facts) -> Iterator[Finding]:
    """How much of the horizon's requests meet an outage, by the plan's weights."""
    weights: dict[str, float] = {}
    for window in facts.windows:
        if window.stratum:
            weights[window.stratum] = weights.get(window.stratum, 0.0) + window.weight
    for line, weight in weights.items():
        yield Finding(
            "outage-windows",
            None,
            f"{weight:.2%} of windows meet an outage of {_whose(line)}; they are simulated on purpose "
            f"and weighted by that probability.",
            weight,
        )


def _whose(line: str) -> str:
    return "the platform" if line.startswith(GATEWAY_LINE) else line.removeprefix("outage:")


def migrations(facts: Facts) -> Iterator[Finding]:
    """Models that change within the horizon."""
    scenario = facts.scenario
    stretches = eras(scenario)
    for before, after in pairwise(stretches):
        moved = {
            (before.models[name], after.models[name])
            for name in after.models
            if before.models[name] != after.models[name]
        }
        for old, new in sorted(moved):
            yield Finding(
                "migration",
                None,
                f"From {after.start} on {new} serves in place of {old}.",
                float(after.start.toordinal()),
            )


RULES: tuple[Rule, ...] = (
    images_cost_more_on_mini,
    error_cost_rules,
    wasted_spend,
    hidden_tokens,
    cached_share,
    limit_binds,
    waiting,
    own_breaker,
    over_context,
    sensitive_outside,
    retries_amplify,
    over_budget,
    unrated_models,
    planted_outages,
    migrations,
    mean_against_median,
)

__all__ = ["RULES", "Facts", "Finding", "findings"]
