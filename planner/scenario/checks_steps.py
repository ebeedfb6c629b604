"""Rules about caps that change over time: a step that comes when no request arrives any longer is said so."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View
from planner.scenario.steps import stairs


def steps_within_the_window(view: View) -> Iterator[Finding]:
    """A step that begins after a window's last arrival meets only calls that are left over."""
    scenario = view.scenario
    if scenario.traffic.trace is not None:  # has a length of its own
        return
    for name, deployment in scenario.deployments.items():
        if deployment.limits is None:
            continue
        for index, (from_s, _) in enumerate(stairs(deployment.limits.concurrent)):
            if from_s >= scenario.run.window_s:
                yield Finding(
                    path=("deployments", name, "limits", "concurrent", index),
                    text=f"begins at {from_s:g} s, after the last arrival of a window (run.window_s is "
                    f"{scenario.run.window_s:g}): it acts on calls that are left over only",
                    because=(("run", "window_s"), ("traffic",)),
                    is_notice=True,
                )
                break


STEPS = (steps_within_the_window,)
