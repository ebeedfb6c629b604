"""Configurations of gateways, read into scenarios and written from them.

Comes in: the text of a configuration, or a Scenario and a strategy; goes out: text, with everything that one side says
and the other cannot. Nothing is simulated here.
"""

from planner.gateways.litellm_configuration import ConfigurationError
from planner.gateways.litellm_export import Exported, UnknownStrategy, export_litellm
from planner.gateways.litellm_import import Imported, import_litellm

__all__ = [
    "ConfigurationError",
    "Exported",
    "Imported",
    "UnknownStrategy",
    "export_litellm",
    "import_litellm",
]
