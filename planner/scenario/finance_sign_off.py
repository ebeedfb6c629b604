"""Who answers for the figures of a plan: owners of assumptions, and who prepared and reviewed it."""

from planner.scenario.dates import Date
from planner.scenario.declare import Fields, field


class Owner(Fields):
    """Who answers for the figures at a path and below it."""

    of: str = field("path of a field or section, such as tasks.faq", min_length=1, max_length=300)
    name: str = field("person or team", min_length=1, max_length=200)


class SignOff(Fields):
    """Who made the plan and who has looked at it; printed on the statement of costs."""

    prepared_by: str | None = field("person or team", None, min_length=1, max_length=200)
    reviewed_by: str | None = field("person or team", None, min_length=1, max_length=200)
    on: Date | None = field("day of the review", None)
