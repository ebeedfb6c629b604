"""The register of assumptions: who answers for a figure, and how old it is."""

from datetime import date

from planner.finance.basis import Assumption
from planner.finance.register import CATALOGUE, NOBODY, STALE_DAYS, WORKED_OUT, last_day, register
from tests.finance.plans import scenario

TODAY = date(2026, 11, 28)


def entry(**fields: str | None) -> Assumption:
    given: dict[str, str | None] = {"what": "a figure", "value": "1", "unit": "USD", "source": "a list"}
    return Assumption(**(given | fields))  # type: ignore[arg-type]


def owner(source: str, **fields: str | None) -> str:
    owners = [
        {"of": "tasks", "name": "Product"},
        {"of": "tasks.faq.cost_of_wrong_answer_usd", "name": "Support"},
        {"of": "finance", "name": "Treasury"},
    ]
    plan = scenario(finance__owners=owners)
    return register(plan, [entry(source=source, **fields)], TODAY)[0].owner


def test_the_longest_path_decides_who_answers() -> None:
    assert owner("scenario: tasks.faq.cost_of_wrong_answer_usd") == "Support"
    assert owner("scenario: tasks.faq.share") == "Product"
    assert owner("scenario: finance.electricity_usd_per_kwh; 25 W while answering (a shop)") == "Treasury"
    assert owner("scenario: finance.migrations, a to b on 2027-01-14") == "Treasury"
    assert owner("scenario: finance.one_time[Router and evaluation set].usd") == "Treasury"


def test_figures_of_the_catalogue_and_those_nobody_is_named_for_are_told_apart() -> None:
    assert owner("openai list price", as_of="2026-11-12") == CATALOGUE
    assert owner("scenario: policy.timeout_s") == NOBODY
    assert owner("scenario") == NOBODY
    assert owner("policy: retries and timeouts", confidence=None) == WORKED_OUT


def test_a_figure_is_stale_the_day_after_ninety_days() -> None:
    def age(as_of: str | None) -> tuple[int | None, bool]:
        one = register(scenario(), [entry(as_of=as_of)], TODAY)[0]
        return one.age_days, one.is_stale

    assert STALE_DAYS == 90
    assert age("2026-08-30") == (90, False)
    assert age("2026-08-29") == (91, True)
    assert age("2026") == (0, False)  # that year ends after today
    assert age("TTFT: 2024-08; speed: 2026-11") == ((TODAY - date(2024, 8, 31)).days, True)
    assert age(None) == (None, False)


def test_a_date_in_words_is_its_last_day() -> None:
    assert last_day("2024-02") == date(2024, 2, 29)
    assert last_day("2025 (from memory)") == date(2025, 12, 31)
    assert last_day("2024-03 to 2025-09") == date(2025, 9, 30)
    assert last_day("") is None


def test_the_name_of_an_entry_stays_when_its_value_moves() -> None:
    first, second = (register(scenario(), [entry(value=value)], TODAY)[0] for value in ("1", "2"))
    other = register(scenario(), [entry(what="another figure")], TODAY)[0]
    assert first.id == second.id
    assert first.id != other.id
