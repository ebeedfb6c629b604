"""The built-in catalogue: models, prices, token rules, latency, limits, outages, devices and GPUs.

Each figure has a source, a date and a confidence. Files are read when they are first needed; nothing here
needs numpy, pandas or numba.
"""

from planner.catalogue.comparison import compare_models, list_models, todays_pairs
from planner.catalogue.models import Model, UnknownModel, model, names, retirement
from planner.catalogue.prices import Price, price, price_changes

__all__ = [
    "Model",
    "Price",
    "UnknownModel",
    "compare_models",
    "list_models",
    "model",
    "names",
    "price",
    "price_changes",
    "retirement",
    "todays_pairs",
]
