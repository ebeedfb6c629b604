"""A deployment's prompt cache during a run: what of a task's prefix a call finds there, and what it leaves behind.

The definition. A call looks when it is sent. One that ends well touches the entry as of its start; one that fails,
is cut or is cancelled never does. So a call that is sent while the first is under way finds nothing: nobody knows yet
that it will end well, and providers do not promise more (Anthropic's cache missed in two of five cases right after
the end of the call that wrote it: anthropic-sdk-python, issue 1451). A longer prefix of the same task finds what
is kept of it and adds the rest, which makes the entry longer but no younger.
"""

from dataclasses import dataclass

from planner.engines.cache_rules import CacheRule, is_warm
from planner.engines.journey import Call


@dataclass
class Entry:
    """The prefix of a task."""

    tokens: int
    written_ns: int
    touched_ns: int


class PromptCache:
    """The prefixes that a deployment keeps, by task."""

    def __init__(self, rule: CacheRule) -> None:
        self.rule = rule
        self.entries: dict[int, Entry] = {}

    def meet(self, call: Call, task: int, tokens: int, now: int) -> None:
        """A call is sent whose prefix would be kept with so many tokens: what of them it finds, by meter."""
        found = self.given(task, tokens, now)
        call.prefix_tokens, call.cold_tokens = tokens, tokens - found
        sent, _, _, *others = call.meters
        call.meters = (sent, found, call.cold_tokens if self.rule.charges_writes else 0, *others)

    def given(self, task: int, tokens: int, now: int) -> int:
        """What a call finds that is sent now, of a prefix that would be kept with so many tokens."""
        entry = self.entries.get(task)
        return min(tokens, entry.tokens) if entry is not None and self._is_warm(entry, now) else 0

    def touch(self, call: Call, task: int) -> None:
        """A call has ended well."""
        tokens, started = call.prefix_tokens, call.started_ns
        if tokens == 0:
            return
        entry = self.entries.get(task)
        if entry is None:
            self.entries[task] = Entry(tokens, started, started)
            return
        is_hit = call.cold_tokens < tokens
        entry.tokens = max(tokens, entry.tokens) if is_hit or self._is_warm(entry, started) else tokens
        if not is_hit:
            entry.written_ns = max(entry.written_ns, started)
        if not is_hit or self.rule.refreshes:
            entry.touched_ns = max(entry.touched_ns, started)

    def _is_warm(self, entry: Entry, now: int) -> bool:
        return is_warm(now, entry.touched_ns, entry.written_ns, self.rule.ttl_ns, self.rule.max_age_ns)
