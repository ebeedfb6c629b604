"""The command as the tests run it, and a small scenario that has every kind of cost and failure."""

import os
import subprocess
import sys
from pathlib import Path

PLANNER = [sys.executable, "-c", "from planner.cli import main; main()"]

SCENARIO = """\
name: Small
question: Which one?
start: 2027-01-01
traffic: {requests_per_month: 1000000, sessions: {turns_mean: 4, think_time_s: 5}}
tasks:
  faq:
    share: 0.75
    input_tokens: {p50: 400, p95: 1600}
    output_tokens: {p50: 100, p95: 300}
    accuracy: {our-large: 0.9, our-small: 0.7}
    cost_of_wrong_answer_usd: 0.01
  account:
    share: 0.25
    sensitive: 0.5
    accuracy: {our-large: 0.8, our-small: 0.6}
models:
  our-large: {input_usd_per_mtok: 2, output_usd_per_mtok: 8}
  our-small: {input_usd_per_mtok: 0.4, output_usd_per_mtok: 1.6}
deployments:
  omni:
    model: our-large
    latency: {ttft_s: {p50: 0.4, p95: 0.9}, tokens_per_s: 80}
    errors: {rate: 0.3, status: 500, latency_s: 0.5}
  mini:
    model: our-small
    latency: {ttft_s: {p50: 0.3, p95: 0.7}, tokens_per_s: 120}
    errors: {rate: 0.01, status: 500, latency_s: 0.5}
strategies:
  omni-only: {omni: [omni]}
  mini-only: {mini: [mini]}
  hybrid: {omni: [omni], mini: [mini]}
policy: {retries: 1, breaker: null}
slo: {p95_latency_s: 20, accuracy: 0.6}
finance:
  horizon_months: 2
  discount_rate: 0.08
  one_time: [{name: Integration, usd: 1000}]
  people: [{name: Run it, fte: 0.1, usd_per_year: 120000}]
  transfer_usd_per_gb: 0.09
run: {seed: 11, replications: 3, window_s: 600}
"""


def write_scenario(folder: Path, text: str = SCENARIO, name: str = "small.yaml") -> Path:
    """The scenario as a file in a folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def environment(**changes: str) -> dict[str, str]:
    """The environment of a pipe: no colours asked for, 80 columns, UTF-8."""
    kept = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "NO_COLOR", "TERM")}
    return kept | {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"} | changes


def planner(
    *arguments: object, timeout: float = 100, cwd: Path | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own; output is text, no standard input."""
    return subprocess.run(
        [*PLANNER, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=environment(**changes),
        timeout=timeout,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )
