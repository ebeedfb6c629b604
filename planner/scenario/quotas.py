"""The quotas of a deployment: each limit that is on, in exact integers, with what it counts and how it is kept.

Comes in: a deployment and the model it serves. Goes out: its quotas, for the checks and for the engines alike.
"""

from dataclasses import dataclass
from fractions import Fraction

from planner import limiting
from planner.scenario.fields import Scenario
from planner.scenario.gateway import PooledLimits
from planner.scenario.known import kind_of, limits_of
from planner.scenario.paths import Path
from planner.scenario.supply import MEASURES, Deployment, Limits, QuotaWindow

#: Hour (UTC) at which a provider's day begins, where it is not midnight. Google's is midnight Pacific time
#: (ai.google.dev/gemini-api/docs/rate-limits): taken as 08:00 UTC all year, one hour late in summer.
DAY_BEGINS_H = {"google": 8}
#: Name of the limiters of a platform's account.
PLATFORM = "the platform"


@dataclass(frozen=True, kw_only=True)
class Quota:
    """One limit: p units of 1/q come back per ns (0 for windows), `capacity` of them are held."""

    place: Path  # within `limits`
    measure: int  # what it counts, as in `limiting.FIELDS`
    limit: int  # as given
    held: str  # how long it takes to come back in full, in words: "a minute", "burst_s 10"
    window_ns: int  # 0 for a bucket
    is_daily: bool
    leaks: bool  # admits while there is anything left, however large the call
    settles: bool  # sets a call's tokens right at its end
    p: int
    q: int
    capacity: int

    @property
    def rounded(self) -> str:
        """What to give instead where it is not exact."""
        if len(self.place) == 1:
            return "a rate whose bucket is exact in 64 bits: round it to a multiple of 1,000"
        return "a quota whose bucket is exact in 64 bits: a multiple of 1,000,000, a shorter per_s, or kind fixed-window"

    @property
    def is_exact(self) -> bool:
        """Whether its levels stay exact in 64 bits."""
        return limiting.is_exact(self.q, self.capacity, self.settles)


def quotas_of(deployment: Deployment, model: str) -> tuple[tuple[Quota, ...], str]:
    """(quotas in the order of the fields, charging rule) of a deployment with a model in force.

    A cap of a day is a count of each day, whatever the kind of the others.
    """
    rates, charge = limits_of(deployment, model)
    limits = deployment.limits
    if limits is None:
        return (), charge
    kind = kind_of(deployment)
    found = [
        _of_field(limits, kind, field, measure, rate, charge)
        for measure, (field, rate) in enumerate(zip(limiting.FIELDS, rates, strict=True))
        if rate is not None
    ]
    found += [
        _of_field(limits, limiting.FIXED_WINDOW, field, measure, getattr(limits, field), charge)
        for field, measure in limiting.PER_DAY.items()
        if getattr(limits, field) is not None
    ]
    found += [_of_window(number, window, charge) for number, window in enumerate(limits.windows)]
    return tuple(found), charge


def _of_window(number: int, given: QuotaWindow, charge: str) -> Quota:
    measure, field = next((m, name) for m, name in enumerate(MEASURES) if getattr(given, name) is not None)
    limit: int = getattr(given, field)
    per_ns = round(given.per_s * 1e9)
    is_window = given.kind == limiting.FIXED_WINDOW
    rate = Fraction(limit, per_ns)
    return Quota(
        place=("windows", number, field),
        measure=measure,
        limit=limit,
        held=f"per_s {given.per_s:g}",
        window_ns=per_ns if is_window else 0,
        is_daily=False,
        leaks=given.kind == limiting.LEAKY_BUCKET,
        settles=limiting.settles(given.kind, charge, measure),
        p=0 if is_window else rate.numerator,
        q=1 if is_window else rate.denominator,
        capacity=limit if is_window else limit * rate.denominator,
    )


def _of_field(limits: Limits, kind: str, field: str, measure: int, rate: int, charge: str) -> Quota:
    is_daily = field in limiting.PER_DAY
    slice_ns = round(limits.slice_s * 1e9)
    held = {limiting.FIXED_WINDOW: "a minute", limiting.SUB_WINDOW: f"slice_s {limits.slice_s:g}"}
    p, q, capacity = (0, 1, rate)
    if not is_daily:
        p, q, capacity = limiting.shape(rate, kind, burst_ns=round(limits.burst_s * 1e9), slice_ns=slice_ns)
    return Quota(
        place=(field,),
        measure=measure,
        limit=rate,
        held="a day" if is_daily else held.get(kind, f"burst_s {limits.burst_s:g}"),
        window_ns=limiting.DAY_NS if is_daily else limiting.window_ns(kind, slice_ns),
        is_daily=is_daily,
        leaks=kind == limiting.LEAKY_BUCKET,
        settles=limiting.settles(kind, charge, measure),
        p=p,
        q=q,
        capacity=capacity,
    )


# -- scope -----------------------------------------------------------------------------------------


def pool_of(deployment: Deployment) -> str | None:
    """Name of the limiters that a deployment shares with others; None where they are its own."""
    limits = deployment.limits
    if isinstance(limits, PooledLimits):
        return PLATFORM
    if limits is None or limits.scope == "deployment":
        return None
    if limits.scope == "provider":
        return f"provider {deployment.provider}"
    return f"account {deployment.account or ''} of {deployment.provider}"


def sharing(scenario: Scenario, deployment: str, strategy: str) -> tuple[str, ...]:
    """A deployment, then the others that draw on the same limiters under a strategy."""
    pool = pool_of(scenario.limited(strategy, deployment))
    others = (
        name
        for name in scenario.deployments
        if pool is not None and pool_of(scenario.limited(strategy, name)) == pool
    )
    return (deployment, *(name for name in others if name != deployment))


def beside_minutes(deployment: Deployment) -> tuple[str, ...]:
    """The limits that are on beside those per minute, in words: `requests_per_day 500`, `windows[0] (9 tokens in 5 s)`."""
    limits = deployment.limits
    if limits is None:
        return ()
    found = [(field, getattr(limits, field)) for field in limiting.PER_DAY]
    text = [f"{field} {cap:,}" for field, cap in found if cap is not None]
    for number, window in enumerate(limits.windows):
        (quota,) = (
            f"{value:,} {name.replace('_', ' ')}"
            for name in MEASURES
            if (value := getattr(window, name)) is not None
        )
        text.append(f"windows[{number}] ({quota} in {window.per_s:g} s)")
    return tuple(text)


# -- days ------------------------------------------------------------------------------------------


def has_daily_cap(deployment: Deployment) -> bool:
    """Whether a cap of a day is on."""
    limits = deployment.limits
    return limits is not None and any(getattr(limits, field) is not None for field in limiting.PER_DAY)


def day_begins_h(deployment: Deployment) -> int:
    """Hour (UTC) at which a deployment's caps of a day are whole again: given, or its provider's."""
    limits = deployment.limits
    if limits is not None and limits.day_resets_at is not None:
        return limits.day_resets_at
    return DAY_BEGINS_H.get(deployment.provider or "", 0)


def capped_by_day(scenario: Scenario) -> dict[str, Deployment]:
    """NAME: deployment in use that has a cap of a day, with the limits that hold; a platform's once, under its name."""
    found: dict[str, Deployment] = {}
    for name in scenario.deployments:
        for strategy in scenario.strategies:
            if name in scenario.deployments_of(strategy):
                limited = scenario.limited(strategy, name)
                if has_daily_cap(limited):
                    found.setdefault(PLATFORM if isinstance(limited.limits, PooledLimits) else name, limited)
    return found


def first_hour_of_days(scenario: Scenario) -> int | None:
    """Hour (UTC) at which the days of all caps begin; None without such caps, and in a recording."""
    capped = capped_by_day(scenario)
    if not capped or scenario.traffic.trace is not None:
        return None
    return day_begins_h(next(iter(capped.values())))


def since_day_began_ns(scenario: Scenario, deployment: Deployment, start_s: float) -> int:
    """Nanoseconds of the deployment's day that have gone when a window begins; a recording begins at 00:00 UTC.

    `start_s` is the window's start, in seconds since a midnight UTC.
    """
    of_day_s = 0 if scenario.traffic.trace is not None else round(start_s)
    return (of_day_s - 3600 * day_begins_h(deployment)) % 86_400 * 10**9
