"""The scenario language: files in, an immutable Scenario out, or every problem at once."""

from planner.scenario.fields import Scenario
from planner.scenario.paths import PathProblem, get_value, parse, render, set_value
from planner.scenario.reading import load, loads, parse_override, read_text, with_overrides
from planner.scenario.schema import FieldRow, describe, field_rows, json_schema

__all__ = [
    "FieldRow",
    "PathProblem",
    "Scenario",
    "describe",
    "field_rows",
    "get_value",
    "json_schema",
    "load",
    "loads",
    "parse",
    "parse_override",
    "read_text",
    "render",
    "set_value",
    "with_overrides",
]
