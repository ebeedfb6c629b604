"""Models side by side: the rows behind `planner models`.

Comes in: every part of the catalogue. Goes out: plain dicts, one per model for the list and one per model and
measure for the comparison, each figure with kind, date and source; None where nothing is known, with the
reason in `note`.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from planner.catalogue.latency import LatencyUnknown, latency
from planner.catalogue.models import Model, load, model, retirement
from planner.catalogue.prices import price, providers
from planner.catalogue.reading import read
from planner.catalogue.tokens import NoTokenRule, audio_rule, image_rule, image_tokens
from planner.errors import PriceUnknown

Row = dict[str, Any]
IMAGE_PX = 1024  # side of the square image whose tokens the comparison shows


def todays_pairs() -> tuple[tuple[str, str, str], ...]:
    """(general model, small model, provider) of today for OpenAI, Anthropic and Google."""
    return tuple((row["omni"], row["mini"], row["provider"]) for row in read("pairs")["pairs"])


def list_models(on: date | None = None) -> list[Row]:
    """One row per model, moving names included: what it is, its window, its price and its retirement.

    Without a day the latest known price is shown. Where a model has no home provider, the price is that of
    the host named in `provider` with the cheapest output.
    """
    return [_summary(record, on) for record in load().values()]


def compare_models(names: Iterable[str], on: date) -> list[Row]:
    """Tidy rows {model, measure, value, unit, kind, as_of, source, note} of several models.

    Measures come in the same order for every model; audio prices only for models that take audio. Raises
    UnknownModel.
    """
    rows: list[Row] = []
    for name in names:
        record = model(name)
        provider = _provider(record, on)
        for block in (
            _identity(record),
            _prices(record, provider, on),
            _speed(record, provider),
            _tokens(record),
        ):
            rows += block
        rows += _scores(record)
        rows += _life(record, provider)
    return rows


def _row(
    record: Model,
    measure: str,
    value: Any,
    unit: str,
    kind: str,
    as_of: str | None,
    source: str,
    note: str | None = None,
) -> Row:
    return {
        "model": record.name,
        "measure": measure,
        "value": value,
        "unit": unit,
        "kind": kind,
        "as_of": as_of,
        "source": source,
        "note": note,
    }


def _provider(record: Model, on: date | None) -> str | None:
    """Home provider, else the host with the cheapest known output on the day, else any host, else None."""
    if record.home_provider is not None:
        return record.home_provider
    hosts = providers(record.name)
    priced = []
    for host in hosts:
        try:
            priced.append((price(record.name, host, "output", on or _latest()).usd_per_mtok, host))
        except PriceUnknown:
            continue
    return min(priced)[1] if priced else (hosts[0] if hosts else None)


def _latest() -> date:
    return date.fromisoformat(read("pairs")["as_of"])


def _summary(record: Model, on: date | None) -> Row:
    provider = _provider(record, on)
    prices = {meter: _priced(record, provider, meter, on or _latest()) for meter in ("input", "output")}
    ends = None if provider is None else retirement(record.name, provider)
    return {
        "model": record.name,
        "vendor": record.vendor,
        "tier": record.tier,
        "provider": provider,
        "providers": providers(record.name),
        "modalities": tuple(sorted(record.modalities)),
        "output_modalities": tuple(sorted(record.output_modalities)),
        "context_tokens": record.context_tokens,
        "max_output_tokens": record.max_output_tokens,
        "input_usd_per_mtok": prices["input"]["value"],
        "output_usd_per_mtok": prices["output"]["value"],
        "price_as_of": prices["input"]["as_of"],
        "price_note": prices["input"]["note"],
        "runs_on": tuple(sorted(record.runs_on)),
        "alias_of": record.alias_of,
        "retires": None if ends is None else ends.date,
        "retirement_note": None if ends is None else ends.notice,
    }


def _identity(record: Model) -> list[Row]:
    basis = record.modalities_basis
    kind = "estimate" if basis else "reported"
    total = record.total_window_tokens
    window = None if total is None else f"prompt; with the answer {total:,}"
    return [
        _row(record, "points at", record.alias_of, "", "reported", record.as_of, record.source, record.note),
        _row(
            record,
            "modalities",
            tuple(sorted(record.modalities)),
            "",
            kind,
            record.as_of,
            record.source,
            basis,
        ),
        _row(
            record,
            "output modalities",
            tuple(sorted(record.output_modalities)),
            "",
            kind,
            record.as_of,
            record.source,
            basis,
        ),
        _row(
            record,
            "context",
            record.context_tokens,
            "tokens",
            "reported",
            record.as_of,
            record.source,
            window,
        ),
        _row(
            record,
            "longest answer",
            record.max_output_tokens,
            "tokens",
            "reported",
            record.as_of,
            record.source,
        ),
        _row(record, "parameters", record.params_billions, "1e9", *_known(record.params_billions, record)),
        _row(record, "open weights", record.open_weights, "", "reported", record.as_of, record.source),
        _row(record, "runs on", tuple(sorted(record.runs_on)), "", "reported", record.as_of, record.source),
    ]


def _known(value: Any, record: Model) -> tuple[str, str | None, str]:
    return ("absent", None, "not published") if value is None else ("reported", record.as_of, record.source)


def _prices(record: Model, provider: str | None, on: date) -> list[Row]:
    measures = ["input", "cached_input", "output"]
    if "audio" in record.modalities:
        measures += ["audio_input"]
    if "audio" in record.output_modalities:
        measures += ["audio_output"]
    return [_priced(record, provider, meter, on) for meter in measures]


def _priced(record: Model, provider: str | None, meter: str, on: date) -> Row:
    measure = f"{meter.replace('_', ' ')} price"
    unit = "USD/1e6 tokens"
    if provider is None:
        return _row(
            record,
            measure,
            None,
            unit,
            "absent",
            None,
            "sold by nobody we know",
            "own hardware: paid by the hour or the piece",
        )
    try:
        found = price(record.name, provider, meter, on)
    except PriceUnknown as unknown:
        return _row(record, measure, None, unit, "absent", None, "no price known", str(unknown))
    carried = f", {found.carried_text}" if found.carried_text else ""
    note = f"at {provider} since {found.effective_from} ({found.date_basis}){carried}"
    return _row(
        record, measure, found.usd_per_mtok, unit, "reported", str(found.known_until), found.source, note
    )


def _speed(record: Model, provider: str | None) -> list[Row]:
    measures = (
        ("TTFT", "ttft_p50_s", "s"),
        ("TTFT p95", "ttft_p95_s", "s"),
        ("output speed", "tokens_per_s_p50", "tokens/s"),
    )
    try:
        if provider is None:
            raise LatencyUnknown("runs on own hardware: depends on it")
        found = latency(record.name, provider)
    except LatencyUnknown as unknown:
        return [
            _row(record, name, None, unit, "absent", None, "no measurement", str(unknown))
            for name, _, unit in measures
        ]
    return [
        _row(
            record,
            name,
            getattr(found, key),
            unit,
            found.kind,
            found.as_of,
            found.source,
            found.borrowed_from,
        )
        for name, key, unit in measures
    ]


def _tokens(record: Model) -> list[Row]:
    hidden = record.reasoning_tokens_per_output_token
    spread = f"{record.reasoning}; {hidden.low:g} to {hidden.high:g}"
    rows = [
        _row(
            record,
            "hidden tokens per output token",
            hidden.central,
            "ratio",
            "estimate",
            hidden.as_of,
            hidden.source,
            spread,
        )
    ]
    measure = f"tokens of a {IMAGE_PX} x {IMAGE_PX} image"
    try:
        rule = image_rule(record.name)
        count = image_tokens(record.name, IMAGE_PX, IMAGE_PX)
        rows.append(
            _row(
                record,
                measure,
                count,
                "tokens",
                "reported",
                rule.as_of,
                rule.source,
                f"confidence {rule.confidence}",
            )
        )
    except NoTokenRule as none:
        rows.append(_row(record, measure, None, "tokens", "absent", None, "takes no images", str(none)))
    measure = "tokens of a second of speech"
    try:
        heard = audio_rule(record.name)
        rows.append(
            _row(
                record,
                measure,
                heard.input_tokens_per_s,
                "tokens/s",
                "reported",
                heard.as_of,
                heard.source,
                f"confidence {heard.confidence}",
            )
        )
    except NoTokenRule as none:
        rows.append(_row(record, measure, None, "tokens/s", "absent", None, "takes no audio", str(none)))
    return rows


def _scores(record: Model) -> list[Row]:
    rows = [
        _row(record, f"score {name}", score.value, "share", score.kind, score.as_of, score.source)
        for name, score in record.scores.items()
    ]
    mmlu = record.scores["mmlu"]
    kind = "absent" if record.ability is None else "estimate"
    rows.append(
        _row(record, "ability", record.ability, "logits", kind, mmlu.as_of, mmlu.source, record.ability_basis)
    )
    return rows


def _life(record: Model, provider: str | None) -> list[Row]:
    energy = record.energy_wh_per_query
    ends = None if provider is None else retirement(record.name, provider)
    footprint = (
        _row(record, "energy of a short query", None, "Wh", "absent", None, "no figure was found")
        if energy is None
        else _row(
            record,
            "energy of a short query",
            energy.central,
            "Wh",
            energy.kind,
            energy.as_of,
            energy.source,
            energy.note,
        )
    )
    if ends is None:
        dated = _row(
            record,
            "retirement",
            None,
            "",
            "absent",
            str(_latest()),
            "no date was announced",
            f"at {provider}" if provider else None,
        )
    else:
        dated = _row(
            record,
            "retirement",
            ends.date,
            "",
            "reported",
            ends.as_of,
            ends.source,
            ends.notice or f"at {provider}",
        )
    return [footprint, dated]
