import copy
import datetime
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import ScenarioError
from planner.scenario import Scenario, load, loads, parse_override, with_overrides
from planner.scenario.laws import Law
from tests.scenario.samples import BASE, SMALLEST, changed_at, problems, problems_with, scenario

EXAMPLE = Path(__file__).parents[2].parent / "shared" / "scenario_example.yaml"

STYLE = """\
name: Hybrid
traffic: {requests_per_month: 1000}
tasks: {faq: {}}
deployments:
  mini-openai: {provider: openai, model: gpt-4o-mni, limits: {
      requests_per_minute: -5,
      tokens_per_minut: 100000 } }
  omni: {model: gpt-4.1, provider: openai, limits: {
      concurrent: no } }
strategies:
  hybrid:
    omni: [omni]
    mini: [mini-openai]
    router: {omni_share: 1.2}
policy:
  timeout_s: 30
  deadline_s: 10
"""


def test_the_example_of_the_style_guide_is_reproduced() -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(STYLE, name="scenarios/hybrid.yaml")
    assert str(caught.value).splitlines() == [
        "scenarios/hybrid.yaml:5: deployments.mini-openai.model: got 'gpt-4o-mni'; not in the catalogue; "
        "did you mean gpt-4o-mini?",
        "scenarios/hybrid.yaml:6: deployments.mini-openai.limits.requests_per_minute: got -5; "
        "allowed: whole number >= 1 (requests/min), or null for none",
        "scenarios/hybrid.yaml:7: deployments.mini-openai.limits.tokens_per_minut: no such field; "
        "did you mean tokens_per_minute?",
        "scenarios/hybrid.yaml:9: deployments.omni.limits.concurrent: got the text 'no'; "
        "allowed: whole number >= 1 (calls), or null for none",
        "scenarios/hybrid.yaml:14: strategies.hybrid.router.omni_share: got 1.2; allowed: 0 to 1 (share)",
        "scenarios/hybrid.yaml:17: policy.deadline_s: got 10; "
        "allowed: at least policy.timeout_s, which is 30 (line 16)",
        "6 problems in scenarios/hybrid.yaml; nothing was run.",
    ]


TEN = """\
name: Ten mistakes
start: 2025-01-01
traffic: {requests_per_month: 1_000}
tasks:
  faq: {share: 0.6, output_tokens: {p50: 20, p95: 10}}
  photo: {share: 0.5}
deployments:
  a: {model: gpt-4o-2024-08-06, provider: opnai}
  b: {model: gpt-4o-2024-08-06, provider: openai, errors: {rate: 2}}
  b: {model: gpt-4o-2024-08-06, provider: openai}
  c: {provider: openai}
strategies:
  one: {omni: [a, d], mini: [c]}
  two: {omni: [b], policy: {sleep_after_last: no}}
finance:
  horizon_months: 12
  one_time: [{name: Set-up, usd: 1, strategies: [three]}]
"""


def test_ten_mistakes_are_ten_problems_with_lines() -> None:
    assert problems(TEN, name="ten.yaml") == [
        "ten.yaml:3: traffic.requests_per_month: got 1_000; "
        "allowed: a number without underscores, or '1_000' in quotes if text is meant",
        "ten.yaml:4: tasks: got shares that sum to 1.1 (0.6 + 0.5); allowed: shares that sum to 1",
        "ten.yaml:5: tasks.faq.output_tokens.p95: got 10; allowed: at least p50, which is 20",
        "ten.yaml:8: deployments.a.provider: got 'opnai'; not in the catalogue; did you mean openai?",
        "ten.yaml:9: deployments.b.errors.rate: got 2; allowed: 0 to 1 (share)",
        "ten.yaml:10: deployments.b: the key is given twice; first on line 9",
        "ten.yaml:11: deployments.c.model: must be given: model in the catalogue or under models",
        "ten.yaml:13: strategies.one.omni[1]: got 'd'; allowed: a name under deployments; known here: a, b",
        "ten.yaml:14: strategies.two.policy.sleep_after_last: got the text 'no'; allowed: true or false; write false",
        "ten.yaml:17: finance.one_time[0].strategies[0]: got 'three'; allowed: a name under strategies; "
        "known here: one, two",
    ]


def test_what_follows_from_a_mistake_is_not_listed() -> None:
    misspelt = SMALLEST.replace("traffic", "trafic").replace("deployments:", "deploymnts:")
    assert problems(misspelt) == [
        "<text>:2: trafic: no such field; did you mean traffic?",
        "<text>:5: deploymnts: no such field; did you mean deployments?",
    ]
    assert problems(SMALLEST.replace("model: m", "modle: m")) == [
        "<text>:5: deployments.own.modle: no such field; did you mean model?"
    ]
    assert problems(SMALLEST.replace("requests_per_month: 1000", "requests_per_month: 0x10")) == [
        "<text>:2: traffic.requests_per_month: got 0x10; allowed: a decimal number, or '0x10' in quotes if text is meant"
    ]
    bad_timeout = problems_with({"policy.timeout_s": -1, "policy.deadline_s": 2})
    assert bad_timeout == ["policy.timeout_s: got -1; allowed: number > 0, at most 86400 (s), or null: never"]
    bad_key = SMALLEST.replace("own:", "My Own:").replace("[own]", "[My Own]")
    assert problems(bad_key) == [
        "<text>:5: deployments[My Own]: got 'My Own'; allowed: a name of lower-case letters, digits and dashes "
        "that begins with a letter or digit; did you mean my-own?"
    ]


def test_fields_in_items_after_a_faulty_one_keep_their_index_and_line() -> None:
    text = SMALLEST + (
        "finance:\n"
        "  one_time:\n"
        "    - {usd: 1}\n"
        "    - {name: ok, usd: 1, strategies: [nobody]}\n"
        "    - {name: bad, usd: -1}\n"
    )
    assert problems(text) == [
        "<text>:9: finance.one_time[0].name: must be given: what is paid",
        "<text>:10: finance.one_time[1].strategies[0]: got 'nobody'; allowed: a name under strategies; known here: all",
        "<text>:11: finance.one_time[2].usd: got -1; allowed: number >= 0 (USD)",
    ]


def test_a_file_without_anything_says_what_a_scenario_needs() -> None:
    assert problems("# nothing\n") == [
        "<text>: the file is empty; a scenario needs name, tasks, deployments and strategies"
    ]
    assert problems("- 1\n") == [
        "<text>:1: got [1]; allowed: a mapping of fields; a scenario needs name, tasks, deployments and strategies"
    ]
    assert problems("name: X\ntasks: 5\ndeployments: {}\n") == [
        "<text>:2: tasks: got 5; allowed: a mapping of names with at least one entry",
        "<text>:3: deployments: got {}; allowed: a mapping of names with at least one entry",
        "<text>: strategies: must be given: ways to serve all requests",
        "<text>: traffic: nothing says how many requests come; give requests_per_month, users or trace",
    ]


def test_endless_mistakes_are_cut_off() -> None:
    found = problems({**BASE, "uncertain": {}, **{f"x{i}": 1 for i in range(300)}})
    assert len(found) == 201
    assert found[-1] == "and at least 100 more"


def test_many_mistakes_in_a_large_file_are_found_in_a_moment() -> None:
    rules = ", ".join("1" for _ in range(10_000))
    text = SMALLEST.replace("{omni: [own]}", f"{{omni: [own], rules: [{rules}]}}")
    assert len(problems(text)) == 201


def test_the_shared_example_is_refused_only_for_what_is_not_simulated_yet() -> None:
    if not EXAMPLE.exists():
        pytest.skip("the shared example is not beside this repository")
    fields = {
        "deployments.mini-own-gpu.latency",
        "deployments.mini-own-gpu.limits.concurrent",
        "deployments.mini-device.latency",
        "deployments.mini-device.limits.concurrent",
        "run.precision",
    }
    with pytest.raises(ScenarioError) as caught:
        load(EXAMPLE)
    assert {problem.field for problem in caught.value.problems} == fields
    assert all(str(problem.text).startswith("not supported yet: ") for problem in caught.value.problems)
    assert all(problem.line is not None for problem in caught.value.problems)


# -- sources -----------------------------------------------------------------------------------------


def test_a_file_a_text_and_a_mapping_give_the_same_scenario(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SMALLEST, encoding="utf-8")
    found = load(path)
    assert found == loads(SMALLEST) == load(str(path)) == load(found.to_dict()) == load(found)
    assert found._source.file == str(path)
    assert found._source.folder == tmp_path


def test_files_named_in_a_scenario_are_looked_for_beside_it(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("seconds\n1\n3\n", encoding="utf-8")
    text = SMALLEST.replace("total_s: 1", "total_s: {empirical: times.csv}")
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    latency = load(tmp_path / "s.yaml").deployments["own"].latency
    assert latency.total_s.mean == 2
    assert problems(text, folder=tmp_path / "elsewhere") == [
        "<text>:5: deployments.own.latency.total_s.empirical: got 'times.csv'; "
        "allowed: a readable file of numbers (no such file)"
    ]


def test_a_mapping_is_not_changed_and_not_kept() -> None:
    given = copy.deepcopy(BASE)
    found = load(given)
    assert given == BASE
    given["tasks"]["faq"]["share"] = 0.5
    assert found.set({"name": "Other"}).tasks["faq"].share is None


def test_values_that_no_file_holds_are_understood_or_refused() -> None:
    found = scenario(
        {
            "start": datetime.date(2025, 2, 1),
            "traffic.requests_per_month": np.float64(5),
            "run.seed": np.int64(3),
            "tasks.faq.input_tokens": Law.fixed(7),
            "strategies.omni-only.omni": ("a",),
        }
    )
    assert found.start == datetime.date(2025, 2, 1)
    assert found.run.seed == 3
    assert found.tasks["faq"].input_tokens.mean == 7
    assert problems_with({"traffic.requests_per_month": float("nan")}) == [
        "traffic.requests_per_month: got nan; allowed: a finite number (null switches a limit off)"
    ]
    assert problems_with({"traffic.requests_per_month": 10**50}) == [
        "traffic.requests_per_month: got a number of more than 38 digits; allowed: a smaller number"
    ]
    assert (
        problems_with({"name": object()})[0]
        == "name: got a value of type object; allowed: plain values as in YAML"
    )
    circle: dict[str, Any] = {}
    circle["models"] = circle
    assert (
        problems({**BASE, "models": circle})[0]
        == "models.models.models: got values nested deeper than 32 levels; allowed: less depth"
    )
    assert problems({**BASE, 5: 1}) == ["[5]: got the key 5; allowed: text keys"]


def test_a_loaded_scenario_travels_to_other_processes() -> None:
    found = loads(SMALLEST)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.set({"name": "Again"}).name == "Again"


laws = st.one_of(
    st.integers(1, 1000),
    st.floats(0.5, 1e4),
    st.builds(lambda m, f: {"p50": m, "p95": m * f}, st.integers(1, 1000), st.floats(1, 9)),
    st.builds(lambda m, c: {"mean": m, "cv": c, "kind": "gamma"}, st.floats(1, 100), st.floats(0.1, 3)),
    st.builds(
        lambda m: {"mixture": [{"weight": 0.5, "law": m}, {"weight": 0.5, "law": {"exponential_mean": m}}]},
        st.integers(1, 99),
    ),
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "traffic.growth_per_month": st.floats(-0.5, 1),
        "traffic.weekly_shape": st.sampled_from(["flat", "business-hours"]),
        "tasks.faq.input_tokens": laws,
        "tasks.faq.output_tokens": laws,
        "tasks.faq.sensitive": st.floats(0, 1),
        "deployments.a.limits": st.none(),
        "deployments.a.outages": st.sampled_from([None, "catalogue", [{"from_s": 1, "to_s": 2}]]),
        "strategies.omni-only.rules": st.just([{"when": {"task": "faq"}, "to": ["a", ["b"]]}]),
        "policy.retries": st.integers(0, 100),
        "policy.breaker": st.none(),
        "slo.availability": st.floats(0, 1),
        "finance.one_time": st.lists(
            st.builds(lambda u: {"name": "x", "usd": u}, st.integers(0, 99)), max_size=2
        ),
        "run.seed": st.integers(0, 2**32 - 1),
    },
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(changes)
def test_writing_and_reading_again_keeps_the_hash(changes: dict[str, Any]) -> None:
    found = load(changed_at(changes))
    assert load(found.to_dict()).hash == found.hash
    assert load(BASE, changes).hash == found.hash == load(BASE).set(changes).hash


# -- overrides ---------------------------------------------------------------------------------------


def test_set_gives_a_new_scenario_and_leaves_the_old() -> None:
    before = loads(SMALLEST)
    after = before.set(
        {"tasks.chat.input_tokens.p50": 5, "tasks.chat.input_tokens.p95": 9, "models.m.ability.chat": 1}
    )
    assert after.tasks["chat"].input_tokens.form == {"p50": 5, "p95": 9}
    assert before.tasks["chat"].input_tokens.form == 500
    assert before.hash != after.hash


def test_problems_of_overrides_say_so_and_others_keep_their_lines() -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(SMALLEST, overrides={"traffic.growth_per_month": 7, "tasks.chat.share": 0.5, "nme": "x"})
    assert [str(problem) for problem in caught.value.problems] == [
        "<text>:3: tasks: got shares that sum to 0.5 (0.5); allowed: shares that sum to 1",
        "<text>: traffic.growth_per_month: got 7; allowed: -0.5 to 1 (1/month); set by override",
        "<text>: nme: no such field; did you mean name?; set by override",
    ]
    base = loads(SMALLEST).set({"policy.timeout_s": 20})
    with pytest.raises(
        ScenarioError, match=r"policy.deadline_s: got 5; allowed: at least policy.timeout_s, which is 20"
    ):
        base.set({"policy.deadline_s": 5})


def test_an_override_may_repair_a_file() -> None:
    broken = SMALLEST.replace("requests_per_month: 1000", "requests_per_month: -1")
    assert loads(broken, overrides={"traffic.requests_per_month": 5}).traffic.requests_per_month == 5


def test_overrides_that_are_no_paths_are_problems() -> None:
    base = load(changed_at({"finance.one_time": [{"name": "Integration", "usd": 1}]}))
    assert base.set({"finance.one_time[Integration].usd": 2}).finance.one_time[0].usd == 2
    with pytest.raises(ScenarioError) as caught:
        with_overrides(
            base, {"finance.one_time[Integrating].usd": 2, "a..b": 1, "finance.one_time[0].usd": -2}
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "finance.one_time.Integrating.usd: no item named 'Integrating' (character 18 of the path); "
        "did you mean Integration?",
        "a..b: a key is missing here (character 3 of the path)",
        "finance.one_time[0].usd: got -2; allowed: number >= 0 (USD); set by override",
    ]


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("run.seed=9", "run.seed", 9),
        ("deployments.a.limits=null", "deployments.a.limits", None),
        ("tasks.faq.input_tokens={p50: 1, p95: 2}", "tasks.faq.input_tokens", {"p50": 1, "p95": 2}),
        ("strategies.s.omni=[a, [b, c]]", "strategies.s.omni", ["a", ["b", "c"]]),
        ("name=Two words", "name", "Two words"),
        ("name='12'", "name", "12"),
        ("finance.one_time[a=b].usd=5", "finance.one_time[a=b].usd", 5),
        (" policy.timeout_s = 1.5 ", "policy.timeout_s", 1.5),
        ("question=a=b", "question", "a=b"),
    ],
)
def test_an_override_is_read_from_one_text(text: str, path: str, value: object) -> None:
    assert parse_override(text) == (path, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run.seed", "got 'run.seed'; allowed: PATH=VALUE, such as traffic.growth_per_month=0.05"),
        ("run.seed=", "run.seed: a value must follow =; null switches a limit off"),
        ("run..seed=1", "run..seed: a key is missing here (character 5 of the path)"),
        ("run.seed=0x10", "run.seed: got 0x10; allowed: a decimal number, or '0x10' in quotes if text is meant"),
        ("question=Should we: yes", "question: got 'Should we: yes'; allowed: a single value, {...} or [...]; "
         "text with a colon or a leading dash stands in quotes"),
        ("run={seed: 1, seed: 2}", "run: the key is given twice; first on line 1"),
    ],
)  # fmt: skip
def test_an_override_that_cannot_be_read_is_one_problem(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_override(text)
    assert [str(problem) for problem in caught.value.problems] == [message]


# -- cost of starting --------------------------------------------------------------------------------


def test_checking_a_scenario_loads_no_heavy_library() -> None:
    program = (
        "import sys; from planner.scenario import loads; "
        f"loads({SMALLEST!r}); "
        "print([m for m in ('numpy', 'numba', 'pandas', 'scipy', 'pyarrow', 'streamlit') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_scenario_is_immutable_all_the_way_down() -> None:
    found: Any = loads(SMALLEST)
    with pytest.raises(ValueError, match="frozen"):
        found.name = "Other"
    with pytest.raises(TypeError):
        found.tasks["new"] = None
    with pytest.raises(TypeError):
        found.tasks["chat"].accuracy["m"] = 0.5
    assert isinstance(found, Scenario)
    assert hash(found) == hash(loads(SMALLEST))
