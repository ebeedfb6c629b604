"""Rules about deployments: models, hardware and latency."""

from collections.abc import Iterator

from planner import limiting
from planner.scenario import known
from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View
from planner.scenario.laws import Kind, Law
from planner.scenario.paths import Path, closest, render
from planner.scenario.steps import is_always_capped
from planner.scenario.supply import CATALOGUE, Deployment, Streaming

LATENCY_FORMS = "{ttft_s, tokens_per_s} or {total_s}"


def models_exist(view: View) -> Iterator[Finding]:
    """Every model named is in the catalogue or under models; every provider is in the catalogue."""
    for name, deployment in view.scenario.deployments.items():
        yield from _model(view, ("deployments", name, "model"), deployment.model)
        yield from _provider(("deployments", name, "provider"), deployment.provider)


def _model(view: View, path: Path, model: str) -> Iterator[Finding]:
    if not known.is_known(view.scenario, model):
        yield Finding(
            path=path,
            text=f"got {shown(model)}; not in the catalogue"
            + (" and not under models" if view.scenario.models else ""),
            hint=known.did_you_mean(view.scenario, model),
            because=(("models", model),),
        )


def _provider(path: Path, provider: str | None) -> Iterator[Finding]:
    from planner.catalogue import prices

    if provider is not None and provider not in prices.PROVIDERS:
        yield Finding(
            path=path,
            text=f"got {shown(provider)}; not in the catalogue",
            hint=closest(provider, prices.PROVIDERS, many=20),
        )


def own_models_are_used(view: View) -> Iterator[Finding]:
    """Figures of a model that nobody uses change nothing."""
    for model in view.scenario.models:
        if model not in view.models:
            hint = known.nearest(model, view.models)
            yield Finding(
                path=("models", model),
                text="no strategy uses this model, so these figures change nothing",
                hint=f"did you mean {hint}?" if hint is not None else None,
                complete=(("deployments",), ("strategies",), ("finance", "migrations")),
                is_notice=True,
            )


def deployments_are_used(view: View) -> Iterator[Finding]:
    """A deployment that no strategy names is left out of everything."""
    for name in view.scenario.deployments:
        if name not in view.used:
            yield Finding(
                path=("deployments", name),
                text="no strategy uses this deployment",
                complete=(("strategies",),),
                because=tuple(
                    ("strategies", other, tier)
                    for other in view.scenario.strategies
                    for tier in ("omni", "mini", "rules", "like")
                ),
                is_notice=True,
            )


def hardware(view: View) -> Iterator[Finding]:
    """Own hardware is in the catalogue, holds the model, and says how fast and how many at once."""
    for name, deployment in view.scenario.deployments.items():
        if deployment.server is not None and deployment.device is not None:
            yield Finding(
                path=("deployments", name, "device"),
                text=f"given beside server{view.where(('deployments', name, 'server'))}",
                hint="give one of them",
            )
        elif deployment.server is not None:
            yield from _server(view, name, deployment)
        elif deployment.device is not None:
            yield from _device(view, name, deployment)


def _server(view: View, name: str, deployment: Deployment) -> Iterator[Finding]:
    from planner.catalogue import profiles

    assert deployment.server is not None
    server, path = deployment.server, ("deployments", name, "server", "gpu")
    yield from _explicit(name, deployment, "own GPUs")
    gpu = profiles.gpus().get(server.gpu)
    if gpu is None:
        yield Finding(
            path=path,
            text=f"got {shown(server.gpu)}; not in the catalogue",
            hint=closest(server.gpu, profiles.gpus(), many=20),
        )
        return
    model = view.facts(deployment.model)
    if model is None or model.params_billions is None:
        return
    needed, there = model.params_billions * model.bytes_per_weight, gpu.memory_gb * server.gpus_per_replica
    if needed > there:
        parts = f"{model.params_billions:g}e9 weights of {model.bytes_per_weight:g} bytes"
        yield Finding(
            path=path,
            given=f"{server.gpu}, {there:g} GB in {server.gpus_per_replica} of them",
            allowed=f"at least {needed:g} GB for {deployment.model} ({parts})",
            because=(("models", deployment.model), ("deployments", name, "server")),
        )


def _device(view: View, name: str, deployment: Deployment) -> Iterator[Finding]:
    from planner.catalogue import profiles

    assert deployment.device is not None
    device, path = deployment.device, ("deployments", name, "device")
    yield from _explicit(name, deployment, "devices")
    found = profiles.devices().get(device.kind)
    if found is None:
        yield Finding(
            path=(*path, "kind"),
            text=f"got {shown(device.kind)}; not in the catalogue",
            hint=closest(device.kind, profiles.devices(), many=20),
        )
        return
    if device.usd is None and found.usd is None:
        yield Finding(
            path=path,
            text=f"usd must be given: the catalogue has no price of {device.kind}",
            because=((*path, "usd"),),
        )
    if device.watts is None and found.watts is None and view.scenario.finance.electricity_usd_per_kwh > 0:
        yield Finding(
            path=(*path, "kind"),
            text=f"watts must be given: the catalogue has no power of {device.kind}",
            because=((*path, "watts"),),
        )


def _explicit(name: str, deployment: Deployment, what: str) -> Iterator[Finding]:
    """Own hardware has no profile yet: latency and concurrency are the user's to say."""
    path = ("deployments", name)
    if deployment.latency == "catalogue":
        yield Finding(
            path=(*path, "latency"),
            text=f"not supported yet: {what} without an explicit latency",
            hint=f"give {LATENCY_FORMS}",
            because=((*path, "latency"),),
        )
    if deployment.limits is None or not is_always_capped(deployment.limits.concurrent):
        yield Finding(
            path=(*path, "limits", "concurrent"),
            text=f"not supported yet: {what} without a number of calls in flight",
            because=((*path, "limits"),),
        )


def latencies(view: View) -> Iterator[Finding]:
    """`latency: catalogue` needs a profile, for the models that come later too; a speed is above 0."""
    for service in view.services:
        if service.owner is None or service.is_own_hardware or not service.serves:
            continue
        deployment = view.scenario.deployments[service.owner]
        if deployment.latency != "catalogue" or not known.is_known(view.scenario, service.model):
            continue
        if known.has_latency(service.model, service.provider):
            continue
        where = f"at {service.provider}" if service.provider is not None else "without a provider"
        hint = f"give deployments.{service.owner}.latency: {LATENCY_FORMS}"
        path = ("deployments", service.owner, "latency") if service.migration is None else service.place
        yield Finding(
            path=path,
            text=f"the catalogue has no latency of {service.model} {where}",
            hint=hint,
            because=(
                ("deployments", service.owner, "latency"),
                ("deployments", service.owner, "provider"),
                service.place,
            ),
        )
    for name, deployment in view.scenario.deployments.items():
        latency = deployment.latency
        if (
            isinstance(latency, Streaming)
            and least(latency.tokens_per_s) == 0
            and _can_be_zero(latency.tokens_per_s)
        ):
            yield Finding(
                path=("deployments", name, "latency", "tokens_per_s"),
                given="a speed that can be 0",
                allowed="a law above 0 (tokens/s)",
            )


def least(law: Law) -> float:
    """The smallest value that a law can give: certain whatever is drawn."""
    return min(
        part.a if part.kind is Kind.FIXED else part.values[0] if part.kind is Kind.EMPIRICAL else 0.0
        for part in law.components
    )


def _can_be_zero(law: Law) -> bool:
    return any(
        (part.kind is Kind.FIXED and part.a == 0) or (part.kind is Kind.EMPIRICAL and part.values[0] == 0)
        for part in law.components
    )


def idle_limits(view: View) -> Iterator[Finding]:
    """Nothing of a limiter is given that the provider's kind would not read."""
    for name, deployment in view.scenario.deployments.items():
        if deployment.limits is None or deployment.limits.kind != CATALOGUE:
            continue  # where the kind is given, reading has complained
        kind = known.kind_of(deployment)
        for field in deployment.limits.idle(kind):
            owner = (
                "the default"
                if deployment.is_own_hardware or deployment.provider is None
                else f"that of {deployment.provider}"
            )
            fits = "sub-window" if field == "slice_s" else "token-bucket or leaky-bucket"
            yield Finding(
                path=("deployments", name, "limits", field),
                given=f"{field} with kind {kind}, {owner}",
                allowed=f"{field} with kind {fits}",
                hint=f"give {render(('deployments', name, 'limits', 'kind'))}",
                because=(("deployments", name, "limits", "kind"), ("deployments", name, "provider")),
            )


def least_input(view: View, task: str, model: known.Facts) -> int:
    """Input tokens of text that every request of a task holds at least, as a model counts them."""
    found = view.scenario.tasks[task]
    counted = max(1, round(least(found.input_tokens))) + found.shared_prefix_tokens
    return max(1, round(counted * model.input_token_factor))


def least_charge(
    view: View, task: str, model: known.Facts, charge: str, measure: int = limiting.TOKENS
) -> int:
    """Tokens that a limiter charges at least for a request of a task."""
    found = view.scenario.tasks[task]
    sent, answer = least_input(view, task, model), max(1, round(least(found.output_tokens)))
    caps = [cap for cap in (found.max_output_tokens, model.max_output_tokens) if cap is not None]
    cap = min(caps, default=answer)
    if measure == limiting.INPUT:
        return sent
    if measure == limiting.OUTPUT:
        of_output = {
            "actual": min(answer, cap),
            "prompt-plus-max-output": cap,
            "max-of-max-output-and-estimate": cap,
        }
        return of_output.get(charge, 0)
    match charge:
        case "actual":
            return sent + min(answer, cap)
        case "prompt-plus-max-output":
            return sent + cap
        case "max-of-max-output-and-estimate":
            return max(sent, cap)
    return sent


def token_rules(view: View) -> Iterator[Finding]:
    """Images and speech can be counted on every model that may get them."""
    tasks = view.scenario.tasks
    for service in view.services:
        model = view.facts(service.model)
        if service.owner is None or model is None or not service.serves:
            continue
        fitting = [name for name, task in tasks.items() if set(task.modalities) <= model.modalities]
        images = next(
            (name for name in fitting if "vision" in tasks[name].modalities and tasks[name].images), None
        )
        speech = next((name for name in fitting if "audio" in tasks[name].modalities), None)
        if images is not None and (reason := known.image_problem(view.scenario, service.model)) is not None:
            where = render(("models", service.model, "image_tokens"))
            yield Finding(
                path=service.place,
                text=f"the tokens of task {images}'s images are not known: {reason}",
                hint=f"give {where}",
                because=(("models", service.model),),
            )
        if speech is not None and (reason := known.audio_problem(service.model)) is not None:
            yield Finding(
                path=service.place,
                text=f"the tokens of task {speech}'s speech are not known: {reason}",
                because=(("models", service.model),),
            )


def request_wide_fields(view: View) -> Iterator[Finding]:
    """A selection, a deadline, layers and a retry budget belong to whole requests, which may meet several deployments."""
    whole = {
        "select": "targets are chosen before a deployment is asked",
        "deadline_s": "a deadline is of the whole request",
        "layers": "layers retry the whole request",
        "retry_budget": "a retry budget is of all requests of a strategy",
        "max_fallbacks": "a strategy falls back from group to group",
        "special_fallbacks_only": "a strategy falls back from group to group",
        "lowest_latency": "targets are chosen before a deployment is asked",
        "lowest_usage": "targets are chosen before a deployment is asked",
        "spill_over": "levels share the load of a strategy",
        "affinity": "a conversation stays in a group of deployments",
        "asks_equals": "targets are chosen before a deployment is asked",
        "retry_target": "a retry is chosen in a group",
        "sibling_wait": "a retry is chosen in a group",
    }
    for name, deployment in view.scenario.deployments.items():
        for field, text in whole.items():
            if field in deployment.policy.model_fields_set - deployment.policy.from_preset:
                yield Finding(
                    path=("deployments", name, "policy", field),
                    text=f"{text}, not of one deployment",
                    hint="give it under policy or under a strategy's policy",
                )


SUPPLY = (
    models_exist,
    own_models_are_used,
    deployments_are_used,
    hardware,
    latencies,
    idle_limits,
    token_rules,
    request_wide_fields,
)
