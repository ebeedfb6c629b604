"""What a log's traffic is like: load over its time and over the hours of the week, sizes, burstiness.

Comes in: a `Log`; goes out: small tidy tables for charts, and words. Every figure is a count or a quantile of the log's own
rows; nothing is fitted.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

    from planner.workload.log_kept import Log

MOST_BINS = 200
#: Widths of bins that people read: a second to a week.
WIDTHS_S = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14_400,
    21_600,
    43_200,
    86_400,
    604_800,
)
DISPERSION_S = (1, 60)
LEAST_BINS = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MINUTE_S = 60.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Profile:
    """Tables of a log's traffic.

    `load`: start_s, moment (UTC, None without a calendar), width_s, requests, requests_per_s, requests_per_min,
    input_tokens_per_s, output_tokens_per_s; the last bin's rates are over the part of it that the log covers. `hours`: weekday, hour (UTC),
    requests, hours (how many such hours the log covers), requests_per_hour; empty without a calendar. `sizes`: what, share,
    value. `dispersion`: window_s, index (variance over mean of counts; Poisson has 1), windows.
    """

    load: "pd.DataFrame"
    hours: "pd.DataFrame"
    sizes: "pd.DataFrame"
    dispersion: "pd.DataFrame"
    busiest_per_s: float
    busiest_s: float
    words: tuple[str, ...]


def profile(log: "Log") -> Profile:
    """The profile of a log."""
    import pandas as pd

    busiest, at = busiest_minute(log)
    spread = pd.DataFrame(list(_dispersion(log)), columns=["window_s", "index", "windows"])
    sizes = pd.DataFrame(list(_sizes(log)), columns=["what", "share", "value"])
    return Profile(
        load=_load(log),
        hours=_hours(log),
        sizes=sizes,
        dispersion=spread,
        busiest_per_s=busiest,
        busiest_s=at,
        words=tuple(_words(log, busiest, at, spread, sizes)),
    )


def busiest_minute(log: "Log") -> tuple[float, float]:
    """Requests a second in the busiest minute from the start on, and when it begins; of a shorter log all of it."""
    if log.span_s < MINUTE_S:
        return (log.n / log.span_s if log.span_s > 0 else float("nan")), 0.0
    counts = np.bincount((log.arrival_ns // (60 * 10**9)).astype(np.int64))
    best = int(counts.argmax())
    return float(counts[best]) / MINUTE_S, best * MINUTE_S


def _load(log: "Log") -> "pd.DataFrame":
    import pandas as pd

    width = next((width for width in WIDTHS_S if log.span_s / width <= MOST_BINS), None)
    if width is None:
        width = int(np.ceil(log.span_s / MOST_BINS / WIDTHS_S[-1])) * WIDTHS_S[-1]
    places = log.arrival_ns // (width * 10**9)
    n_bins = int(places[-1]) + 1
    starts = np.arange(n_bins) * float(width)
    covered = np.minimum(np.full(n_bins, float(width)), np.maximum(log.span_s - starts, 0.0))
    covered[covered <= 0] = float(width)  # a log that ends with a bin's first moment
    counts = np.bincount(places, minlength=n_bins)
    start = log.start
    moments = None if start is None else [start + datetime.timedelta(seconds=at) for at in starts.tolist()]
    return pd.DataFrame(
        {
            "start_s": starts,
            "moment": moments if moments is not None else pd.Series([None] * n_bins, dtype=object),
            "width_s": float(width),
            "requests": counts,
            "requests_per_s": counts / covered,
            "requests_per_min": counts / covered * MINUTE_S,
            "input_tokens_per_s": np.bincount(places, log.input_tokens, minlength=n_bins) / covered,
            "output_tokens_per_s": np.bincount(places, log.output_tokens, minlength=n_bins) / covered,
        }
    )


def _hours(log: "Log") -> "pd.DataFrame":
    """Requests by weekday and hour, over how many such hours the log touches."""
    import pandas as pd

    columns = ["weekday", "hour", "requests", "hours", "requests_per_hour"]
    if log.start_ns is None:
        return pd.DataFrame(columns=columns)
    since_ns = log.start_ns + log.arrival_ns
    hour = since_ns // (3600 * 10**9)  # since Thursday, 1970-01-01
    first, last = int(hour[0]), int(hour[-1])
    of_week = (hour + 72) % 168
    counts = np.bincount(of_week, minlength=168)
    touched = np.bincount((np.arange(first, last + 1) + 72) % 168, minlength=168)
    rows = [
        (
            DAYS[place // 24],
            place % 24,
            int(counts[place]),
            int(touched[place]),
            counts[place] / touched[place],
        )
        for place in range(168)
        if touched[place]
    ]
    return pd.DataFrame(rows, columns=columns)


def _sizes(log: "Log") -> Iterator[tuple[str, float, float]]:
    kinds = {"input tokens": log.input_tokens, "output tokens": log.output_tokens}
    for what, values in kinds.items():
        for share, value in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True):
            yield what, share, float(value)
    known = None if log.latency_ns is None else log.latency_ns[log.latency_ns >= 0]
    if known is not None and len(known):
        for share, value in zip(QUANTILES, np.quantile(known, QUANTILES) / 1e9, strict=True):
            yield "latency as logged, s", share, float(value)


def _dispersion(log: "Log") -> Iterator[tuple[int, float, int]]:
    """Variance over mean of the counts in whole windows; left out where there are fewer than ten."""
    for width in DISPERSION_S:
        n_windows = int(log.span_s // width)
        if n_windows >= LEAST_BINS:
            yield width, index_of_dispersion(log.arrival_ns, width, n_windows), n_windows


def index_of_dispersion(arrival_ns: npt.NDArray[np.int64], width_s: int, n_windows: int) -> float:
    """Variance (n - 1) over mean of the counts in the first windows; 1 for Poisson arrivals of a constant rate.

    >>> index_of_dispersion(np.array([0, 1, 2, 2_000_000_000]), 1, 4)
    2.0
    """
    places = arrival_ns // (width_s * 10**9)
    counts = np.bincount(places[places < n_windows], minlength=n_windows)
    return float(counts.var(ddof=1) / counts.mean())


def _words(
    log: "Log", busiest: float, at: float, spread: "pd.DataFrame", sizes: "pd.DataFrame"
) -> Iterator[str]:
    yield f"{many(log.n, 'request')} in {span_words(log.span_s)}" + ("" if log.start is None else f" from {log.start:%A %Y-%m-%d %H:%M} UTC")  # fmt: skip
    if log.span_s > 0:
        mean = log.n / log.span_s
        if log.span_s >= MINUTE_S:
            when = (
                f"{at / 60:,.0f} min after the start"
                if log.start is None
                else f"{log.start + datetime.timedelta(seconds=at):%Y-%m-%d %H:%M} UTC"
            )
            yield f"{rate_words(busiest)} at the busiest minute ({when}), {rate_words(mean)} on average"
        else:
            yield f"{rate_words(mean)} on average"
    for what in ("input tokens", "output tokens"):
        own = sizes[sizes["what"] == what].set_index("share")["value"]
        mean_tokens = (log.input_tokens if what.startswith("input") else log.output_tokens).mean()
        yield f"{what}: {mean_tokens:,.0f} on average, median {own[0.5]:,.0f}, p95 {own[0.95]:,.0f}"
    for window_s, index in zip(spread["window_s"], spread["index"], strict=True):
        yield f"burstiness over {window_s} s: variance over mean of the counts is {index:,.3g} (independent arrivals at a steady rate have 1)"
    logged = sizes[sizes["what"] == "latency as logged, s"].set_index("share")["value"]
    if len(logged):
        yield f"latency as logged: median {logged[0.5]:,.3g} s, p95 {logged[0.95]:,.3g} s (shown, not replayed)"


def rate_words(per_s: float) -> str:
    """A rate in words.

    >>> rate_words(34.2), rate_words(0.5), rate_words(0.002)
    ('34 requests a second', '30 requests a minute', '7.2 requests an hour')
    """
    for factor, unit in ((1, "a second"), (60, "a minute"), (3600, "an hour")):
        if per_s * factor >= 1 or unit == "an hour":
            value = per_s * factor
            return f"{value:,.0f} requests {unit}" if value >= 10 else f"{value:,.2g} requests {unit}"
    raise AssertionError("the last unit is always good")


def many(count: int, noun: str) -> str:
    """How many of something.

    >>> many(1, "row"), many(1200, "request")
    ('1 row', '1,200 requests')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span_words(span_s: float) -> str:
    """A length of time in words.

    >>> span_words(7200), span_words(40), span_words(864000)
    ('2 h', '40 s', '10 days')
    """
    for size, unit in ((172_800, "days"), (7200, "h"), (120, "min")):
        if span_s >= size:
            per = {"days": 86_400, "h": 3600, "min": 60}[unit]
            return f"{span_s / per:.3g} {unit}"
    return f"{span_s:.3g} s"


__all__ = [
    "DAYS",
    "Profile",
    "busiest_minute",
    "index_of_dispersion",
    "many",
    "profile",
    "rate_words",
    "span_words",
]
