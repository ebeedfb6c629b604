"""Charts: tidy tables come in, Vega-Lite charts with units, labels and a description go out.

No measure is computed here: a chart lays out what it is given. One theme holds colours and number
formats, so a strategy looks the same in every chart, on light and on dark ground.
"""

from planner.charts.cost import cumulative_chart, tco_chart
from planner.charts.decision import break_even_chart, decision_chart
from planner.charts.flow import flow_chart
from planner.charts.gallery import Gallery
from planner.charts.latency import latency_chart
from planner.charts.log_load import log_load_chart
from planner.charts.months import CHOICE, months_chart
from planner.charts.moving import moving
from planner.charts.outage import backlog_chart
from planner.charts.theme import panels
from planner.charts.tradeoff import tradeoff_chart
from planner.charts.uncertainty import budget_chart, cheapest_chart, tornado_chart
from planner.charts.vega import View
from planner.charts.week import week_chart

__all__ = [
    "CHOICE",
    "Gallery",
    "View",
    "backlog_chart",
    "break_even_chart",
    "budget_chart",
    "cheapest_chart",
    "cumulative_chart",
    "decision_chart",
    "flow_chart",
    "latency_chart",
    "log_load_chart",
    "months_chart",
    "moving",
    "panels",
    "tco_chart",
    "tornado_chart",
    "tradeoff_chart",
    "week_chart",
]
