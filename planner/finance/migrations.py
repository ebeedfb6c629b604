"""Which migrations a strategy meets, in order of time."""

from datetime import date
from decimal import Decimal

from planner.finance.ledger import exact
from planner.scenario.fields import CascadeRouter, Scenario


def migrations_met(scenario: Scenario, strategy: str) -> tuple[tuple[date, str, str, Decimal], ...]:
    """Migrations (day, from, to, cost) of models then in force in the strategy, its verifier's included."""
    inside = {scenario.deployments[name].model for name in scenario.deployments_of(strategy)}
    router = scenario.strategy(strategy).router
    if isinstance(router, CascadeRouter):
        inside.add(router.verifier.model)
    met = []
    for day in sorted({migration.at for migration in scenario.finance.migrations}):
        pending = [migration for migration in scenario.finance.migrations if migration.at == day]
        replaced: set[str] = set()
        while ready := [
            one for one in pending if one.from_model in inside and one.from_model not in replaced
        ]:
            migration = ready[0]  # chains of one day are followed in whatever order they are written
            pending.remove(migration)
            replaced.add(migration.from_model)
            inside.add(migration.to)
            met.append((day, migration.from_model, migration.to, exact(migration.usd)))
        inside -= replaced
    return tuple(met)
