"""Who answers for the figures of a plan: owners of assumptions, and who prepared and reviewed it."""

import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import Fields, field


def _date(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value
    try:
        return (
            datetime.date.fromisoformat(value)
            if isinstance(value, str) and len(value) == 10
            else _no_date(value)
        )
    except ValueError:
        return _no_date(value)


def _no_date(value: Any) -> Any:
    raise PydanticCustomError("own", "{given}", {"given": value, "allowed": "a date, YYYY-MM-DD"})


Date = Annotated[datetime.date, BeforeValidator(_date)]


class Owner(Fields):
    """Who answers for the figures at a path and below it."""

    of: str = field("path of a field or section, such as tasks.faq", min_length=1, max_length=300)
    name: str = field("person or team", min_length=1, max_length=200)


class SignOff(Fields):
    """Who made the plan and who has looked at it; printed on the statement of costs."""

    prepared_by: str | None = field("person or team", None, min_length=1, max_length=200)
    reviewed_by: str | None = field("person or team", None, min_length=1, max_length=200)
    on: Date | None = field("day of the review", None)
