"""Another model for a tier: what is offered, and the scenario in which it serves, against one written by hand."""

from pathlib import Path

import pytest

import planner
from planner.catalogue import models, prices
from planner.errors import ScenarioError
from planner.scenario import load, loads
from planner.scenario.offers import TIERS, offers, slot
from planner.scenario.picking import picked

LIBRARY = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.yaml"))
CHAT = """
name: Chat
start: 2027-01-01
traffic: {requests_per_month: 100000}
tasks:
  faq: {accuracy: {gpt-4o-2024-11-20: 0.9, gpt-4o-mini-2024-07-18: 0.8, claude-haiku-5-5: 0.85}}
deployments:
  one: {model: gpt-4o-2024-11-20, provider: openai, trust: contract, limits: null, policy: {retries: 3}}
  two: {model: gpt-4o-2024-11-20, provider: azure}
  small: {model: gpt-4o-mini-2024-07-18, provider: openai}
  spare: {model: claude-haiku-5-5, provider: anthropic}
strategies:
  omni-only: {omni: [one, two]}
  mini-only: {mini: [small, spare]}
  hybrid: {omni: [one, two], mini: [small, spare], router: {kind: threshold, omni_share: 0.3}}
  cheaper: {like: hybrid, router: {kind: threshold, omni_share: 0.1}}
finance:
  horizon_months: 24
  migrations:
    - {at: 2027-01-14, from: gpt-4o-2024-11-20, to: gpt-5.6}
    - {at: 2027-01-14, from: gpt-4o-mini-2024-07-18, to: gpt-5.6-luna}
"""
WITH_CLAUDE = """
name: Chat
start: 2027-01-01
traffic: {requests_per_month: 100000}
tasks:
  faq: {accuracy: {claude-haiku-5-5: 0.85, claude-opus-5-5: 0.9}}
deployments:
  spare: {model: claude-haiku-5-5, provider: anthropic}
  omni-anthropic: {model: claude-opus-5-5, provider: anthropic, trust: contract, policy: {retries: 3}}
strategies:
  omni-only: {omni: [omni-anthropic]}
  mini-only: {mini: [spare]}
  hybrid: {omni: [omni-anthropic], mini: [spare], router: {kind: threshold, omni_share: 0.3}}
  cheaper: {like: hybrid, router: {kind: threshold, omni_share: 0.1}}
finance: {horizon_months: 24, migrations: []}
"""


def test_claude_and_haiku_serve_as_in_a_scenario_written_by_hand() -> None:
    found = picked(loads(CHAT), {"omni": "claude-opus-5-5@anthropic", "mini": "claude-haiku-5-5@anthropic"})
    # The spare of mini is the same service already: it is asked first, and alone.
    hand = WITH_CLAUDE
    assert found.scenario.to_dict() == loads(hand).to_dict()
    assert found.scenario == loads(hand)
    told = " ".join(found.notices)
    assert "claude-opus-5-5 is sold by 1 of the 2 providers" in told
    assert "claude-opus-5-5 counts as right as often as gpt-4o-2024-11-20" in told
    assert "claude-haiku-5-5 counts as" not in told  # the scenario rates it
    assert "gpt-4o-2024-11-20 to gpt-5.6, gpt-4o-mini-2024-07-18 to gpt-5.6-luna" in told


def test_another_model_keeps_the_second_provider_where_it_is_sold_there() -> None:
    found = picked(loads(CHAT), {"omni": "gpt-5.6@azure"}).scenario
    assert found.strategy("omni-only").omni == (("omni-azure",), ("omni-openai",))
    assert {one.provider for name, one in found.deployments.items() if one.model == "gpt-5.6"} == {
        "azure",
        "openai",
    }
    assert [step.from_model for step in found.finance.migrations] == ["gpt-4o-mini-2024-07-18"]


def test_the_model_that_is_there_changes_nothing() -> None:
    scenario = loads(CHAT)
    assert picked(scenario, {"omni": "gpt-4o-2024-11-20@openai"}).scenario == scenario
    assert picked(scenario, {}).scenario is scenario


def test_a_model_without_a_provider_is_its_vendors_own_service() -> None:
    found = picked(loads(CHAT), {"mini": "claude-haiku-5-5"}).scenario
    assert found.strategy("mini-only").mini == (("spare",),)
    assert "small" not in found.deployments


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ScenarioError) as told:
        picked(loads(CHAT), {"omni": "claude-opus-55", "mini": "claude-haiku-5-5@openai"})
    problems = told.value.problems
    assert [problem.field for problem in problems] == ["omni", "mini"]
    assert problems[0].allowed == "a model of the catalogue"
    assert "did you mean" in (problems[0].hint or "")
    assert problems[1].given == "'openai'"
    assert "anthropic" in (problems[1].allowed or "")


def test_a_tier_on_own_hardware_alone_has_no_model_to_change() -> None:
    scenario = loads(
        """
name: Own
traffic: {requests_per_month: 1000}
tasks: {faq: {}}
deployments: {gpu: {model: gpt-5.6, provider: openai}, own: {model: llama, latency: {total_s: 1}, limits: null}}
strategies: {omni-only: {omni: [gpu]}, hybrid: {omni: [gpu], mini: [own]}}
models: {llama: {input_usd_per_mtok: 0, output_usd_per_mtok: 0}}
"""
    )
    assert slot(scenario, "mini") is None
    assert offers(scenario, "mini") == ()
    with pytest.raises(ScenarioError, match="mini tier"):
        picked(scenario, {"mini": "claude-haiku-5-5"})


@pytest.mark.parametrize("file", LIBRARY, ids=lambda file: file.stem)
@pytest.mark.parametrize("tier", TIERS)
def test_every_offer_serves_every_shipped_scenario(file: Path, tier: str) -> None:
    scenario = load(file)
    for offer in offers(scenario, tier):
        if offer.retires is None:
            changed = picked(scenario, {tier: offer.written}).scenario
            here = slot(changed, tier)
            assert here is not None
            assert (here.model, here.provider) == (offer.model, offer.provider)
            price = prices.price(offer.model, offer.provider, "output", scenario.start)
            assert offer.output_usd_per_mtok == float(price.usd_per_mtok)


def test_offers_are_todays_pairs_first_and_never_retired_or_of_another_modality() -> None:
    scenario = load(next(file for file in LIBRARY if file.stem == "support-chatbot"))
    found = offers(scenario, "omni")
    vendors = [models.model(offer.model).vendor for offer in found[:4]]
    assert vendors == ["OpenAI", "Anthropic", "Google", "Mistral"]
    assert found[1].model == "claude-opus-5-5"
    assert offers(scenario, "mini")[1].model == "claude-haiku-5-5"
    assert all(offer.retires is None or offer.retires > scenario.start for offer in found)
    ends = [offer.retires is not None for offer in found[4:]]
    assert ends == sorted(ends)
    assert not any("realtime" in offer.model or "audio" in offer.model for offer in found)
    seeing = load(next(file for file in LIBRARY if file.stem == "photo-search"))
    assert all("vision" in models.model(offer.model).modalities for offer in offers(seeing, "omni"))
    speaking = load(next(file for file in LIBRARY if file.stem == "voice-assistant"))
    assert all("audio" in models.model(offer.model).modalities for offer in offers(speaking, "omni"))


def test_a_picked_scenario_is_billed_at_the_prices_of_the_new_model() -> None:
    base = loads(CHAT).set({"run": {"replications": 2, "window_s": 60}, "finance.horizon_months": 1})
    found = planner.compare(picked(base, {"omni": "claude-opus-5-5@anthropic"}).scenario)
    rows = found.ledger
    omni = rows[(rows["strategy"] == "omni-only") & (rows["deployment"] == "omni-anthropic")]
    price = prices.price("claude-opus-5-5", "anthropic", "input", base.start).usd_per_mtok
    assert not omni.empty
    of_input = omni[omni["meter"] == "input"] if "meter" in omni else omni
    assert (of_input["unit_price_usd"] * 10**6).map(float).isin([float(price)]).any()


LABELS = """
name: Labels
start: 2027-01-01
traffic: {requests_per_month: 100000}
tasks:
  chat: {share: 0.5, accuracy: {gpt-6-luna: 0.9}}
  label: {share: 0.5, urgency: batch, accuracy: {gpt-6-luna: 0.9}}
deployments:
  calls: {model: gpt-6-luna, provider: openai, batch: null, prompt_cache: {ttl_s: 600}, limits: null}
  batches: {model: gpt-6-luna, provider: openai}
  strong: {model: gpt-6.1-sol, provider: openai}
strategies:
  as-calls: {mini: [calls]}
  in-batches: {mini: [calls], rules: [{when: {task: label}, to: [batches, strong]}]}
  by-name: {mini: [calls], rules: [{when: {task: label}, to: [calls]}]}
  hedged: {mini: [calls], groups: {spare: [spare]}, fallbacks: {mini: [spare]}}
"""


def test_calls_stay_calls_and_batches_of_the_replaced_model_change_with_it() -> None:
    text = LABELS.replace("  strong:", "  spare: {model: gpt-6-luna, provider: azure}\n  strong:")
    text += "finance: {horizon_months: 1}\n"
    found = picked(loads(text), {"mini": "claude-haiku-5-5@anthropic"})
    given = found.scenario.to_dict()["deployments"]
    claude = {"model": "claude-haiku-5-5", "provider": "anthropic"}
    # No batch API where there was none: what would go there costs half as much.
    assert given["mini-anthropic"] == {**claude, "batch": None, "prompt_cache": {}}
    assert given["batches"] == claude
    assert given["spare"] == {"model": "gpt-6-luna", "provider": "azure"}
    to = {
        name: [rule.to for rule in found.scenario.strategy(name).rules] for name in ("in-batches", "by-name")
    }
    assert to == {"in-batches": [(("batches",), ("strong",))], "by-name": [(("mini-anthropic",),)]}
    told = " ".join(found.notices)
    assert "limits of calls" in told
    assert "gpt-6-luna is named elsewhere, too, and stays there: groups.spare of hedged" in told


def test_the_model_of_a_verifier_stays_and_that_is_said() -> None:
    scenario = load(next(file for file in LIBRARY if file.stem == "coding-assistant"))
    found = picked(scenario, {"mini": "claude-haiku-5-5@anthropic"})
    assert "gpt-6-luna is named elsewhere, too, and stays there: the verifier of cascade." in found.notices


def test_another_small_model_labels_under_both_ways_of_the_shipped_scenario() -> None:
    scenario = load(next(file for file in LIBRARY if file.stem == "overnight-labels"))
    base = scenario.set({"run": {"replications": 2, "window_s": 60}})
    rows = planner.compare(picked(base, {"mini": "claude-haiku-5-5@anthropic"}).scenario).ledger
    labels = rows[(rows["task"] == "label") & rows["account"].str.startswith("api/")]
    by = {
        name: set(labels[labels["strategy"] == name]["account"])
        for name in ("small-as-calls", "small-in-batches")
    }
    assert by == {
        "small-as-calls": {"api/input", "api/output"},
        "small-in-batches": {"api/batch/input", "api/batch/output"},
    }
    small = rows[rows["strategy"].isin(by) & rows["account"].str.startswith("api/")]
    assert not small["source"].str.contains("luna").any()


def test_provisioned_units_of_the_replaced_model_stay_and_that_is_said() -> None:
    text = """
name: Units
start: 2027-01-01
traffic: {requests_per_month: 100000}
tasks: {faq: {accuracy: {gpt-6.1-sol: 0.9}}}
deployments:
  units: {model: gpt-6.1-sol, provider: azure, provisioned: {units: 50, usd_per_unit_hour: 1, tokens_per_unit_minute: 3000, output_weight: 4}}
  calls: {model: gpt-6.1-sol, provider: openai}
strategies: {only: {omni: [units, calls]}}
finance: {horizon_months: 1}
"""
    found = picked(loads(text), {"omni": "claude-opus-5-5@anthropic"})
    assert found.scenario.strategy("only").omni == (("units",), ("omni-anthropic",))
    assert any("units in omni of only" in one for one in found.notices)


def test_an_offer_has_the_price_that_is_billed_also_where_the_scenario_has_its_own() -> None:
    own = "models: {gpt-5.6: {input_usd_per_mtok: 1.11, output_usd_per_mtok: 2.22}}\n"
    by = {one.written: one for one in offers(loads(CHAT + own), "omni")}
    assert {
        (one.input_usd_per_mtok, one.output_usd_per_mtok)
        for name, one in by.items()
        if name.startswith("gpt-5.6@")
    } == {(1.11, 2.22)}
    # Where no list has a price yet, one of the scenario's own is offered, and offering it does not fail.
    early = """
name: Early
start: 2024-12-01
traffic: {requests_per_month: 1000}
tasks: {faq: {}}
models: {gpt-5.6: {input_usd_per_mtok: 3, output_usd_per_mtok: 4}}
deployments: {one: {model: gpt-4o-2024-11-20, provider: openai}}
strategies: {only: {omni: [one]}}
finance: {horizon_months: 1}
"""
    found = {one.written: one.input_usd_per_mtok for one in offers(loads(early), "omni")}
    assert found["gpt-5.6@openai"] == 3
