"""Runs cases through the real LiteLLM Router and writes what happened, a line of JSON for each, to standard output.

This script runs inside the environment that `environment.py` makes. In: {"at_a_time": n, "cases": {name: case}} as
JSON on standard input (the form of a case is in `recordings.py`). Out, batch by batch: a case's name with an `error`,
or with every upstream call in order of arrival and every request with its start, its end and how it ended. All times are
seconds on one clock, which starts when the warm-up is over. No connection leaves this machine.

The router keeps state in the module, so every case has a process of its own. It is forked from the one that imported
LiteLLM, as the import takes three seconds of a core. The cases of a batch start their clocks together, after the last
of them is warm. A machine that is busy with other things still makes a recording worthless now and then: each process
measures how late its own timers fire (`lag_s`), and a case with too much of it is recorded again, up to three times.
"""

import asyncio
import dataclasses
import gc
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

# Before the import: LiteLLM reads these while it loads, and fetches prices and headers from elsewhere without them.
os.environ.update(
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    LITELLM_LOCAL_BLOG_POSTS="True",
    LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS="True",
)
sys.path.insert(0, str(Path(__file__).resolve().parent))

PLACEHOLDER = "http://fake-provider"
WARM_UP = "warm-up"
CASE_TIMEOUT_S = 60
LAG_S = 0.05
TRIES = 3
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def refuse_other_hosts(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise on any attempt to look up or to connect to a host that is not this machine (an audit hook)."""
    host: Any = None
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    if isinstance(host, bytes):
        host = host.decode()
    if host is not None and host not in LOOPBACK:
        raise ConnectionRefusedError(f"this run may not leave the machine: {event} {host}")


sys.addaudithook(refuse_other_hosts)

import litellm  # noqa: E402  (after the environment it reads and the hook that watches it)
from fake_provider import FakeProviders, Fault, Script  # noqa: E402  (beside this file, found by the line above)

litellm.telemetry = False
litellm.suppress_debug_info = True


def with_address(value: Any, url: str) -> Any:
    """Give a configuration in which the placeholder of every address is the fake providers' address."""
    if isinstance(value, dict):
        return {key: with_address(inner, url) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_address(inner, url) for inner in value]
    return value.replace(PLACEHOLDER, url) if isinstance(value, str) else value


async def warm_up(url: str) -> None:
    """One answer and one refusal through a router that is then thrown away.

    The first call of a process loads modules for up to a second, in the path of success and in that of failure.
    """
    parameters = {"model": "openai/gpt-4o-mini", "api_base": f"{url}/{WARM_UP}/v1", "api_key": "none"}
    router = litellm.Router(
        model_list=[{"model_name": WARM_UP, "litellm_params": parameters}],
        num_retries=0,
        disable_cooldowns=True,
    )
    messages = [{"role": "user", "content": "warm"}]
    await router.acompletion(model=WARM_UP, messages=messages)
    try:
        await router.acompletion(model=WARM_UP, messages=messages)
    except litellm.InternalServerError:
        pass
    else:
        raise RuntimeError("the refusal of the warm-up did not reach the router")
    await asyncio.sleep(0.2)  # the callbacks of these two calls run in the background


def wait_for_room_in_the_minute(seconds: float) -> None:
    """Sleep to the next minute of the UTC clock unless `seconds` more fit into this one."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left + 0.1)


async def send(router: litellm.Router, providers: FakeProviders, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request at its time and give how it went."""
    await asyncio.sleep(request["at_s"] - providers.now_s())
    message = {"role": "user", "content": " ".join(["word"] * request["input_tokens"])}
    optional = {"timeout": request["timeout_s"]} if "timeout_s" in request else {}
    started_s = providers.now_s()
    error: str | None = None
    answered_by: str | None = None
    try:
        response = await router.acompletion(
            model=request["model"], messages=[message], max_tokens=request["max_tokens"], **optional
        )
        answered_by = response.id.rpartition("-")[0]
    except Exception as raised:  # whatever the caller of a gateway would see is a result here
        error = type(raised).__name__
    return {
        "model": request["model"],
        "started_s": started_s,
        "ended_s": providers.now_s(),
        "error": error,
        "answered_by": answered_by,
    }


async def measure_lag(worst_s: list[float]) -> None:
    """Raise the one number in `worst_s` to the latest that a timer of this process fired; runs until cancelled."""
    while True:
        due_s = time.monotonic() + 0.01
        await asyncio.sleep(0.01)
        worst_s[0] = max(worst_s[0], time.monotonic() - due_s)


async def record(case: dict[str, Any], ready: Callable[[], None]) -> dict[str, Any]:
    """Run the whole case: the providers, the warm-up, the router, `ready` (which may block), the requests."""
    scripts = {name: Script.read(script) for name, script in case["providers"].items()}
    scripts[WARM_UP] = Script(faults=[Fault(mode="error", from_call=2)])
    with FakeProviders(scripts) as providers:
        await warm_up(providers.url)
        config = with_address(case["config"], providers.url)
        router = litellm.Router(model_list=config["model_list"], **config.get("router_settings", {}))
        if case["within_one_minute"]:
            wait_for_room_in_the_minute(max(request["at_s"] for request in case["requests"]) + 6)
        ready()
        worst_s = [0.0]
        lag = asyncio.create_task(measure_lag(worst_s))
        providers.start_clock()
        requests = await asyncio.gather(*(send(router, providers, request) for request in case["requests"]))
        lag.cancel()
        calls = [dataclasses.asdict(call) for call in providers.calls()]
    return {
        "litellm": litellm._version.version,
        "jitter": litellm.utils.JITTER,
        "lag_s": worst_s[0],
        "calls": calls,
        "requests": requests,
    }


def fork(name: str, case: dict[str, Any], result: Path, ready: Callable[[], None]) -> int:
    """Start a process that runs one case and writes its result; give the process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.alarm(CASE_TIMEOUT_S)  # a case that hangs ends by this signal
        litellm.utils.JITTER = case["jitter"]  # where the waits read it; the constant is copied at import
        document = {"name": name, **asyncio.run(record(case, ready))}
        result.write_text(json.dumps(document), encoding="utf-8")
        status = 0
    except BaseException:
        result.write_text(json.dumps({"name": name, "error": traceback.format_exc()}), encoding="utf-8")
    finally:
        os._exit(status)  # without the parent's clean-up


def run_batch(cases: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Run these cases side by side and give their results.

    Two pipes nobody writes to: `ready` ends for the parent when every child has closed it, being warm (or dead), and
    `go` ends for the children when the parent closes it.
    """
    ready_end, ready = os.pipe()
    go_end, go = os.pipe()

    def wait_for_the_others() -> None:
        os.close(ready_end)
        os.close(go)
        os.close(ready)
        os.read(go_end, 1)

    children = {
        fork(name, case, folder / f"{name}.json", wait_for_the_others): name for name, case in cases.items()
    }
    os.close(ready)
    os.close(go_end)
    os.read(ready_end, 1)
    os.close(go)
    os.close(ready_end)
    results = []
    for child, name in children.items():
        _, status = os.waitpid(child, 0)
        file = folder / f"{name}.json"
        ended = {"name": name, "error": f"the process of the case ended with wait status {status}"}
        results.append(json.loads(file.read_text(encoding="utf-8")) if file.is_file() else ended)
        file.unlink(missing_ok=True)
    return results


def run(cases: dict[str, Any], at_a_time: int, output: TextIO) -> None:
    """Run the cases in batches and write each result when its batch is over, or when the machine was quiet enough."""
    litellm.token_counter(
        model="gpt-4o-mini", text="loads the table of tokens, for half a second, once for all"
    )
    # LiteLLM's import leaves so many objects that a full collection stops a process for 0.3 s, in the middle of a case.
    gc.collect()
    gc.freeze()
    # Cases of one length together, so that a batch does not wait for one of them; those that keep a core busy last.
    waiting = sorted(
        cases, key=lambda name: (len(cases[name]["requests"]), cases[name]["requests"][-1]["at_s"])
    )
    tries = dict.fromkeys(cases, 0)
    with tempfile.TemporaryDirectory() as folder:
        while waiting:
            batch, waiting = waiting[:at_a_time], waiting[at_a_time:]
            for result in run_batch({name: cases[name] for name in batch}, Path(folder)):
                name = result["name"]
                tries[name] += 1
                if result.get("lag_s", 0) > LAG_S and tries[name] < TRIES:
                    waiting.insert(0, name)
                else:
                    print(json.dumps({**result, "tries": tries[name]}), file=output, flush=True)


if __name__ == "__main__":
    # Whatever the router prints must not get between the reader and the JSON.
    results, sys.stdout = sys.stdout, sys.stderr
    run(**json.load(sys.stdin), output=results)
