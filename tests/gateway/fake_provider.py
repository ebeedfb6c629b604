"""Several scripted providers of chat completions behind one port of 127.0.0.1, and a record of every call they got.

A provider is a path prefix: /a/v1/chat/completions belongs to provider `a`. Its script says how long an answer takes
and when it fails, by the number of the call or by the time since the clock was started. What comes out is one `Call`
for every upstream call, in the order of their arrival. Standard library only: this file also runs inside the
environment of the router under test, which has nothing of ours.
"""

import asyncio
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

MODES = {
    "error": (500, "server_error", "The server had an error while processing your request."),
    "limited": (429, "rate_limit_exceeded", "Rate limit reached for requests."),
    "content_filter": (
        400,
        "invalid_prompt",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    ),
    "context_window": (
        400,
        "context_length_exceeded",
        "This model's maximum context length is 4096 tokens. Please reduce the length of the messages.",
    ),
    "hang": (0, "", ""),
}
"""Mode -> (status, error code, message). The router tells the kinds of 400 apart by the words of the message.

On the OpenAI path it takes a 400 for a content policy only where the words are like these; the code content_filter, or
the code content_policy_violation with another message, is an ordinary 400 to it.
"""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What a provider does instead of answering, and for which of its calls.

    A call is meant when it starts in [from_s, to_s) of the clock and its number, counted per provider from 1, is
    from_call to to_call. The first fault of a script that means a call decides.
    """

    mode: str
    from_s: float = 0.0
    to_s: float = float("inf")
    from_call: int = 1
    to_call: float = float("inf")
    status: int | None = None
    """Instead of the status of the mode (error: 500)."""
    after_s: float = 0.0
    """How long the provider takes to say no."""
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode: got {self.mode!r}; allowed: {', '.join(MODES)}")

    def means(self, at_s: float, number: int) -> bool:
        """Whether the call that starts at `at_s`, the provider's `number`-th, meets this fault."""
        return self.from_s <= at_s < self.to_s and self.from_call <= number <= self.to_call


@dataclass(frozen=True, kw_only=True)
class Script:
    """One provider: how long answers take, how many tokens they have, and what goes wrong."""

    latency_s: float | Sequence[float] = 0.0
    """Of an answer; a list gives the calls' in order, and its last value holds for all further ones."""
    completion_tokens: int = 10
    faults: Sequence[Fault] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Make a script from the mapping of a case; an unknown field is a TypeError that names it."""
        return cls(**{**document, "faults": [Fault(**fault) for fault in document.get("faults", [])]})

    def latency_of(self, number: int) -> float:
        """Seconds that the `number`-th call takes when nothing goes wrong."""
        if isinstance(self.latency_s, int | float):
            return self.latency_s
        return self.latency_s[min(number, len(self.latency_s)) - 1]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One upstream call: who got it, when, what came back and after how long.

    `status` is None where the caller went away before an answer, which is how a timeout looks from here.
    """

    provider: str
    at_s: float
    status: int | None
    took_s: float


@dataclass
class _Arrived:
    """A call in progress. It has a place in the record from its arrival, not from its end."""

    provider: str
    at_s: float
    status: int | None = None
    took_s: float | None = None


@dataclass
class FakeProviders:
    """The server; a context manager that listens, in a thread of its own, from `with` to its end.

    The thread is there because the caller's event loop must not delay the providers' answers.
    """

    scripts: Mapping[str, Script]
    port: int = field(default=0, init=False)
    _zero: float = field(default=0.0, init=False)
    _arrived: list[_Arrived] = field(default_factory=list, init=False)
    _numbers: dict[str, int] = field(default_factory=dict, init=False)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __enter__(self) -> Self:
        listening = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(listening,), daemon=True)
        self._thread.start()
        if not listening.wait(10):
            raise RuntimeError("the fake providers did not listen on 127.0.0.1 within 10 s")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        """Where the providers' prefixes start."""
        return f"http://127.0.0.1:{self.port}"

    def start_clock(self) -> None:
        """Make this moment second 0, and forget the calls so far (those that warmed up the router)."""
        with self._lock:
            self._zero = time.monotonic()
            self._arrived.clear()
            self._numbers.clear()

    def now_s(self) -> float:
        """Seconds since the clock was started."""
        return time.monotonic() - self._zero

    def calls(self) -> list[Call]:
        """Give the calls so far in order of arrival; one without an end has no status and took until now."""
        now_s = self.now_s()
        with self._lock:
            return [
                Call(
                    provider=call.provider,
                    at_s=call.at_s,
                    status=call.status,
                    took_s=now_s - call.at_s if call.took_s is None else call.took_s,
                )
                for call in self._arrived
            ]

    def _serve(self, listening: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen(listening))
        self._loop.close()

    async def _listen(self, listening: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until either side ends it."""
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the caller closed an idle connection, or the server stops
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer by script; False where the caller went away meanwhile."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        provider = head[0].split(" ")[1].split("/")[1]
        if provider not in self.scripts:
            writer.write(respond(404, error_body("not_found", f"no provider {provider!r} in the script")))
            return True

        script = self.scripts[provider]
        with self._lock:
            number = self._numbers[provider] = self._numbers.get(provider, 0) + 1
            call = _Arrived(provider, self.now_s())
            self._arrived.append(call)
        fault = next((fault for fault in script.faults if fault.means(call.at_s, number)), None)
        status, text, extra = answer(script, fault, provider, number, body)
        wait_s = None if status == 0 else script.latency_of(number) if fault is None else fault.after_s

        # HTTP/1.1 without pipelining: a byte before the answer can only be the end of the connection.
        gone = asyncio.ensure_future(reader.read(1))
        try:
            done, _ = await asyncio.wait({gone}, timeout=wait_s)
        finally:
            gone.cancel()
            call.took_s = self.now_s() - call.at_s
        if done:
            return False
        await asyncio.gather(gone, return_exceptions=True)  # the reader admits one waiting read at a time
        call.status = status
        writer.write(respond(status, text, extra))
        await writer.drain()
        return True


def answer(
    script: Script, fault: Fault | None, provider: str, number: int, body: Mapping[str, Any]
) -> tuple[int, str, dict[str, str]]:
    """Give (status, body, further headers) of one call; status 0 means never."""
    if fault is not None:
        status, code, message = MODES[fault.mode]
        extra = {} if fault.retry_after_s is None else {"retry-after": f"{fault.retry_after_s:g}"}
        return fault.status or status, error_body(code, message), extra
    words = sum(len(str(message["content"]).split()) for message in body["messages"])
    usage = {
        "prompt_tokens": words,
        "completion_tokens": script.completion_tokens,
        "total_tokens": words + script.completion_tokens,
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    document = {
        "id": f"{provider}-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }
    return 200, json.dumps(document), {}


def error_body(code: str, message: str) -> str:
    """Give the JSON of an error, in the form that OpenAI-compatible servers send it."""
    kind = "invalid_request_error" if code in ("invalid_prompt", "context_length_exceeded") else code
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def respond(status: int, body: str, extra: Mapping[str, str] | None = None) -> bytes:
    """Give the bytes of a whole HTTP response."""
    content = body.encode()
    headers = {"content-type": "application/json", "content-length": str(len(content)), **(extra or {})}
    lines = [f"HTTP/1.1 {status} scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content
