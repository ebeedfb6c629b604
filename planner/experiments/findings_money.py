"""Rules about money: what is paid for nothing, for more than it seems, or beyond a budget.

Each rule is a function from the facts of a comparison to findings; a finding carries its number and the rows that it
is made of, so a test can check it against something independent. Thresholds stand at the top, with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from planner.errors import PlannerError
from planner.experiments.finding import Facts, Finding, Rows, Rule, summary_rows, tokens_per_request
from planner.finance import usd
from planner.finance.ledger import total_of
from planner.finance.token_prices import token_price
from planner.scenario.fields import Scenario
from planner.scenario.prompt_caches import PromptCache
from planner.tables import WASTES
from planner.workload.sizes import resolve_model

WORTH_SAYING = 0.01  # shares under a percent are noise to a reader
MEAN_OVER_MEDIAN = 1.1
WRONG = "wrong answers"  # account of the ledger
WASTE_WORDS = {
    "timeout": "calls that were cut",
    "error": "calls that failed",
    "hedge": "calls that another one beat",
    "lost-answer": "answers of requests that failed all the same",
}


def images_cost_more_on_mini(facts: Facts) -> Iterator[Finding]:
    """A photo is billed by tokens that differ by model: the cheaper model may be the dearer one."""
    scenario = facts.scenario
    omni, mini = tier_of(scenario, "omni"), tier_of(scenario, "mini")
    for task, found in scenario.tasks.items():
        if not found.images:
            continue
        costs = {name: image_cost(scenario, name, task) for name in (*omni, *mini)}
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
                        Rows("images", {"task": task, "deployment": (small, large)}),
                        share=scenario.shares()[task],
                        subject=f"{task}/{small}/{large}",
                    )


def tier_of(scenario: Scenario, tier: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in scenario.strategies:
        for level in getattr(scenario.strategy(name), tier) or ():
            found |= dict.fromkeys(level)
    return tuple(found)


def image_cost(scenario: Scenario, name: str, task: str) -> Decimal | None:
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
    for strategy in facts.samples:
        hidden, shown = (
            tokens_per_request(facts.comparison, strategy, meter) for meter in ("reasoning", "output")
        )
        if hidden and hidden / (hidden + shown) > WORTH_SAYING:
            share = hidden / (hidden + shown)
            yield Finding(
                "hidden-tokens",
                strategy,
                f"{strategy}: {share:.0%} of the output tokens paid for are hidden reasoning that nobody sees.",
                share,
                Rows("tokens", {"strategy": strategy, "meter": ("reasoning", "output")}),
                share=share,
            )


def cached_share(facts: Facts) -> Iterator[Finding]:
    """How much of the text that is paid for a prompt cache gave; also where that is next to nothing."""
    scenario = facts.scenario
    for strategy in facts.samples:
        names = scenario.deployments_of(strategy)
        if all(scenario.deployments[name].prompt_cache is None for name in names):
            continue
        plain, read, written = (
            tokens_per_request(facts.comparison, strategy, meter)
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
                Rows("tokens", {"strategy": strategy, "meter": ("input", "cached_input", "cache_write")}),
            )


def prompt_cache_off(facts: Facts) -> Iterator[Finding]:
    """Text that comes again and again is paid for in full though the provider sells it for less from a cache."""
    scenario = facts.scenario
    kept = [
        name for name, task in scenario.tasks.items() if PromptCache().kept(task.shared_prefix_tokens or 0)
    ]
    for strategy, samples in facts.samples.items():
        names = scenario.deployments_of(strategy)
        able = cacheable(scenario, strategy)
        plain = sum(one.billed_tokens["input"] for one in samples)
        if (
            not kept
            or not able
            or not plain
            or any(scenario.deployments[name].prompt_cache for name in names)
        ):
            continue
        yield Finding(
            "prompt-cache-off",
            strategy,
            f"{strategy}: 0.0% of the input tokens paid for came from a prompt cache, though requests of "
            f"{', '.join(kept)} begin with the same text and {', '.join(able)} would bill it for less.",
            0.0,
            Rows("tokens", {"strategy": strategy, "meter": ("input", "cached_input", "cache_write")}),
        )


def cacheable(scenario: Scenario, strategy: str) -> tuple[str, ...]:
    """Deployments of a strategy without a prompt cache whose provider lists a lower price for text read from one."""
    found = []
    for name in scenario.deployments_of(strategy):
        one = scenario.deployments[name]
        if one.prompt_cache is not None or not one.is_paid_by_token:
            continue
        try:
            full, cached = (
                token_price(scenario, one.model, one.provider, meter, scenario.start).usd_per_mtok
                for meter in ("input", "cached_input")
            )
        except PlannerError:  # no price is listed
            continue
        if cached < full:
            found.append(name)
    return tuple(found)


def wasted_spend(facts: Facts) -> Iterator[Finding]:
    """Money for calls that no user got anything from."""
    for strategy, accounts in facts.by_account.items():
        wasted, useful = (_spent(accounts, group) for group in ("wasted", "api"))
        spent_on = {cause: _spent(accounts, f"wasted/{cause}") for cause in WASTES}
        causes = {WASTE_WORDS.get(cause, cause): spent_on[cause] for cause in WASTES if spent_on[cause]}
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
                Rows("ledger", {"strategy": strategy, "account": _accounts(accounts, "api", "wasted")}),
                usd=wasted,
                share=share,
            )


def error_cost_rules(facts: Facts) -> Iterator[Finding]:
    """Wrong answers cost more than the whole invoice."""
    for strategy, ledger in facts.ledgers.items():
        wrong = facts.by_account[strategy].get(WRONG)
        if wrong and wrong > (invoiced := ledger.total("invoiced")) > 0:
            yield Finding(
                "errors-outweigh-the-bill",
                strategy,
                f"{strategy}: wrong answers cost {usd(wrong)}, {float(wrong / invoiced):.1f} times the invoiced {usd(invoiced)}.",
                float(wrong / invoiced),
                Rows(
                    "ledger",
                    {"strategy": strategy, "account": (*ledger.by("account", view="invoiced"), WRONG)},
                ),
                usd=wrong,
            )


def _accounts(accounts: Iterable[str], *groups: str) -> tuple[str, ...]:
    """The accounts of some groups."""
    return tuple(account for account in accounts if account.partition("/")[0] in groups)


def _spent(accounts: Mapping[str, Decimal], group: str) -> Decimal:
    """What a group of accounts adds up to, or a group within one."""
    return total_of(usd for account, usd in accounts.items() if f"{account}/".startswith(f"{group}/"))


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
                Rows("ledger", {"strategy": strategy, "view": "invoiced", "month": tuple(over)}),
                usd=sum((months[month] - Decimal(str(budget)) for month in over), Decimal(0)),
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
                Rows("volumes", {"strategy": strategy}),
                share=share,
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
                summary_rows(strategy, "input_tokens_mean", "input_tokens_p50", task=task),
                subject=task,
            )


RULES: tuple[Rule, ...] = (
    images_cost_more_on_mini,
    error_cost_rules,
    wasted_spend,
    hidden_tokens,
    cached_share,
    prompt_cache_off,
    over_budget,
    unrated_models,
)
