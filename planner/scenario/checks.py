"""The table of rules across fields: what a scenario must satisfy beyond each field's own bounds.

Each rule is a function from a View to findings; adding one is writing it and naming it in the table of its subject, the
capitals at the end of each file `checks_*`.
"""

from collections.abc import Callable, Iterator

from planner.scenario.checks_batches import BATCHES
from planner.scenario.checks_breakers import BREAKERS
from planner.scenario.checks_caches import CACHES
from planner.scenario.checks_currency import CURRENCY
from planner.scenario.checks_demand import DEMAND
from planner.scenario.checks_gateway import GATEWAYS
from planner.scenario.checks_health import HEALTH
from planner.scenario.checks_limits import LIMITS
from planner.scenario.checks_money import MONEY
from planner.scenario.checks_outages import OUTAGES
from planner.scenario.checks_priorities import PRIORITIES
from planner.scenario.checks_provisioned import PROVISIONED
from planner.scenario.checks_sessions import CONVERSATIONS
from planner.scenario.checks_sign_off import SIGN_OFF
from planner.scenario.checks_sla import SLA
from planner.scenario.checks_steps import STEPS
from planner.scenario.checks_strategies import STRATEGIES
from planner.scenario.checks_supply import SUPPLY
from planner.scenario.checks_timeline import TIMELINE
from planner.scenario.checks_uncertain import UNCERTAINTY
from planner.scenario.checks_upkeep import UPKEEP
from planner.scenario.checks_volume import VOLUME
from planner.scenario.finding import Finding, View

RULES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    *DEMAND,
    *SUPPLY,
    *LIMITS,
    *GATEWAYS,
    *OUTAGES,
    *STRATEGIES,
    *BREAKERS,
    *HEALTH,
    *CACHES,
    *CONVERSATIONS,
    *BATCHES,
    *MONEY,
    *TIMELINE,
    *CURRENCY,
    *UPKEEP,
    *SLA,
    *VOLUME,
    *PROVISIONED,
    *PRIORITIES,
    *SIGN_OFF,
    *STEPS,
    *UNCERTAINTY,
)


def run_checks(view: View) -> Iterator[Finding]:
    """Everything that the rules find, problems and notices."""
    for rule in RULES:
        yield from rule(view)


__all__ = ["RULES", "Finding", "View", "run_checks"]
