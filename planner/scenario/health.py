"""What is known of deployments' health, and when: late news, or perfect knowledge of outages."""

from typing import Literal

from planner.scenario.declare import Fields, field


class Health(Fields):
    """What a caller knows of its deployments' health: two bounds beside what breakers learn at once.

    late: what a breaker learns from the end of a call takes effect lag_s later; until then calls go on as before.
    perfect: whoever is wholly out (an episode of mode error, hang or limited that meets every call) is passed over like
    one whose breaker is open, at no cost and no time, from the first to the last moment of it; nobody can do better.
    """

    lag_s: float = field(
        "a breaker is told of the end of a call so much later (health checks, states shared by replicas of a gateway)",
        0.0,
        unit="s",
        ge=0,
        le=3_600,
    )
    knowledge: Literal["own", "perfect"] = field(
        "own: what breakers learn; perfect: whoever is wholly out is also known to be, with no delay",
        "own",
    )
