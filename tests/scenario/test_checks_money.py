import datetime

from planner.scenario.finding import View
from planner.scenario.known import services
from tests.scenario.samples import BASE, changed_at, notices_with, problems, problems_with, scenario

OLD, NEW = "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"


def move(**change: object) -> dict[str, object]:
    return {"at": "2025-06-01", "from": OLD, "to": NEW, **change}


def moves(*migrations: dict[str, object]) -> dict[str, object]:
    return {"finance.migrations": list(migrations)}


def test_a_default_start_is_noticed_and_a_strange_one_refused() -> None:
    late = changed_at({"finance.horizon_months": 12, "strategies": {"mini-only": {"mini": ["b"]}}})
    del late["start"]
    from planner.scenario import load

    assert "start: not given; the plan begins on 2027-01-01" in map(str, load(late).notices)
    only_own = {"strategies": {"mini-only": {"mini": ["b"]}}}
    assert problems_with({**only_own, "start": "1999-12-31"}) == [
        "start: got 1999-12-31; allowed: a date from 2020-01-01 to 2100-12-31"
    ]
    assert problems_with({**only_own, "start": "9999-12-31"}) == [
        "start: got 9999-12-31; allowed: a date from 2020-01-01 to 2100-12-31"
    ]


def test_costs_are_for_strategies_that_exist() -> None:
    changes = {
        "finance.one_time": [{"name": "x", "usd": 1, "strategies": ["mini-only", "omni-onli"]}],
        "finance.people": [{"name": "x", "fte": 1, "usd_per_year": 1, "strategies": ["nobody"]}],
    }
    assert problems_with(changes) == [
        "finance.one_time[0].strategies[1]: got 'omni-onli'; allowed: a name under strategies; did you mean omni-only?",
        "finance.people[0].strategies[0]: got 'nobody'; allowed: a name under strategies; "
        "known here: omni-only, mini-only",
    ]


# -- prices ------------------------------------------------------------------------------------------


def test_a_price_unknown_at_the_start_says_since_when_it_is_known() -> None:
    assert problems_with({"start": "2024-01-01", "deployments.a.model": "gpt-4o-2024-05-13"}) == [
        "deployments.a.model: input price of gpt-4o-2024-05-13 at openai is not known on 2024-01-01; "
        "known since 2024-05-13; a price of one's own would be models.gpt-4o-2024-05-13.input_usd_per_mtok"
    ]


def test_a_price_of_ones_own_replaces_an_unknown_one() -> None:
    tree = changed_at({"start": "2024-01-01", "deployments.a.model": "gpt-4o-2024-05-13"})
    tree["models"]["gpt-4o-2024-05-13"] = {"input_usd_per_mtok": 5}
    assert problems(tree)[0].startswith("deployments.a.model: output price of gpt-4o-2024-05-13 at openai")
    tree["models"]["gpt-4o-2024-05-13"]["output_usd_per_mtok"] = 15
    assert problems(tree) == []


def test_a_model_and_a_provider_must_go_together() -> None:
    assert problems_with(
        {"deployments.a.provider": "anthropic", "deployments.a.latency": {"total_s": 1}}
    ) == [
        f"deployments.a.model: no price of {OLD} at anthropic is known; prices are known at openai, azure; "
        f"a price of one's own would be models.{OLD}.input_usd_per_mtok"
    ]


def test_a_model_of_ones_own_needs_both_prices() -> None:
    assert problems_with({"models.m": {"input_usd_per_mtok": 1, "ability": {"faq": 1}}}) == [
        "deployments.b.model: no output price of m is known; "
        "a price of one's own would be models.m.output_usd_per_mtok"
    ]


def test_images_and_speech_need_a_price_too() -> None:
    talk = {
        "tasks.faq.modalities": ["text", "audio"],
        "tasks.faq.audio": {"input_s": 5},
        "strategies": {"s": {"omni": ["a"]}},
        "deployments.a": {"model": "gemini-2.0-flash", "provider": "google"},
        "start": "2025-03-01",
    }
    assert problems_with(talk) == []
    spoken = {**talk, "tasks.faq.audio": {"input_s": 5, "output_s": 5}}
    assert problems_with(spoken) == []  # it answers in text: no spoken token is billed


def test_prices_beyond_the_last_reading_are_noticed_as_carried_forward() -> None:
    assert notices_with(
        {"start": "2025-04-01", "finance.horizon_months": 24, "deployments.a.provider": "azure"}
    ) == [f"deployments.a.model: price of 2026-11-12 carried forward for {OLD} at azure"]


# -- retirement --------------------------------------------------------------------------------------

LONG = {"finance.horizon_months": 36}


def test_a_model_that_retires_inside_the_horizon_needs_a_migration() -> None:
    assert problems_with(LONG) == [
        f"deployments.a.model: {OLD} retires at openai on 2027-01-14, inside the horizon 2025-01-01 to 2027-12-31; "
        f"add to finance.migrations: {{at: 2027-01-14, from: {OLD}, to: MODEL}}"
    ]
    assert problems_with({**LONG, **moves(move(at="2027-01-14", to="gpt-5.6"))}) == []


def test_retirement_belongs_to_model_and_provider() -> None:
    azure = {**LONG, "deployments.a.provider": "azure", "start": "2025-04-01"}
    assert problems_with(azure) == [
        f"deployments.a.model: {OLD} retires at azure on 2027-04-14, inside the horizon 2025-04-01 to 2028-03-31; "
        f"add to finance.migrations: {{at: 2027-04-14, from: {OLD}, to: MODEL}}"
    ]


def test_a_migration_after_the_retirement_is_too_late() -> None:
    assert problems_with({**LONG, **moves(move(at="2027-01-15", to="gpt-5.6"))}) == [
        f"deployments.a.model: {OLD} retires at openai on 2027-01-14, and its migration comes only on 2027-01-15; "
        "set finance.migrations[0].at to 2027-01-14 or earlier"
    ]


def test_chains_of_migrations_are_followed() -> None:
    chain = moves(move(), move(at="2026-12-01", **{"from": NEW}, to="gpt-5-2025-08-07"))
    assert problems_with({**LONG, **chain}) == [
        "finance.migrations[1].to: gpt-5-2025-08-07 retires at openai on 2026-12-11, "
        "inside the horizon 2025-01-01 to 2027-12-31; "
        "add to finance.migrations: {at: 2026-12-11, from: gpt-5-2025-08-07, to: MODEL}"
    ]


def test_a_model_retired_before_its_turn_is_refused() -> None:
    assert problems_with({"start": "2027-02-01"}) == [
        f"deployments.a.model: {OLD} retires at openai on 2027-01-14, before the start of the plan on 2027-02-01"
    ]
    assert problems_with({**LONG, **moves(move(at="2027-01-14", to=NEW))}) == [
        f"finance.migrations[0].to: {NEW} retires at openai on 2027-01-14, before its migration on 2027-01-14"
    ]


def test_own_hardware_and_unused_deployments_do_not_retire() -> None:
    assert problems_with({**LONG, "strategies": {"mini-only": {"mini": ["b"]}}}) == []
    server = {
        "deployments.a": {
            "model": "llama-3.1-8b-instruct",
            "server": {"gpu": "l40s"},
            "latency": {"total_s": 1},
            "limits": {"concurrent": 4},
        }
    }
    assert problems_with({**LONG, **server}) == []


def test_a_moving_name_counts_as_open_with_a_notice() -> None:
    assert notices_with({**LONG, "deployments.a.model": "gpt-4o"}) == [
        "deployments.a.model: price of 2026-11-12 carried forward for gpt-4o at openai",
        "deployments.a.model: gpt-4o is a moving name without a retirement date at openai; "
        "its newest dated snapshot gpt-4o-2024-11-20 retires on 2027-01-14",
    ]


# -- migrations and price steps ----------------------------------------------------------------------


def test_a_migration_is_on_a_day_of_the_horizon() -> None:
    for day in ("2024-12-31", "2026-01-01"):
        assert problems_with(moves(move(at=day))) == [
            f"finance.migrations[0].at: got {day}; allowed: a day of the horizon, 2025-01-01 to 2025-12-31"
        ]
    assert problems_with(moves(move(at="2025-12-31"))) == []


def test_a_migration_is_of_a_model_in_use_then() -> None:
    assert problems_with(moves(move(**{"from": "gpt-4o-2024-08-07"}))) == [
        "finance.migrations[0].from: no strategy uses 'gpt-4o-2024-08-07' on 2025-06-01; did you mean gpt-4o-2024-08-06?"
    ]
    gone = moves(move(), move(at="2025-07-01", to="gpt-4o-2024-05-13"))
    assert problems_with(gone) == [
        f"finance.migrations[1].from: no strategy uses '{OLD}' on 2025-07-01; did you mean {NEW}?"
    ]


def test_a_migration_leads_to_another_model_that_exists_and_has_a_price() -> None:
    assert problems_with(moves(move(to="gpt-4o-2024-11-21"))) == [
        "finance.migrations[0].to: got 'gpt-4o-2024-11-21'; not in the catalogue and not under models; "
        "did you mean gpt-4o-2024-11-20?"
    ]
    assert problems_with(moves(move(to=OLD))) == [f"finance.migrations[0].to: {OLD} replaces itself"]
    assert problems_with(moves(move(at="2025-03-01", to="gpt-4.1-2025-04-14"))) == [
        "finance.migrations[0].to: input price of gpt-4.1-2025-04-14 at openai is not known on 2025-03-01; "
        "known since 2025-04-14; a price of one's own would be models[gpt-4.1-2025-04-14].input_usd_per_mtok"
    ]


def test_a_model_has_one_migration_a_day() -> None:
    assert problems_with(moves(move(), move(to="gpt-4o-2024-05-13"))) == [
        f"finance.migrations[1].at: {OLD} is replaced on 2025-06-01 by finance.migrations[0] already"
    ]


def test_price_steps_are_of_models_in_use_inside_the_horizon() -> None:
    steps = [
        {"at": "2025-07-01", "model": OLD, "factor": 0.5},
        {"at": "2026-01-01", "model": OLD, "factor": 0.5},
        {"at": "2025-07-01", "model": "gpt-4o-2024-08-07", "factor": 0.5},
    ]
    assert problems_with({"finance.price_steps": steps}) == [
        "finance.price_steps[1].at: got 2026-01-01; allowed: a day of the horizon, 2025-01-01 to 2025-12-31",
        "finance.price_steps[2].model: no strategy uses a model 'gpt-4o-2024-08-07'; did you mean gpt-4o-2024-08-06?",
    ]


def test_models_in_force_agree_with_the_plan_that_is_simulated() -> None:
    from planner.scenario.migrations import model_in_force
    from planner.workload.windows import horizon

    found = scenario(
        moves(
            move(),
            move(at="2025-06-01", **{"from": NEW}, to="gpt-4.1-2025-04-14"),
            move(at="2025-09-09", **{"from": "gpt-4.1-2025-04-14"}),
        )
    )
    view = View(scenario=found, line=lambda path: None)
    assert view.horizon == horizon(found)
    day = view.horizon[0]
    while day < view.horizon[1]:
        in_force = [one.model for one in view.services_of["a"] if one.start <= day < one.end]
        assert in_force == [model_in_force(found, OLD, day)]
        day += datetime.timedelta(days=1)
    served = [(one.model, one.start) for one in services(found, view.horizon, ("a",), ()) if one.serves]
    assert served == [
        (OLD, datetime.date(2025, 1, 1)),
        ("gpt-4.1-2025-04-14", datetime.date(2025, 6, 1)),
        (NEW, datetime.date(2025, 9, 9)),
    ]


def test_the_horizon_ends_on_the_same_day_of_a_later_month_or_its_last() -> None:
    from planner.workload.windows import horizon

    own = {"strategies": {"mini-only": {"mini": ["b"]}}}
    for start, months in (("2025-01-31", 1), ("2024-02-29", 12), ("2025-12-31", 2), ("2025-03-15", 36)):
        found = scenario({**own, "start": start, "finance.horizon_months": months})
        assert View(scenario=found, line=lambda path: None).horizon == horizon(found)


def test_the_sample_is_not_touched_by_these_tests() -> None:
    assert BASE["finance"] == {"horizon_months": 12}
