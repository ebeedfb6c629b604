"""A deployment's batch API as the scenario declares it, and the terms that hold with a model in force."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from planner.scenario.declare import Fields, field
from planner.scenario.laws import Law

if TYPE_CHECKING:
    from planner.scenario.fields import Scenario


class Batch(Fields):
    """A batch API: calls are worked off within a window, at a price of their own (facts: routing_semantics §13)."""

    turnaround_s: Law | None = field(
        "time from handing a call in to its answer; null: as measured, the catalogue's", None, unit="s"
    )
    expires_s: float = field(
        "a call that has no answer by then ends without one and costs nothing",
        86_400.0,
        unit="s",
        gt=0,
        le=604_800,
    )
    price_factor: float | None = field(
        "factor on the ordinary price of every meter; null: the provider's listed batch price",
        None,
        unit="ratio",
        ge=0,
        le=1,
    )


def _form(value: Any) -> str:
    return "batch" if isinstance(value, Batch | Mapping) else "catalogue"


Batches = Annotated[
    Annotated[Literal["catalogue"], Tag("catalogue")] | Annotated[Batch, Tag("batch")],
    Discriminator(_form),
]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a deployment works off what is handed in to its batch API."""

    turnaround_s: Law
    expires_s: float
    price_factor: float | None  # None: the listed batch prices


def terms_of(scenario: "Scenario", deployment: str, model: str, on: datetime.date) -> Terms | None:
    """The batch API of a deployment with a model in force, by the prices of a day; None: it has none.

    Without terms of its own a deployment has one where its provider lists batch prices of the model. Nobody is
    assumed to have one; provisioned units answer when they are asked.
    """
    from planner.catalogue import profiles
    from planner.scenario import known

    found = scenario.deployments[deployment]
    given = found.batch
    if given is None or not found.is_paid_by_token:
        return None
    if not isinstance(given, Batch):
        if found.provider is None or not known.lists_batch(model, found.provider, on):
            return None
        given = Batch()
    law = given.turnaround_s
    if law is None:
        law = Law.lognormal(profiles.batch().turnaround_p50_s, profiles.batch().turnaround_sigma)
    return Terms(turnaround_s=law, expires_s=given.expires_s, price_factor=given.price_factor)


def has_batch_tasks(scenario: "Scenario") -> bool:
    """Whether any task is in no hurry."""
    return any(task.is_batch for task in scenario.tasks.values())
