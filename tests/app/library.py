"""A library of small scenarios for tests of the app: one that runs in a second, one that is wrong, one recording."""

from pathlib import Path

SMALL = """
name: Small chat
question: Omni, mini or both?
traffic: {requests_per_month: 400000, growth_per_month: 0.02}
tasks:
  faq: {share: 0.7, input_tokens: 500, output_tokens: 120, accuracy: {big: 0.95, small: 0.9}, cost_of_wrong_answer_usd: 0.01}
  hard: {share: 0.3, input_tokens: 900, output_tokens: 200, accuracy: {big: 0.9, small: 0.7}, cost_of_wrong_answer_usd: 0.02}
models:
  big: {input_usd_per_mtok: 2.5, output_usd_per_mtok: 10}
  small: {input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6}
deployments:
  omni: {model: big, latency: {ttft_s: {p50: 0.5, p95: 1.2}, tokens_per_s: 80}, errors: {rate: 0.05}, outages: null, limits: null}
  mini: {model: small, latency: {ttft_s: {p50: 0.3, p95: 0.8}, tokens_per_s: 120}, errors: null, outages: null, limits: null}
strategies:
  omni-only: {omni: [omni]}
  mini-only: {mini: [mini]}
  hybrid: {omni: [omni], mini: [mini], router: {kind: threshold, omni_share: 0.25}}
slo: {p95_latency_s: 2.5}
finance: {horizon_months: 12, one_time: [{name: Integration, usd: 5000}], people: [{name: Run, fte: 0.1, usd_per_year: 120000}]}
run: {seed: 3, replications: 4, window_s: 120}
"""
BROKEN = """
name: Broken
traffic: {requests_per_mont: 5}
tasks: {a: {sensitive: 2}}
deployments: {x: {model: gpt-4o-mni}}
strategies: {s: {omni: [x]}}
"""
RECORDING = """
name: Recording
traffic:
  trace:
    rows: [{arrival_s: 0, input_tokens: 1000, output_tokens: 100}, {arrival_s: 30, input_tokens: 500, output_tokens: 50}]
tasks: {chat: {}}
models: {small: {input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6}}
deployments: {mini: {model: small, latency: {total_s: 1}, outages: null, limits: null, errors: null}}
strategies: {mini-only: {mini: [mini]}}
finance: {horizon_months: 1}
run: {replications: 2}
"""


OUTAGE = """
name: Two providers
traffic: {requests_per_month: 300000}
tasks: {faq: {input_tokens: 500, output_tokens: 120, max_output_tokens: 300}}
models:
  big: {input_usd_per_mtok: 2.5, output_usd_per_mtok: 10}
  small: {input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6}
deployments:
  first: {model: big, provider: openai, latency: {ttft_s: {p50: 0.5, p95: 1.2}, tokens_per_s: 80}, errors: null, outages: null, limits: null}
  second: {model: small, provider: azure, latency: {ttft_s: {p50: 0.3, p95: 0.8}, tokens_per_s: 120}, errors: null, outages: null, limits: {requests_per_minute: 6}}
strategies:
  alone: {omni: [first]}
  both: {omni: [first, second]}
policy: {timeout_s: 20, retries: 1}
finance: {horizon_months: 12, downtime_usd_per_hour: 100}
run: {seed: 3, replications: 4, window_s: 120}
"""


def write_library(folder: Path) -> Path:
    """Write the three scenarios; the small one is the default."""
    for name, text in (("support-chatbot", SMALL), ("broken", BROKEN), ("recording", RECORDING)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder
