"""The limiters of a deployment, which it may share with others of the same account or provider."""

from typing import TYPE_CHECKING

from planner.engines.program import Target

if TYPE_CHECKING:
    from planner.engines.desk import Desk


class Pool:
    """What is left in limiters, and the deployments that draw on them; full at the start."""

    def __init__(self, target: Target) -> None:
        self.levels = [limiter.capacity for limiter in target.limiters]
        self.filled_ns = 0
        self.desks: list[Desk] = []

    def others(self, desk: "Desk") -> list["Desk"]:
        """Those that share it with a desk, in the order of the program from there on, round once."""
        at = self.desks.index(desk)
        return self.desks[at + 1 :] + self.desks[:at]


def pools_of(targets: list[Target]) -> dict[str, Pool]:
    """DEPLOYMENT: its pool, one for all that name the same."""
    shared: dict[str, Pool] = {}
    return {
        target.name: Pool(target) if target.pool is None else shared.setdefault(target.pool, Pool(target))
        for target in targets
    }
