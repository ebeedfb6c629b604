"""Inputs of a plan: what changing one changes. The classification belongs to the language (`scenario.input_kinds`)."""

from planner.scenario.input_kinds import Kind, chooses_by_price, kind_of, replaced, value_at

__all__ = ["Kind", "chooses_by_price", "kind_of", "replaced", "value_at"]
