"""Bad input about hardware that is bought and what is kept up: each named with its place."""

import pytest

from tests.scenario.samples import changed_at, problems, problems_with

DEVICE = {"kind": "jetson-orin-nano-super", "fleet": 10}
FAST = {"total_s": 1}
ROOM = {"concurrent": 10}


def with_device(**changes: object) -> dict[str, object]:
    return {"deployments.b": {"model": "m", "latency": FAST, "limits": ROOM, "device": {**DEVICE, **changes}}}


def with_server(**changes: object) -> dict[str, object]:
    server = {"gpu": "h100-80gb", **changes}
    return {"deployments.b": {"model": "m", "latency": FAST, "limits": ROOM, "server": server}}


def test_sound_figures_are_taken() -> None:
    assert problems_with(
        with_device(spares_share=0.1, losses_per_year=0.1, updates_per_year=4, update_usd=1, idle_watts=3)
    ) == []  # fmt: skip
    assert problems_with(with_server(owned={"usd_per_gpu": 25000})) == []


def test_gpus_are_bought_or_rented() -> None:
    assert problems_with(with_server(owned={"usd_per_gpu": 25000}, usd_per_gpu_hour=3)) == [
        "deployments.b.server.owned: given beside usd_per_gpu_hour: GPUs are bought or rented, not both; give one of them"
    ]


@pytest.mark.parametrize(
    ("owned", "problem"),
    [
        ({}, "usd_per_gpu: must be given: price of a GPU"),
        ({"usd_per_gpu": 1, "pue": 0.9}, "pue: got 0.9; allowed: 1 to 10 (ratio), or null: finance.pue"),
        ({"usd_per_gpu": 1, "power_share": 1.5}, "power_share: got 1.5; allowed: 0 to 1 (share), or null: from the catalogue"),
        ({"usd_per_gpu": 1, "life_years": 0}, "life_years: got 0; allowed: number > 0, at most 50 (years), or null: from the catalogue"),
    ],
)  # fmt: skip
def test_figures_of_bought_servers_have_bounds(owned: dict[str, object], problem: str) -> None:
    (found,) = problems_with(with_server(owned=owned))
    assert found == f"deployments.b.server.owned.{problem}"


def test_a_device_draws_no_more_idle_than_while_it_answers() -> None:
    assert problems_with(with_device(idle_watts=26)) == [
        "deployments.b.device.idle_watts: got 26; allowed: at most 25, its power while answering"
    ]
    assert problems_with(with_device(idle_watts=26, watts=30)) == []


def test_figures_that_nothing_multiplies_are_named() -> None:
    assert problems_with(with_device(update_usd=1, update_gb=2, hours_on_per_day=8)) == [
        "deployments.b.device.update_usd: there are no updates to pay for; give updates_per_year",
        "deployments.b.device.update_gb: there are no updates to pay for; give updates_per_year",
        "deployments.b.device.hours_on_per_day: what a device draws while it is switched on is not known; give idle_watts",
    ]


def test_a_share_of_hardware_needs_hardware() -> None:
    share = {"name": "support", "hardware_share_per_year": 0.15}
    said = (
        "no strategy that pays it has devices or servers of its own (server.owned); give usd_per_month, or servers that "
        "are bought"
    )
    place = "finance.maintenance[0].hardware_share_per_year"
    assert problems_with({"finance.maintenance": [share]}) == [f"{place}: {said}"]
    assert problems_with({**with_server(), "finance.maintenance": [share]}) == [f"{place}: {said}"]
    assert problems_with({**with_device(), "finance.maintenance": [share]}) == []
    only = {**share, "strategies": ["omni-only"]}
    assert problems_with({**with_device(), "finance.maintenance": [only]}) == [f"{place}: {said}"]


@pytest.mark.parametrize(
    ("amounts", "given"),
    [
        ({}, "neither usd_per_month nor hardware_share_per_year"),
        (
            {"usd_per_month": 1, "hardware_share_per_year": 0.1},
            "both usd_per_month and hardware_share_per_year",
        ),
    ],
)
def test_maintenance_has_one_amount(amounts: dict[str, float], given: str) -> None:
    assert problems_with({"finance.maintenance": [{"name": "x", **amounts}]}) == [
        f"finance.maintenance[0]: got {given}; allowed: one of them"
    ]


def test_every_list_names_payers_that_exist() -> None:
    nobody = ["omni-onli"]
    changes = {
        "finance.maintenance": [{"name": "x", "usd_per_month": 1, "strategies": nobody}],
        "finance.compliance": [{"name": "x", "usd": 1, "strategies": nobody}],
        "finance.at_end": [{"name": "x", "usd": 1, "strategies": nobody}],
    }
    said = "got 'omni-onli'; allowed: a name under strategies; did you mean omni-only?"
    assert problems_with(changes) == [
        f"finance.{name}[0].strategies[0]: {said}" for name in ("maintenance", "compliance", "at_end")
    ]


def test_amounts_below_zero_and_words_that_do_not_exist_are_named() -> None:
    changes = {
        "finance.effort": {"days_per_integration": -1, "usd_per_day": 100},
        "finance.compliance": [{"name": "x", "usd": 1, "every_months": 0, "only_if": "inside"}],
        "tasks.faq.review": {"share": 1.2, "usd": 1},
    }
    found = "\n".join(problems_with(changes))
    assert "finance.effort.days_per_integration: got -1; allowed: 0 to 100000 (days)" in found
    assert "finance.compliance[0].every_months: got 0; allowed: whole number 1 to 240 (months)" in found
    assert "finance.compliance[0].only_if: got 'inside'; allowed: outside" in found
    assert "tasks.faq.review.share: got 1.2; allowed: 0 to 1 (share)" in found


def test_effort_needs_its_price() -> None:
    (found,) = problems(changed_at({"finance.effort": {"days_per_integration": 1}}))
    assert found.startswith("finance.effort.usd_per_day: must be given")
