"""The shipped YAML: known fields only, dates and numbers that read, nothing unused, quick to load."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.catalogue.models import load
from planner.catalogue.prices import METERS
from planner.catalogue.reading import CONFIDENCES, DATA, read, yes

REPOSITORY = Path(__file__).parents[2]
FILES = sorted(path.stem for path in DATA.glob("*.yaml"))
MODEL_FIELDS = {
    "vendor", "home_provider", "family", "tier", "released", "modalities", "output_modalities",
    "modalities_basis", "modalities_confidence", "context_tokens", "total_window_tokens",
    "max_output_tokens", "params_billions", "bytes_per_weight", "kv_bytes_per_token", "open_weights",
    "runs_on", "reasoning", "reasoning_rule", "image_rule", "image_basis", "image_confidence",
    "audio_rule", "audio_basis", "audio_confidence", "energy", "aliases", "alias_of", "snapshots", "like",
    "source", "as_of", "confidence", "note",
}  # fmt: skip
ENTRY_FIELDS = {"source", "confidence", "note", "seen", "periods"}
PERIOD_FIELDS = {"from", "until", "basis", "source", "confidence", "note", "long", *METERS}


def values(content: Any, key: str) -> Iterator[Any]:
    """Every value of a key anywhere in a file."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(content, list):
        for item in content:
            yield from values(item, key)


def price_entries() -> Iterator[tuple[dict[str, Any], str, str, dict[str, Any]]]:
    for file in FILES:
        if file.startswith("prices-"):
            content = read(file)
            blocks = content.get("providers") or {content["provider"]: content["models"]}
            for provider, rows in blocks.items():
                for name, row in rows.items():
                    yield content, provider, name, row


@pytest.mark.parametrize("file", FILES)
def test_every_file_reads_as_text_and_opens_with_a_comment(file: str) -> None:
    assert (DATA / f"{file}.yaml").read_text(encoding="utf-8").startswith("# ")

    def leaves(content: Any) -> Iterator[Any]:
        if isinstance(content, dict):
            for value in content.values():
                yield from leaves(value)
        elif isinstance(content, list):
            for item in content:
                yield from leaves(item)
        else:
            yield content

    for leaf in leaves(read(file)):
        assert isinstance(leaf, str)
        assert leaf


@pytest.mark.parametrize("file", FILES)
def test_every_confidence_and_date_of_a_file_is_well_formed(file: str) -> None:
    for confidence in values(read(file), "confidence"):
        if not isinstance(confidence, dict):
            assert confidence in CONFIDENCES
    for as_of in values(read(file), "as_of"):
        year, _, rest = as_of.partition("-")
        assert 2020 < int(year) <= 2026
        if len(rest) > 2:
            assert date.fromisoformat(as_of) <= date(2026, 11, 22)


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("models-")])
def test_models_have_known_fields_only(file: str) -> None:
    content = read(file)
    assert set(content) == {"defaults", "models"}
    for name, row in (("defaults", content["defaults"]), *content["models"].items()):
        assert set(row) <= MODEL_FIELDS, name


def test_prices_have_known_fields_readable_numbers_and_rising_dates() -> None:
    for content, provider, name, row in price_entries():
        where = (provider, name)
        assert set(row) <= ENTRY_FIELDS, where
        assert name in load(), where
        starts = []
        for period in row["periods"]:
            assert set(period) <= PERIOD_FIELDS, where
            assert {"from", "basis", "input", "output"} <= set(period), where
            assert (period.get("source") or row["source"]) in content["sources"], where
            starts.append(date.fromisoformat(period["from"]))
            for meter in set(METERS) & set(period):
                assert Decimal(period[meter]) > 0, where
            if "long" in period:
                assert set(period["long"]) == {"over", "input", "output"}, where
                assert Decimal(period["long"]["input"]) > Decimal(period["input"]), where
            if "until" in period:
                assert date.fromisoformat(period["until"]) > starts[-1], where
        assert starts == sorted(set(starts)), where


def test_batch_prices_are_half_as_listed() -> None:
    for _, provider, name, row in price_entries():
        for period in row["periods"]:
            for part in ("input", "output"):
                if f"batch_{part}" in period:
                    assert Decimal(period[f"batch_{part}"]) * 2 == Decimal(period[part]), (provider, name)


def test_retirements_limits_and_latency_name_models_of_the_catalogue() -> None:
    known = set(load())
    for block in read("retirements")["providers"].values():
        for part in (block, block.get("doubtful") or {"dates": {}}):
            for when, models in part["dates"].items():
                date.fromisoformat(when)
                assert set(models) <= known
    for block in read("limits")["providers"].values():
        for pool, members in block.get("pools", {}).items():
            assert pool in block["published"]
            assert set(members) <= known
        for pool in (*block.get("assumed", {}).values(), *block.get("assumed_by_family", {}).values()):
            assert pool in block["published"]
    for profiles in read("latency")["profiles"].values():
        assert set(profiles) <= known


def test_scores_and_rules_are_of_known_names_and_all_are_used() -> None:
    rows = [name for group in read("scores")["sets"] for name in group["rows"]]
    assert set(rows) <= set(load())
    assert len(rows) == len(set(rows))
    tokens = read("tokens")
    used = {record.image_rule for record in load().values()}
    assert used - {None} == set(tokens["image_rules"])
    assert {record.audio_rule for record in load().values()} - {None} == set(tokens["audio_rules"])


def test_every_latency_source_and_measurement_is_used() -> None:
    content = read("latency")
    measurements = content["measurements"]
    assert {row["source"] for row in measurements.values()} == set(content["sources"])
    named = {part for rows in content["profiles"].values() for row in rows.values() for part in row.values()}
    assert named <= set(measurements)
    assert set(measurements) - named == set()
    for row in measurements.values():
        assert row["kind"] in ("measured", "published", "claim")


def test_yes_and_no_are_the_only_booleans() -> None:
    assert yes("yes")
    assert not yes("no")
    with pytest.raises(AssertionError):
        yes("true")


def test_no_file_names_a_machine_path() -> None:
    for file in FILES:
        text = (DATA / f"{file}.yaml").read_text(encoding="utf-8")
        for path in ("/work", "/tmp", "/home", "../"):
            assert path not in text, file


def test_the_whole_catalogue_loads_fast_and_without_heavy_libraries() -> None:
    program = """
import sys, time
from datetime import date
before = time.process_time()
from planner.catalogue import models, prices, profiles, tokens, comparison
comparison.list_models(date(2026, 11, 12))
spent_s = time.process_time() - before
heavy = sorted({"numpy", "pandas", "numba", "scipy", "pyarrow", "streamlit", "altair"} & set(sys.modules))
print(spent_s, heavy)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    spent_s, heavy = ran.stdout.split(" ", 1)
    assert heavy.strip() == "[]"
    assert float(spent_s) < 1.0  # 0.15 s on an idle machine; the bound leaves room for a busy one
