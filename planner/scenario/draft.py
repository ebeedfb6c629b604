"""A plain tree from which faulty parts are left out, so that the rest can still be checked.

Paths outside are those of the file as written; inside, lists get shorter as items are left out, and this
module translates between the two. It also remembers what is gone: a complaint that depends on something left
out would be a consequence, not a mistake of the user's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from planner.scenario.paths import Path


class Draft:
    """A tree under repair. `tree` is what is left; `lost` are the paths left out, as in the file."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree: Any = tree
        self.lost: set[Path] = set()
        self._kept: dict[Path, list[int]] = {}  # path of a list in the file -> which of its items are left
        self._is_own = False

    def leave_out(self, path: Path) -> bool:
        """Take out what stands at a path of the file; False where nothing stood there (any more)."""
        if not self._is_own:
            self.tree, self._is_own = copy_tree(self.tree), True
        self.lost.add(path)
        if not path:
            return False
        parent: Any = self.tree
        for depth, step in enumerate(path[:-1]):
            parent = self._inner(parent, path[:depth], step)
            if parent is None:
                return False
        last = path[-1]
        if isinstance(parent, dict) and last in parent:
            del parent[last]
            return True
        if isinstance(parent, list) and isinstance(last, int):
            kept = self._kept.setdefault(path[:-1], list(range(len(parent))))
            if last in kept:
                del parent[kept.index(last)]
                kept.remove(last)
                return True
        return False

    def fill(self, key: str, value: Any) -> None:
        """Put a stand-in for a field of the root that is missing."""
        if not self._is_own:
            self.tree, self._is_own = copy_tree(self.tree), True
        self.tree[key] = value

    def written(self, path: Iterable[str | int]) -> Path:
        """The path in the file of a path in what is left."""
        found: Path = ()
        for step in path:
            kept = self._kept.get(found)
            found = (
                *found,
                kept[step] if kept is not None and isinstance(step, int) and step < len(kept) else step,
            )
        return found

    def is_gone(self, path: Path) -> bool:
        """Whether a path, something it stands in, or something in it was left out."""
        return any(_is_inside(path, gone) or _is_inside(gone, path) for gone in self.lost)

    def is_inside_lost(self, path: Path) -> bool:
        """Whether a path, or something it stands in, was left out."""
        return any(path[:depth] in self.lost for depth in range(len(path) + 1))

    def lacks_entry(self, path: Path) -> bool:
        """Whether a collection, something around it, or one of its entries as a whole was left out."""
        return self.is_inside_lost(path) or any(gone[:-1] == path for gone in self.lost if gone)

    def _inner(self, parent: Any, place: Path, step: str | int) -> Any:
        if isinstance(parent, dict):
            return parent.get(step)
        if isinstance(parent, list) and isinstance(step, int):
            kept = self._kept.get(place)
            index = step if kept is None else (kept.index(step) if step in kept else -1)
            return parent[index] if 0 <= index < len(parent) else None
        return None


def _is_inside(path: Path, outer: Path) -> bool:
    return path[: len(outer)] == outer


def copy_tree(tree: Any) -> Any:
    """A deep copy in which nothing is shared, not even what aliases shared."""
    if isinstance(tree, Mapping):
        return {key: copy_tree(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [copy_tree(value) for value in tree]
    return tree
