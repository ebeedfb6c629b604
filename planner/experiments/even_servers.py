"""Own servers that follow the volume: what one replica carries in a month, and what it costs over the plan.

Comes in: a comparison, a strategy and the utilisation aimed at in the peak hour; goes out: Steps for its server. The
load is what was carried in the simulation: the time that calls were under way there, for a planned request.
"""

from fractions import Fraction

from planner.errors import PlannerError
from planner.experiments.comparison import Comparison
from planner.finance.break_even import Steps
from planner.finance.flips import GPU_HOURS
from planner.finance.horizon import plan_of
from planner.finance.ledger import exact
from planner.finance.quantities import BUSY
from planner.finance.rates import rates_of
from planner.scenario.fields import MONTH_S, Scenario
from planner.workload.shapes import weekly_weights
from planner.workload.windows import DAY_S, month_pieces, requests_per_month

SPARE = 1  # N+1: a replica that is paid and carries nothing


def server_steps(found: Comparison, strategy: str, headroom: float, spare: int = SPARE) -> dict[str, Steps]:
    """SERVER: its replicas as steps of capacity, in requests a month of the plan; empty where there is no server.

    A replica holds `limits.concurrent / replicas` calls at once. As many are held as keep the utilisation at or below
    `headroom` in the busiest hour of a mean week of the busiest month, and `spare` more.

    Raises
    ------
    PlannerError
        More than one server, or one without `limits.concurrent`: what a replica carries is then not known.
    """
    scenario = found.scenario
    servers = [
        name for name in scenario.deployments_of(strategy) if scenario.deployments[name].server is not None
    ]
    if not servers:
        return {}
    if len(servers) > 1:
        raise PlannerError(
            f"{strategy}: servers that follow the volume are worked out for one server, not for {', '.join(servers)}; "
            "leave headroom out"
        )
    name = servers[0]
    deployment = scenario.deployments[name]
    assert deployment.server is not None, "chosen above"
    concurrent = None if deployment.limits is None else deployment.limits.concurrent
    if not isinstance(concurrent, int):
        raise PlannerError(
            f"deployments.{name}.limits.concurrent: got {'null' if concurrent is None else 'steps'}; allowed: the calls "
            "that all replicas hold at once, one number for all times, or what a replica carries is not known"
        )
    busy_s = busy_s_per_request(found, strategy, name)
    ledger = found.results[strategy].ledger.select(account=GPU_HOURS, deployment=name)
    usd = Fraction(ledger.total()) / deployment.server.replicas
    if busy_s == 0:
        raise PlannerError(f"{name}: no call was under way there in the simulation; leave headroom out")
    each = Fraction(concurrent, deployment.server.replicas) * Fraction(exact(headroom))
    capacity = each * Fraction(exact(MONTH_S)) / (busy_s * Fraction(peak_to_mean(scenario)))
    return {name: Steps(capacity=capacity, usd=usd, spare=spare)}


def busy_s_per_request(found: Comparison, strategy: str, server: str) -> Fraction:
    """Seconds that calls are under way at a server for a planned request, on average over the plan."""
    scenario = found.scenario
    plan = plan_of(scenario, strategy)
    quantities = [cell.quantities for cell in found.results[strategy].cells]
    rates = rates_of(scenario, strategy, plan.eras, found.windows, quantities)
    busy_ms, requests = Fraction(0), Fraction(0)
    for piece in plan.pieces:
        for task, rate in rates[piece.era].items():
            expected = plan.requests(piece, task)
            requests += expected
            for key, count in rate.items():
                if key.kind == BUSY and key.deployment == server:
                    busy_ms += expected * count
    return busy_ms / 1000 / requests


def peak_to_mean(scenario: Scenario) -> float:
    """Load of the busiest hour of a mean week in the plan's busiest month, over the first volume's mean hour."""
    shape = weekly_weights("flat" if scenario.traffic.trace is not None else scenario.traffic.weekly_shape)
    mean = requests_per_month(scenario) / MONTH_S
    busiest = max(
        piece.expected_requests / ((piece.end - piece.start).days * DAY_S) / mean
        for piece in month_pieces(scenario)
    )
    return float(shape.max() / shape.mean()) * busiest
