"""Rules about who answers for a plan: owners are of fields that there are, each once; a review has a reviewer."""

from collections.abc import Iterator

from planner.scenario import declared
from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path, PathProblem, parse, render

OWNERS = ("finance", "owners")
OWN_NAMES = ("tasks", "deployments", "strategies")  # names of the user's that must exist


def owners(view: View) -> Iterator[Finding]:
    """An owner is of a field or section of this scenario, and of no other owner's."""
    first: dict[Path, int] = {}
    for index, owner in enumerate(view.scenario.finance.owners):
        place = (*OWNERS, index, "of")
        try:
            path = parse(owner.of)
        except PathProblem as problem:
            yield Finding(path=place, text=str(problem))
            continue
        reason = _nowhere(view, path)
        if reason is not None:
            yield Finding(path=place, text=reason)
        elif path in first:
            other = (*OWNERS, first[path], "of")
            yield Finding(path=place, text=f"{owner.of} has an owner in {render(other)}{view.where(other)}")
        first.setdefault(path, index)


def _nowhere(view: View, path: Path) -> str | None:
    """Why a path is of no field of this scenario; None where it is."""
    if declared.at(path) is None:
        return f"got {shown(render(path))}; no such field"
    if len(path) > 1 and path[0] in OWN_NAMES:
        names = getattr(view.scenario, str(path[0]))
        if path[1] not in names:
            return f"got {shown(render(path))}; there is no {shown(path[1])} under {path[0]}"
    return None


def review(view: View) -> Iterator[Finding]:
    """A day of review without a reviewer says nothing."""
    sign_off = view.scenario.finance.sign_off
    if sign_off.on is not None and sign_off.reviewed_by is None:
        yield Finding(
            path=("finance", "sign_off", "on"),
            given=str(sign_off.on),
            allowed="only beside finance.sign_off.reviewed_by",
        )


SIGN_OFF = (owners, review)
