"""What generated requests, their sizes and right answers are made from, as a name that is equal where they are.

Comes in: a scenario; goes out: a digest of it less the sections that neither the workload nor the quality of answers reads:
words, money, and how requests are served. What is left out is named here, all else counts: a section that is new in the
language makes new requests until somebody names it.
"""

import hashlib
import json

from planner.scenario.contents import digests
from planner.scenario.fields import Scenario
from planner.scenario.remembered import once_per_scenario

#: Finance is read for migrations: whose right answers a successor inherits.
NOT_READ = (
    "schema", "name", "question", "currency", "objective", "uncertain", "correlated",
    "deployments", "strategies", "policy", "gateway", "slo",
)  # fmt: skip
FINANCE_READ = ("migrations",)


@once_per_scenario
def origin_of(scenario: Scenario) -> str:
    """The name of what a scenario's requests are made from, whichever window they come in.

    A recording's requests also depend on whether anybody remembers conversations, which is not in it: see `is_generated`.
    """
    tree = {name: given for name, given in scenario.to_dict().items() if name not in NOT_READ}
    finance = tree.get("finance") or {}
    tree["finance"] = {name: finance[name] for name in FINANCE_READ if name in finance}
    text = json.dumps([tree, digests(scenario)], separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def is_generated(scenario: Scenario) -> bool:
    """Whether requests are drawn, and not read from a recording."""
    return scenario.traffic.trace is None


__all__ = ["FINANCE_READ", "NOT_READ", "is_generated", "origin_of"]
