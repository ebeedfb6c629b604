"""Which inputs stand in the body of the page for a scenario: models, volume, growth, shares, an outage, sizes and errors.

Comes in: a scenario; goes out: what to ask, each with bounds, help and the value that the scenario has. All of it comes
from the declarations of the language and from the catalogue; nothing is drawn here.
"""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from app.state import MONTH_H, OUTAGE, primary_deployments
from planner.scenario import declared, paths
from planner.scenario.declared import Place
from planner.scenario.fields import Scenario
from planner.scenario.laws import Law, parse_law
from planner.scenario.offers import TIERS, Offer, offers, slot
from planner.scenario.remembered import once_per_scenario
from planner.scenario.resizing import resized, typical
from planner.scenario.strategies import ThresholdRouter
from planner.workload.windows import counts

ALL_USERS = "traffic.users"
USERS = f"{ALL_USERS}.active_per_day"
A_DAY = f"{ALL_USERS}.conversations_per_day"
REQUESTS = "traffic.requests_per_month"
MEAN_MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True, kw_only=True)
class Input:
    """A widget: which parameter it sets, what it shows when nothing is changed, and its bounds."""

    name: str
    label: str
    help: str
    base: float | int | str | None
    low: float
    high: float
    step: float
    kind: Literal["model", "size", "whole", "share", "minutes", "tokens", "usd"]
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # of the choices

    def held(self, value: Any) -> float | int | str | None:
        """A value as the widget holds it."""
        if value is None or self.kind == "model":
            return None if value is None else str(value)
        return int(value) if self.kind not in ("share", "usd") and value == int(value) else float(value)


def inputs(scenario: Scenario, values: Mapping[str, Any] | None = None) -> tuple[Input, ...]:
    """The first row: models, volume, growth, shares sent to omni, an outage of the primary."""
    found = [
        *_models(scenario),
        _volume(scenario, values or {}),
        _growth(scenario),
        *_omni_shares(scenario),
        _outage(scenario),
    ]
    return tuple(one for one in found if one is not None)


def task_inputs(scenario: Scenario, task: str) -> tuple[Input, ...]:
    """What is asked of one task: sizes of prompt and answer, what a wrong answer costs.

    Sizes of laws that are no single figure (mixtures, files) are not asked for: they are edited with the scenario.
    """
    found = scenario.tasks[task]
    asked = [] if scenario.traffic.trace is not None else [
        _tokens(task, "input_tokens", "Prompt", found.input_tokens),
        _tokens(task, "output_tokens", "Answer", found.output_tokens),
    ]  # fmt: skip
    return tuple(one for one in (*asked, _wrong_answer(task, found.cost_of_wrong_answer_usd)) if one)


@once_per_scenario
def _models(scenario: Scenario) -> tuple[Input, ...]:
    """A picker for each tier whose first model is paid by the token."""
    return tuple(one for tier in TIERS if (one := _model(scenario, tier)) is not None)


def _model(scenario: Scenario, tier: str) -> Input | None:
    here = slot(scenario, tier)
    if here is None:
        return None
    known = [one for one in offers(scenario, tier) if one.retires is None]
    words = {one.written: _offer_words(one) for one in known}
    choices = [here.written, *(one.written for one in known if one.written != here.written)]
    return Input(
        name=tier,
        label=f"{tier.capitalize()} model",
        help=f"The model that the {tier} tier asks first, with its provider; the others have a price and measured latency, "
        f"take what the tasks send, and last to the end of the plan. Prices in USD per million tokens, "
        "input and output.",
        base=here.written,
        low=0,
        high=0,
        step=1,
        kind="model",
        choices=tuple(choices),
        words=tuple(words.get(one, _plain_words(one)) for one in choices),
    )


def _offer_words(one: Offer) -> str:
    return f"{one.model} · {one.provider} · {one.input_usd_per_mtok:g} / {one.output_usd_per_mtok:g} USD"


def _plain_words(written: str) -> str:
    model, _, provider = written.partition("@")
    return f"{model} · {provider} · as in the scenario"


def _tokens(task: str, name: str, label: str, law: Any) -> Input | None:
    now = typical(law)
    if now is None:
        return None
    path = paths.render(("tasks", task, name))
    place = _declared(path)
    words, value = now
    return Input(
        name=path, label=f"{label} ({words} tokens)", help=_help(place, "tokens") + " Its spread is kept in proportion.",
        base=round(value), low=1, high=10_000_000, step=50 if value >= 200 else 10, kind="tokens",
    )  # fmt: skip


def _wrong_answer(task: str, usd: float) -> Input:
    path = paths.render(("tasks", task, "cost_of_wrong_answer_usd"))
    place = _declared(path)
    step = 0.01 if usd < 1 else 0.1 if usd < 10 else 1.0
    return Input(
        name=path, label="Cost of a wrong answer (USD)", help=_help(place), base=usd, low=0, high=place.high or 1e9,
        step=step, kind="usd",
    )  # fmt: skip


def value_in(scenario: Scenario, one: Input, values: Mapping[str, Any]) -> Any:
    """What an input holds under the values of an address: of a law, its typical size."""
    if one.name not in values:
        whole = values.get(ALL_USERS) if one.name == USERS else None
        return whole.get("active_per_day", one.base) if isinstance(whole, Mapping) else one.base
    if one.kind != "tokens":
        return values[one.name]
    found = typical(_law(scenario, one, values))
    return one.base if found is None else found[1]


def change_of(scenario: Scenario, one: Input, value: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What an input sets when it holds a value: of a size, its present law with the same spread."""
    if one.kind != "tokens":
        return {one.name: value}
    return {one.name: resized(_law(scenario, one, values), value)}


def _law(scenario: Scenario, one: Input, values: Mapping[str, Any]) -> Law:
    """The law of a size as the address has it, else as the scenario has it."""
    if one.name in values:
        with suppress(ValueError):
            return parse_law(values[one.name])
    *_, task, name = paths.parse(one.name)
    found: Law = getattr(scenario.tasks[str(task)], str(name))
    return found


def luck_inputs(scenario: Scenario) -> tuple[Input, ...]:
    """The inputs that decide about chance and precision, not about the world."""
    run = scenario.run
    return (
        _whole("run.seed", "Seed", run.seed, "Another seed gives other luck."),
        _whole(
            "run.replications", "Windows per strategy", run.replications,
            "More narrow the intervals and take longer; below 4, rare outages are met only by chance.",
        ),
    )  # fmt: skip


def _volume(scenario: Scenario, values: Mapping[str, Any]) -> Input:
    """Users where they are counted, by the scenario or by the values; else requests."""
    traffic = scenario.traffic
    by_users = traffic.requests_per_month is None and traffic.users is not None
    whole = values.get(ALL_USERS)  # set at once, as a form or a link by hand does
    is_given = USERS in values or isinstance(whole, Mapping)
    if is_given or values.get(REQUESTS) is not None:
        by_users = is_given
    if by_users:
        base = None if traffic.users is None else traffic.users.active_per_day
        return _size(USERS, "Active users per day", base, now=values.get(USERS))
    base = traffic.requests_per_month
    extra = " As given: as many as the recording holds." if traffic.trace is not None else ""
    return _size(REQUESTS, "Requests per month", base, extra, now=values.get(REQUESTS))


def in_unit(scenario: Scenario, now: Scenario, values: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """The values of an address with the volume given in another unit, to three digits of the present one.

    `scenario` is what the values change, `now` what they make of it.
    """
    told = counts(now)
    kept = {
        name: value
        for name, value in values.items()
        if name != REQUESTS and name != ALL_USERS and not name.startswith(f"{ALL_USERS}.")
    }
    if wanted == REQUESTS:
        without = {} if scenario.traffic.users is None else {ALL_USERS: None}
        return {**kept, **without, REQUESTS: _digits(told.turns_per_month)}
    # What a user starts a day: as it is now, else as the scenario has it, which then holds again.
    own = 1.0 if scenario.traffic.users is None else scenario.traffic.users.conversations_per_day
    a_day = own if now.traffic.users is None else now.traffic.users.conversations_per_day
    active = told.conversations_per_month / a_day / MEAN_MONTH_DAYS
    without = {} if scenario.traffic.requests_per_month is None else {REQUESTS: None}
    others = {} if a_day == own else {A_DAY: a_day}
    return {**kept, **without, USERS: max(_digits(active), 1), **others}


def _digits(value: float) -> int:
    """Three significant digits, as a whole number."""
    return int(float(f"{value:.3g}"))


def together(names: Iterable[str], values: Mapping[str, Any]) -> tuple[str, ...]:
    """The names, and with one half of a changed unit of the volume its other half: alone, either would be refused.

    >>> together([USERS], {REQUESTS: None, USERS: 5000, "run.seed": 3})
    ('traffic.users.active_per_day', 'traffic.requests_per_month')
    >>> together(["run.seed"], {REQUESTS: None, USERS: 5000, "run.seed": 3})
    ('run.seed',)
    """
    asked = tuple(names)
    volume = [name for name in values if name in (REQUESTS, ALL_USERS) or name.startswith(f"{ALL_USERS}.")]
    if any(values[name] is None for name in volume) and set(volume) & set(asked):
        return (*asked, *(name for name in volume if name not in asked))
    return asked


def _size(name: str, label: str, base: float | None, extra: str = "", *, now: Any = None) -> Input:
    """A size that is counted; its buttons go in steps of a tenth to a hundredth of what it is `now`."""
    place = _declared(name)
    assert place.high is not None, f"{name} has no upper bound"
    size = next((one for one in (now, base) if isinstance(one, int | float) and one >= 1), 1_000_000)
    step = 10.0 ** max(math.floor(math.log10(size)) - 1, 0)
    held = int(base) if base is not None and base == int(base) else base
    return Input(
        name=name, label=label, help=_help(place) + extra, base=held, low=1, high=place.high, step=step, kind="size"
    )  # fmt: skip


def _growth(scenario: Scenario) -> Input:
    traffic = scenario.traffic
    name, per = ("traffic.growth_per_month", "month")
    if traffic.growth_per_year is not None:
        name, per = ("traffic.growth_per_year", "year")
    place = _declared(name)
    low, high = place.slider or (place.low or 0.0, place.high or 1.0)
    return Input(
        name=name,
        label=f"Growth per {per}",
        help=_help(place, f"in % per {per}"),
        base=traffic.growth_per_month if traffic.growth_per_year is None else traffic.growth_per_year,
        low=low,
        high=high,
        step=0.005,
        kind="share",
    )


def _omni_shares(scenario: Scenario) -> Iterable[Input]:
    """One for each strategy that has a threshold router of its own with a wanted share."""
    place = _declared("strategies.x.router.omni_share")
    for name, given in scenario.strategies.items():
        router = scenario.strategy(name).router
        inherits = given.like is not None and given.router is None
        if isinstance(router, ThresholdRouter) and router.omni_share is not None and not inherits:
            path = paths.render(("strategies", name, "router", "omni_share"))
            yield Input(
                name=path,
                label=f"Sent to omni ({name})",
                help=_help(place, "in %"),
                base=router.omni_share,
                low=place.low or 0.0,
                high=1.0 if place.high is None else place.high,
                step=0.01,
                kind="share",
            )


def _outage(scenario: Scenario) -> Input | None:
    primary = primary_deployments(scenario)
    if not primary:
        return None
    provider = scenario.deployments[primary[0]].provider
    whose = f"all deployments of {provider} ({', '.join(primary)})" if provider else primary[0]
    return Input(
        name=OUTAGE,
        label="Outage of omni (min/month)",
        help=f"0: outages as in the scenario. Above 0: {whose} fail once a month on average (every {MONTH_H:g} h, at "
        f"random moments) for this long, in place of the outages in the scenario. Calls that start inside are answered "
        f"with status 503.",
        base=0,
        low=0,
        high=480,
        step=5,
        kind="minutes",
    )


def _whole(name: str, label: str, base: int, extra: str) -> Input:
    place = _declared(name)
    assert None not in (place.low, place.high), f"{name} has no bounds"
    return Input(
        name=name, label=label, help=f"{_help(place)} {extra}", base=base,
        low=place.low or 0, high=place.high or 0, step=1, kind="whole",
    )  # fmt: skip


def _declared(path: str) -> Place:
    place = declared.at(paths.parse(path))
    assert place is not None, f"the language declares nothing at {path}"
    return place


def _help(place: Place, unit: str | None = None) -> str:
    """The declared description with unit and bounds."""
    words = place.description[:1].upper() + place.description[1:]
    said = unit if unit is not None else place.unit
    return f"{words}{f' ({said})' if said else ''}."
