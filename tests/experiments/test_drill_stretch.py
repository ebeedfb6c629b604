"""Where and when a drill takes place, and what cannot be drilled."""

import pytest

from planner.errors import PlannerError, ScenarioError
from planner.experiments.drill import drill
from planner.experiments.drill_runs import Bench, fit
from planner.experiments.drill_stretch import Plan, plan_drill
from planner.scenario import Scenario, load
from tests.experiments.drills import scenario

CHATBOT = "scenarios/support-chatbot.yaml"
S = 10**9


@pytest.fixture(scope="module")
def chatbot() -> Scenario:
    return load(CHATBOT)


def planned(scenario: Scenario, at: str | float = "peak", minutes: float = 30) -> Plan:
    return plan_drill(scenario, "openai", minutes, at, "error", None)


def problems(scenario: Scenario, **given: object) -> list[str]:
    asked = {"provider": "openai", "minutes": 30, "at": "peak", "mode": "error", "strategies": None, **given}
    with pytest.raises(ScenarioError) as caught:
        plan_drill(scenario, **asked)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


# -- generated traffic -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ("peak", "Monday 2027-01-04 11:00 UTC"),  # the first of the hours of full load in a week
        ("tue 14:00", "Tuesday 2027-01-05 14:00 UTC"),
        ("Tuesday 14:20", "Tuesday 2027-01-05 14:20 UTC"),
        ("fri 00:10", "Friday 2027-01-08 00:10 UTC"),  # 1 January is a Friday, but there is nothing before it
        ("fri 00:30", "Friday 2027-01-01 00:30 UTC"),
        ("2028-02-29 9:05", "Tuesday 2028-02-29 09:05 UTC"),
    ],
)
def test_a_moment_is_the_first_that_fits(chatbot: Scenario, at: str, place: str) -> None:
    assert planned(chatbot, at).place == place


def test_the_stretch_holds_as_long_before_and_after(chatbot: Scenario) -> None:
    stretch = planned(chatbot, "tue 14:20").stretch
    assert stretch.start_s == (4 * 24 + 13) * 3600  # the full hour before 13:50
    assert stretch.counted_ns == 50 * 60 * S
    assert stretch.from_ns == stretch.counted_ns + 1800 * S
    assert stretch.to_ns == stretch.from_ns + 1800 * S
    assert stretch.end_ns == stretch.to_ns + 1800 * S
    short = planned(chatbot, "tue 14:20", minutes=1).stretch
    assert short.from_ns - short.counted_ns == short.end_ns - short.to_ns == 600 * S


def test_a_date_meets_the_models_and_the_growth_of_its_day(chatbot: Scenario) -> None:
    early, late = planned(chatbot, "tue 14:00"), planned(chatbot, "2028-01-04 14:00")
    assert (early.stretch.era, late.stretch.era) == (0, 1)
    few, many = (Bench(chatbot, plan, plan.stretch, 4, "compiled") for plan in (early, late))
    ratio = sum(one.n for one in many.requests) / sum(one.n for one in few.requests)
    assert ratio == pytest.approx(1.03**12, rel=0.25)  # days differ by a factor of their own


def test_a_migration_in_the_stretch_is_told(chatbot: Scenario) -> None:
    """Both GPT-4o snapshots are replaced on 14 January: an outage just after midnight begins the evening before."""
    asked = {
        "provider": "openai",
        "minutes": 10,
        "replications": 2,
        "strategies": ["omni-only"],
        "quota": False,
    }
    assert "A migration falls into the stretch" in drill(chatbot, at="2027-01-14 00:05", **asked).notices[0]
    assert drill(chatbot, at="2027-01-14 10:05", **asked).notices == ()


def test_requests_are_those_of_the_windows_of_the_plan(chatbot: Scenario) -> None:
    """The same hour has the same names in every window: a longer stretch keeps every request."""
    plan = planned(chatbot)
    short, long = (
        Bench(chatbot, plan, stretch, 2, "compiled") for stretch in (plan.stretch, plan.stretch.longer())
    )
    for one, other in zip(short.requests, long.requests, strict=True):
        assert set(one.request.tolist()) < set(other.request.tolist())
        assert one.arrived_ns.min() >= plan.stretch.counted_ns
        assert one.arrived_ns.max() < plan.stretch.end_ns


def test_a_cap_of_a_day_is_counted_from_its_beginning() -> None:
    changes = {"deployments.omni-azure.limits": {"requests_per_day": 4000}, "run.window_s": 86400}
    plan = planned(load(CHATBOT).set(changes), "wed 15:00")
    assert plan.stretch.start_s % 86400 == 0
    assert plan.stretch.counted_ns == 14.5 * 3600 * S
    assert plan.stretch.leads_in
    found = drill(load(CHATBOT).set(changes | {"traffic.requests_per_month": 100_000}), provider="openai", minutes=10,
                  at="wed 15:00", replications=2, strategies=["omni-only"], quota=False)  # fmt: skip
    assert found.from_s == -600
    assert found.strategies["omni-only"].phases[0].requests.value < found.n_requests / 2


# -- recordings ------------------------------------------------------------------------------------


def test_the_peak_of_a_recording_is_its_busiest_stretch() -> None:
    """Arrivals every 10 s, but every second between 2,000 and 2,600 s."""
    rows = [{"arrival_s": k, "input_tokens": 10, "output_tokens": 10}
            for k in range(5000) if k % 10 == 0 or 2000 <= k < 2600]  # fmt: skip
    plan = planned(scenario(traffic__trace={"rows": rows}), "peak", minutes=10)
    assert plan.stretch.from_ns == 2000 * S
    assert plan.place == "2,000 s into the recording"
    assert plan.stretch.counted_ns == 1400 * S


def test_a_recording_is_replayed_whole_and_counted_around_the_outage() -> None:
    found = drill(scenario(gap_s=10), provider="openai", minutes=10, at=3000, quota=False)
    assert (found.from_s, found.n_requests) == (-600, 2 * 540)
    assert [phase.n_requests for phase in found.strategies["both"].phases] == [120, 120, 2 * 180]


# -- what cannot be drilled ------------------------------------------------------------------------


def test_all_problems_are_told_at_once(chatbot: Scenario) -> None:
    told = problems(chatbot, provider="opnai", minutes=1e9, at="noon", mode="errors", strategies=["hybird"])
    assert told == [
        "--strategy: got 'hybird'; allowed: omni-only, mini-only, hybrid; did you mean hybrid?",
        "--provider: got 'opnai'; allowed: anthropic, azure, openai (providers that omni-only, mini-only, hybrid use); "
        "did you mean openai?",
        "--mode: got 'errors'; allowed: error, hang, degraded, limited; did you mean error?",
        "--at: got 'noon'; allowed: peak, a weekday and time such as 'tue 14:00', or a date and time such as "
        "'2027-03-02 14:00' (UTC)",
        "--minutes: got 1,000,000,000; allowed: at most 522,720 minutes, so that the outage and as long before and after "
        "it lie within the plan of 36 months (finance.horizon_months)",
    ]  # fmt: skip


def test_a_provider_that_no_strategy_uses_is_told(chatbot: Scenario) -> None:
    (told,) = problems(chatbot, provider="google")
    assert (
        told
        == "--provider: got 'google'; allowed: anthropic, azure, openai (providers that omni-only, mini-only, hybrid use)"
    )
    (told,) = problems(chatbot, provider="azure", strategies=["mini-only"])
    assert told == (
        "--provider: got 'azure', whom no strategy of mini-only uses; allowed: anthropic, openai (providers that "
        "mini-only use)"
    )
    (told,) = problems(chatbot, provider="omni-azure")
    assert told.endswith("; omni-azure is a deployment of azure")


def test_several_providers_are_out_at_once_and_each_must_be_one_that_is_asked(chatbot: Scenario) -> None:
    plan = plan_drill(chatbot, "azure, openai,azure", 30, "peak", "error", None)
    assert plan.providers == ("azure", "openai")
    assert plan.deployments == ("omni-openai", "omni-azure", "mini-openai")
    assert plan == plan_drill(chatbot, ["azure", "openai"], 30, "peak", "error", None)
    told = problems(chatbot, provider="azure,googel,opnai")
    assert [one.partition(";")[0] for one in told] == [
        "--provider: got 'googel'", "--provider: got 'opnai'",
    ]  # fmt: skip
    (told_of_none,) = problems(chatbot, provider=[])
    assert told_of_none.startswith("--provider: got ''; allowed: anthropic, azure, openai")


def test_a_verifier_cannot_be_out_and_that_is_told(chatbot: Scenario) -> None:
    judge = {"model": "gemini-2.5-flash", "provider": "google", "latency_s": 0.3}
    changed = chatbot.set({"strategies.hybrid.router": {"kind": "cascade", "verifier": judge}})
    (told,) = problems(changed, provider="google")
    assert told == (
        "--provider: got 'google', who only checks answers of hybrid (router.verifier); allowed: a provider of "
        "deployments: a verifier answers with its own latency whatever happens, as its outages are not simulated; make "
        "it a deployment of a strategy to drill it, or anthropic, azure, openai"
    )
    (told,) = problems(changed, provider="google", strategies=["mini-only"])
    assert told.startswith(
        "--provider: got 'google'; allowed: anthropic, openai (providers that mini-only use)"
    )


@pytest.mark.parametrize(
    ("mode", "figures", "told"),
    [
        ("error", {"share": 0}, "--share: got 0; allowed: number > 0, at most 1 (share)"),
        ("hang", {"share": 1.5}, "--share: got 1.5; allowed: number > 0, at most 1 (share)"),
        ("hang", {"share": float("nan")}, "--share: got nan; allowed: number > 0, at most 1 (share)"),
        ("error", {"share": True}, "--share: got True; allowed: number > 0, at most 1 (share)"),
        ("error", {"status": 429}, "--status: got 429; allowed: whole number 500 to 599"),
        ("error", {"status": 503.5}, "--status: got 503.5; allowed: whole number 500 to 599"),
        ("degraded", {"slowdown": 0.5}, "--slowdown: got 0.5; allowed: number >= 1 (factor)"),
        ("limited", {"retry_after_s": -1}, "--retry-after: got -1; allowed: number >= 0 (s)"),
        ("hang", {"status": 503}, "--status: got 503 with mode hang; allowed: with --mode error, which alone reads it"),
        ("error", {"slowdown": 2}, "--slowdown: got 2 with mode error; allowed: with --mode degraded, which alone reads it"),
        ("error", {"retry_after_s": 2}, "--retry-after: got 2 with mode error; allowed: with --mode limited, which alone reads it"),
    ],
)  # fmt: skip
def test_figures_of_an_outage_are_those_of_the_language(
    chatbot: Scenario, mode: str, figures: dict[str, object], told: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan_drill(chatbot, "openai", 30, "peak", mode, None, figures)
    assert [str(problem) for problem in caught.value.problems] == [told]


def test_deployments_without_a_provider_cannot_be_out() -> None:
    bare = scenario(gap_s=60, deployments__first__provider=None, deployments__second__provider=None,
                    deployments__first__outages=None)  # fmt: skip
    (told,) = problems(bare, provider="openai", at=1800)
    assert "no deployment of both, alone names one, give deployments.NAME.provider" in told


@pytest.mark.parametrize("minutes", [0, -5, float("nan"), float("inf")])
def test_an_outage_takes_some_time(chatbot: Scenario, minutes: float) -> None:
    (told,) = problems(chatbot, minutes=minutes)
    assert told == f"--minutes: got {minutes}; allowed: at least 1/60 (minutes)"


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("mnday 14:00", "did you mean monday?"),
        ("tue 25:00", "(UTC)"),
        ("2027-02-30 10:00", "(UTC)"),
        ("1800", "seconds are for a scenario that replays a recording (traffic.trace)"),
        ("2026-12-31 10:00", "so that the plan holds what is before and after"),
        ("2030-01-01 00:00", "so that the plan holds what is before and after"),
    ],
)
def test_a_moment_that_cannot_be_is_told(chatbot: Scenario, at: str, end: str) -> None:
    (told,) = problems(chatbot, at=at)
    assert told.startswith(f"--at: got '{at}'; allowed: ")
    assert told.endswith(end)


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ({"at": "tue 14:00"}, "a recording has no calendar"),
        ({"at": "-3"}, "such as 600"),
        ({"at": 100}, "so that the recording of 5399 s holds the outage and as long before it"),
        ({"at": 4000}, "so that the recording of 5399 s holds the outage and as long before it"),
        ({"minutes": 60}, "the recording of 89.9833 minutes has to hold the outage and as long before it"),
    ],
)
def test_a_recording_has_to_hold_the_drill(given: dict[str, object], end: str) -> None:
    (told,) = problems(scenario(), **given)
    assert told.endswith(end)


def test_a_hang_that_nothing_ends_is_refused() -> None:
    changed = scenario(gap_s=60, policy__timeout_s=None)
    with pytest.raises(ScenarioError, match="a hang that nothing ends"):
        drill(changed, provider="openai", minutes=10, at=1800, mode="hang")


def test_wrong_names_of_engines_and_numbers_of_replications_are_told(chatbot: Scenario) -> None:
    with pytest.raises(PlannerError, match="engine: got 'fast'; allowed: compiled, reference"):
        drill(chatbot, provider="openai", engine="fast")
    with pytest.raises(PlannerError, match="replications: got 0; allowed: at least 1"):
        drill(chatbot, provider="openai", replications=0)


def test_too_many_requests_are_refused_or_get_fewer_replications(chatbot: Scenario) -> None:
    plan = planned(chatbot)
    busy = chatbot.set({"traffic.requests_per_month": 1e9})
    with pytest.raises(
        PlannerError, match=r"requests would have to be simulated in one run .* at most 400,000"
    ):
        fit(busy, plan.stretch, 10)
    replications, notice = fit(chatbot.set({"traffic.requests_per_month": 6e7}), plan.stretch, 10)
    assert replications == 2
    assert notice is not None
    assert notice.startswith("2 replications instead of 10: each run holds about 3")
    assert fit(chatbot, plan.stretch, 10) == (10, None)
