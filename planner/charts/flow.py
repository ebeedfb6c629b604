"""Where requests go: from tasks to tiers to those who serve them, as bands whose height is their share.

Comes in: the tidy links of a strategy; goes out: one chart. Shares are looked up, heights are drawn from them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from planner.charts import theme, vega

TALL_PX = 240  # of all requests together
NODE_PX, SLOT_PX, GAP_PX = (
    9,
    46,
    10,
)  # a node's width; the room that its three lines of text need; between nodes
HEAD_PX = 24
THINNEST_PX = 1.5  # what nearly nothing takes is still seen
PLACES = (0.0, 0.4, 1.0)  # of the columns of nodes, in shares of the width
HEADINGS = ("Task", "Sent to", "Served by")
POINTS = 18  # a band
KINDS = ("task", "tier", "deployment", "failed")
FAILED_COLOUR = "#CC3311"
# Tiers are no strategies and no accounts: Tol's "medium contrast".
TIER_COLOURS = {"omni": "#6699CC", "mini": "#EECC66", "by rule": "#997700"}


@dataclass(frozen=True, kw_only=True)
class _Node:
    name: str
    kind: str
    column: int
    share: float
    monthly: float
    top_px: float

    @property
    def words(self) -> str:
        return f"{percent(self.share)}\n{_count(self.monthly)} a month"


def flow_chart(links: pd.DataFrame) -> vega.View:
    """The flow of one strategy's requests.

    Parameters
    ----------
    links : DataFrame [strategy, level, source, source_kind, target, target_kind, requests_share, requests_per_month]
        Level 0 from tasks to tiers, level 1 from tiers to deployments or "failed".

    Returns
    -------
    vega.View
        At most 2,000 rows.
    """
    strategy = str(links["strategy"].iloc[0]) if len(links) else ""
    nodes, height_px = _placed(links)
    rows = pd.DataFrame(
        [
            {
                "at": PLACES[node.column],
                "from_px": node.top_px,
                "to_px": node.top_px + _thick(node.share),
                "text_px": node.top_px + 1,
                "name": node.name,
                "words": node.words,
                "side": "end" if node.column == 2 else "start",
                "ink": FAILED_COLOUR if node.kind == "failed" else theme.NEUTRAL,
                "tip": f"{percent(node.share)} of requests, {node.monthly:,.0f} a month",
            }
            for node in nodes.values()
        ]
    )
    x = vega.X("at:Q").scale(domain=[0, 1], nice=False).axis(None)
    place = vega.Y("from_px:Q").scale(domain=[0, height_px], reverse=True, nice=False).axis(None)
    layers = [_bands(links, nodes, x, place), *_node_layers(rows, x), *_heads(x)]
    return theme.configure(
        vega.layer(*layers).properties(
            width="container", height=height_px, description=_description(links, strategy)
        )
    )


def percent(share: float) -> str:
    """A share for people: three digits, but never 0 for something and never 100 for not all.

    >>> percent(0.55), percent(0.01234), percent(1.0), percent(0.99996), percent(0.0000321)
    ('55 %', '1.23 %', '100 %', '99.996 %', '0.00321 %')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    digits = 3
    while share > 0.5 and float(f"{share * 100:.{digits}g}") >= 100.0 and digits < 12:
        digits += 1
    text = f"{float(f'{share * 100:.{digits}g}'):.12f}".rstrip("0").rstrip(".")
    return f"{text} %"


def _count(number: float) -> str:
    """A number of requests with three digits.

    >>> _count(1_234_567), _count(999.9), _count(12.34), _count(0)
    ('1.23 M', '1 k', '12.3', '0')
    """
    for size, letter in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if number >= size * 0.9995:
            return f"{float(f'{number / size:.3g}'):g}{letter}"
    return f"{float(f'{number:.3g}'):g}"


def _thick(share: float) -> float:
    return max(share * TALL_PX, THINNEST_PX)


def _placed(links: pd.DataFrame) -> tuple[dict[tuple[int, str, str], _Node], float]:
    """Nodes by (column, kind, name) with their tops, and the height of it all; columns stand in the middle."""
    columns: list[dict[tuple[int, str, str], list[float]]] = [{}, {}, {}]
    for row in links.to_dict("records"):
        level = int(row["level"])
        ends = [(level + 1, str(row["target_kind"]), str(row["target"]))]
        if level == 0:
            ends.append((0, str(row["source_kind"]), str(row["source"])))
        for key in ends:
            found = columns[key[0]].setdefault(key, [0.0, 0.0])
            found[0] += float(row["requests_share"])
            found[1] += float(row["requests_per_month"])
    # Tiers stand as in every chart and the failed last; the others keep the table's order.
    tiers = list(TIER_COLOURS)
    columns[1] = dict(sorted(columns[1].items(), key=lambda item: tiers.index(item[0][2])))
    columns[2] = dict(sorted(columns[2].items(), key=lambda item: item[0][1] == "failed"))
    talls = [
        sum(max(_thick(share), SLOT_PX) for share, _ in column.values()) + GAP_PX * max(len(column) - 1, 0)
        for column in columns
    ]
    height_px = max([*talls, 1.0]) + HEAD_PX
    nodes = {}
    for column, tall in zip(columns, talls, strict=True):
        top = HEAD_PX + (height_px - HEAD_PX - tall) / 2
        for key, (share, monthly) in column.items():
            nodes[key] = _Node(
                name=key[2], kind=key[1], column=key[0], share=share, monthly=monthly, top_px=top
            )
            top += max(_thick(share), SLOT_PX) + GAP_PX
    return nodes, round(height_px)


def _bands(
    links: pd.DataFrame, nodes: Mapping[tuple[int, str, str], _Node], x: vega.Channel, place: vega.Channel
) -> vega.View:
    left, right = ({key: node.top_px for key, node in nodes.items()} for _ in range(2))
    points = max(2, min(POINTS, (theme.MAX_ROWS - 200) // max(len(links), 1)))
    rows = []
    for number, row in enumerate(_in_order(links, list(nodes))):
        level = int(row["level"])
        source = (level, str(row["source_kind"]), str(row["source"]))
        target = (level + 1, str(row["target_kind"]), str(row["target"]))
        share = float(row["requests_share"])
        colour = FAILED_COLOUR if row["target_kind"] == "failed" else _tier_colour(row)
        begin, end, thick = left[source], right[target], _thick(share)
        left[source] += share * TALL_PX
        right[target] += share * TALL_PX
        for k in range(points):
            part = k / (points - 1)
            bend = part * part * (3 - 2 * part)
            top = begin + bend * (end - begin)
            rows.append(
                {
                    "link": number,
                    "at": round(PLACES[level] + part * (PLACES[level + 1] - PLACES[level]), 4),
                    "from_px": round(top, 1),
                    "to_px": round(top + thick, 1),
                    "colour": colour,
                    # A band answers for its first point: the others need not repeat its words.
                    "name": None if k else f"{row['source']} → {row['target']}",
                    "tip": None
                    if k
                    else f"{percent(share)} of requests, {row['requests_per_month']:,.0f} a month",
                }
            )
    table = pd.DataFrame(rows, columns=["link", "at", "from_px", "to_px", "colour", "name", "tip"])
    return (
        vega.chart(table)
        .mark_area(opacity=0.25)
        .encode(
            x,
            place,
            vega.Y2("to_px:Q"),
            vega.Color("colour:N").scale(None).legend(None),
            detail="link:N",
            tooltip=[vega.Tooltip("name:N", title="From → to"), vega.Tooltip("tip:N", title="Share")],
        )
    )


def _in_order(links: pd.DataFrame, order: Sequence[tuple[int, str, str]]) -> list[dict[Any, Any]]:
    """Links so that bands of a node leave and arrive in the order of the nodes at their other ends."""
    at = {key: k for k, key in enumerate(order)}
    return sorted(
        links.to_dict("records"),
        key=lambda row: (
            row["level"],
            at[int(row["level"]), str(row["source_kind"]), str(row["source"])],
            at[int(row["level"]) + 1, str(row["target_kind"]), str(row["target"])],
        ),
    )


def _tier_colour(row: Mapping[Any, Any]) -> str:
    tier = row["target"] if row["level"] == 0 else row["source"]
    return TIER_COLOURS.get(str(tier), theme.NEUTRAL)


def _node_layers(rows: pd.DataFrame, x: vega.Channel) -> list[vega.View]:
    top, bottom = vega.Y("from_px:Q"), vega.Y2("to_px:Q")
    base = vega.chart(rows)
    tips = [vega.Tooltip("name:N", title="Node"), vega.Tooltip("tip:N", title="Share")]
    layers = []
    for side, shift in (("start", 1), ("end", -1)):
        own = base.transform_filter(f"datum.side === {vega.words(side)}")
        align = "left" if side == "start" else "right"
        colour = vega.Color("ink:N").scale(None).legend(None)
        look: dict[str, Any] = {"align": align, "baseline": "top", "dx": shift * (NODE_PX + 4), "limit": 150}
        layers += [
            own.mark_bar(width=NODE_PX, xOffset=shift * NODE_PX / 2).encode(
                x, top, bottom, colour, tooltip=tips
            ),
            own.mark_text(**look, fontSize=12, fontWeight="bold").encode(
                x, vega.Y("text_px:Q"), colour, text="name:N"
            ),
            own.mark_text(**look, dy=15, fontSize=11, lineBreak="\n").encode(
                x, vega.Y("text_px:Q"), colour, text="words:N"
            ),
        ]
    return layers


def _heads(x: vega.Channel) -> list[vega.View]:
    rows = pd.DataFrame({"at": PLACES, "head": HEADINGS, "from_px": [0.0] * 3})
    found = []
    for align, test in (("left", "datum.at < 1"), ("right", "datum.at === 1")):
        found.append(
            vega.chart(rows)
            .transform_filter(test)
            .mark_text(align=align, baseline="top", fontSize=11, color=theme.NEUTRAL)
            .encode(x, vega.Y("from_px:Q"), text="head:N")
        )
    return found


def _description(links: pd.DataFrame, strategy: str) -> str:
    first, second = (links[links["level"] == level] for level in (0, 1))
    tiers = first.groupby("target", sort=False)["requests_share"].sum()
    sent = ", ".join(f"{percent(float(share))} to {tier}" for tier, share in tiers.items())
    ends = second.groupby("target", sort=False)["requests_share"].sum()
    served = ", ".join(
        f"{percent(float(share))} by {name}"
        for name, share in ends.items()
        if not ((second["target"] == name) & (second["target_kind"] == "failed")).any()
    )
    lost = float(second.loc[second["target_kind"] == "failed", "requests_share"].sum())
    total = float(first["requests_per_month"].sum())
    return (
        f"Flow of the {_count(total)} requests a month of {strategy}: sent {sent or 'nowhere'}; served "
        f"{served or 'by nobody'}; failed {percent(lost)}."
    )


__all__ = ["flow_chart", "percent"]
