"""Rules about promised availability: it is worked out from laws of outages, month by month."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View


def promises(view: View) -> Iterator[Finding]:
    """What is out in every simulated window says nothing of a month."""
    if view.scenario.finance.sla is None:
        return
    for name in view.used:
        if isinstance(view.scenario.deployments[name].outages, tuple):
            yield Finding(
                path=("deployments", name, "outages"),
                text="outages planted in every window say nothing of a month, and finance.sla is of months"
                f"{view.where(('finance', 'sla'))}",
                hint="give {mtbf_h, duration_h}",
                because=(("finance", "sla"),),
            )
    for name in view.strategies:
        if view.scenario.behind_gateway(name) and isinstance(view.scenario.gateway_for(name).outages, tuple):
            yield Finding(
                path=view.gateway_at("outages", name) or ("strategies", name),
                text="outages planted in every window say nothing of a month, and finance.sla is of months"
                f"{view.where(('finance', 'sla'))}",
                hint="give {mtbf_h, duration_h}",
                because=(("finance", "sla"),),
            )


def credits(view: View) -> Iterator[Finding]:
    """Credits are a provider's, for outages that follow a law."""
    for name, deployment in view.scenario.deployments.items():
        if deployment.sla is None:
            continue
        path = ("deployments", name, "sla")
        if deployment.is_own_hardware:
            yield Finding(
                path=path, text="own hardware has no provider who gives credits", hint="leave it out"
            )
        elif isinstance(deployment.outages, tuple):
            yield Finding(
                path=path,
                text="outages planted in every window say nothing of a month, and credits are of months"
                f"{view.where(('deployments', name, 'outages'))}",
                hint="give outages {mtbf_h, duration_h}",
                because=(("deployments", name, "outages"),),
            )


SLA = (promises, credits)
