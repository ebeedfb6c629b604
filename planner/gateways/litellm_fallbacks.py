"""The fallbacks of a LiteLLM configuration as graphs without circles, one for each group that clients may ask for."""

from collections.abc import Collection, Iterator

from planner.gateways.litellm_configuration import WILDCARD, Lists, Settings


def lists_of(groups: Collection[str], settings: Settings, group: str) -> dict[str, tuple[str, ...] | None]:
    """GROUP's fallbacks by class of failure, as groups of the file; None: as any."""

    def of(lists: Lists) -> tuple[str, ...]:
        names = lists.get(group, lists.get(WILDCARD, ()))
        found = [settings.aliases.get(name, name) if name not in groups else name for name in names]
        return tuple(dict.fromkeys(one for one in found if one in groups and one != group))

    return {
        "any": of(settings.fallbacks),
        "context_window": None if settings.context_window is None else of(settings.context_window),
        "content_policy": None if settings.content_policy is None else of(settings.content_policy),
    }


def graph_of(
    groups: Collection[str], settings: Settings, root: str
) -> tuple[list[str], dict[str, dict[str, tuple[str, ...] | None]]]:
    """Groups that a request for `root` may come to, and their fallbacks without ways back.

    LiteLLM passes over a target that the request has met; a fallback to a group before it on the way is left out.
    """
    edges: dict[str, dict[str, tuple[str, ...] | None]] = {}
    order: list[str] = []
    state: dict[str, bool] = {}  # GROUP: whether all that follows it is done
    stack: list[tuple[str, Iterator[str]]] = []

    def enter(group: str) -> None:
        state[group] = False
        order.append(group)
        edges[group] = lists_of(groups, settings, group)
        names = dict.fromkeys(one for names in edges[group].values() for one in names or ())
        stack.append((group, iter(names)))

    enter(root)
    while stack:
        group, following = stack[-1]
        other = next(following, None)
        if other is None:
            state[group] = True
            stack.pop()
        elif other not in state:
            enter(other)
        elif not state[other]:
            edges[group] = {
                key: None if names is None else tuple(one for one in names if one != other)
                for key, names in edges[group].items()
            }
    return order, edges


__all__ = ["graph_of", "lists_of"]
