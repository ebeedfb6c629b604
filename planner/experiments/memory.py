"""What a comparison simulated, kept for the next one: only what a change can have touched is simulated again.

Comes in: cells (a window under a strategy) and what was measured on them; goes out: the same, by keys that say what they
were made from. A key is a digest of the whole scenario less what neither workload, router, engine nor measures read:
money, words, and how the other strategies route. What is left out is named here, all else counts: a field that is new in
the language makes new cells until somebody names it. Prices count as given or not (a known price makes a meter), and
with their values where a strategy chooses by price or a task goes to a batch API.

Requests are kept beside cells: a change that makes new cells mostly leaves the requests that they were made from.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any, TypeVar, cast

import numpy as np

from planner.scenario.batches import has_batch_tasks
from planner.scenario.contents import digests
from planner.scenario.fields import Scenario
from planner.scenario.input_kinds import chooses_by_price
from planner.workload.origins import origin_of
from planner.workload.windows import Window, eras

Kept = TypeVar("Kept")
PLAIN = (str, int, float, Decimal, Fraction)
Tree = dict[str, Any]

MOST_BYTES = 256_000_000
MANY = 64  # parts of a row up to which each is weighed
MOST_REQUEST_BYTES = 160_000_000  # half a million requests or so, with their sizes and luck

# Read by no simulation. The order of tasks, deployments and strategies does count and is kept.
_WORDS = ("schema", "name", "question", "currency", "objective", "uncertain", "correlated")
_FINANCE_READ = ("migrations", "horizon_months", "until")  # which models are in force, and when
_TASK_MONEY = ("cost_of_wrong_answer_usd", "value_usd", "review")
_DEPLOYMENT_MONEY = ("label", "sla")
_DEVICE_MONEY = (
    "usd", "life_years", "residual_share", "update_usd", "updates_per_year", "update_gb", "watts", "idle_watts",
    "hours_on_per_day", "spares_share",
)  # fmt: skip
_SERVER_MONEY = ("usd_per_gpu_hour", "owned")
_GATEWAY_MONEY = ("fee",)
_ROUTER_MONEY = ("usd_per_1k_requests",)
_PRICE = "_usd_per_mtok"
_OWN_ROUTING = ("router", "policy")  # of a strategy, that no other one reads


class Memory:
    """What was used most recently, by its key and up to a number of bytes; for any threads of one process."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.hits = self.misses = 0
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def n_bytes(self) -> int:
        """About what is held: arrays to the byte, counts roughly."""
        return self._bytes

    def get(self, key: str) -> Any | None:
        """What is kept under a key, which is now the most recently used; None if nothing is."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: str, value: Kept, size: int | None = None) -> Kept:
        """Keep a value, letting go of those that were not used for the longest time; gives it back.

        `size` in bytes, where more hangs on a value than is in it.
        """
        size = size_of(value) if size is None else size
        with self._lock:
            before = self._kept.pop(key, None)
            if before is not None:
                self._bytes -= before[1]
            if size <= self.most_bytes:
                self._kept[key] = (value, size)
                self._bytes += size
            while self._bytes > self.most_bytes:
                _, (_, gone) = self._kept.popitem(last=False)
                self._bytes -= gone
        return value

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._bytes = 0


class CellMemory(Memory):
    """Cells, measures and bills of comparisons, and apart from them the requests of the latest one or two.

    Requests take as much room as all that is made of them, and are made anew as quickly as they are simulated: they must not
    drive out cells.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_request_bytes: int = MOST_REQUEST_BYTES) -> None:
        super().__init__(most_bytes)
        self.requests = Memory(most_request_bytes)

    def clear(self) -> None:
        super().clear()
        self.requests.clear()


def size_of(value: object) -> int:
    """Bytes of the arrays in a value, each memory counted once, and about 200 for each of its other parts.

    Of a long row of parts only some are looked at, which then stand for all: it is about as much for each of them.
    """
    return _size(value, set())


def _size(value: object, seen: set[int]) -> int:
    if isinstance(value, np.ndarray):
        whole = value
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        if id(whole) in seen:
            return 0
        seen.add(id(whole))
        return whole.nbytes
    parts: Collection[Any] = ()
    if _is_mapping(type(value)):
        parts = cast("Mapping[Any, Any]", value).values()
        if _is_plain(type(next(iter(parts), None))):  # counts by name: all of a kind
            return 200 + 200 * len(parts)
    elif isinstance(value, list | tuple):
        parts = value
    elif hasattr(value, "__dict__"):
        parts = vars(value).values()
    looked_at = len(parts) if len(parts) <= MANY else MANY // 2
    found = sum(_size(part, seen) for part in islice(parts, looked_at) if not _is_plain(type(part)))
    return 200 + (found if looked_at == len(parts) else found * len(parts) // looked_at)


def _is_mapping(kind: type) -> bool:
    return _is(kind, (Mapping,), _MAPPINGS)


def _is_plain(kind: type) -> bool:
    return _is(kind, PLAIN, _PLAIN_KINDS)


def _is(kind: type, of: tuple[type, ...], known: dict[type, bool]) -> bool:
    """`issubclass`, once for each kind: asking an abstract class takes longer than all the rest of adding up."""
    found = known.get(kind)
    if found is None:
        found = known[kind] = issubclass(kind, of)
    return found


_MAPPINGS: dict[type, bool] = {}
_PLAIN_KINDS: dict[type, bool] = {}


class CellKeys:
    """Names of the cells of one scenario."""

    def __init__(self, scenario: Scenario, engine: str) -> None:
        self.scenario, self.engine = scenario, engine
        self._read = _read(scenario)
        self._files = digests(scenario)
        self._by_strategy: dict[str, bytes] = {}

    def of(self, strategy: str, window: Window, long_above: Mapping[str, int]) -> str:
        """The name of a window under a strategy, whose calls above `long_above` tokens are counted apart."""
        era = eras(self.scenario)[window.era]
        parts = (
            self.engine, strategy, repr(window), repr(sorted(era.models.items())), str(era.start),
            repr(sorted(long_above.items())),
        )  # fmt: skip
        digest = hashlib.blake2b(self._of_strategy(strategy), digest_size=20)
        for part in parts:
            digest.update(f"\0{part}".encode())
        return digest.hexdigest()

    def _of_strategy(self, strategy: str) -> bytes:
        if strategy not in self._by_strategy:
            mine = set(self.scenario.lineage(strategy))
            strategies = {
                name: given if name in mine else _without(given, _OWN_ROUTING)
                for name, given in self._read["strategies"].items()
            }
            whole = {**self._read, "strategies": strategies, "files": self._files}
            text = json.dumps(whole, separators=(",", ":"))  # as it stands: order counts
            self._by_strategy[strategy] = hashlib.blake2b(text.encode(), digest_size=20).digest()
        return self._by_strategy[strategy]


def _read(scenario: Scenario) -> Tree:
    """The plain scenario less what no simulation reads."""
    tree = _without(scenario.to_dict(), _WORDS)
    prices_count = chooses_by_price(scenario) or has_batch_tasks(scenario)
    if not prices_count:
        finance = tree.get("finance", {})
        tree["finance"] = {name: finance[name] for name in _FINANCE_READ if name in finance}
        tree["models"] = {
            name: {field: _price_as_known(field, value) for field, value in own.items()}
            for name, own in tree.get("models", {}).items()
        }
    tree["tasks"] = {name: _without(task, _TASK_MONEY) for name, task in tree["tasks"].items()}
    tree["deployments"] = {name: _deployment(one) for name, one in tree["deployments"].items()}
    tree["strategies"] = {name: _strategy(one) for name, one in tree["strategies"].items()}
    return _with_gateway(tree)


def _deployment(given: Tree) -> Tree:
    found = _without(given, _DEPLOYMENT_MONEY)
    for name, money in (("device", _DEVICE_MONEY), ("server", _SERVER_MONEY)):
        if isinstance(found.get(name), dict):
            found[name] = _without(found[name], money)
    return found


def _strategy(given: Tree) -> Tree:
    found = _with_gateway(given)
    if isinstance(found.get("router"), dict):
        found["router"] = _without(found["router"], _ROUTER_MONEY)
    return found


def _with_gateway(given: Tree) -> Tree:
    """A section with what is read of its gateway; one of which nothing is read is as good as none."""
    if not isinstance(given.get("gateway"), dict):
        return dict(given)
    gateway = _without(given["gateway"], _GATEWAY_MONEY)
    return {**_without(given, ("gateway",)), **({"gateway": gateway} if gateway else {})}


def _price_as_known(field: str, value: Any) -> Any:
    """Of a price only whether there is one, and whether it is nothing."""
    return bool(value) if field.endswith(_PRICE) and value is not None else value


def _without(given: Tree, names: Sequence[str]) -> Tree:
    return {name: value for name, value in given.items() if name not in names}


def requests_key(scenario: Scenario, window: Window) -> str:
    """The name of the requests of a window: whatever serves them, and whatever goes out meanwhile."""
    return f"{origin_of(scenario)} {window.index} {window.start_s!r} {window.length_s!r}"


def measured_key(cell_keys: Sequence[str], parts: Sequence[object]) -> str:
    """The name of what was measured on cells; `parts` are all else that it depends on, arrays or plain values."""
    digest = hashlib.blake2b("\0".join(cell_keys).encode(), digest_size=20)
    for part in parts:
        digest.update(b"\0")
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return digest.hexdigest()


def bill_key(scenario: Scenario, strategy: str, cell_keys: Sequence[str]) -> str:
    """The name of a strategy's bill over cells: the whole scenario as it stands, less how the other strategies serve."""
    mine = set(scenario.lineage(strategy))
    tree = scenario.to_dict()
    tree["strategies"] = {name: given if name in mine else {} for name, given in tree["strategies"].items()}
    text = json.dumps([strategy, tree, digests(scenario)], separators=(",", ":"), default=str)
    return "bill " + measured_key(cell_keys, [text])


__all__ = [
    "MOST_BYTES",
    "CellKeys",
    "CellMemory",
    "Memory",
    "bill_key",
    "measured_key",
    "requests_key",
    "size_of",
]
