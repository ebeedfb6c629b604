"""Rules about rate limits: buckets that hold a request, exact integers, caps of a day over whole days."""

from collections.abc import Iterator

from planner import limiting
from planner.scenario import known
from planner.scenario.batches import terms_of
from planner.scenario.checks_supply import least_charge
from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path, render
from planner.scenario.quotas import Quota, day_begins_h, has_daily_cap, pool_of, quotas_of, sharing
from planner.scenario.supply import Deployment, Limits

#: A rest of a window at the end, and a bucket that begins full, let at most 1 % and 10 % more through than the quota.
LEAST_WINDOWS, LEAST_FILLS = 100, 10
SHAPE = ("burst_s", "slice_s", "kind", "charge")


def limits(view: View) -> Iterator[Finding]:
    """A bucket lets one request of every task through that can come, and can be counted exactly."""
    for name in view.used:
        deployment = view.scenario.deployments[name]
        if has_own_limits(view, name):
            yield from limit_findings(view, ("deployments", name, "limits"), name, deployment)
            if known.is_known(view.scenario, deployment.model):
                yield from _uncounted(view, name, quotas_of(deployment, deployment.model)[0])
    yield from _days(view)


def has_own_limits(view: View, name: str) -> bool:
    """Whether the limits of a deployment in use hold under some strategy, none of a platform's in their place."""
    return not all(
        view.is_pooled(strategy, name)
        for strategy in view.strategies
        if name in view.deployments_of(strategy)
    )


def limit_findings(view: View, place: Path, name: str, deployment: Deployment) -> Iterator[Finding]:
    """What is wrong with limits that hold for a deployment of this name and stand at a place."""
    if deployment.limits is None or not known.is_known(view.scenario, deployment.model):
        return
    quotas, charge = quotas_of(deployment, deployment.model)
    for quota in quotas:
        yield from _quota(view, place, name, deployment, quota, charge)
    yield from _lengths(view, place, deployment.limits)


def _quota(
    view: View, place: Path, name: str, deployment: Deployment, quota: Quota, charge: str
) -> Iterator[Finding]:
    limits, kind = deployment.limits, known.kind_of(deployment)
    assert limits is not None
    if quota.measure == limiting.REQUESTS and not quota.leaks and quota.capacity < quota.q:
        field = "slice_s" if kind == limiting.SUB_WINDOW else "burst_s"
        yield Finding(
            path=(*place, field),
            given=f"{getattr(limits, field):g}",
            allowed=f"at least {60 / quota.limit:.6g}: {quota.limit} requests per minute let no request through in less",
            because=((*place, *quota.place),),
        )
    if not quota.is_exact:
        yield Finding(
            path=(*place, *quota.place),
            given=str(quota.limit),
            allowed=quota.rounded,
            because=tuple((*place, other) for other in SHAPE),
        )
    if quota.measure == limiting.OUTPUT and charge == "estimate":
        yield Finding(
            path=(*place, *quota.place),
            text="the charging rule estimate counts no output, so this limit would never be met",
            hint=f"give {render((*place, 'charge'))}: prompt-plus-max-output, actual or after-completion",
            because=((*place, "charge"),),
        )
    if quota.measure != limiting.REQUESTS and not quota.leaks and view.scenario.traffic.trace is None:
        yield from _too_large(view, place, name, deployment, quota, charge)


def _too_large(
    view: View, place: Path, name: str, deployment: Deployment, quota: Quota, charge: str
) -> Iterator[Finding]:
    """Tasks of which even the smallest request is larger than the quota: certain, whatever is drawn."""
    model = view.facts(deployment.model)
    assert model is not None
    sizes = ("input_tokens", "output_tokens", "max_output_tokens", "shared_prefix_tokens")
    for task in view.scenario.tasks:
        if not set(view.scenario.tasks[task].modalities) <= model.modalities:
            continue
        is_batch = view.scenario.tasks[task].is_batch
        if is_batch and terms_of(view.scenario, name, deployment.model, view.scenario.start) is not None:
            continue  # no limit is asked about a call to a batch API
        needed = least_charge(view, task, model, charge, quota.measure)
        if needed * quota.q > quota.capacity:
            yield Finding(
                path=(*place, *quota.place),
                given=f"{quota.limit} ({quota.capacity / quota.q:g} tokens in {quota.held})",
                allowed=f"at least {needed} tokens at once: one request of task {task} is charged that much by {charge}",
                because=(
                    *((*place, *other) for other in (quota.place, *((field,) for field in SHAPE))),
                    *(("tasks", task, other) for other in sizes),
                    ("models", model.name),
                ),
            )
            return


def _lengths(view: View, place: Path, limits: Limits) -> Iterator[Finding]:
    """A quota of hours means something only where enough of them are simulated: every window begins with all of it."""
    scenario = view.scenario
    if scenario.traffic.trace is not None:
        return
    length_ns = round(scenario.run.window_s * 1e9)
    for number, window in enumerate(limits.windows):
        per_ns = round(window.per_s * 1e9)
        if window.kind == limiting.FIXED_WINDOW:
            is_fair = length_ns % per_ns == 0 or length_ns >= LEAST_WINDOWS * per_ns
            wanted = f"a whole number of times per_s, or at least {LEAST_WINDOWS} times as long"
        else:
            is_fair = length_ns >= LEAST_FILLS * per_ns
            wanted = f"at least {LEAST_FILLS} times per_s, as a bucket begins full"
        if not is_fair:
            yield Finding(
                path=(*place, "windows", number, "per_s"),
                text=f"windows of {scenario.run.window_s:g} s (run.window_s) begin with all of a quota of "
                f"{window.per_s:g} s, so they would let too much through; they must be {wanted}",
                hint="change run.window_s or per_s, or give a trace",
                because=(("run", "window_s"), (*place, "windows", number, "kind")),
            )


def _uncounted(view: View, name: str, quotas: tuple[Quota, ...]) -> Iterator[Finding]:
    """Whether what a prompt cache gives is counted, said where nothing is kept, or where nothing would count it."""
    limits = view.scenario.deployments[name].limits
    if limits is None or "counts_cached" not in limits.model_fields_set:
        return
    keeps = any(
        view.scenario.deployments[other].prompt_cache is not None
        for strategy in view.strategies
        if name in view.deployments_of(strategy)
        for other in sharing(view.scenario, name, strategy)
    )
    counts_input = any(quota.measure in (limiting.TOKENS, limiting.INPUT) for quota in quotas)
    if keeps and counts_input:
        return
    why = (
        "no limit of tokens or input tokens is on"
        if keeps
        else "the deployment keeps no prefixes (prompt_cache)"
    )
    place: Path = ("deployments", name)
    yield Finding(
        path=(*place, "limits", "counts_cached"),
        text=f"unused: {why}",
        because=((*place, "prompt_cache"),),
        is_notice=True,
    )


def _days(view: View) -> Iterator[Finding]:
    """A cap of a day means something only where whole days are simulated, all from one reset to the next.

    A window of an hour that began with a whole cap would never meet it, and how much of it is used at 14:00
    nobody knows before the morning has been simulated.
    """
    scenario = view.scenario
    if scenario.traffic.trace is not None:
        return
    capped = _capped(view)
    for name, (place, deployment) in capped.items():
        field = next(field for field in limiting.PER_DAY if getattr(deployment.limits, field) is not None)
        if scenario.run.window_s % 86_400:
            yield Finding(
                path=(*place, field),
                text=f"a cap of a day needs windows of whole days, not of {scenario.run.window_s:g} s, which would "
                "begin with an unknown part of it used",
                hint="give run.window_s: 86400, or a trace",
                because=(("run", "window_s"),),
            )
            continue
        first, (first_place, other) = next(iter(capped.items()))
        hour = day_begins_h(deployment)
        if hour != day_begins_h(other):
            yield Finding(
                path=(*place, field),
                text=f"its day begins at {hour} h UTC, that of {first} at {day_begins_h(other)} h; "
                "windows of whole days begin with one of them",
                hint="give the same day_resets_at to both, or a trace",
                because=(
                    first_place,
                    ("deployments", name, "provider"),
                    ("deployments", first, "provider"),
                ),
            )


def _capped(view: View) -> dict[str, tuple[Path, Deployment]]:
    """NAME: (place of its limits, deployment) of whoever has a cap of a day, in order; platforms last."""
    found: dict[str, tuple[Path, Deployment]] = {}
    for name in view.used:
        deployment = view.scenario.deployments[name]
        if has_daily_cap(deployment) and has_own_limits(view, name):
            found[name] = ("deployments", name, "limits"), deployment
    for strategy in view.strategies:
        at, behind = view.gateway_at("limits", strategy), view.scenario.behind_gateway(strategy)
        if at is not None and behind and has_daily_cap(limited := view.scenario.limited(strategy, behind[0])):
            found[f"the platform ({render(at)})"] = at, limited
    return found


def scopes(view: View) -> Iterator[Finding]:
    """Deployments that draw on the same limiters give the same limits, in numbers, and somebody whose they are."""
    first: dict[str, str] = {}
    for name in view.used:
        deployment = view.scenario.deployments[name]
        place: Path = ("deployments", name)
        limits = deployment.limits
        pool = pool_of(deployment)
        if deployment.account is not None and (limits is None or limits.scope != "account"):
            yield Finding(
                path=(*place, "account"),
                text="an account changes nothing but whose limits these are",
                hint=f"give {render((*place, 'limits', 'scope'))}: account",
                because=((*place, "limits"),),
            )
        if limits is None or pool is None:
            continue
        if deployment.provider is None:
            yield Finding(
                path=(*place, "limits", "scope"),
                given=limits.scope,
                allowed="deployment, where there is no provider",
                because=((*place, "provider"),),
            )
            continue
        open_ = [field for field in (*limiting.FIELDS, "charge") if getattr(limits, field) == "catalogue"]
        for field in open_:
            yield Finding(
                path=(*place, "limits", field),
                given="catalogue",
                allowed=f"given, or null, with scope {limits.scope}: the catalogue has limits of each model",
                because=((*place, "limits", "scope"),),
            )
        if open_:
            continue
        other = first.setdefault(pool, name)
        differ = _difference(deployment, view.scenario.deployments[other])
        if differ is not None:
            yield Finding(
                path=(*place, "limits", differ),
                text=f"not as at {other}, which draws on the same limits (scope {limits.scope})",
                hint=f"give the same as {render(('deployments', other, 'limits', differ))}"
                + at_line(view, ("deployments", other, "limits")),
                because=(("deployments", other, "limits"), (*place, "provider"), (*place, "account")),
            )


def _difference(one: Deployment, other: Deployment) -> str | None:
    """The first field in which limits differ that are shared; calls at once are never shared.

    Kinds are those in force: one may be given, the other its provider's.
    """
    assert one.limits is not None
    assert other.limits is not None
    for field in type(one.limits).model_fields:
        if field == "kind":
            differs = known.kind_of(one) != known.kind_of(other)
        else:
            differs = getattr(one.limits, field) != getattr(other.limits, field)
        if differs and field != "concurrent":
            return field
    return None


def at_line(view: View, path: Path) -> str:
    line = view.line(path)
    return "" if line is None else f" (line {line})"


LIMITS = (limits, scopes)
