"""Rules about conversations: who asks again, who stays with whom, and what a window can show of them."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View

SESSIONS = ("traffic", "sessions")
#: Where a conversation takes more than this part of a window, its beginning without any is worth a word.
LONG_PART = 0.25


def _asks_again(view: View) -> list[str]:
    return [name for name, task in view.scenario.tasks.items() if task.requery_probability > 0]


def asking_again(view: View) -> Iterator[Finding]:
    """Whoever asks again waits for the answer, and a recording is replayed as it is."""
    traffic = view.scenario.traffic
    for name in _asks_again(view):
        path = ("tasks", name, "requery_probability")
        if traffic.trace is not None:
            yield Finding(
                path=path,
                text="a recording is replayed as it is: nobody asks again" + view.where(("traffic", "trace")),
                hint="leave it out",
                because=(("traffic", "trace"),),
            )
        elif traffic.sessions.loop == "open":
            yield Finding(
                path=path,
                text="in an open loop turns come whatever was answered: nobody asks again"
                + view.where((*SESSIONS, "loop")),
                hint="give traffic.sessions.loop: closed",
                because=((*SESSIONS, "loop"),),
            )


def idle_sessions(view: View) -> Iterator[Finding]:
    """What nothing reads is told."""
    traffic = view.scenario.traffic
    given = traffic.sessions.model_fields_set
    if traffic.trace is not None:
        for field in sorted(given - {"turns_mean"}):
            yield Finding(
                path=(*SESSIONS, field),
                text="unused: a recording is replayed as it is" + view.where(("traffic", "trace")),
                because=(("traffic", "trace"),),
                is_notice=True,
            )
        return
    talks = max(view.scenario.turns_by_task().values(), default=1.0) > 1.0
    unused = set() if talks else {"loop", "context"}
    if not talks and not _asks_again(view):
        unused.add("think_time_s")
    for field in sorted(given & unused):
        yield Finding(
            path=(*SESSIONS, field),
            text="unused: every conversation has one turn",
            hint="give traffic.sessions.turns_mean",
            because=((*SESSIONS, "turns_mean"), ("tasks",)),
            is_notice=True,
        )


def affinities(view: View) -> Iterator[Finding]:
    """Staying with a deployment needs conversations, and more than one deployment."""
    scenario = view.scenario
    if scenario.traffic.trace is None:
        talks = max(scenario.turns_by_task().values(), default=1.0) > 1.0
    else:
        talks = view.has_trace_column("session") is not False
    for name in view.strategies:
        at = view.given_at("affinity", name)
        if at is None or scenario.strategy_policy(name).affinity is None:
            continue
        if not talks:
            yield Finding(
                path=at,
                text=f"unused in {name}: no request belongs to a conversation of several",
                hint="give traffic.sessions.turns_mean, or a recording with a column session",
                because=(SESSIONS, ("traffic", "trace")),
                is_notice=True,
            )
        elif all(
            sum(map(len, view.strategy(name).group(group) or ())) < 2
            for group in view.strategy(name).group_names
        ):
            yield Finding(
                path=at,
                text=f"unused in {name}: no group of it has a second deployment",
                because=(("strategies", name),),
                is_notice=True,
            )


def windows_hold_conversations(view: View) -> Iterator[Finding]:
    """A window begins with no conversation under way."""
    traffic, window_s = view.scenario.traffic, view.scenario.run.window_s
    turns = max(view.scenario.turns_by_task().values(), default=1.0)
    lasts_s = (turns - 1.0) * traffic.sessions.think_time_s.mean
    if traffic.trace is None and lasts_s > LONG_PART * window_s:
        yield Finding(
            path=(*SESSIONS, "turns_mean"),
            text=f"users think for {lasts_s:,.0f} s in a conversation, and run.window_s is {window_s:g}: every simulated "
            "window begins without conversations and ends with their last turns after it, so its load is lower at first "
            "than that of real traffic",
            hint="give a longer window",
            because=(("run", "window_s"), (*SESSIONS, "think_time_s")),
            is_notice=True,
        )


CONVERSATIONS = (asking_again, idle_sessions, affinities, windows_hold_conversations)
