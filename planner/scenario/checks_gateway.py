"""Rules about platforms in front of providers: their limits, outages and routing are read where one stands there."""

from collections.abc import Iterator

from planner.scenario.checks_batches import lacks_an_end
from planner.scenario.checks_limits import at_line, limit_findings
from planner.scenario.checks_outages import unread
from planner.scenario.finding import Finding, View, listed
from planner.scenario.gateway import OF_PLATFORMS, Gateway
from planner.scenario.outages import OutageLaw, harms_at
from planner.scenario.paths import Path, render


def kinds(view: View) -> Iterator[Finding]:
    """Only a platform has limits, outages and a routing; and it stands before somebody."""
    for place, gateway in _written(view):
        for field in OF_PLATFORMS:
            if field not in gateway.model_fields_set or getattr(gateway, field) is None:
                continue
            readers = [name for name in view.strategies if view.gateway_at(field, name) == (*place, field)]
            if readers and all(view.scenario.gateway_for(name).kind == "direct" for name in readers):
                yield Finding(
                    path=(*place, field),
                    given=f"{field} with kind direct",
                    allowed=f"{field} with kind unified",
                    hint=f"give {render((*place, 'kind'))}: unified",
                    because=((*place, "kind"), ("gateway", "kind")),
                )
    for name in view.strategies:
        gateway = view.scenario.gateway_for(name)
        names = view.deployments_of(name)
        if gateway.kind == "unified" and names and not view.scenario.behind_gateway(name):
            yield Finding(
                path=view.gateway_at("kind", name) or ("gateway", "kind"),
                text=f"no deployment of {name} goes through the platform: own servers and devices are called straight",
                because=(("strategies", name), ("deployments",)),
                is_notice=True,
            )


def _written(view: View) -> Iterator[tuple[Path, Gateway]]:
    """(place, gateway) wherever one is written."""
    yield ("gateway",), view.scenario.gateway
    for name, strategy in view.scenario.strategies.items():
        yield ("strategies", name, "gateway"), strategy.gateway


def pooled_limits(view: View) -> Iterator[Finding]:
    """What holds for limits of a deployment holds for a platform's, at each deployment behind it."""
    told: set[Path] = set()
    for name in view.strategies:
        at = view.gateway_at("limits", name)
        if at is None or view.scenario.gateway_for(name).limits is None:
            continue
        for deployment in view.scenario.behind_gateway(name):
            for finding in limit_findings(view, at, deployment, view.scenario.limited(name, deployment)):
                if finding.path not in told:
                    told.add(finding.path)
                    yield finding


def stood_aside(view: View) -> Iterator[Finding]:
    """Rate limits of a deployment do not hold where a platform's do, which is worth knowing where somebody wrote them."""
    for deployment in view.used:
        limits = view.scenario.deployments[deployment].limits
        written = set() if limits is None else limits.model_fields_set - {"concurrent"}
        under = [name for name in view.strategies if view.is_pooled(name, deployment)]
        if not written or not under:
            continue
        at = view.gateway_at("limits", under[0])
        assert at is not None, "limits of a platform are written somewhere"
        own = [
            name for name in view.strategies if deployment in view.deployments_of(name) and name not in under
        ]
        yield Finding(
            path=("deployments", deployment, "limits"),
            text=f"not read under {listed(under)}: the platform's limits ({render(at)}{at_line(view, at)}) stand in "
            "their place; concurrent stays its own"
            + (f", and all of them hold under {listed(own)}" if own else ""),
            because=(at, ("strategies",)),
            is_notice=True,
        )


def outages(view: View) -> Iterator[Finding]:
    """A platform's outages are read in their mode, and one that hangs is ended by a timeout or a deadline."""
    for place, gateway in _written(view):
        found = gateway.outages
        for path, episode in harms_at((*place, "outages"), found):
            yield from unread(path, episode)
        if isinstance(found, OutageLaw) and found.regional > 0:
            yield Finding(
                path=(*place, "outages", "regional"),
                text="a platform stands before all regions at once: its outages have none",
                hint="leave it out",
            )
    told: set[Path] = set()
    for name in view.strategies:
        at, gateway = view.gateway_at("outages", name), view.scenario.gateway_for(name)
        hanging = [
            path
            for path, one in harms_at(at or ("gateway", "outages"), gateway.outages)
            if one.mode == "hang"
        ]
        if at is None or not hanging:
            continue
        for deployment in view.scenario.behind_gateway(name):
            lacking = lacks_an_end(view, name, deployment)
            if lacking is None or hanging[0] in told:
                continue
            told.add(hanging[0])
            what, hint = lacking
            yield Finding(
                path=(*hanging[0], "mode"),
                text=f"a hang that nothing ends: at {deployment} under strategy {name} {what}",
                hint=hint,
                because=(
                    ("policy", "timeout_s"),
                    ("policy", "deadline_s"),
                    ("strategies", name, "policy"),
                    ("deployments", deployment, "policy"),
                ),
            )


def routing(view: View) -> Iterator[Finding]:
    """A platform chooses among those behind it, and where no policy does."""
    for name in view.strategies:
        if not view.scenario.is_routed_by_platform(name):
            continue
        behind = view.scenario.behind_gateway(name)
        for level in view.scenario.levels_of(name):
            own = [one for one in level if one in view.scenario.deployments and one not in behind]
            if len(level) > 1 and own:
                yield Finding(
                    path=("strategies", name),
                    given=f"{listed(own)}, own hardware, among the equals of a level from which the platform chooses",
                    allowed="deployments behind the platform, or a choice of our own",
                    hint=f"give {render(('strategies', name, 'policy', 'select'))}, or own hardware a level of its own",
                    because=(("deployments",), ("gateway",)),
                )
                break
    for place, gateway in _written(view):
        at = (*place, "routing")
        readers = [name for name in view.strategies if view.gateway_at("routing", name) == at]
        readers = [name for name in readers if view.scenario.gateway_for(name).kind == "unified"]
        is_used = any(view.scenario.is_routed_by_platform(name) for name in readers)
        if gateway.routing is None or not readers or is_used:
            continue
        chosen = next((path for name in readers if (path := view.given_at("select", name)) is not None), None)
        text = "nothing to choose from: equals stand in a list of their own, such as [[a, b], [c]]"
        if chosen is not None:
            text = f"unused: {render(chosen)}{view.where(chosen)} says how to choose"
        yield Finding(path=at, text=text, because=(chosen or ("strategies",),), is_notice=True)


GATEWAYS = (kinds, pooled_limits, stood_aside, outages, routing)
