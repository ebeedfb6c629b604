"""The level of service at which a deployment's tokens are bought, as the scenario declares it."""

from typing import Literal, NamedTuple

Level = Literal["standard", "priority", "flex"]


class PriceLevel(NamedTuple):
    """A level other than standard; `factor` on the ordinary price of every meter, None: the provider's listed prices."""

    name: str
    factor: float | None
