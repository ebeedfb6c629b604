"""Rules about rate limits: buckets that hold a request, exact integers, caps of a day over whole days."""

from collections.abc import Iterator

from planner import limiting
from planner.scenario import known
from planner.scenario.checks_supply import least_charge
from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path, render
from planner.scenario.quotas import Quota, day_begins_h, has_daily_cap, quotas_of

SHAPE = ("burst_s", "slice_s", "kind", "charge")


def limits(view: View) -> Iterator[Finding]:
    """A bucket lets one request of every task through that can come, and can be counted exactly."""
    for name in view.used:
        deployment = view.scenario.deployments[name]
        if deployment.limits is None or not known.is_known(view.scenario, deployment.model):
            continue
        quotas, charge = quotas_of(deployment, deployment.model)
        for quota in quotas:
            yield from _quota(view, name, quota, charge)
    yield from _days(view)


def _quota(view: View, name: str, quota: Quota, charge: str) -> Iterator[Finding]:
    limits = view.scenario.deployments[name].limits
    assert limits is not None
    place = ("deployments", name, "limits")
    if quota.measure == limiting.REQUESTS and not quota.leaks and quota.capacity < quota.q:
        field = "slice_s" if limits.kind == limiting.SUB_WINDOW else "burst_s"
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
            allowed="a rate whose bucket is exact in 64 bits: round it to a multiple of 1,000",
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
        yield from _too_large(view, name, quota, charge)


def _too_large(view: View, name: str, quota: Quota, charge: str) -> Iterator[Finding]:
    """Tasks of which even the smallest request is larger than the quota: certain, whatever is drawn."""
    deployment = view.scenario.deployments[name]
    model = view.facts(deployment.model)
    assert model is not None
    place: Path = ("deployments", name, "limits")
    sizes = ("input_tokens", "output_tokens", "max_output_tokens", "shared_prefix_tokens")
    for task in view.scenario.tasks:
        if not set(view.scenario.tasks[task].modalities) <= model.modalities:
            continue
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


def _days(view: View) -> Iterator[Finding]:
    """A cap of a day means something only where whole days are simulated, all from one reset to the next.

    A window of an hour that began with a whole cap would never meet it, and how much of it is used at 14:00
    nobody knows before the morning has been simulated.
    """
    scenario = view.scenario
    capped = [name for name in view.used if has_daily_cap(scenario.deployments[name])]
    if scenario.traffic.trace is not None:
        return
    for name in capped:
        limits = scenario.deployments[name].limits
        field = next(
            field for field in limiting.FIELDS if field in limiting.PER_DAY and getattr(limits, field)
        )
        if scenario.run.window_s % 86_400:
            yield Finding(
                path=("deployments", name, "limits", field),
                text=f"a cap of a day needs windows of whole days, not of {scenario.run.window_s:g} s, which would "
                "begin with an unknown part of it used",
                hint="give run.window_s: 86400, or a trace",
                because=(("run", "window_s"),),
            )
            continue
        first, hour = capped[0], day_begins_h(scenario.deployments[name])
        if hour != day_begins_h(scenario.deployments[first]):
            yield Finding(
                path=("deployments", name, "limits", field),
                text=f"its day begins at {hour} h UTC, that of {first} at {day_begins_h(scenario.deployments[first])} h; "
                "windows of whole days begin with one of them",
                hint="give the same day_resets_at to both, or a trace",
                because=(
                    ("deployments", first, "limits"),
                    ("deployments", name, "provider"),
                    ("deployments", first, "provider"),
                ),
            )


LIMITS = (limits,)
