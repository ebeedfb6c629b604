"""Workload: from a scenario to the windows that are simulated and the requests that come in them."""
