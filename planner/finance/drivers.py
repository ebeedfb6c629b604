"""What drives each account: the thing that has to move for its quantity to move.

Read by ledger rows; an account takes the driver of its nearest group. Credits and fees are driven by spend, not by what
that spend is made of.
"""

DRIVERS = {
    "one-time": "the plan itself",
    "integration": "interfaces that are built",
    "devices": "devices of the fleet",
    "devices/attrition": "devices that are lost",
    "devices/updates": "devices x updates",
    "compute": "GPUs x hours",
    "compute/purchase": "GPUs that are bought",
    "compute/replacement": "GPUs whose life has ended",
    "compute/rack": "GPUs x months",
    "compute/residual": "GPUs that are left at the end",
    "migration": "models that are replaced",
    "api": "tokens of answers of use",
    "wasted": "tokens that brought nobody an answer",
    "verifier": "tokens of a cascade's checks",
    "volume prices": "use of the month above a step",
    "provisioned": "units x time",
    "commitment": "use of the month against what was agreed",
    "gateway fee": "spend through the platform",
    "prepaid fee": "spend from prepaid credit",
    "router": "requests that the router decides",
    "transfer": "bytes that leave our cloud",
    "energy": "time in which devices answer",
    "energy/idle": "hours in which devices are on",
    "energy/servers": "hours of own servers",
    "review": "answers that people look at",
    "people": "people x months",
    "maintenance": "months",
    "compliance": "audits and assessments",
    "penalties": "months below the promised availability",
    "credits": "spend at providers that were out",
    "exit": "the end of the plan",
    "wrong answers": "answers that are wrong",
    "downtime": "hours without answers",
}


def driver_of(account: str) -> str:
    """What drives an account.

    >>> driver_of("api/output"), driver_of("devices/purchase"), driver_of("energy/servers")
    ('tokens of answers of use', 'devices of the fleet', 'hours of own servers')
    """
    parts = account.split("/")
    for many in range(len(parts), 0, -1):
        found = DRIVERS.get("/".join(parts[:many]))
        if found is not None:
            return found
    raise KeyError(f"nothing drives the account {account}")


__all__ = ["DRIVERS", "driver_of"]
