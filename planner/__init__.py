"""Plan LLM traffic before building it: cost, latency, availability and quality of every strategy."""

from planner._installation import DISTRIBUTION, warn_if_shadowed

warn_if_shadowed()

__version__ = "0.1.0"
