"""A specification that stays as it is while its figures move, so that a browser need not build the chart anew.

Comes in: a specification with its tables; goes out: the same chart, in which the ends of its scales and the words that hold
figures are no part of the specification. A page that gets the same specification with other tables puts these into
the chart that it shows, in a fraction of the time.
"""

from collections.abc import Iterator
from typing import Any

Spec = dict[str, Any]
ENDS = "ends"  # the table of the ends of the scales
CHANNELS = ("x", "y")
_UNSEEN = {"type": "point", "opacity": 0, "size": 0, "aria": False, "tooltip": None}


def moving(spec: Spec) -> tuple[Spec, str]:
    """The specification without its figures, and its description with them.

    Scales of places (x and y) of a layered chart that end at given numbers end at those of a table more, whose points are
    not seen; scales that cut off some of the data stay as they are. The description that stays with the chart is its first
    sentence, which says what kind of chart it is.

    Parameters
    ----------
    spec
        Of `View.to_dict(by_columns=True)`; is not changed.
    """
    words = str(spec.get("description", ""))
    found = {**spec, "description": f"{words.split('. ')[0].rstrip('.')}."} if words else dict(spec)
    layers = spec.get("layer")
    if not isinstance(layers, list):
        return found, words
    ends: dict[str, list[float]] = {}
    unseen: list[Spec] = []
    for channel in CHANNELS:
        scales = [encoding["scale"] for encoding in _numeric(layers, channel)]
        if not scales or not _can_be_open(spec, channel, scales):
            continue
        first = next(_numeric(layers, channel))
        # As Vega-Lite has it: a scale is nice if any of those who share it give no ends of their own.
        scale = {"nice": any(True for _ in _endless(layers, channel)), **scales[0]}
        column = f"{channel}_end"
        ends[column] = scale.pop("domain")
        encoding = {**first, "field": column, "scale": scale}
        unseen.append({"data": {"name": ENDS}, "mark": _UNSEEN, "encoding": {channel: encoding}})
        layers = [_opened(layer, channel, scale) for layer in layers]
    if not ends:
        return found, words
    return {**found, "layer": [*layers, *unseen], "datasets": {**spec["datasets"], ENDS: ends}}, words


def _numeric(layers: list[Spec], channel: str) -> Iterator[Spec]:
    """The encodings of a channel whose scale has two numbers as its ends."""
    for layer in layers:
        encoding = layer.get("encoding", {}).get(channel, {})
        domain = (encoding.get("scale") or {}).get("domain")
        if (
            isinstance(domain, list)
            and len(domain) == 2
            and all(isinstance(end, int | float) for end in domain)
        ):
            yield encoding


def _endless(layers: list[Spec], channel: str) -> Iterator[Spec]:
    """The encodings of a channel that share its scale and say nothing of its ends."""
    for layer in layers:
        encoding = layer.get("encoding", {}).get(channel)
        if (
            encoding is not None
            and encoding.get("scale", {}) is not None
            and "domain" not in encoding.get("scale", {})
        ):
            yield encoding


def _can_be_open(spec: Spec, channel: str, scales: list[Spec]) -> bool:
    """Whether a scale ends at the same numbers if its data say so: these, and 0 where it would be taken in, lie within."""
    low, high = scales[0]["domain"]
    are_alike = all(scale == scales[0] for scale in scales)
    if any(encoding.get("axis") is None for encoding in _numeric(spec["layer"], channel)):
        return False  # of a scale without an axis, Vega-Lite cannot make one for the layer more
    has_zero = scales[0].get("type") == "log" or low <= 0.0 <= high
    return are_alike and has_zero and all(low <= one <= high for one in _drawn(spec, channel))


def _drawn(spec: Spec, channel: str) -> Iterator[float]:
    """All numbers that a chart draws along a channel."""
    for layer in spec["layer"]:
        table = spec["datasets"].get(layer.get("data", {}).get("name"), {})
        for name in (channel, f"{channel}2"):
            encoding = layer.get("encoding", {}).get(name, {})
            if encoding.get("scale", {}) is None:  # in pixels
                continue
            values = [encoding["datum"]] if "datum" in encoding else table.get(encoding.get("field"), [])
            yield from (one for one in values if isinstance(one, int | float))


def _opened(layer: Spec, channel: str, scale: Spec) -> Spec:
    encoding = layer.get("encoding", {})
    if not any(True for _ in _numeric([layer], channel)):
        return layer
    return {**layer, "encoding": {**encoding, channel: {**encoding[channel], "scale": scale}}}


__all__ = ["ENDS", "moving"]
