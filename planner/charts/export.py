"""Charts and tables as files: PNG and SVG of a chart, CSV of what it draws. Nothing is fetched from anywhere.

Comes in: a finished chart or a table; goes out: text or bytes. Both are drawn by vl-convert on light ground in its
own sans-serif font, so a file looks alike on every machine.
"""

from decimal import Decimal
from typing import Any

import pandas as pd

from planner.charts import vega

WIDTH_PX = 720
GROUND = "#ffffff"


def svg(chart: vega.View, width: int = WIDTH_PX) -> str:
    """A chart as SVG, `width` CSS pixels wide where it takes the width of its place."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_fixed(chart, width), allowed_base_urls=[]))


def png(chart: vega.View, scale: float = 2.0, width: int = WIDTH_PX) -> bytes:
    """A chart as PNG with `scale` dots for a CSS pixel."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_fixed(chart, width), scale=scale, allowed_base_urls=[]))


def csv(drawn: vega.View | pd.DataFrame) -> bytes:
    """A table, or the tables that a chart draws, as CSV (UTF-8); several are parted by an empty line.

    Figures have the digits of the table, decimals all of theirs; unknown ones are empty.
    """
    tables = [drawn] if isinstance(drawn, pd.DataFrame) else drawn.tables
    return "\n".join(_exact(table).to_csv(index=False, lineterminator="\n") for table in tables).encode()


def _exact(table: pd.DataFrame) -> pd.DataFrame:
    """Decimals as they are written by hand, without an exponent."""
    plain = {
        name: [f"{value:f}" if isinstance(value, Decimal) else value for value in column]
        for name, column in table.items()
        if column.dtype == object
    }
    return table.assign(**{str(name): values for name, values in plain.items()})


def _fixed(chart: vega.View, width: int) -> dict[str, Any]:
    """The specification with a width of its own, on ground of its own."""
    parts = chart.parts
    gap = 20
    share = (width - gap * (len(parts) - 1)) // len(parts) if parts else width

    def sized(body: dict[str, Any]) -> dict[str, Any]:
        found = dict(body)
        if found.get("width") == "container":
            found["width"] = share
        for key in ("hconcat", "vconcat"):
            if key in found:
                found[key] = [sized(one) for one in found[key]]
        return found

    spec = sized(chart.to_dict())
    return {
        **spec,
        "background": GROUND,
        "padding": 12,
        "config": spec.get("config", {}),
    }


__all__ = ["csv", "png", "svg"]
