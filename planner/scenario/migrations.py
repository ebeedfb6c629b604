"""Which model serves on a day, after the migrations of a plan."""

import datetime

from planner.scenario.fields import Scenario


def model_in_force(scenario: Scenario, model: str, on: datetime.date) -> str:
    """The model that serves on a day where `model` is written, after `finance.migrations`.

    Migrations act in order of date, from their day on; a chain (a to b, later or on the same day b to c) is
    followed to its end.
    """
    due = sorted((m for m in scenario.finance.migrations if m.at <= on), key=lambda migration: migration.at)
    for day in dict.fromkeys(migration.at for migration in due):
        moves = {migration.from_model: migration.to for migration in reversed(due) if migration.at == day}
        seen = {model}
        while model in moves and moves[model] not in seen:
            model = moves[model]
            seen.add(model)
    return model


def models_in_force(scenario: Scenario, on: datetime.date) -> dict[str, str]:
    """DEPLOYMENT: model that it serves on a day."""
    return {
        name: model_in_force(scenario, deployment.model, on)
        for name, deployment in scenario.deployments.items()
    }
