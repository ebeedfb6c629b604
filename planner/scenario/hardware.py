"""Hardware of one's own: what servers and devices cost to buy, keep, run and replace."""

from planner.scenario.declare import Fields, field


class Owned(Fields):
    """GPUs that are bought: paid at the start and again when their life ends, with energy and room beside it."""

    usd_per_gpu: float = field("price of a GPU", unit="USD", ge=0, le=1e7)
    host_usd_per_gpu: float = field(
        "chassis, processors, memory and network, for each GPU", 0.0, unit="USD", ge=0, le=1e7
    )
    life_years: float | None = field(
        "years of use; null: from the catalogue", None, unit="years", gt=0, le=50
    )
    residual_share: float = field(
        "what a new one could be sold for at the plan's end, as a share of its price; it falls in a straight line to "
        "nothing at the end of its life",
        0.0,
        unit="share",
        ge=0,
        le=1,
    )
    power_share: float | None = field(
        "mean draw as a share of the board's power; null: from the catalogue", None, unit="share", ge=0, le=1
    )
    pue: float | None = field(
        "power of the whole room for each watt of the servers; null: finance.pue",
        None,
        unit="ratio",
        ge=1,
        le=10,
    )
    rack_usd_per_month: float = field(
        "room, network and hands for all of them together", 0.0, unit="USD/month", ge=0, le=1e9
    )


class Device(Fields):
    """A fleet of devices that run the model where the user is."""

    kind: str = field("device in the catalogue")
    fleet: int = field("devices in use", unit="devices", ge=1, le=10**10)
    tokens_per_s: float | None = field("output speed; null: from the catalogue", None, unit="tokens/s", gt=0)
    watts: float | None = field("power while answering; null: from the catalogue", None, unit="W", ge=0)
    usd: float | None = field("price of one; null: from the catalogue", None, unit="USD", ge=0)
    life_years: float | None = field(
        "years of use; null: from the catalogue", None, unit="years", gt=0, le=50
    )
    spares_share: float = field(
        "spares bought with the fleet, as a share of it, rounded up to whole devices",
        0.0,
        unit="share",
        ge=0,
        le=10,
    )
    losses_per_year: float = field(
        "share of the fleet that is lost, stolen or broken in a year, and bought again",
        0.0,
        unit="1/year",
        ge=0,
        le=10,
    )
    updates_per_year: float = field(
        "updates of the model or its software on every device in use", 0.0, unit="1/year", ge=0, le=10_000
    )
    update_usd: float = field("work of updating one device", 0.0, unit="USD", ge=0, le=1e6)
    update_gb: float = field(
        "size of an update, which leaves our cloud at finance.transfer_usd_per_gb",
        0.0,
        unit="GB",
        ge=0,
        le=1e6,
    )
    idle_watts: float | None = field(
        "power while switched on without answering; null: not known, and not in the bill",
        None,
        unit="W",
        ge=0,
    )
    hours_on_per_day: float = field(
        "hours a day that a device is switched on, busy or idle", 24.0, unit="h/day", ge=0, le=24
    )
    residual_share: float = field(
        "what a new one could be sold for at the plan's end, as a share of its price; it falls in a straight line to "
        "nothing at the end of its life",
        0.0,
        unit="share",
        ge=0,
        le=1,
    )
