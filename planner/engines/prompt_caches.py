"""A deployment's prompt cache during a run: what of its prefix a call finds there, and what it leaves behind.

There is an entry for the prefix of each task, and one for each conversation, which holds all that it last sent. A call
finds the longer of the two; one that found anything has touched the shared prefix, too, as that stands in front.

The definition. A call looks when it is sent. One that ends well touches the entry as of its start; one that fails,
is cut or is cancelled never does. So a call that is sent while the first is under way finds nothing: nobody knows yet
that it will end well, and providers do not promise more (Anthropic's cache missed in two of five cases right after
the end of the call that wrote it: anthropic-sdk-python, issue 1451). A longer prefix of the same task finds what
is kept of it and adds the rest, which makes the entry longer but no younger.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from planner.engines.cache_rules import CacheRule, is_warm
from planner.engines.journey import Call

NO_CONVERSATION = -1


@dataclass
class Entry:
    """What is kept of a prefix."""

    tokens: int
    written_ns: int
    touched_ns: int


class PromptCache:
    """The prefixes that a deployment keeps: of tasks, and of conversations."""

    def __init__(self, rule: CacheRule) -> None:
        self.rule = rule
        self.tasks: dict[int, Entry] = {}
        self.conversations: dict[int, Entry] = {}

    def meet(self, call: Call, task: int, session: int, kept: Sequence[int], now: int) -> None:
        """A call is sent: what it finds of its prefix, by meter. `kept` are the three of `Work.kept`."""
        own, shared, left = kept
        found_own = self._found(self.conversations.get(session), own, now)
        found = max(found_own, self._found(self.tasks.get(task), shared, now))
        call.kept, call.found_tokens, call.found_own = tuple(kept), found, found_own > 0
        call.cold_tokens = max(own, shared) - found
        sent, _, _, *others = call.meters
        written = max(left, shared) - found if self.rule.charges_writes else 0
        call.meters = (sent, found, written, *others)

    def touch(self, call: Call, task: int, session: int) -> None:
        """A call has ended well."""
        _, shared, left = call.kept
        started = call.started_ns
        self._touch(self.tasks, task, shared, started, is_hit=call.found_tokens > 0)
        if session != NO_CONVERSATION:
            self._touch(self.conversations, session, left, started, is_hit=call.found_own)

    def _found(self, entry: Entry | None, tokens: int, now: int) -> int:
        return min(tokens, entry.tokens) if entry is not None and self._is_warm(entry, now) else 0

    def _touch(self, entries: dict[int, Entry], key: int, tokens: int, started: int, *, is_hit: bool) -> None:
        if tokens == 0:
            return
        entry = entries.get(key)
        if entry is None:
            entries[key] = Entry(tokens, started, started)
            return
        entry.tokens = max(tokens, entry.tokens) if is_hit or self._is_warm(entry, started) else tokens
        if not is_hit:
            entry.written_ns = max(entry.written_ns, started)
        if not is_hit or self.rule.refreshes:
            entry.touched_ns = max(entry.touched_ns, started)

    def _is_warm(self, entry: Entry, now: int) -> bool:
        return is_warm(now, entry.touched_ns, entry.written_ns, self.rule.ttl_ns, self.rule.max_age_ns)
