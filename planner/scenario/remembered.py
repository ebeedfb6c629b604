"""What follows from a scenario alone, worked out once for each scenario object and forgotten with it.

Comes in: a pure function of a scenario and hashable arguments; goes out: the same function with a memory. It goes by the
object, not by its content: scenarios never change, an equal one is another object, and their hash would cost more
than most of what is remembered. A result is shared by all who ask, so it has to be one that nobody changes.
"""

import functools
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def once_per_scenario(function: Function) -> Function:
    """Remember the results of a function by its first argument, a scenario, and its other arguments, given by position.

    What it raises is not remembered. Threads that ask at once may both work it out, to the same result.
    """
    kept: dict[int, tuple[weakref.ref[Any], dict[tuple[Any, ...], Any]]] = {}

    @functools.wraps(function)
    def remembered(scenario: Any, *others: Any, **named: Any) -> Any:
        if named:
            return function(scenario, *others, **named)
        mine = kept.get(id(scenario))
        if mine is None or mine[0]() is not scenario:
            name = id(scenario)

            def forget(gone: "weakref.ref[Any]") -> None:
                found = kept.get(name)
                if found is not None and found[0] is gone:  # not that of a new object in the same place
                    kept.pop(name, None)

            mine = (weakref.ref(scenario, forget), {})
            kept[name] = mine
        results = mine[1]
        if others in results:
            return results[others]
        result = results[others] = function(scenario, *others)
        return result

    return remembered  # type: ignore[return-value]


__all__ = ["once_per_scenario"]
