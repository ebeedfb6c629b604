"""What the bill rests on, and what it leaves out."""

from planner.finance import account, assumptions, long_thresholds, not_included
from planner.workload.windows import eras
from tests.finance.plans import OMNI, Window, counted, scenario


def by_what(plan, strategy: str = "omni-only") -> dict:
    return {row.what: row for row in assumptions(plan, strategy)}


def test_list_prices_come_with_source_date_and_confidence() -> None:
    row = by_what(scenario())[f"input price of {OMNI} at openai from 2025-01-01"]
    assert (row.value, row.unit, row.confidence) == ("2.5", "USD/1e6 tokens", "high")
    assert row.as_of == "2026-11-12"
    assert "list price" in row.source


def test_own_figures_name_their_field() -> None:
    plan = scenario(
        models={OMNI: {"input_usd_per_mtok": 2.0}},
        finance__people=[{"name": "Run it", "fte": 0.5, "usd_per_year": 180_000.0}],
        gateway={"fee": 0.055, "kind": "unified"},
    )
    rows = by_what(plan)
    assert (
        rows[f"input price of {OMNI} at openai from 2025-01-01"].source
        == f"scenario: models.{OMNI}.input_usd_per_mtok"
    )
    assert rows["gateway fee"].value == "0.055"
    assert rows["Run it"].source.startswith("scenario: finance.people[Run it]")
    assert rows["discount rate, nominal"].value == "0"


def test_a_price_that_nobody_knows_is_listed_as_unknown() -> None:
    plan = scenario(deployments={"omni": {"model": "our-8b"}}, models={"our-8b": {"input_usd_per_mtok": 1.0}})
    row = by_what(plan)["output price of our-8b from 2025-01-01"]
    assert row.value == "unknown"
    assert "give models.our-8b.output_usd_per_mtok" in row.source


def test_hardware_is_listed_with_its_figures() -> None:
    device = {"kind": "jetson-orin-nano-super", "fleet": 10, "usd": 199.0}
    plan = scenario(
        models={"our-1b": {}, "our-8b": {}},
        deployments={
            "omni": {"model": "our-1b", "device": device},
            "gpu": {"model": "our-8b", "server": {"gpu": "h100-80gb"}},
        },
        strategies={"omni-only": {"omni": ["omni", "gpu"]}},
    )
    rows = by_what(plan)
    assert (rows["price of a device of omni"].value, rows["price of a device of omni"].confidence) == (
        "199",
        "given",
    )
    assert (rows["life of a device of omni"].value, rows["life of a device of omni"].as_of) == (
        "4",
        "2026-06",
    )
    assert rows["power while answering of a device of omni"].value == "25"
    assert rows["GPU of gpu"].value == "3.99"
    assert rows["our-8b on gpu"].source == "own hardware, paid by the hour or the piece"


def test_every_unit_price_of_a_ledger_is_among_the_assumptions() -> None:
    plan = scenario(
        tasks={"faq": {"modalities": ["text", "vision"], "cost_of_wrong_answer_usd": 0.35}},
        finance__downtime_usd_per_hour=10.0,
        finance__transfer_usd_per_gb=0.09,
        gateway={"kind": "unified", "fee": 0.05},
        finance__one_time=[{"name": "Integration", "usd": 60_000.0}],
    )
    counts = counted(
        requests=10, failed=1, omni__api__input=100, omni__api__image=85, omni__api__output=20, omni__answers__wrong=3,
        omni__sent__input=100,
    )  # fmt: skip
    sources = {row.source for row in assumptions(plan, "omni-only")}
    ledger = account(plan, "omni-only", [Window()], [counts])
    assert {row.account for row in ledger.rows} == {
        "one-time", "api/input", "api/image", "api/output", "gateway fee", "transfer", "wrong answers", "downtime",
    }  # fmt: skip
    missing = [row.source for row in ledger.rows if not any(row.source in source for source in sources)]
    assert missing == []


def test_prices_of_a_prompt_cache_are_listed_where_there_is_one() -> None:
    prices = {"cached_input_usd_per_mtok": 1.25, "cache_write_usd_per_mtok": 3.0}
    cached = {"omni": {"model": OMNI, "provider": "openai", "prompt_cache": {}}}
    rows = by_what(scenario(deployments=cached, models={OMNI: prices}))
    assert rows[f"cached_input price of {OMNI} at openai from 2025-01-01"].value == "1.25"
    assert rows[f"cache_write price of {OMNI} at openai from 2025-01-01"].value == "3"
    assert f"cache_write price of {OMNI} at openai from 2025-01-01" not in by_what(
        scenario(deployments=cached)
    )
    assert f"cached_input price of {OMNI} at openai from 2025-01-01" not in by_what(scenario())


def test_what_is_left_out_is_said_once_each() -> None:
    lines = not_included()
    assert len(lines) == len(set(lines))
    for word in ("tax", "foreign exchange", "discounts", "support plans", "storage", "logs", "idle"):
        assert any(word in line for line in lines)


def test_long_context_thresholds_are_those_of_the_models_in_force() -> None:
    plan = scenario(
        start="2026-06-01",
        deployments={
            "omni": {"model": "gemini-2.5-pro", "provider": "google"},
            "other": {"model": OMNI, "provider": "openai"},
        },
        strategies={"omni-only": {"omni": ["omni", "other"]}},
    )
    (era,) = eras(plan)
    assert long_thresholds(plan, "omni-only", era.models, era.start) == {"omni": 200_000}
