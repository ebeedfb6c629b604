"""One look for every chart: colours, dashes and shapes by strategy, colours by account, number formats.

Strategy colours are Okabe and Ito's (safe for the common kinds of colour blindness) without the yellow
and the black, which vanish on one of the two grounds. Texts and rules that belong to no strategy are a
grey with a contrast of more than 4 to 1 on white and on near-black. Colour never stands alone: lines
differ in dash, points in shape, and names are written beside them.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from planner.charts import vega

MAX_ROWS = 2_000  # rows that a chart may carry: beyond, the browser gets slow

STRATEGY_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STRATEGY_DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [12, 4], [4, 4])
STRATEGY_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
NEUTRAL = "#7a7a7a"
KEY_ROW_PX = 19  # height of a line in a key

# Accounts use another family (Paul Tol's), lest a part of the bill look like a strategy.
ACCOUNT_COLOURS = {
    "api": "#4477AA",
    "verifier": "#77AADD",
    "router": "#44AA99",
    "gateway": "#66CCEE",
    "wasted": "#CC6677",
    "transfer": "#999933",
    "compute": "#228833",
    "devices": "#5AAE61",
    "energy": "#BBCC33",
    "people": "#DDCC77",
    "one-time": "#AA4499",
    "migration": "#B68FC4",
    "wrong answers": "#EE8866",
    "downtime": "#FFAABB",
    "integration": "#CC99BB",
    "maintenance": "#AA7744",
    "compliance": "#771155",
    "exit": "#777777",
    "review": "#DD7788",
}
OTHER_ACCOUNT_COLOURS = ("#99DDFF", "#AAAA00", "#BBBBBB", "#882255")

# d3 writes a billion as G; people who read money write B.
USD_AXIS = "replace(format(datum.value, '~s'), 'G', 'B')"
USD_TOOLTIP = ",.2f"


def strategy_colour(name: str, names: Sequence[str]) -> str:
    """The colour of a strategy among all strategies of the scenario, in their order."""
    return STRATEGY_COLOURS[list(names).index(name) % len(STRATEGY_COLOURS)]


def strategy_scale(names: Sequence[str]) -> vega.Spec:
    """Colours by strategy, in the scenario's order; the same in every chart."""
    return vega.scale(domain=list(names), range=[strategy_colour(name, names) for name in names])


def dash_scale(names: Sequence[str]) -> vega.Spec:
    """Line dashes by strategy: the second way to tell lines apart."""
    return vega.scale(domain=list(names), range=_repeated(STRATEGY_DASHES, len(names)))


def shape_scale(names: Sequence[str]) -> vega.Spec:
    """Point shapes by strategy: the second way to tell points apart."""
    return vega.scale(domain=list(names), range=_repeated(STRATEGY_SHAPES, len(names)))


def account_colours(accounts: Sequence[str]) -> dict[str, str]:
    """ACCOUNT: colour; accounts without one of their own get the spare ones in turn."""
    strangers = [name for name in accounts if name not in ACCOUNT_COLOURS]
    spare = dict(zip(strangers, _repeated(OTHER_ACCOUNT_COLOURS, len(strangers)), strict=True))
    return {name: ACCOUNT_COLOURS.get(name) or spare[name] for name in accounts}


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour given as #rrggbb (WCAG relative luminance).

    >>> ink_on("#4477AA"), ink_on("#DDCC77")
    ('#ffffff', '#000000')
    """
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


CONFIG: vega.Spec = {
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "labelLimit": 220, "gridOpacity": 0.6, "titlePadding": 8},
    "legend": {
        "orient": "bottom", "direction": "horizontal", "labelFontSize": 12, "titleFontSize": 12, "labelLimit": 260,
        "symbolOpacity": 1, "columns": 3, "rowPadding": 4,
    },
    "title": {"anchor": "start", "fontSize": 14, "offset": 10, "subtitleColor": NEUTRAL},
    "view": {"strokeWidth": 0},
}  # fmt: skip


def configure(chart: vega.View) -> vega.View:
    """The common look of a finished chart. Colours of axis texts are left to the ground it stands on."""
    if chart.parts is None:
        # The width follows the page; the height is kept, because keys are placed in pixels.
        chart = chart.properties(autosize={"type": "fit-x", "contains": "padding"})
    return chart.properties(config=CONFIG)


def panels(chart: vega.View) -> list[vega.View]:
    """The single charts of one drawn side by side, each complete: a narrow screen stacks them.

    A chart of one panel gives itself.
    """
    return [chart] if chart.parts is None else [configure(part) for part in chart.parts]


def usd_words(amount: float) -> str:
    """An amount in a label: three significant digits with k, M or B.

    >>> usd_words(1234567), usd_words(1.6e6), usd_words(950), usd_words(0.00123), usd_words(0)
    ('1.23 M USD', '1.60 M USD', '950 USD', '0.00123 USD', '0 USD')
    """
    for size, letter in ((1e9, " B"), (1e6, " M"), (1e3, " k"), (1, "")):
        if abs(amount) >= size * 0.9995:
            return f"{amount / size:#.3g}".rstrip(".") + f"{letter} USD"
    return (
        f"{amount:.3f} USD"
        if abs(amount) >= 0.01
        else f"{float(f'{amount:.3g}'):.12f}".rstrip("0").rstrip(".") + " USD"
    )


def seconds_words(seconds: float) -> str:
    """A duration in a label: three significant digits.

    >>> seconds_words(4.236), seconds_words(0.32), seconds_words(1234)
    ('4.24 s', '0.32 s', '1,234 s')
    """
    return (
        f"{seconds:,.0f} s"
        if seconds >= 999.5
        else f"{float(f'{seconds:.3g}'):.10f}".rstrip("0").rstrip(".") + " s"
    )


def significant(column: pd.Series, digits: int) -> pd.Series:
    """Numbers with so many digits that count: what a pixel or a tooltip cannot show is not sent.

    >>> significant(pd.Series([0.0123456, 12345.6, 0.0]), 4).tolist()
    [0.01235, 12350.0, 0.0]
    """
    return column.map(lambda value: rounded(value, digits))


def rounded(value: float, digits: int) -> float:
    """A number with so many digits that count; one that is not a number stays so.

    >>> rounded(0.0123456, 4), rounded(float("nan"), 4)
    (0.01235, nan)
    """
    return value if value != value else float(f"{value:.{digits}g}")


def thinned(rows: pd.DataFrame, by: str, limit: int = MAX_ROWS) -> pd.DataFrame:
    """At most `limit` rows, thinned evenly within each group; first and last rows of a group stay."""
    if len(rows) <= limit:
        return rows
    return rows.iloc[kept(rows[by].tolist(), limit)].reset_index(drop=True)


def kept(groups: Sequence[Any], limit: int = MAX_ROWS) -> list[int]:
    """Which rows are kept where at most `limit` may be, group by group; `groups` has the group of each row.

    >>> kept(["a", "b", "a", "a", "a", "a", "b"], 5), kept(["b", "a"])
    ([0, 5, 1, 6], [0, 1])
    """
    if len(groups) <= limit:
        return list(range(len(groups)))
    places: dict[Any, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    each = limit // len(places)
    assert each >= 2, f"{len(places)} lines cannot be drawn with {limit} rows"
    return [place for own in places.values() for place in _spread(own, each)]


def _spread(places: Sequence[int], many: int) -> Sequence[int]:
    last = len(places) - 1
    return places if last < many else [places[round(k * last / (many - 1))] for k in range(many)]


NARROW_PX, LETTER_PX = 270.0, 6.8  # the plot on a phone; a bold letter of 12 px on average


def text_share(texts: Sequence[str]) -> float:
    """Part of a phone's plot that the longest text of a key takes, its mark included."""
    return (18 + LETTER_PX * max((len(text) for text in texts), default=0)) / NARROW_PX


def key_rows(many: int, *, above: bool, first_px: float = 10) -> list[float]:
    """Pixels from the top of the plot of each row of a key; negative where it stands above the plot."""
    return [(k - many) * KEY_ROW_PX + 6 if above else first_px + KEY_ROW_PX * k for k in range(many)]


def key_layers(rows: vega.Columns, names: Sequence[str], x: vega.X, *, is_right: bool) -> list[Any]:
    """A key inside the plot: a point and a text per strategy, in a corner that stays free.

    `rows` holds strategy, `text`, `row_px` (from the top of the plot) and the field of `x`, the edge.
    """
    colour = vega.Color("strategy:N").scale(strategy_scale(names)).legend(None)
    shape = vega.Shape("strategy:N").scale(shape_scale(names)).legend(None)
    place = vega.Y("row_px:Q").scale(None)
    side = -1 if is_right else 1
    base = vega.chart(rows)
    return [
        base.mark_point(size=70, filled=True, opacity=1, xOffset=8 * side).encode(x, place, colour, shape),
        base.mark_text(
            align="right" if is_right else "left", dx=18 * side, fontSize=12, fontWeight="bold", color=NEUTRAL
        ).encode(x, place, text="text:N"),
    ]


def _repeated(values: Sequence[Any], many: int) -> list[Any]:
    return [values[k % len(values)] for k in range(many)]
