"""Another typical size under a law: its one telling figure, and the same law with that figure changed and its spread kept.

Comes in: a law; goes out: the figure with its word, or the plain form of the law around another figure.
"""

from collections.abc import Mapping
from typing import Any

from planner.scenario.laws import Law

#: Forms that one figure scales, and how that figure is called.
WORDS = {"fixed": "always", "exponential_mean": "mean", "p50": "median", "mean": "mean"}


def typical(law: Law) -> tuple[str, float] | None:
    """(what it is, the figure) by which a law is scaled; None for mixtures and files, which have no such figure.

    >>> typical(Law.fixed(500)), typical(Law.lognormal(420.0, 0.5))
    (('always', 500.0), ('median', 420.0))
    """
    form = _form(law)
    for name, words in WORDS.items():
        if name in form:
            return words, float(form[name])
    return None


def resized(law: Law, value: float) -> Any:
    """The plain form of a law whose typical figure is `value`; quantiles move in proportion, and a cv stays.

    Raises ValueError where it has none, or where the present figure is 0 and others would have to follow it.

    >>> resized(Law.lognormal(400.0, 0.5), 800)["p50"]
    800
    """
    form = _form(law)
    name = next((one for one in WORDS if one in form), None)
    if name is None:
        raise ValueError("a mixture or a file of figures has no single size")
    if name == "fixed":
        return value if not isinstance(law.form, Mapping) else {"fixed": value}
    if name != "p50":
        return {**form, name: value}
    if form["p50"] <= 0:
        raise ValueError("a law around 0 cannot be scaled")
    # As a decimal rounded to 12 digits: 1600 / 420 * 840 is 3200, not a neighbour of it.
    return {**form, "p50": value, "p95": float(f"{form['p95'] / form['p50'] * value:.12g}")}


def _form(law: Law) -> dict[str, Any]:
    """The plain form as a mapping."""
    if isinstance(law.form, Mapping):
        return dict(law.form)
    return {"fixed": law.form} if isinstance(law.form, int | float) else {}


__all__ = ["resized", "typical"]
