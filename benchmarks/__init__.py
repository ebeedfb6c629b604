"""Benchmarks: figures measured in one run, so that their ratios hold on any machine."""
