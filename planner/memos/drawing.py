"""Charts as SVG that stands inside a page: no script, no outside font, readable on light and on dark ground.

Comes in: charts of `planner.charts`; goes out: `<svg>` elements in two widths, of which the page shows one.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from planner.charts.theme import NEUTRAL

WIDE_PX, NARROW_PX = 500, 330
NARROW_LETTERS_PX = 10.2
INK = "currentColor"  # texts and rules take the colour of the page around them
_LOOK: dict[str, Any] = {
    "axis": {
        "labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK, "gridColor": INK,
        "gridOpacity": 0.13, "domainOpacity": 0.5, "tickOpacity": 0.5, "titleFontWeight": "normal",
    },
    "legend": {"labelColor": INK, "titleColor": INK, "titleFontWeight": "normal"},
    "title": {"color": INK, "subtitleColor": INK},
    "text": {"color": INK},
}  # fmt: skip
_SIZES_OF_LETTERS = {"fontSize", "labelFontSize", "titleFontSize"}
_IDS = re.compile(r'\bid="([^"]+)"')
_SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)" height="([\d.]+)"[^>]*>')


def figure(chart: Any, key: str, title: str, caption: str = "") -> str:
    """A chart under its title in both widths; style decides which is seen. A title of the chart's own wins."""
    spec = chart.to_dict()
    own = spec.pop("title", None)
    if isinstance(own, str):
        own = {"text": own}
    if own:
        title = _line(own.get("text")) or title
        caption = " ".join(part for part in (_line(own.get("subtitle")), caption) if part)
    drawn = "".join(
        f'<div class="{name}">{svg_of(spec, f"{key}-{name}", title, width)}</div>'
        for name, width in (("wide", WIDE_PX), ("narrow", NARROW_PX))
    )
    note = f"<p class='small'>{escape(caption)}</p>" if caption else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{note}{drawn}</figure>"


def _line(text: Any) -> str:
    """A title in one line; Vega-Lite may have it in several."""
    return " ".join(map(str, text)) if isinstance(text, list | tuple) else str(text or "")


def svg_of(given: Mapping[str, Any], key: str, title: str, width_px: int) -> str:
    """A chart as one `<svg>` with a title and a description for those who do not see it.

    Parameters
    ----------
    given : Vega-Lite specification
        With a `description`; its width is replaced, its height kept.
    key : str
        Unlike any other in the page: ids inside begin with it.
    """
    import vl_convert

    is_wide = width_px >= WIDE_PX
    config = dict(given.get("config", {}))
    for part, look in _LOOK.items():
        config[part] = {**config.get(part, {}), **look}
    config["aria"] = False  # one title and one description, not a label on every mark
    spec = {**given, "width": width_px - 8, "background": None, "config": config}
    if not is_wide:
        spec = _narrowed(spec)
    drawn = vl_convert.vegalite_to_svg(spec).replace(NEUTRAL, INK)
    return _in_page(drawn, key, title, str(given.get("description") or title))


def _narrowed(spec: Any) -> Any:
    """A copy with letters and legends that fit a narrow page."""
    if isinstance(spec, dict):
        found = {name: _narrowed(value) for name, value in spec.items()}
        for name in _SIZES_OF_LETTERS & set(found):
            if isinstance(found[name], int | float):
                found[name] = min(found[name], NARROW_LETTERS_PX)
        if found.get("fontWeight") == "bold":
            found["fontWeight"] = "normal"
        if isinstance(found.get("columns"), int):
            found["columns"] = min(found["columns"], 2)
        return found
    return [_narrowed(value) for value in spec] if isinstance(spec, list) else spec


def _in_page(drawn: str, key: str, title: str, description: str) -> str:
    """An SVG made ready for a page: ids of its own, a title, a description, a size that follows the page."""
    found = _SIZE.match(drawn)
    assert found is not None, "an SVG begins with its size"
    width, height = (float(size) for size in found.groups())
    body = drawn[found.end() :]
    for name in dict.fromkeys(_IDS.findall(body)):
        for before, after in (('id="', '"'), ("url(#", ")"), ('href="#', '"')):
            body = body.replace(f"{before}{name}{after}", f"{before}{key}-{name}{after}")
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-labelledby="{key}-title {key}-about"><title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-about">{escape(description)}</desc>{body}'
    )


__all__ = ["NARROW_PX", "WIDE_PX", "figure", "svg_of"]
