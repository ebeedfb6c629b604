"""Rules about tasks in no hurry and batch APIs: there is one, it has a price for every day, and what is asked of it is its own."""

from collections.abc import Iterator

from planner.scenario import known
from planner.scenario.batches import Batch, Terms, terms_of
from planner.scenario.demand import Task
from planner.scenario.finding import Finding, View, listed
from planner.scenario.known import Service
from planner.scenario.paths import render


def _unhurried(view: View) -> dict[str, Task]:
    return {name: task for name, task in view.scenario.tasks.items() if task.is_batch}


def _takes(view: View, service: Service, task: Task) -> bool:
    model = view.facts(service.model)
    return model is not None and set(task.modalities) <= model.modalities


def _terms(view: View, service: Service) -> Terms | None:
    assert service.owner is not None
    return terms_of(view.scenario, service.owner, service.model, service.start)


def without_deadline(view: View, deployment: str) -> str | None:
    """A task in no hurry whose calls to a deployment may be ordinary ones, which no deadline ends; None: none."""
    for name, task in _unhurried(view).items():
        for service in view.services_of.get(deployment, ()):
            if _takes(view, service, task) and _terms(view, service) is None:
                return name
    return None


def lacks_an_end(view: View, strategy: str, deployment: str) -> tuple[str, str] | None:
    """(what is lacking, what would mend it) where nothing ends a call that hangs; None: something does."""
    has_deadline = view.scenario.strategy_policy(strategy).deadline_s is not None
    if view.scenario.policy_for(strategy, deployment).timeout_s is not None:
        return None
    if not has_deadline:
        return "there is neither timeout_s nor deadline_s", "give policy.timeout_s or policy.deadline_s"
    unhurried = without_deadline(view, deployment)
    if unhurried is None:
        return None
    what = f"there is no timeout_s, and deadline_s does not hold for task {unhurried} (urgency batch)"
    return what, "give policy.timeout_s"


def own_hardware(view: View) -> Iterator[Finding]:
    """Terms of a batch API are a provider's."""
    for name, deployment in view.scenario.deployments.items():
        if isinstance(deployment.batch, Batch) and deployment.is_own_hardware:
            path = ("deployments", name, "batch")
            yield Finding(
                path=path,
                text="servers and devices of one's own have no batch API; calls of tasks with urgency batch are ordinary ones there",
                hint="leave it out",
                because=(("deployments", name, "server"), ("deployments", name, "device")),
            )


def unused(view: View) -> Iterator[Finding]:
    """Terms without a task in no hurry change nothing."""
    if _unhurried(view):
        return
    for name, deployment in view.scenario.deployments.items():
        if isinstance(deployment.batch, Batch) and deployment.is_paid_by_token:
            yield Finding(
                path=("deployments", name, "batch"),
                text="unused: no task has urgency batch",
                complete=(("tasks",),),
                is_notice=True,
            )


def ordinary_calls(view: View) -> Iterator[Finding]:
    """Where nobody knows of a batch API, calls are ordinary ones, which costs twice as much as many expect."""
    for name in view.used:
        deployment = view.scenario.deployments[name]
        if deployment.batch is None or not deployment.is_paid_by_token:
            continue
        for service in view.services_of.get(name, ()):
            tasks = [task for task, found in _unhurried(view).items() if _takes(view, service, found)]
            if not tasks or not service.serves or _terms(view, service) is not None:
                continue
            where = f" at {service.provider}" if service.provider else ""
            yield Finding(
                path=("deployments", name),
                text=f"no batch price of {service.model}{where} is known on {service.start}: calls of {listed(tasks)} "
                "(urgency batch) are ordinary ones there, at the ordinary price",
                hint=f"where it has a batch API, give {render(('deployments', name, 'batch'))}: {{price_factor: 0.5}}",
                because=(service.place, ("tasks",)),
                is_notice=True,
            )
            break


def prices(view: View) -> Iterator[Finding]:
    """What is handed in to a batch API has a price on every day, and there is one throughout or never."""
    for name in view.used:
        if view.scenario.deployments[name].provisioned is not None:
            continue
        given = view.scenario.deployments[name].batch
        at = ("deployments", name, "batch")
        for service in view.services_of.get(name, ()):
            tasks = [task for task in _unhurried(view).values() if _takes(view, service, task)]
            if not tasks or not service.serves or not known.is_known(view.scenario, service.model):
                continue
            terms = _terms(view, service)
            if terms is not None and terms.price_factor is not None:
                continue
            if terms is None and (given is None or service.provider is None or service.is_own_hardware):
                continue
            problem = _price_problem(view, service, tasks, terms)
            if problem is not None:
                yield Finding(
                    path=at if isinstance(given, Batch) else service.place,
                    text=problem,
                    hint=f"give {render((*at, 'price_factor'))}" if isinstance(given, Batch)
                    else f"give {render(at)}: {{price_factor: 0.5}}, or null",
                    because=(("models", service.model), service.place, ("tasks",)),
                )  # fmt: skip
                break


def _price_problem(view: View, service: Service, tasks: list[Task], terms: Terms | None) -> str | None:
    """The first meter and day without a listed batch price, or the first day with one where there was none."""
    span = (service.start, service.end)
    days = {service.start}
    for meter in ("batch_input", "batch_output"):
        days.update(known.price_days(service.model, service.provider, meter, *span))
    where = service.provider or known.home_provider(service.model)
    for day in sorted(days):
        if terms is None:
            if where is not None and known.lists_batch(service.model, where, day):
                return f"{service.model} has a batch price at {where} from {day} on, and none before"
            continue
        for meter in _meters(service, tasks):
            reason = known.batch_price_problem(view.scenario, service.model, where, meter, day)
            if reason is not None:
                return reason
    return None


def _meters(service: Service, tasks: list[Task]) -> list[str]:
    meters = ["input", "output"]
    if any(task.images for task in tasks if "vision" in task.modalities):
        meters.append("image")
    spoken = [task.audio for task in tasks if "audio" in task.modalities]
    if any(audio.input_s.mean > 0 for audio in spoken):
        meters.append("audio_input")
    if any(audio.output_s.mean > 0 for audio in spoken) and known.speaks(service.model):
        meters.append("audio_output")
    return meters


def speed_targets(view: View) -> Iterator[Finding]:
    """An answer of a batch API comes all at once."""
    for name, task in _unhurried(view).items():
        if task.slo.min_tokens_per_s is not None:
            yield Finding(
                path=("tasks", name, "slo", "min_tokens_per_s"),
                text="answers to a task with urgency batch come all at once, so they have no speed",
                hint="leave it out",
                because=(("tasks", name, "urgency"),),
            )


BATCHES = (own_hardware, unused, ordinary_calls, prices, speed_targets)
