"""Priority and flex: listed prices, factors of one's own, and how they meet batches, long prompts and negotiated factors."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from planner.catalogue.price_levels import LEVELS, level_price
from planner.catalogue.prices import price
from planner.catalogue.reading import read
from planner.errors import PriceUnknown
from planner.finance import account, assumptions
from planner.finance.token_prices import token_price
from planner.scenario.price_levels import PriceLevel
from tests.finance.plans import OMNI, Window, counted, scenario

D = Decimal
DAY = date(2026, 12, 1)
PRIORITY = PriceLevel("priority", None)


def bill(level: str, factor: float | None = None, *, model: str = OMNI, **changes: Any) -> dict[str, Decimal]:
    """Money by account of December 2026: 31 million requests of 1,000 input and 100 output tokens."""
    deployment = {"model": model, "provider": "openai", "price_level": level, "price_level_factor": factor}
    plan = scenario(start="2026-12-01", deployments={"omni": deployment}, **changes)
    counts = counted(omni__api__input=1000, omni__api__output=100)
    return account(plan, "omni-only", [Window()], [counts]).by("account")


def test_listed_prices_of_a_level_make_the_bill() -> None:
    assert bill("standard") == {"api/input": D(77_500), "api/output": D(31_000)}  # 2.50 and 10
    assert bill("priority") == {"api/input": D(131_750), "api/output": D(52_700)}  # 4.25 and 17
    assert bill("flex", model="o3") == {"api/input": D(31_000), "api/output": D(12_400)}  # 1 and 4


def test_a_factor_of_ones_own_is_on_every_meter_and_on_own_prices() -> None:
    assert bill("flex", 0.5) == {"api/input": D(38_750), "api/output": D(15_500)}
    own = {OMNI: {"input_usd_per_mtok": 2.0, "output_usd_per_mtok": 8.0}}
    assert bill("priority", 2.0, models=own) == {"api/input": D(124_000), "api/output": D(49_600)}


@pytest.mark.parametrize(
    ("model", "meter", "on", "words"),
    [
        (OMNI, "cached_input", DAY, "no priority cached_input price of gpt-4o-2024-11-20 at openai is known"),
        (OMNI, "input", date(2025, 6, 1), "is not known on 2025-06-01; known since 2026-11-12"),
        ("o1", "input", DAY, "no priority input price of o1 at openai is known"),
        ("gpt-audio", "audio_input", DAY, "no priority audio_input price of gpt-audio"),
    ],
)
def test_a_price_of_a_level_that_nobody_knows_is_an_error(
    model: str, meter: str, on: date, words: str
) -> None:
    with pytest.raises(PriceUnknown, match="give price_level_factor of the deployment") as refused:
        token_price(scenario(), model, "openai", meter, on, level=PRIORITY)
    assert words in str(refused.value)


def test_what_an_own_price_is_at_a_level_is_not_guessed() -> None:
    plan = scenario(models={OMNI: {"input_usd_per_mtok": 2.0, "output_usd_per_mtok": 8.0}})
    for meter in ("input", "output", "reasoning", "image"):
        with pytest.raises(PriceUnknown, match="is your own, and the list does not say what it is at level"):
            token_price(plan, OMNI, "openai", meter, DAY, level=PRIORITY)


def test_images_and_hidden_tokens_are_billed_as_input_and_output() -> None:
    prices = [
        token_price(scenario(), OMNI, "openai", meter, DAY, level=PRIORITY).usd_per_mtok
        for meter in ("image", "reasoning")
    ]
    assert prices == [D("4.25"), D(17)]


def test_over_a_long_context_threshold_only_a_factor_says_what_a_level_costs() -> None:
    asked = ("gpt-5.4", "openai", "output", DAY)
    with pytest.raises(
        PriceUnknown, match=r"no priority price of gpt-5\.4 over its long-context threshold is known"
    ):
        token_price(scenario(), *asked, is_long=True, level=PRIORITY)
    doubled = token_price(scenario(), *asked, is_long=True, level=PriceLevel("priority", 2.0))
    assert doubled.usd_per_mtok == D(45)  # 22.5 over 272,000 tokens


def test_negotiated_factors_and_price_steps_hold_at_a_level_too() -> None:
    changes = {
        "finance__negotiated": [{"provider": "openai", "factor": 0.8}],
        "finance__price_steps": [{"at": "2026-12-01", "model": OMNI, "factor": 0.5}],
    }
    assert bill("priority", **changes) == {"api/input": D(52_700), "api/output": D(21_080)}


def test_calls_to_a_batch_api_have_no_level() -> None:
    assert bill("priority", tasks__faq__urgency="batch") == {
        "api/batch/input": D(38_750),
        "api/batch/output": D(15_500),
    }


def test_the_source_names_the_level_and_assumptions_show_its_price() -> None:
    deployment = {"model": OMNI, "provider": "openai", "price_level": "priority"}
    plan = scenario(start="2026-12-01", deployments={"omni": deployment})
    row = next(
        row for row in assumptions(plan, "omni-only")
        if row.what == f"priority input price of {OMNI} at openai from 2026-12-01"
    )  # fmt: skip
    assert (row.value, row.as_of, row.confidence) == ("4.25", "2026-11-12", "high")
    assert row.source.startswith(
        f"openai priority price of {OMNI} since 2026-11-12 (LiteLLM 1.109.1 price map"
    )


def test_every_listed_level_is_within_the_known_multiples_of_the_ordinary_price() -> None:
    """Flex is half; priority 1.66 to 2.5 times (tco_parameters: priority and flex tier multiplier)."""
    seen = 0
    for provider, block in read("price-levels")["providers"].items():
        for level in LEVELS:
            for name in block[level]:
                for meter in ("input", "output"):
                    ordinary = price(name, provider, meter, DAY).usd_per_mtok
                    ratio = level_price(name, provider, level, meter, DAY).usd_per_mtok / ordinary
                    assert ratio == D("0.5") if level == "flex" else D("1.66") < ratio <= D("2.5"), name
                    seen += 1
    assert seen > 100
