"""Rules about what is bought and kept up: servers of one's own, idle devices, shares of hardware."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View


def owned_servers(view: View) -> Iterator[Finding]:
    """A server is bought or rented, not both."""
    for name, deployment in view.scenario.deployments.items():
        server = deployment.server
        if server is not None and server.owned is not None and server.usd_per_gpu_hour is not None:
            rented = ("deployments", name, "server", "usd_per_gpu_hour")
            yield Finding(
                path=("deployments", name, "server", "owned"),
                text=f"given beside usd_per_gpu_hour{view.where(rented)}: GPUs are bought or rented, not both",
                hint="give one of them",
            )


def idle_devices(view: View) -> Iterator[Finding]:
    """A device that answers draws at least what it draws idle."""
    from planner.catalogue import profiles

    for name, deployment in view.scenario.deployments.items():
        device = deployment.device
        if device is None or device.idle_watts is None or device.kind not in profiles.devices():
            continue
        watts = device.watts if device.watts is not None else profiles.devices()[device.kind].watts
        if watts is not None and device.idle_watts > watts:
            yield Finding(
                path=("deployments", name, "device", "idle_watts"),
                given=f"{device.idle_watts:g}",
                allowed=f"at most {watts:g}, its power while answering",
                because=(("deployments", name, "device", "watts"), ("deployments", name, "device", "kind")),
            )


def unread_fields(view: View) -> Iterator[Finding]:
    """Figures that nothing would be multiplied by."""
    for name, deployment in view.scenario.deployments.items():
        device, path = deployment.device, ("deployments", name, "device")
        if device is None:
            continue
        for field in ("update_usd", "update_gb"):
            if getattr(device, field) and not device.updates_per_year:
                yield Finding(
                    path=(*path, field),
                    text="there are no updates to pay for",
                    hint="give updates_per_year",
                    because=((*path, "updates_per_year"),),
                )
        if "hours_on_per_day" in device.model_fields_set and device.idle_watts is None:
            yield Finding(
                path=(*path, "hours_on_per_day"),
                text="what a device draws while it is switched on is not known",
                hint="give idle_watts",
                because=((*path, "idle_watts"),),
            )


def hardware_shares(view: View) -> Iterator[Finding]:
    """A share of own hardware needs a strategy that pays it and owns some."""
    for index, item in enumerate(view.scenario.finance.maintenance):
        if item.hardware_share_per_year is None:
            continue
        payers = [
            name
            for name in view.strategies
            if item.strategies is None or any(one in item.strategies for one in view.scenario.lineage(name))
        ]
        if payers and not any(_owns(view, name) for name in payers):
            yield Finding(
                path=("finance", "maintenance", index, "hardware_share_per_year"),
                text="no strategy that pays it has devices or servers of its own (server.owned)",
                hint="give usd_per_month, or servers that are bought",
                complete=(("deployments",), ("strategies",)),
            )


def _owns(view: View, strategy: str) -> bool:
    owned = (view.scenario.deployments[name] for name in view.deployments_of(strategy))
    return any(
        one.device is not None or (one.server is not None and one.server.owned is not None) for one in owned
    )


UPKEEP = (owned_servers, idle_devices, unread_fields, hardware_shares)
