"""The load of a log over its own time: requests as a step, output tokens in the tooltip.

Comes in: the table `load` of a log's profile; goes out: one small chart.
"""

from typing import Any

import pandas as pd

from planner.charts import theme, vega

HEIGHT_PX = 150
DAY_S = 86_400.0
FEW_PER_S = 1.0  # below, people read requests a minute


def log_load_chart(rows: pd.DataFrame) -> Any:
    """Requests over the time of a log.

    Parameters
    ----------
    rows : DataFrame [start_s, moment, width_s, requests, requests_per_s, requests_per_min, output_tokens_per_s]
        As `planner.workload.log_profile` gives them; `moment` is None throughout where the log has no calendar.

    Returns
    -------
    vega.View
        At most 2,000 rows.
    """
    by_minute = float(rows["requests_per_s"].max()) < FEW_PER_S
    measure, unit = ("requests_per_min", "minute") if by_minute else ("requests_per_s", "second")
    has_calendar = bool(rows["moment"].notna().all())
    table = _to_the_end(rows, has_calendar).assign(rate=lambda one: one[measure])
    if has_calendar:
        # ISO with a zone: Vega would take anything else for the reader's own time.
        table = table.assign(at=[moment.isoformat() for moment in table["moment"]])
        is_of_a_day = float(table["start_s"].max()) <= DAY_S
        x = vega.X("at:T").title("Time (UTC)").scale(type="utc", nice=False)
        x = x.axis(format="%H:%M" if is_of_a_day else "%a %d, %H:%M", labelOverlap=True)
        when = vega.Tooltip("words:N", title="From (UTC)")
        table = table.assign(words=[f"{moment:%a %Y-%m-%d %H:%M:%S}" for moment in table["moment"]])
    else:
        shown, per = _scale(float(table["start_s"].max()))
        table = table.assign(at=table["start_s"] / per)
        x = vega.X("at:Q").title(f"Time since the log began ({shown})").scale(nice=False)
        when = vega.Tooltip("at:Q", title=f"From ({shown})", format=",.3~r")
    y = vega.Y("rate:Q").title(f"Requests a {unit}").axis(tickCount=4, format=",.3~r").scale(zero=True)
    columns = ["at", "rate", "requests", "output_tokens_per_s", *(["words"] if has_calendar else [])]
    base = vega.chart(table[columns])
    tips = [
        when,
        vega.Tooltip("rate:Q", title=f"Requests a {unit}", format=",.3~r"),
        vega.Tooltip("requests:Q", title="Requests", format=","),
        vega.Tooltip("output_tokens_per_s:Q", title="Output tokens a second", format=",.3~r"),
    ]
    area = base.mark_area(color=theme.NEUTRAL, opacity=0.18, interpolate="step-after").encode(x, y)
    line = base.mark_line(color=theme.NEUTRAL, strokeWidth=2, interpolate="step-after").encode(
        x, y, tooltip=tips
    )
    return theme.configure(
        vega.layer(area, line).properties(
            width="container", height=HEIGHT_PX, description=_description(rows, measure, unit, has_calendar)
        )
    )


def _to_the_end(rows: pd.DataFrame, has_calendar: bool) -> pd.DataFrame:
    """The last bin is drawn to its end: its level stands once more where it ends."""
    last = rows.tail(1)
    width = float(last["width_s"].iloc[0])
    end = last.assign(start_s=last["start_s"] + width)
    if has_calendar:
        end = end.assign(moment=last["moment"] + pd.Timedelta(seconds=width))
    return pd.concat([rows, end], ignore_index=True)


def _scale(end_s: float) -> tuple[str, float]:
    """Unit of the axis, and seconds of it."""
    for unit, per in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if end_s >= 3 * per:
            return unit, per
    return "s", 1.0


def _description(rows: pd.DataFrame, measure: str, unit: str, has_calendar: bool) -> str:
    top = rows.iloc[int(rows[measure].to_numpy().argmax())]
    when = (
        f"{top['moment']:%Y-%m-%d %H:%M} UTC" if has_calendar else f"{top['start_s']:,.0f} s after the start"
    )
    return (
        f"Requests of the log over its time, in steps of {top['width_s']:,.0f} s: {rows['requests'].sum():,} in all, at most "
        f"{top[measure]:,.3g} a {unit}, from {when} on."
    )


__all__ = ["log_load_chart"]
