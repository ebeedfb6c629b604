"""Rules about task priorities: a priority that changes nothing is said so."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View
from planner.scenario.steps import is_capped


def priorities_act(view: View) -> Iterator[Finding]:
    """Tasks differ in priority, and some deployment has a client queue."""
    tasks = view.scenario.tasks
    given = [("tasks", name, "priority") for name, task in tasks.items() if task.priority != 0]
    if not given:
        return
    if len({task.priority for task in tasks.values()}) == 1:
        text = "every task has this priority, so it changes nothing"
    elif not any(
        _can_queue(view, strategy, name)
        for strategy in view.strategies
        for name in view.deployments_of(strategy)
    ):
        text = "no call ever waits in a client queue, so priorities change nothing"
    else:
        return
    for path in given:
        yield Finding(
            path=path,
            text=text,
            because=(("policy",), *(("deployments", name) for name in view.used)),
            complete=(("tasks",), ("deployments",), ("strategies",)),
            is_notice=True,
        )


def _can_queue(view: View, strategy: str, name: str) -> bool:
    """Whether calls may wait before a deployment: for one of its calls in flight to end, or for its limiters."""
    limits, policy = view.scenario.limited(strategy, name).limits, view.scenario.policy_for(strategy, name)
    if limits is None or policy.queue_limit == 0:
        return False
    return (is_capped(limits.concurrent) and policy.when_busy == "wait") or policy.when_limited == "wait"


PRIORITIES = (priorities_act,)
