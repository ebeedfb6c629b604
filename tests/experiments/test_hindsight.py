"""What each choice would have cost: price steps worked by hand, stretches, retirements, and what is refused."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import planner
from planner.errors import PlannerError, ScenarioError
from planner.scenario.fields import Scenario

D = Decimal
A_THOUSAND_A_DAY = 30_437.5  # in a mean month of 30.4375 days


def scenario(used: dict[str, str], **changes: Any) -> Scenario:
    """One strategy for each model, 1,000 requests a day of 1,000 tokens in and 200 out, nothing that fails."""
    tree: dict[str, Any] = {
        "name": "the past",
        "start": "2027-01-01",
        "objective": "invoiced",
        "traffic": {"requests_per_month": A_THOUSAND_A_DAY},
        "tasks": {"faq": {"input_tokens": 1000, "output_tokens": 200}},
        "deployments": {
            name: {
                "model": model, "provider": "openai", "latency": {"total_s": 1}, "outages": None, "errors": None,
                "limits": None,
            }
            for name, model in used.items()
        },
        "strategies": {name: {"omni": [name]} for name in used},
        "policy": {"timeout_s": None},
        "finance": {"horizon_months": 1, "discount_rate": 0.0},
        "run": {"replications": 2, "window_s": 3600},
    }  # fmt: skip
    for path, value in changes.items():
        *parents, last = path.split("__")
        here = tree
        for step in parents:
            here = here.setdefault(step, {})
        here[last] = value
    return Scenario.model_validate(tree)


ALIAS = {"alias": "gpt-4o"}
O1 = {"o1": "o1-mini"}


def months(found: planner.Hindsight, strategy: str) -> dict[str, Decimal]:
    return {row[1]: row[4] for row in found.month_rows() if row[0] == strategy}


# -- by hand ---------------------------------------------------------------------------------------


def test_the_alias_gpt_4o_steps_down_on_2024_10_02() -> None:
    found = planner.hindsight(scenario(ALIAS), "2024-09-01", "2024-11-01")
    # A request of 1,000 in and 200 out: 1,000 x 5 + 200 x 15 = 8,000 USD a million before, 1,000 x 2.50 + 200 x 10 =
    # 4,500 from 2 October on. A thousand a day: 30 days of September, one and thirty of October.
    before, after = D(1000) * D(8000) / 10**6, D(1000) * D(4500) / 10**6
    assert months(found, "alias") == {"2024-09": 30 * before, "2024-10": 1 * before + 30 * after}
    assert months(found, "alias") == {"2024-09": D(240), "2024-10": D(143)}
    assert found.choices["alias"].tco.invoiced_usd == D(383)
    (day,) = found.choices["alias"].changes
    assert (day.day, day.before_usd, day.after_usd) == (date(2024, 10, 2), D("243.5"), D("136.96875"))
    told = {
        one.meter: (one.before_usd_per_mtok, one.after_usd_per_mtok, one.before_usd, one.after_usd)
        for one in day.changes
    }
    # A mean month has 30.4375 thousand requests: 30,437,500 tokens in and 6,087,500 out.
    assert told == {
        "input": (D(5), D("2.5"), D("30.4375") * 5, D("30.4375") * D("2.5")),
        "output": (D(15), D(10), D("6.0875") * 15, D("6.0875") * 10),
    }


def test_o1_mini_steps_down_on_2025_01_31() -> None:
    past = scenario(
        O1,
        models={"o1-mini": {"reasoning_tokens_per_output_token": 4}},
        tasks={"faq": {"input_tokens": 900, "output_tokens": 300}},
    )
    found = planner.hindsight(past, "2025-01-01", "2025-03-01")
    # 300 visible and 1,200 hidden: 900 x 3 + 1,500 x 12 = 20,700, then 900 x 1.10 + 1,500 x 4.40 = 7,590.
    before, after = D(1000) * D(20700) / 10**6, D(1000) * D(7590) / 10**6
    assert months(found, "o1") == {"2025-01": 30 * before + after, "2025-02": 28 * after}
    assert months(found, "o1") == {"2025-01": D("628.59"), "2025-02": D("212.52")}
    (day,) = found.choices["o1"].changes
    assert day.day == date(2025, 1, 31)
    assert [(one.meter, one.before_usd_per_mtok, one.after_usd_per_mtok) for one in day.changes] == [
        ("input", D(3), D("1.1")),
        ("output", D(12), D("4.4")),
        ("reasoning", D(12), D("4.4")),
    ]
    assert day.before_usd == D("30.4375") * D("20.7")
    assert day.after_usd == D("30.4375") * D("7.59")


def test_every_month_of_the_past_is_checked_by_hand() -> None:
    found = planner.hindsight(scenario(ALIAS | O1), "2024-08-15", "2024-11-10")
    for name in ("alias", "o1"):
        check = found.hand_check(name)
        for month in check.months:
            assert check.bill(month).difference_usd == 0
    assert found.hand_check("alias").months == ("2024-08", "2024-09", "2024-10", "2024-11")


def test_partial_months_at_both_ends_have_their_own_days() -> None:
    found = planner.hindsight(scenario({"august": "gpt-4o-2024-08-06"}), "2024-12-20", "2025-02-10")
    a_day = D(1000) * D(4500) / 10**6  # 1,000 x 2.50 + 200 x 10
    assert months(found, "august") == {"2024-12": 12 * a_day, "2025-01": 31 * a_day, "2025-02": 9 * a_day}


def test_a_stretch_is_the_sum_of_its_parts() -> None:
    past = scenario(ALIAS)
    whole = planner.hindsight(past, "2024-08-20", "2024-12-11").choices["alias"].tco.invoiced_usd
    parts = [
        planner.hindsight(past, first, last).choices["alias"].tco.invoiced_usd
        for first, last in (("2024-08-20", "2024-10-01"), ("2024-10-01", "2024-10-15"), ("2024-10-15", "2024-12-11"))
    ]  # fmt: skip
    assert sum(parts) == whole
    assert whole == D(43) * 8 + D(70) * D("4.5")  # 43 days to 1 October, 70 from 2 October on


# -- both bills --------------------------------------------------------------------------------------


def drawn(**changes: Any) -> Scenario:
    """Sizes with luck in them, so that two simulations would differ."""
    return scenario(
        {"may": "gpt-4o-2024-05-13", "august": "gpt-4o-2024-08-06"},
        tasks={"faq": {"input_tokens": {"p50": 400, "p95": 1600}, "output_tokens": {"p50": 100, "p95": 300}}},
        run={"replications": 4, "window_s": 7200},
        **changes,
    )


def test_months_that_all_have_cost_the_same_in_both_bills() -> None:
    found = planner.hindsight(drawn(), "2024-06-10", "2024-11-20")
    together = found.together
    assert together is not None
    assert (together.start, together.end) == (date(2024, 8, 6), date(2024, 11, 20))
    for name in ("may", "august"):
        own = {row.month: row.invoiced_usd for row in found.choices[name].tco.per_month}
        common = {row.month: row.invoiced_usd for row in together.tcos[name].per_month}
        assert {month: own[month] for month in ("2024-09", "2024-10", "2024-11")} == {
            month: common[month] for month in ("2024-09", "2024-10", "2024-11")
        }
    assert found.choices["august"].ledger.total() == together.ledgers["august"].total()
    assert len(months(found, "may")) == 6
    assert len(months(found, "august")) == 4


def test_regret_is_the_difference_of_the_bills_on_common_luck() -> None:
    found = planner.hindsight(drawn(), "2024-09-01", "2024-12-01")
    together = found.together
    assert together is not None
    assert together.best == "august"
    assert together.ranked == ("august", "may")
    assert together.regret("august", "invoiced_usd").value == 0
    gap = together.regret("may", "invoiced_usd")
    assert gap.value == together.tcos["may"].invoiced_usd - together.tcos["august"].invoiced_usd
    assert gap.low is not None
    assert gap.high is not None
    assert D(0) < gap.low < gap.value < gap.high
    assert found.answer.startswith("Best in hindsight: august at ")
    # Equal tokens at 5/15 and 2.50/10: the dearer bill is between 1.5 and 2 times the other.
    assert D("1.5") < together.tcos["may"].invoiced_usd / together.tcos["august"].invoiced_usd < D(2)


def test_what_misses_a_target_is_not_best() -> None:
    past = drawn(slo={"accuracy": 0.8})
    told = past.model_copy(
        update={
            "tasks": type(past.tasks)(
                {"faq": past.tasks["faq"].model_copy(update={"accuracy": {"gpt-4o-2024-05-13": 0.95, "gpt-4o-2024-08-06": 0.3}})}
            )
        }
    )  # fmt: skip
    together = planner.hindsight(told, "2024-09-01", "2024-10-01").together
    assert together is not None
    assert together.best == "may"
    assert together.misses["may"] == ()
    assert together.misses["august"][0].startswith("accuracy ")
    assert together.regret("august", "invoiced_usd").value < 0


def test_equal_bills_are_no_clear_best() -> None:
    found = planner.hindsight(scenario(ALIAS | {"same": "gpt-4o"}), "2024-09-01", "2024-10-01")
    assert found.together is not None
    assert found.together.best is None
    assert found.answer.startswith("No clear best in hindsight: alias ")


# -- not yet, and no longer ----------------------------------------------------------------------


def test_a_model_that_was_not_there_yet_has_no_bill_before_its_day() -> None:
    found = planner.hindsight(scenario(ALIAS | {"august": "gpt-4o-2024-08-06"}), "2024-05-13", "2024-09-01")
    one = found.stretches["august"]
    assert (one.start, one.end) == (date(2024, 8, 6), date(2024, 9, 1))
    assert one.begins == "gpt-4o-2024-08-06 came only on 2024-08-06"
    assert one.ends is None
    assert list(months(found, "august")) == ["2024-08"]
    assert months(found, "august")["2024-08"] == 26 * D(1000) * D(4500) / 10**6
    assert found.stretches["alias"].begins is None


def test_a_model_without_a_known_price_is_never_free() -> None:
    found = planner.hindsight(scenario(ALIAS | {"later": "gpt-5.1"}), "2026-01-01", "2026-03-01")
    assert found.stretches["later"].start is None
    assert "input price of gpt-5.1 at openai is not known on 2026-01-01" in str(
        found.stretches["later"].begins
    )
    assert "later" not in found.choices
    assert found.together is not None
    assert list(found.together.tcos) == ["alias"]
    assert found.answer.endswith(" later could not be run on any day.")
    with pytest.raises(PlannerError, match=r"later has no bill: input price of gpt-5\.1"):
        found.hand_check("later")


def test_nothing_that_could_be_run_is_told_with_the_reasons() -> None:
    with pytest.raises(
        PlannerError, match="No strategy could have been run from 2024-01-01 to 2024-05-12"
    ) as told:
        planner.hindsight(scenario(ALIAS | O1), "2024-01-01", "2024-05-13")
    assert "alias: gpt-4o came only on 2024-05-13; o1: o1-mini came only on 2024-09-12" in str(told.value)


def test_a_retirement_ends_a_strategy() -> None:
    found = planner.hindsight(scenario(O1), "2025-10-01", "2026-02-01")
    one = found.stretches["o1"]
    assert (one.start, one.end) == (date(2025, 10, 1), date(2025, 10, 27))
    assert str(one.ends).startswith("o1-mini retired at openai on 2025-10-27 (")
    assert list(months(found, "o1")) == ["2025-10"]


def test_a_successor_goes_on_from_the_day_of_retirement() -> None:
    past = scenario(O1, models={"o1-mini": {"reasoning_tokens_per_output_token": 4}, "o3": {"reasoning_tokens_per_output_token": 4}})  # fmt: skip
    found = planner.hindsight(past, "2025-10-01", "2025-12-01", successors={"o1-mini": "o3"})
    # o1-mini at 1.10/4.40: 1,000 x 1.10 + 1,000 x 4.40 = 5,500; o3 at 2/8: 10,000. 26 days of one, then the other.
    assert months(found, "o1") == {"2025-10": 26 * D("5.5") + 5 * D(10), "2025-11": 30 * D(10)}
    (day,) = found.choices["o1"].changes
    assert (day.day, day.before_usd, day.after_usd) == (
        date(2025, 10, 27),
        D("30.4375") * D("5.5"),
        D("304.375"),
    )
    assert {(one.was, one.model) for one in day.changes} == {("o1-mini", "o3")}
    assert found.stretches["o1"].ends is None
    assert any(text.startswith("o3 follows o1-mini from 2025-10-27 on") for text in found.notices)


def test_a_migration_that_came_in_time_holds_and_is_paid() -> None:
    moves = [{"at": "2025-06-01", "from": "o1-mini", "to": "o3-mini", "usd": 500}, {"at": "2028-01-01", "from": "o3-mini", "to": "o3"}]  # fmt: skip
    found = planner.hindsight(scenario(O1, finance={"migrations": moves}), "2025-05-01", "2026-01-01")
    assert found.stretches["o1"].end == date(2026, 1, 1)
    rows = found.choices["o1"].ledger.select(account="migration").rows
    assert [(row.month, row.amount_usd) for row in rows] == [("2025-06", D(500))]
    assert (
        "left out, as later than the last day: finance.migrations, o3-mini to o3 on 2028-01-01"
        in found.notices
    )
    # From a day after the migration its successor is in force from the start, and nothing is paid for it.
    later = planner.hindsight(scenario(O1, finance={"migrations": moves}), "2025-11-01", "2026-01-01")
    assert later.stretches["o1"].words() == "2025-11-01 to 2025-12-31"
    assert not later.choices["o1"].ledger.select(account="migration").rows


def test_strategies_without_a_common_day_are_not_ranked() -> None:
    found = planner.hindsight(scenario(O1 | {"later": "gpt-5.1"}), "2025-10-01", "2026-11-20")
    assert found.together is None
    assert found.stretches["later"].start == date(2026, 11, 12)
    assert (
        found.answer == "There is no day on which all of o1 and later could be run, so they are not ranked."
    )
    assert set(found.choices) == {"o1", "later"}


def test_cached_input_costs_as_much_as_input_before_it_had_a_price() -> None:
    past = scenario(
        ALIAS,
        tasks={"faq": {"input_tokens": 100, "output_tokens": 10, "shared_prefix_tokens": 2000}},
        traffic={"requests_per_month": 3_043_750},
    )
    alias = past.deployments["alias"]
    cached = type(alias).model_validate(
        {**alias.model_dump(mode="json", by_alias=True, exclude_unset=True), "prompt_cache": {}}
    )
    past = past.model_copy(update={"deployments": type(past.deployments)({"alias": cached})})
    found = planner.hindsight(past, "2024-10-01", "2024-10-03")
    assert found.stretches["alias"].start == date(2024, 10, 1)
    rows = found.choices["alias"].ledger.select(account="api/cached_input").rows
    assert [row.unit_price_usd * 10**6 for row in rows] == [D(5), D("1.25")]
    assert rows[0].source.endswith(", for cached input too: it has a price of its own only from 2024-10-02")
    assert rows[0].quantity == rows[1].quantity
    total = sum(row.quantity for row in found.choices["alias"].ledger.rows if row.account != "api/output")
    assert total == 2 * 100_000 * 2100  # nothing is lost between the meters
    assert any("has a price of cached input only from 2024-10-02" in text for text in found.notices)


def test_a_batch_api_has_to_be_there_throughout() -> None:
    past = scenario(O1, tasks__faq__urgency="batch")
    found = planner.hindsight(past, "2024-12-01", "2025-03-01")
    one = found.stretches["o1"]
    assert one.start == date(2025, 1, 31)  # the first day with a listed batch price of o1-mini
    assert one.begins == "o1-mini had no batch price on 2024-12-01, unlike on 2025-02-28"
    accounts = {row.account for row in found.choices["o1"].ledger.rows}
    assert accounts == {"api/batch/input", "api/batch/output", "api/batch/reasoning"}


def test_a_fee_goes_with_the_mean_month() -> None:
    found = planner.hindsight(scenario(ALIAS, gateway={"fee": 0.05}), "2024-09-01", "2024-11-01")
    (day,) = found.choices["alias"].changes
    assert (day.before_usd, day.after_usd) == (D("243.5") * D("1.05"), D("136.96875") * D("1.05"))
    assert found.choices["alias"].tco.invoiced_usd == D(383) * D("1.05")


def test_a_strategy_like_one_that_was_not_on_sale_is_run_alone() -> None:
    past = scenario(ALIAS | {"later": "gpt-5.1"})
    tree = past.to_dict()
    tree["strategies"] = {"later": {"omni": ["later"]}, "now": {"like": "later", "omni": ["alias"]}}
    tree["policy"]["select"] = "cheapest"
    found = planner.hindsight(Scenario.model_validate(tree), "2024-09-01", "2024-11-01")
    assert list(found.choices) == ["now"]
    assert found.choices["now"].tco.invoiced_usd == D(383)


def test_a_successor_of_a_model_that_was_replaced_before_is_of_no_use() -> None:
    moves = [{"at": "2025-06-01", "from": "o1-mini", "to": "o3-mini"}]
    past = scenario(O1, finance={"migrations": moves})
    with pytest.raises(
        ScenarioError, match="o1-mini=o3: no strategy uses a model o1-mini that retires between"
    ):
        planner.hindsight(past, "2025-05-01", "2026-01-01", successors={"o1-mini": "o3"})
    chained = planner.hindsight(past, "2025-05-01", "2026-11-20", successors={"o3-mini": "gpt-5-mini"})
    assert chained.stretches["o1"].end == date(2026, 11, 20)
    assert [day.day for day in chained.choices["o1"].changes] == [date(2025, 6, 1), date(2026, 10, 23)]


# -- what is taken along -------------------------------------------------------------------------


def test_volume_is_constant_and_says_so() -> None:
    past = scenario(ALIAS, traffic={"requests_per_month": A_THOUSAND_A_DAY, "growth_per_month": 0.1})
    found = planner.hindsight(past, "2024-06-01", "2024-09-01")
    assert months(found, "alias") == {"2024-06": D(240), "2024-07": D(248), "2024-08": D(248)}
    assert any(text.startswith("volume is constant at 30,438 requests") for text in found.notices)
    assert past.traffic.growth_per_month == 0.1  # what was passed in is not altered


def test_tiers_hold_in_the_bills_and_not_in_the_mean_month() -> None:
    tiers = [{"provider": "openai", "of": "usd", "steps": [{"above": 100, "factor": 0.5}]}]
    found = planner.hindsight(scenario(ALIAS, finance={"volume_prices": tiers}), "2024-09-01", "2024-11-01")
    # 240 and 143 USD at list prices, half of what is above 100.
    assert months(found, "alias") == {"2024-09": D(100) + D(140) / 2, "2024-10": D(100) + D(43) / 2}
    (day,) = found.choices["alias"].changes
    assert (day.before_usd, day.after_usd) == (D("243.5"), D("136.96875"))
    assert any(text.startswith("finance.volume_prices hold in all bills as if") for text in found.notices)
    assert found.hand_check("alias").bill("2024-10").difference_usd == 0


def test_a_commitment_or_factor_of_other_days_is_in_no_bill_and_says_so() -> None:
    """What begins in 2025 is not said to hold in all bills of 2024."""
    signed = {"name": "EA", "provider": "openai", "usd_per_month": 9000, "months": 2}
    finance = {
        "horizon_months": 12,
        "commitments": [{**signed, "starts": "2025-03-01"}],
        "negotiated": [{"provider": "openai", "factor": 0.5, "from": "2025-03-01"}],
    }
    found = planner.hindsight(
        scenario({"gpt-4o": "gpt-4o"}, start="2025-01-01", finance=finance), "2024-06-01", "2024-08-01"
    )
    assert {row.partition("/")[0] for row in found.ledger["account"]} == {"api"}
    assert any(text.startswith("in no bill, as they begin on days of their own") for text in found.notices)
    assert any("is for other days: it is in no bill" in text for text in found.notices)
    assert not any("hold in all bills" in text for text in found.notices)
    now = planner.hindsight(
        scenario({"gpt-4o": "gpt-4o"}, start="2025-01-01", finance={"horizon_months": 12, "commitments": [signed]}),
        "2024-06-01", "2024-08-01",
    )  # fmt: skip
    assert "commitment/unused" in set(now.ledger["account"])
    assert any(text.startswith("finance.commitments hold in all bills as if") for text in now.notices)


def test_own_prices_are_held_and_told() -> None:
    past = scenario(ALIAS, models={"gpt-4o": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}})
    found = planner.hindsight(past, "2024-09-01", "2024-11-01")
    assert found.choices["alias"].tco.invoiced_usd == 61 * D("1.4")  # 1,000 x 1 + 200 x 2
    assert found.choices["alias"].changes == ()
    assert "the price of gpt-4o is your own (models.gpt-4o) and is held on all days" in found.notices


def test_tables_hold_the_same_figures() -> None:
    found = planner.hindsight(scenario(ALIAS), "2024-09-01", "2024-11-01")
    assert found.months["invoiced_usd"].sum() == D(383)
    assert found.ledger["amount_usd"].sum() == D(383)
    assert list(found.steps["meter"]) == ["input", "output"]
    assert set(found.steps["basis"]) == {"announced (from memory)"}
    assert set(found.steps["confidence"]) == {"medium"}


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        (
            "2024-06-01",
            "2024-06-01",
            "until: got 2024-06-01; allowed: a day after since, which is 2024-06-01",
        ),
        (
            "2024-06-01",
            "2024-05-01",
            "until: got 2024-05-01; allowed: a day after since, which is 2024-06-01",
        ),
        ("2019-12-31", "2024-05-01", "since: got 2019-12-31; allowed: 2020-01-01 or later"),
        ("2020-01-01", "2040-01-01", "until: got 2040-01-01; allowed: less than 240 months after 2020-01-01"),
        ("13 May 2024", "2025-01-01", "since: got '13 May 2024'; allowed: a date, YYYY-MM-DD"),
        ("2024-02-30", "2025-01-01", "since: got '2024-02-30'; allowed: a date, YYYY-MM-DD"),
        ("2024-05-13", "20250101", "until: got '20250101'; allowed: a date, YYYY-MM-DD"),
    ],
)
def test_days_that_are_none_or_not_in_order_are_named(since: str, until: str, message: str) -> None:
    with pytest.raises(ScenarioError) as told:
        planner.hindsight(scenario(ALIAS), since, until)
    assert [str(one) for one in told.value.problems] == [message]


def test_both_bad_days_are_named_at_once() -> None:
    with pytest.raises(ScenarioError) as told:
        planner.hindsight(scenario(ALIAS), "x", "y")
    assert len(told.value.problems) == 2


def test_a_first_day_after_today_is_named_with_today() -> None:
    with pytest.raises(ScenarioError, match=r"until: got \d{4}-\d\d-\d\d, today; allowed: a day after since"):
        planner.hindsight(scenario(ALIAS), "2100-01-01")


@pytest.mark.parametrize(
    ("successors", "message"),
    [
        (
            {"o1-mini": "o3-mni"},
            "successor: o1-mini=o3-mni: o3-mni is not in the catalogue; did you mean o3-mini?",
        ),
        ({"o1-mini": "o1-mini"}, "successor: o1-mini replaces itself"),
        (
            {"o1": "o3"},
            "successor: o1=o3: no strategy uses a model o1 that retires between 2025-10-01 and 2026-01-01",
        ),
    ],
)
def test_successors_that_are_of_no_use_are_named(successors: dict[str, str], message: str) -> None:
    with pytest.raises(ScenarioError) as told:
        planner.hindsight(scenario(O1), "2025-10-01", "2026-01-01", successors=successors)
    assert [str(one) for one in told.value.problems] == [message]
