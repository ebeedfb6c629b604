"""Which column of a foreign log is what: guessed from the names that real tools export, with the reason of each guess.

Comes in: the header of a log and what the user has said; goes out: one `Column` for each role that was found, or all
problems at once. Nothing is decided by the position of a column, except where the log has no header at all.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.errors import Problem, ScenarioError
from planner.scenario.paths import closest

#: Role: the names under which tools export it, as `plain` writes them, the likeliest first.
NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "arrivals", "ts", "tms", "timestamp", "arrivaltime", "arrivedat", "starttime", "startedat", "requesttime",
        "requestedat", "createdat", "created", "time", "datetime", "eventtime", "timestampms", "date", "t",
    ),
    "input": (
        "inputtokens", "prompttokens", "usageprompttokens", "usageinputtokens", "contexttokens", "requesttokens",
        "inputlength", "promptlength", "inputusage", "usageinput", "usagedetailsinput", "prompttokencount",
        "usagemetadataprompttokencount", "ncontexttokenstotal", "numprompttokens", "tokensin", "intokens",
    ),
    "output": (
        "outputtokens", "completiontokens", "usagecompletiontokens", "usageoutputtokens", "generatedtokens",
        "responsetokens", "outputlength", "completionlength", "outputusage", "usageoutput", "usagedetailsoutput",
        "candidatestokencount", "usagemetadatacandidatestokencount", "ngeneratedtokenstotal", "numcompletiontokens",
        "tokensout", "outtokens",
    ),
    "cached": (
        "prefixtokens", "cachedtokens", "cachedinputtokens", "inputcachedtokens", "promptcachedtokens",
        "prompttokensdetailscachedtokens", "usageprompttokensdetailscachedtokens", "cachedcontenttokencount",
    ),
    "cache-read": ("cachereadinputtokens", "usagecachereadinputtokens"),
    "cache-write": ("cachecreationinputtokens", "usagecachecreationinputtokens"),
    "task": ("task", "taskname", "usecase", "feature"),
    "session": ("session", "sessionid", "conversationid", "conversation", "threadid", "chatid"),
    "model": ("model", "modelname", "modelid", "modelgroup"),
    "latency": (
        "services", "latencys", "latencyms", "latency", "requestdurationms", "durationms", "durations", "duration",
        "elapseds", "elapsedms", "e2es",
    ),
    "status": ("status", "statuscode", "httpstatus", "httpstatuscode"),
    "requests": ("nummodelrequests", "nrequests", "numrequests", "requestcount", "requests"),
}  # fmt: skip
NEEDED = ("time", "input", "output")
#: Names of input, as `plain` writes them, whose count holds what came from a prompt cache, whoever served it.
PROMPT_WITH_CACHED = ("prompttokens", "usageprompttokens")
WORDS = {
    "time": "the moment of the request",
    "input": "input tokens",
    "output": "output tokens",
    "cached": "tokens of a cached prefix, a part of the input",
    "cache-read": "tokens read from a prompt cache, beside input_tokens, a part of prompt_tokens",
    "cache-write": "tokens written to a prompt cache, beside input_tokens, a part of prompt_tokens",
    "task": "what the request is about",
    "session": "the conversation",
    "model": "the model that answered",
    "latency": "how long the answer took",
    "status": "how the request ended",
    "requests": "how many requests a row stands for",
}
#: What a tool is called, and columns that together are a sign of it.
FORMATS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Azure LLM inference traces of 2023", ("TIMESTAMP", "ContextTokens", "GeneratedTokens")),
    ("BurstGPT", ("Timestamp", "Request tokens", "Response tokens")),
    ("Mooncake traces", ("timestamp", "input_length", "output_length")),
    ("LiteLLM spend logs", ("startTime", "prompt_tokens", "completion_tokens")),
    ("Langfuse exports", ("startTime", "promptTokens", "completionTokens")),
    ("Langfuse exports", ("startTime", "inputUsage", "outputUsage")),
    ("Langfuse exports", ("timestamp", "inputTokens", "outputTokens")),
    ("OpenAI usage exports", ("start_time", "input_tokens", "output_tokens", "num_model_requests")),
)
MOONCAKE = "Mooncake traces"
GIVEN = "given"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the log that is read: its role, its name there, and why it is taken for that."""

    role: str
    name: str
    reason: str
    is_given: bool = False


def plain(name: str) -> str:
    """A name without case, blanks and signs.

    >>> plain("usage.prompt_tokens"), plain("Request tokens"), plain("createdAt")
    ('usageprompttokens', 'requesttokens', 'createdat')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def format_of(header: Sequence[str]) -> str | None:
    """The tool that names its columns like this; None if there is no telling."""
    return next((name for name, columns in FORMATS if set(columns) <= set(header)), None)


def guessed(
    header: Sequence[str], given: Mapping[str, str | None] | None = None, *, has_names: bool = True
) -> tuple[tuple[Column, ...], tuple[Problem, ...]]:
    """The columns of a log, and what is wrong with those that were given or are missing.

    Parameters
    ----------
    header : names of all columns
    given : role to name, optional
        What the user says; None or an empty name: the log has no such column, whatever it looks like.
    has_names : bool
        False where the log has no header: its first three columns are then time, input and output tokens.
    """
    said = dict(given or {})
    problems = [
        Problem(field=f"column {role}", text="there is no such role", hint=closest(role, list(NAMES)))
        for role in said
        if role not in NAMES
    ]
    problems += [
        Problem(field=f"column {role}", text=f"the log has no column '{name}'", hint=_hint(name, header))
        for role, name in said.items()
        if role in NAMES and name and name not in header
    ]
    tool, taken = format_of(header), {name for name in said.values() if name}
    found = []
    for place, role in enumerate(NAMES):
        if role in said:
            if said[role] in header:
                found.append(Column(role=role, name=str(said[role]), reason=GIVEN, is_given=True))
            continue
        if not has_names:
            if place < len(NEEDED) and place < len(header):
                reason = "by its place: the log has no line of names"
                found.append(Column(role=role, name=header[place], reason=reason))
            continue
        fits = _fitting(role, [name for name in header if name not in taken])
        if fits:
            found.append(Column(role=role, name=fits[0], reason=_reason(tool, fits)))
            taken.add(fits[0])
    has = {column.role for column in found}
    problems += [
        Problem(
            field=f"column {role}",
            text=f"no column looks like {WORDS[role]}",
            hint=f"the log has {', '.join(header[:12])}{' and more' if len(header) > 12 else ''}; say which it is",
        )
        for role in NEEDED
        if role not in has and not (said.get(role) and said[role] not in header)
    ]
    problems += _twice(found)
    return tuple(found), tuple(problems)


def _fitting(role: str, header: Sequence[str]) -> list[str]:
    order = NAMES[role]
    fits = [name for name in header if plain(name) in order]
    return sorted(fits, key=lambda name: order.index(plain(name)))


def _reason(tool: str | None, fits: Sequence[str]) -> str:
    by = f"named as in {tool}" if tool else "by its name"
    others = f"; also possible: {', '.join(fits[1:])}" if len(fits) > 1 else ""
    return by + others


def _hint(name: str, header: Sequence[str]) -> str:
    return closest(name, header) or f"it has {', '.join(header[:12])}"


def _twice(found: Sequence[Column]) -> list[Problem]:
    """One column cannot be two things."""
    roles: dict[str, list[str]] = {}
    for column in found:
        roles.setdefault(column.name, []).append(column.role)
    return [
        Problem(field=f"column {both[1]}", text=f"'{name}' is taken for {both[0]} already")
        for name, both in roles.items()
        if len(both) > 1
    ]


def parsed_columns(texts: Sequence[str]) -> dict[str, str]:
    """ROLE=COLUMN as typed on a command line. Raises ScenarioError with every problem."""
    found: dict[str, str] = {}
    problems = []
    for text in texts:
        role, sign, name = text.partition("=")
        if not sign or role not in NAMES:
            allowed = f"ROLE=COLUMN with a role of {', '.join(NAMES)}"
            problems.append(
                Problem(field="--column", given=repr(text), allowed=allowed, hint=closest(role, list(NAMES)))
            )
        elif role in found:
            problems.append(Problem(field="--column", text=f"{role} is given twice"))
        else:
            found[role] = name
    if problems:
        raise ScenarioError(problems, "the command")
    return found


__all__ = [
    "FORMATS",
    "MOONCAKE",
    "NAMES",
    "NEEDED",
    "PROMPT_WITH_CACHED",
    "WORDS",
    "Column",
    "format_of",
    "guessed",
    "parsed_columns",
    "plain",
]
