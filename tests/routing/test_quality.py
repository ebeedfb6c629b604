"""Quality: shares of right answers, shared difficulty and shared luck, against closed forms."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from planner.chance import logistic, normal_quantile
from planner.routing import correctness, rating
from planner.routing.quality import DOUBT, answer, mean_accuracy, solve_ability, thresholds
from planner.scenario.fields import Scenario
from planner.workload.requests import generate
from planner.workload.windows import plan_windows

# A share of n right answers differs from its mean by more than 5 sigma less than once in 1.7 million runs.
SIGMAS = 5.0


def scenario(task: dict, models: dict | None = None, finance: dict | None = None) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "quality",
            "traffic": {"requests_per_month": 20_000 * 730.5},
            "tasks": {"ask": {"input_tokens": 10, "output_tokens": 10, **task}},
            "models": models or {"strong": {}, "weak": {}},
            "deployments": {
                "a": {"model": "strong", "latency": {"total_s": 1}},
                "b": {"model": "weak", "latency": {"total_s": 1}},
            },
            "strategies": {"both": {"omni": ["a"], "mini": ["b"]}},
            "finance": {"horizon_months": 1, **(finance or {})},
        }
    )


def answers(found: Scenario, *models: str) -> list[np.ndarray]:
    window = plan_windows(found)[0]
    requests = generate(found, window)
    return [correctness(found, requests, window.index, model) for model in models]


def off_by(share: float, expected: float, n: int) -> float:
    """Distance in standard deviations of a binomial share."""
    return abs(share - expected) / math.sqrt(expected * (1 - expected) / n)


@pytest.mark.parametrize(
    ("ability", "mean", "sd", "k"), [(2.0, 0.0, 1.0, 1.0), (-1.0, 0.5, 2.0, 0.7), (1.0, 1.0, 0.3, 4.0)]
)
def test_mean_accuracy_is_the_integral_over_difficulties(ability, mean, sd, k):
    def integrand(d: float) -> float:
        return stats.norm.pdf(d, mean, sd) / (1 + math.exp(-k * (ability - d)))

    expected, _ = integrate.quad(integrand, mean - 12 * sd, mean + 12 * sd)
    assert mean_accuracy(ability, mean, sd, k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("accuracy", [0.03, 0.5, 0.86, 0.999])
def test_the_solved_ability_gives_the_accuracy_back(accuracy):
    ability = solve_ability(accuracy, 0.3, 1.4, 1.2)
    assert mean_accuracy(ability, 0.3, 1.4, 1.2) == pytest.approx(accuracy, abs=1e-12)


def test_own_evaluation_is_met_by_the_simulated_answers():
    found = scenario({"accuracy": {"strong": 0.95, "weak": 0.86}})
    strong, weak = answers(found, "strong", "weak")
    assert off_by(np.mean(strong == 1), 0.95, len(strong)) < SIGMAS
    assert off_by(np.mean(weak == 1), 0.86, len(weak)) < SIGMAS


@pytest.mark.parametrize(("correlation", "both_right"), [(0.0, "independent"), (1.0, "comonotone")])
def test_luck_is_independent_at_0_and_common_at_1(correlation, both_right):
    """With one difficulty for all, P(both right) is p q at correlation 0 and min(p, q) at 1."""
    task = {
        "accuracy": {"strong": 0.8, "weak": 0.6},
        "difficulty": {"sd": 1e-6},
        "luck_correlation": correlation,
    }
    strong, weak = answers(scenario(task), "strong", "weak")
    expected = 0.8 * 0.6 if both_right == "independent" else 0.6
    assert off_by(np.mean((strong == 1) & (weak == 1)), expected, len(strong)) < SIGMAS


def test_luck_correlation_is_the_gaussian_copulas():
    """P(both right) = Phi2(q(p), q(r); rho), SciPy's bivariate normal."""
    task = {"accuracy": {"strong": 0.8, "weak": 0.6}, "difficulty": {"sd": 1e-6}, "luck_correlation": 0.5}
    strong, weak = answers(scenario(task), "strong", "weak")
    limits = [stats.norm.ppf(0.8), stats.norm.ppf(0.6)]
    expected = stats.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]]).cdf(limits)
    assert off_by(np.mean((strong == 1) & (weak == 1)), float(expected), len(strong)) < SIGMAS


def test_harder_requests_are_answered_worse():
    found = scenario({"accuracy": {"strong": 0.8}})
    window = plan_windows(found)[0]
    requests = generate(found, window)
    correct = correctness(found, requests, window.index, "strong")
    hard = requests.difficulty > np.median(requests.difficulty)
    assert np.mean(correct[~hard] == 1) - np.mean(correct[hard] == 1) > 0.1


def test_an_unknown_model_is_unrated_never_wrong():
    (weak,) = answers(scenario({"accuracy": {"strong": 0.9}}), "weak")
    assert set(weak.tolist()) == {-1}


def test_a_migrations_successor_inherits_what_its_predecessor_has():
    found = scenario(
        {"accuracy": {"strong": 0.9}},
        models={"strong": {}, "weak": {}, "next": {}},
        finance={"migrations": [{"at": "2027-01-10", "from": "strong", "to": "next"}]},
    )
    inherited, own = rating(found, "ask", "next"), rating(found, "ask", "strong")
    assert inherited is not None
    assert own is not None
    assert (inherited.ability, inherited.basis, inherited.from_model) == (own.ability, "inherited", "strong")


def test_catalogue_scores_rate_known_models_as_an_estimate():
    found = scenario({}, models={"strong": {}, "weak": {}})
    omni, mini = rating(found, "ask", "gpt-4o-2024-11-20"), rating(found, "ask", "gpt-4o-mini-2024-07-18")
    assert omni is not None
    assert mini is not None
    assert omni.basis == "catalogue score"
    # MMLU 85.7 and 82.0: E[logistic(a - d)] over d ~ N(0, 1) is that share.
    assert mean_accuracy(omni.ability, 0, 1, 1) == pytest.approx(0.857, abs=2e-4)
    assert mean_accuracy(mini.ability, 0, 1, 1) == pytest.approx(0.820, abs=2e-4)


def test_strategies_meet_the_same_luck_whoever_else_is_asked():
    found = scenario({"accuracy": {"strong": 0.9, "weak": 0.7}})
    first, _ = answers(found, "strong", "weak")
    (alone,) = answers(found, "strong")
    assert np.array_equal(first, alone)


def test_the_table_of_thresholds_is_nearer_to_them_than_what_it_leaves_in_doubt():
    odds = np.random.default_rng(5).uniform(-16, 16, 400_000)
    exact = np.array([normal_quantile(logistic(one)) for one in odds])
    grid = np.linspace(-16, 16, len(thresholds()))
    assert np.abs(np.interp(odds, grid, thresholds()) - exact).max() < DOUBT / 10


@pytest.mark.parametrize("correlation", [0.0, 0.4, 1.0])
def test_answers_by_the_table_are_those_without_it(correlation):
    """Also next to the threshold: half of the luck is placed within a few times what is left in doubt."""
    rng = np.random.default_rng(7)
    n = 200_000
    task, difficulty = rng.integers(0, 3, n), rng.normal(0, 8, n)
    ability, discrimination = np.array([1.0, -3.0, math.nan]), np.array([1.0, 4.0, 1.0])
    odds = discrimination[task] * (ability[task] - difficulty)
    exact = np.array([normal_quantile(logistic(one)) for one in np.nan_to_num(odds)])
    near = np.clip(exact, -9, 9) + rng.normal(0, DOUBT, n)
    luck = np.where(rng.random(n) < 0.5, near, rng.normal(0, 1, n))
    common, own = (luck, luck) if correlation in (0.0, 1.0) else (luck / math.sqrt(correlation), np.zeros(n))
    found = []
    for table in (thresholds(), np.empty(0)):
        correct = np.empty(n, np.int8)
        answer(
            task, difficulty, common, own, ability, discrimination, np.full(3, correlation), table, correct
        )
        found.append(correct)
    assert np.array_equal(*found)
    assert np.array_equal(found[0] == -1, task == 2)
    assert {0, 1} <= set(found[0].tolist())
