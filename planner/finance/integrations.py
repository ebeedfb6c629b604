"""Which interfaces a strategy has to be connected to, and when a migration brings a new one.

Comes in: a scenario and one of its strategies; goes out: one line of words for each interface. All calls through a
unified platform are one; straight calls are one for each provider, whatever regions, accounts or models; each own or
rented server and each fleet of devices has a stack of its own and is one. A model nobody is named for is sold by its
vendor; where that is not known either, its deployment is one.
"""

from collections.abc import Iterator
from datetime import date

from planner.finance.migrations import migrations_met
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.known import home_provider
from planner.scenario.migrations import model_in_force
from planner.scenario.strategies import Verifier

PLATFORM = "the unified platform"


def integrations(scenario: Scenario, strategy: str) -> tuple[str, ...]:
    """Distinct interfaces of a strategy on the plan's first day."""
    return _interfaces(scenario, strategy, scenario.start)


def later_integrations(scenario: Scenario, strategy: str) -> Iterator[tuple[date, str, bool]]:
    """(day, what, whether it is a new interface) of every migration met, and of the interfaces that come with one."""
    known = set(integrations(scenario, strategy))
    for day, origin, successor, _ in migrations_met(scenario, strategy):
        yield day, f"migration from {origin} to {successor}", False
        for one in _interfaces(scenario, strategy, day):
            if one not in known:
                known.add(one)
                yield day, f"first use of {one}", True


def _interfaces(scenario: Scenario, strategy: str, on: date) -> tuple[str, ...]:
    through = scenario.behind_gateway(strategy)
    found = []
    for name in scenario.deployments_of(strategy):
        deployment = scenario.deployments[name]
        if deployment.is_own_hardware:
            found.append(_own(scenario, name))
        elif name in through:
            found.append(PLATFORM)
        else:
            model = model_in_force(scenario, deployment.model, on)
            found.append(_api(deployment.provider or home_provider(model), name))
    router = scenario.strategy(strategy).router
    if isinstance(router, CascadeRouter):
        found.append(_of_verifier(scenario, strategy, router.verifier, on))
    return tuple(dict.fromkeys(found))


def _of_verifier(scenario: Scenario, strategy: str, verifier: Verifier, on: date) -> str:
    """The verifier's interface: own hardware where its model runs only there and no provider is named."""
    same = [name for name, one in scenario.deployments.items() if one.model == verifier.model]
    is_own = same and all(scenario.deployments[name].is_own_hardware for name in same)
    if verifier.provider is None and is_own:
        return _own(scenario, same[0])
    if scenario.gateway_for(strategy).kind == "unified":
        return PLATFORM
    model = model_in_force(scenario, verifier.model, on)
    return _api(verifier.provider or home_provider(model), f"verifier {model}")


def _own(scenario: Scenario, name: str) -> str:
    return f"{'devices' if scenario.deployments[name].device is not None else 'server'} of {name}"


def _api(provider: str | None, name: str) -> str:
    return f"API of {provider or name}"
