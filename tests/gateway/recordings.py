"""What the real router did in each case of `cases/`: `run(name)` gives a `Recording`.

A case is a YAML file of this form; a comment on top says what it shows.

    config:                 # exactly what a LiteLLM proxy's config file has under these keys
      model_list: [...]     # api_base is http://fake-provider/NAME/v1 for the provider NAME below
      router_settings: {...}
    providers:              # NAME -> fields of fake_provider.Script, with `faults` of fields of fake_provider.Fault
      a: {latency_s: 0.2, faults: [{mode: error, status: 503, from_s: 0, to_s: 5, after_s: 0.1}]}
    requests:               # one line is `count` requests, `every_s` apart, the first at `at_s`
      - {at_s: 0, model: chat, count: 3, every_s: 0.5, input_tokens: 10, max_tokens: 10, timeout_s: 2}
    jitter: 0               # seconds of the router's random part of a wait; its own default is 0.75, here it is none
    within_one_minute: true # start only where the whole case fits into one minute of the UTC clock

No moment of a schedule may coincide with the end of a cooldown, of an outage or of a call: the router needs some 10 ms
to get anywhere, so such a case would show the machine, not the rule.

Every case has a process and a port of its own, so several run at a time. A recording is made once a session:

    recording = recordings.run("cooldown-by-429")
    [call.provider for call in recording.calls]
"""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from ruamel.yaml import YAML

from tests.gateway import environment
from tests.gateway.fake_provider import Call

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
AT_A_TIME = 5
REQUEST = {"at_s": 0.0, "count": 1, "every_s": 0.0, "input_tokens": 10, "max_tokens": 10}
CASE_FIELDS = {"config", "providers", "requests", "jitter", "within_one_minute"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as its caller saw it.

    `error` is the class of the exception, None where an answer came; then `answered_by` is the provider that gave it.
    """

    model: str
    started_s: float
    ended_s: float
    error: str | None
    answered_by: str | None

    @property
    def took_s(self) -> float:
        """Seconds from the start of the request to its end, whatever that was."""
        return self.ended_s - self.started_s


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Everything one run of a case showed; seconds since the start of the case's clock.

    `lag_s` is the latest that a timer of the run fired: what the machine, not the router, may add to a moment, after
    `tries` recordings. `calls` are the upstream calls in order of arrival, `requests` those of the case in the order of its schedule.
    """

    litellm: str
    jitter: float
    lag_s: float
    tries: int
    calls: tuple[Call, ...]
    requests: tuple[Request, ...]

    def providers(self) -> str:
        """Give the called providers in order, as one text: "a a b"."""
        return " ".join(call.provider for call in self.calls)


def case_names() -> list[str]:
    """Give the names of all cases, sorted."""
    return sorted(path.stem for path in CASES.glob("*.yaml"))


def load_case(name: str) -> dict[str, Any]:
    """Read one case: every request on its own, defaults filled in.

    Raises ValueError for a case that is not there and for a field that no case has.
    """
    path = CASES / f"{name}.yaml"
    if not path.is_file():
        raise ValueError(f"no case {name!r}; there are: {', '.join(case_names())}")
    case = YAML(typ="safe", pure=True).load(path)
    unknown = sorted(set(case) - CASE_FIELDS)
    if unknown:
        raise ValueError(f"{path.name}: no such field: {', '.join(unknown)}")
    requests = [request for line in case["requests"] for request in spread(line)]
    return {"jitter": 0, "within_one_minute": False, **case, "requests": requests}


def spread(line: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Give the requests that one line of a schedule stands for."""
    unknown = sorted(set(line) - set(REQUEST) - {"model", "timeout_s"})
    if unknown:
        raise ValueError(f"requests: no such field: {', '.join(unknown)}")
    whole = {**REQUEST, **line}
    count, every_s = whole.pop("count"), whole.pop("every_s")
    return [{**whole, "at_s": whole["at_s"] + index * every_s} for index in range(count)]


def clean_environment() -> dict[str, str]:
    """Give the variables of a run: no proxy, and no setting of the router or its libraries from outside."""
    foreign = ("LITELLM", "OPENAI", "PYTHON", "DEFAULT_", "JITTER", "INITIAL_RETRY", "MAX_RETRY")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith("_PROXY") and not name.upper().startswith(foreign)
    }


def read_result(line: str) -> tuple[str, Recording | RuntimeError]:
    """Read one line of the run: the name of the case, and its recording or what went wrong."""
    document = json.loads(line)
    name = document["name"]
    if "error" in document:
        return name, RuntimeError(f"case {name}: {document['error']}")
    return name, Recording(
        litellm=document["litellm"],
        jitter=document["jitter"],
        lag_s=document["lag_s"],
        tries=document["tries"],
        calls=tuple(Call(**call) for call in document["calls"]),
        requests=tuple(Request(**request) for request in document["requests"]),
    )


def record(cases: Mapping[str, Mapping[str, Any]], futures: Mapping[str, Future[Recording]]) -> None:
    """Run the cases in the router's environment and fulfil their futures as they end."""
    try:
        command = [str(environment.ensure()), "-I", "-W", "ignore", str(HERE / "router_run.py")]
        with (
            tempfile.TemporaryFile("w+") as said,
            subprocess.Popen(
                command, stdin=PIPE, stdout=PIPE, stderr=said, text=True, env=clean_environment()
            ) as run,
        ):
            assert run.stdin is not None
            assert run.stdout is not None
            json.dump({"at_a_time": AT_A_TIME, "cases": cases}, run.stdin)
            run.stdin.close()
            for line in run.stdout:
                name, result = read_result(line)
                if isinstance(result, Recording):
                    futures[name].set_result(result)
                else:
                    futures[name].set_exception(result)
            status = run.wait()
            said.seek(0)
            raise RuntimeError(f"the run ended with status {status} before this case did:\n{said.read()}")
    except Exception as failed:  # goes to whoever waits for a case, which is every test of this session
        for future in futures.values():
            if not future.done():
                future.set_exception(failed)


_recordings: dict[str, Future[Recording]] = {}


def start(names: Iterable[str]) -> None:
    """Begin to record those of these cases that no call has begun yet, in this order and several at a time."""
    cases = {name: load_case(name) for name in names if name not in _recordings}
    if not cases:
        return
    futures: dict[str, Future[Recording]] = {name: Future() for name in cases}
    _recordings.update(futures)
    threading.Thread(target=record, args=(cases, futures), daemon=True).start()


def run(name: str) -> Recording:
    """Give the recording of a case; it is made once a session.

    Raises ValueError for a case that is not there, RuntimeError with what was printed where the run failed, and
    EnvironmentFailed where the router cannot be installed.
    """
    start([name])
    return _recordings[name].result()
