"""What the real router did in each case of `cases/`: `run(name)` gives a `Recording`.

A case is a YAML file of this form; a comment on top says what it shows.

    config:                 # exactly what a LiteLLM proxy's config file has under these keys
      model_list: [...]     # api_base is http://fake-provider/NAME/v1 for the provider NAME below
      router_settings: {...}
    providers:              # NAME -> fields of fake_provider.Script, with `faults` of fields of fake_provider.Fault
      a: {latency_s: 0.2, faults: [{mode: error, status: 503, from_s: 0, to_s: 5, after_s: 0.1}]}
    requests:               # one line is `count` requests, `every_s` apart, the first at `at_s`
      - {at_s: 0, model: chat, count: 3, every_s: 0.5, input_tokens: 10, max_tokens: 10, timeout_s: 2}
    jitter: 0               # share of the router's random part of waits; the default here is none
    within_one_minute: true # start only where the whole case fits into one minute of the UTC clock

Every case has a process and a port of its own, so several run at a time. A recording is made once a session:

    recording = recordings.run("cooldown-by-429")
    [call.provider for call in recording.calls]
"""

import functools
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.gateway import environment
from tests.gateway.fake_provider import Call

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
AT_A_TIME = 3
TIMEOUT_S = 110
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

    `calls` are the upstream calls in order of arrival, `requests` those of the case in the order of its schedule.
    """

    litellm: str
    jitter: float
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


def clean_environment(jitter: float) -> dict[str, str]:
    """Give the variables of a run: no proxy, no setting of the router from outside, the jitter of the case."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith("_PROXY") and not name.upper().startswith(("LITELLM", "OPENAI", "PYTHON"))
    }
    return {**kept, "JITTER": str(jitter), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}


def record(name: str) -> Recording:
    """Run one case now. Raises RuntimeError with what the run printed where it failed."""
    case = load_case(name)
    done = subprocess.run(
        [str(environment.ensure()), "-I", str(HERE / "router_run.py")],
        input=json.dumps(case),
        capture_output=True,
        text=True,
        env=clean_environment(case["jitter"]),
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"case {name} ended with status {done.returncode}:\n{done.stderr}")
    document = json.loads(done.stdout)
    return Recording(
        litellm=document["litellm"],
        jitter=document["jitter"],
        calls=tuple(Call(**call) for call in document["calls"]),
        requests=tuple(Request(**request) for request in document["requests"]),
    )


@functools.cache
def _pool() -> ThreadPoolExecutor:
    environment.ensure()  # once, before several runs would ask for it at the same time
    return ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="gateway-case")


@functools.cache
def _started(name: str) -> Future[Recording]:
    return _pool().submit(record, name)


def start(names: Iterable[str]) -> None:
    """Begin to record these cases, in this order and several at a time."""
    for name in names:
        _started(name)


def run(name: str) -> Recording:
    """Give the recording of a case; it is made once a session. Raises what `record` raises."""
    return _started(name).result()
