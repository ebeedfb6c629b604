"""Rules about currency and the plan's last day: a rate exactly where one is needed, an end inside the horizon."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View

EXCHANGE = ("finance", "exchange")
UNTIL = ("finance", "until")


def exchange(view: View) -> Iterator[Finding]:
    """A foreign currency has a rate, and a rate is of a foreign currency."""
    currency, given = view.scenario.currency, view.scenario.finance.exchange
    if currency != "USD" and given is None:
        yield Finding(
            path=("currency",),
            text=f"{currency} has no rate; everything is counted in USD",
            hint="give finance.exchange: {usd_per_unit, as_of, source}",
            because=(EXCHANGE,),
        )
    if currency != "USD" and given is not None:
        yield Finding(
            path=("currency",),
            text=f"everything is counted in USD, and shown in USD wherever {currency} is not named",
            is_notice=True,
        )
    if currency == "USD" and given is not None:
        yield Finding(
            path=EXCHANGE,
            text="a rate without a foreign currency",
            hint="set currency to EUR, GBP, CHF or JPY, or leave it out",
            because=(("currency",),),
        )


def until(view: View) -> Iterator[Finding]:
    """An end of one's own cuts the last month short, no more: horizon_months and it must agree."""
    given, (start, whole) = view.scenario.finance.until, view.whole_months
    if given is not None and not start < given <= whole:
        yield Finding(
            path=UNTIL,
            given=str(given),
            allowed=f"a day after start, {start}, up to {whole}, by when horizon_months are over",
            because=(("start",), ("finance", "horizon_months")),
        )


CURRENCY = (exchange, until)
