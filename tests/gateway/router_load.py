"""Builds the real LiteLLM Router from configurations and writes what it then says of itself, as JSON.

This script runs inside the environment that `environment.py` makes. In: {name: configuration} as JSON on standard
input. Out: {name: {"error"} or {"settings", "deployments"}}. Nothing is called, and no connection leaves this machine.
The router keeps state in the module, so every one is built in a process of its own, forked from the one that imported
LiteLLM.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parent))

from router_run import litellm  # noqa: E402  (imports it offline, watched by a hook)

SETTINGS = (
    "num_retries", "timeout", "retry_after", "cooldown_time", "allowed_fails", "disable_cooldowns", "max_fallbacks",
    "routing_strategy", "routing_strategy_args", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks",
)  # fmt: skip


def described(configuration: dict[str, Any]) -> dict[str, Any]:
    """Build the router of a configuration; what it holds."""
    try:
        router = litellm.Router(
            model_list=configuration["model_list"], **configuration.get("router_settings", {})
        )
    except Exception as error:  # whatever it is, it is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    settings = {name: getattr(router, name) for name in SETTINGS}
    policy = router.retry_policy
    settings["retry_policy"] = None if policy is None else policy.model_dump(exclude_none=True)
    settings["callbacks"] = [type(one).__name__ for one in router.optional_callbacks or ()]
    # The logger of a selection is what it is made of; a strategy without one is the default.
    loggers = {
        "latency-based-routing": "lowestlatency_logger",
        "least-busy": "leastbusy_logger",
        "usage-based-routing-v2": "lowesttpm_logger_v2",
        "cost-based-routing": "lowestcost_logger",
    }
    settings["selects"] = [
        name for name, logger in loggers.items() if getattr(router, logger, None) is not None
    ]
    latency = getattr(router, "lowestlatency_logger", None)
    settings["latency_args"] = None if latency is None else latency.routing_args.model_dump()
    return {"settings": settings, "deployments": router.model_list}


def main() -> None:
    """Answer for each configuration, in processes of their own."""
    found = {}
    for name, configuration in json.load(sys.stdin).items():
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            with os.fdopen(write, "w") as pipe:
                json.dump(described(configuration), pipe, default=str)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        found[name] = json.loads(text) if text else {"error": "the process ended without an answer"}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
