"""Rules about prompt caches: what they keep exists, fits the model, and has a price for every day."""

from collections.abc import Iterator

from planner.scenario import known
from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path, render
from planner.scenario.prompt_caches import PromptCache

#: Providers whose listed price of writing holds for entries of so many seconds (catalogue: prices-anthropic; an entry
#: of an hour costs twice the input price to write; facts: routing_semantics §12).
WRITTEN_FOR_S = {"anthropic": 300.0}


def _caches(view: View) -> Iterator[tuple[str, PromptCache, Path]]:
    """(deployment, its cache, where it is given) of deployments that some strategy uses."""
    for name in view.used:
        cache = view.scenario.deployments[name].prompt_cache
        if cache is not None:
            yield name, cache, ("deployments", name, "prompt_cache")


def kept_fits(view: View) -> Iterator[Finding]:
    """The shortest prefix that is kept fits the context of every model that comes to a deployment."""
    for name, cache, path in _caches(view):
        for service in view.services_of.get(name, ()):
            model = view.facts(service.model)
            if model is None or model.context_tokens is None or cache.min_tokens <= model.context_tokens:
                continue
            yield Finding(
                path=(*path, "min_tokens"),
                given=f"{cache.min_tokens:,}",
                allowed=f"at most the context of {service.model}, which is {model.context_tokens:,} tokens",
                because=(("models", service.model), service.place),
            )
            break


def something_is_kept(view: View) -> Iterator[Finding]:
    """A cache changes nothing where no request has a prefix that is long enough."""
    trace = view.scenario.traffic.trace
    for name, cache, path in _caches(view):
        if trace is not None:
            if view.has_trace_column("prefix_tokens") is False:
                yield Finding(
                    path=path,
                    text="the recording has no column prefix_tokens, so this cache keeps nothing",
                    because=(("traffic", "trace"),),
                    is_notice=True,
                )
            continue
        found = [
            (round(task.shared_prefix_tokens * model.input_token_factor), key)
            for service in view.services_of.get(name, ())
            if (model := view.facts(service.model)) is not None
            for key, task in view.scenario.tasks.items()
            if set(task.modalities) <= model.modalities
        ]
        longest, task = max(found, default=(0, ""))
        if longest >= cache.min_tokens:
            continue
        what = f"the longest is {longest:,} tokens, of task {task}" if longest else "there is none at all"
        yield Finding(
            path=path,
            text=f"no shared prefix reaches min_tokens, {cache.min_tokens:,} ({what}), so this cache keeps nothing",
            hint="give tasks.TASK.shared_prefix_tokens",
            because=(path, ("models",)),
            complete=(("tasks",),),
            is_notice=True,
        )


def writing_is_priced_throughout(view: View) -> Iterator[Finding]:
    """Whether written tokens are a meter of their own is one answer for as long as a model is in force."""
    for name, _, path in _caches(view):
        for service in view.services_of.get(name, ()):
            if (
                service.is_own_hardware
                or not service.serves
                or not known.is_known(view.scenario, service.model)
            ):
                continue
            if known.charges_writes(view.scenario, name, service.model, service.start):
                continue  # days without a price are told with those of other meters
            span = (service.start, service.end)
            for day in known.price_days(service.model, service.provider, "cache_write", *span):
                if known.charges_writes(view.scenario, name, service.model, day):
                    own = render(("models", service.model, "cache_write_usd_per_mtok"))
                    yield Finding(
                        path=path,
                        text=f"writing to the cache of {service.model} has a price from {day} on, and none before",
                        hint=f"give {own}",
                        because=(("models", service.model), service.place),
                    )
                    break


def writing_price_fits(view: View) -> Iterator[Finding]:
    """A listed price of writing is that of short-lived entries."""
    for name, cache, path in _caches(view):
        for service in view.services_of.get(name, ()):
            provider = service.provider or known.home_provider(service.model)
            lives_s = WRITTEN_FOR_S.get(provider or "")
            own = view.scenario.models.get(service.model)
            if lives_s is None or cache.ttl_s <= lives_s or service.is_own_hardware:
                continue
            if own is not None and own.cache_write_usd_per_mtok is not None:
                continue
            field = render(("models", service.model, "cache_write_usd_per_mtok"))
            yield Finding(
                path=(*path, "ttl_s"),
                text=f"the catalogue's price of writing to the cache of {service.model} holds for entries of {lives_s:g} s; "
                "one of an hour costs twice the input price to write",
                hint=f"give {field}",
                because=(("models", service.model), service.place),
                is_notice=True,
            )
            break


def defaults_fit(view: View) -> Iterator[Finding]:
    """The defaults are OpenAI's; Anthropic keeps prefixes to the token, from a length on that differs by model."""
    for name, cache, path in _caches(view):
        if view.scenario.deployments[name].provider != "anthropic" or "step_tokens" in cache.model_fields_set:
            continue
        yield Finding(
            path=path,
            text=f"step_tokens is not given: prefixes are kept in steps of {cache.step_tokens}, as OpenAI does it; "
            "anthropic keeps them to the token, from 512 to 4,096 tokens on by model",
            hint="give step_tokens: 1 and the model's min_tokens",
            because=(("deployments", name, "provider"),),
            is_notice=True,
        )


def windows_are_longer(view: View) -> Iterator[Finding]:
    """A cache is empty at the start of a window, and a prefix that outlives the window would have been there."""
    window_s = view.scenario.run.window_s
    if view.scenario.traffic.trace is not None:
        return
    for _, cache, path in _caches(view):
        if cache.ttl_s >= window_s:
            yield Finding(
                path=(*path, "ttl_s") if "ttl_s" in cache.model_fields_set else path,
                text=f"a prefix lives {cache.ttl_s:g} s, and run.window_s is {window_s:g}: each simulated window begins with "
                "an empty cache, so calls find less in it than real traffic would",
                hint="give a longer window",
                because=(("run", "window_s"),),
                is_notice=True,
            )


def own_hardware_prices_reading(view: View) -> Iterator[Finding]:
    """Where tokens of own hardware have a price, those from its cache have one, too: unknown is not 0."""
    for name, _, path in _caches(view):
        for service in view.services_of.get(name, ()):
            own = view.scenario.models.get(service.model)
            if not service.is_own_hardware or own is None or own.input_usd_per_mtok is None:
                continue
            if own.cached_input_usd_per_mtok is None:
                yield Finding(
                    path=path,
                    text=f"input tokens of {service.model} have a price of your own, and tokens from its cache have none",
                    hint=f"give {render(('models', service.model, 'cached_input_usd_per_mtok'))}, 0 where they are free",
                    because=(("models", service.model), service.place),
                )
                break


CACHES = (
    kept_fits,
    something_is_kept,
    writing_is_priced_throughout,
    writing_price_fits,
    defaults_fit,
    windows_are_longer,
    own_hardware_prices_reading,
)
