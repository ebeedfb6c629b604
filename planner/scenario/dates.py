"""A day in a scenario: YYYY-MM-DD."""

import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


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

__all__ = ["Date"]
