"""Names of the language for names of others."""

import re

from planner.scenario.declare import KEY_PATTERN


def slug_of(text: str, otherwise: str) -> str:
    """A name of the language for a text: itself where it is one."""
    if re.fullmatch(KEY_PATTERN.strip("^$"), text):
        return text
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or otherwise


def free_name(slug: str, taken: set[str]) -> str:
    """A name that is not taken, with a number where need be; it is taken then."""
    found, number = slug, 2
    while found in taken:
        found, number = f"{slug}-{number}", number + 1
    taken.add(found)
    return found


def one_line(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)


__all__ = ["free_name", "one_line", "slug_of"]
