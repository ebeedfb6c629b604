"""What finance signs: a comparison's money by account, month, year and unit, what it rests on, and proof that it adds up.

Comes in: a finished comparison; goes out: tables for `planner tco`, the page TCO and notebooks. Every figure is a sum of
ledger rows or a quotient of two; the reconciliation adds the same rows up in other ways, one of them from the text of
the exported file, and shows what is left over.
"""

import datetime
import decimal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from planner.experiments.assumptions import assumption_rows
from planner.experiments.comparison import Comparison, StrategyResult
from planner.finance import ledger_files
from planner.finance.accounting import Books, books
from planner.finance.currency import rate_words, shown
from planner.finance.fiscal import by_fiscal_year, fiscal_year
from planner.finance.horizon import plan_of, standing_ledger
from planner.finance.intervals import tco_interval
from planner.finance.ledger import ECONOMIC, EXACT, INVOICED, Ledger, plain, total_of
from planner.finance.register import Entry, register
from planner.finance.totals import per
from planner.finance.value import Value, value
from planner.workload.windows import counts

if TYPE_CHECKING:
    import pandas as pd

CENT = Decimal("0.01")
_SIX_PLACES = Decimal("0.000001")
_ROUNDING = decimal.Context(prec=200, rounding=decimal.ROUND_HALF_EVEN)
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A cost per something: numerator over denominator, both told.

    `low` and `high` are the ends of the 95 % interval of sampling, None where there is none. `value_usd` is None where
    the denominator is unknown or 0; `unknown` then says why.
    """

    strategy: str
    per: str
    view: str
    numerator: str
    numerator_usd: Decimal
    denominator: str
    count: Decimal | None
    value_usd: Decimal | None
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One way to add a strategy's rows up, beside the ledger's own total."""

    strategy: str
    what: str
    shown_usd: Decimal
    ledger_usd: Decimal

    @property
    def difference_usd(self) -> Decimal:
        """What is shown less what the rows add up to: 0 is right."""
        return EXACT.subtract(self.shown_usd, self.ledger_usd)


@dataclass(frozen=True)
class Statement:
    """The statement of a comparison's costs, read on a day (for the age of its sources)."""

    comparison: Comparison
    today: datetime.date

    @cached_property
    def months(self) -> "pd.DataFrame":
        """strategy, month, fiscal_year, invoiced_usd, economic_usd (with invoiced) and their running sums, Decimals."""
        import pandas as pd

        rows = [
            {"strategy": name, "fiscal_year": self.year_of(row.month), **asdict(row)}
            for name, result in self.comparison.results.items()
            for row in result.tco.per_month
        ]
        return pd.DataFrame(rows)

    @cached_property
    def years(self) -> "pd.DataFrame":
        """strategy, then the fields of `fiscal.YearCost`: fiscal_year, months, is_whole, invoiced_usd, economic_usd ..."""
        import pandas as pd

        scenario = self.comparison.scenario
        rows = [
            {"strategy": name, **asdict(year)}
            for name, result in self.comparison.results.items()
            for year in by_fiscal_year(scenario, result.ledger)
        ]
        return pd.DataFrame(rows)

    def year_of(self, month: str) -> str:
        """The fiscal year of a month YYYY-MM, named by the year in which it ends."""
        return fiscal_year(month, self.comparison.scenario.finance.fiscal_year_starts)

    @cached_property
    def values(self) -> dict[str, Value]:
        """STRATEGY: what its answers are worth and what it saves; empty unless the scenario gives a worth or a baseline."""
        found = {
            name: value(self.comparison.scenario, result.ledger)
            for name, result in self.comparison.results.items()
        }
        return {name: one for name, one in found.items() if one is not None}

    @cached_property
    def books(self) -> dict[str, Books]:
        """STRATEGY: the accounting view, for strategies that have something to write off."""
        found = {
            name: books(self.comparison.scenario, result.ledger)
            for name, result in self.comparison.results.items()
        }
        return {name: one for name, one in found.items() if one.assets}

    @cached_property
    def footprints(self) -> "pd.DataFrame":
        """Energy and CO2e of every deployment of every strategy, never added to money; see `footprint.Footprint`."""
        import pandas as pd

        return pd.DataFrame(
            [row.to_dict() for name in self.comparison.strategies for row in self.comparison.footprint(name)]
        )

    @cached_property
    def accounts(self) -> "pd.DataFrame":
        """view, account, then a column per strategy with the account's total over the plan (Decimal, 0 where it has none)."""
        import pandas as pd

        ledgers = {name: result.ledger for name, result in self.comparison.results.items()}
        sums = {name: ledger.by("view", "account") for name, ledger in ledgers.items()}
        keys = dict.fromkeys(key for one in sums.values() for key in one)
        ordered = sorted(
            keys, key=lambda key: key[0] != INVOICED
        )  # stable: accounts stay in the ledger's order
        rows = [
            {"view": view, "account": account}
            | {name: one.get((view, account), Decimal(0)) for name, one in sums.items()}
            for view, account in ordered
        ]
        return pd.DataFrame(rows, columns=["view", "account", *ledgers])

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Costs per 1,000 requests, per answered request, per right answer ..., in both views where they differ."""
        return tuple(
            unit for name, result in self.comparison.results.items() for unit in self._units(name, result)
        )

    def _units(self, name: str, result: StrategyResult) -> Iterator[Unit]:
        ledger, tco = result.ledger, result.tco
        planned, answered = ledger.expected("planned"), ledger.expected("completed")
        plan = plan_of(self.comparison.scenario, name)
        standing = standing_ledger(plan).total()
        # Downtime stands still as well: so many hours, whatever comes.
        by_hour = ledger.select(account="downtime").total()
        told = counts(self.comparison.scenario)
        for view in (INVOICED, ECONOMIC):
            amount = ledger.total(INVOICED) if view == INVOICED else ledger.total()
            if view == ECONOMIC and amount == ledger.total(INVOICED):
                continue
            words = "invoiced cost" if view == INVOICED else "economic cost, with what is invoiced"
            divisors: list[tuple[str, str, Decimal, Decimal | None, int, str | None]] = [
                ("1,000 requests", words, amount, planned, 1000, f"{view}_per_1k_usd"),
                (
                    "1,000 requests, varying part",
                    f"{words}, less what stands without any request" + (" and downtime" if view == ECONOMIC and by_hour else ""),
                    EXACT.subtract(EXACT.subtract(amount, standing), by_hour if view == ECONOMIC else Decimal(0)),
                    planned, 1000, None,
                ),
                ("1,000 answered requests", words, amount, answered, 1000, None),
                ("right answer", words, amount, tco.expected_correct, 1, f"{view}_per_correct_usd"),
            ]  # fmt: skip
            if told.conversations_per_month < told.turns_per_month:
                talks = _share(planned, told.conversations_per_month / told.turns_per_month)
                divisors.append(("1,000 conversations", words, amount, talks, 1000, None))
            if told.users_active_per_day:
                users = _share(planned, told.users_active_per_day / told.turns_per_month)
                divisors.append(("active user and month", words, amount, users, 1, None))
            for unit, numerator, top, count, size, measure in divisors:
                value = per(top, count, size)
                ends = tco_interval(result.vectors, measure, value) if measure is not None else None
                yield Unit(
                    strategy=name,
                    per=unit,
                    view=view,
                    numerator=numerator,
                    numerator_usd=top,
                    denominator=_DENOMINATORS[unit],
                    count=count,
                    value_usd=value,
                    low_usd=ends.low if ends else None,
                    high_usd=ends.high if ends else None,
                    unknown="" if value is not None else _why(tco.unknown, measure),
                )

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The reconciliation: every strategy's total, added up in other ways."""
        exported = ledger_files.totals_of_csv(self.csv)
        found = []
        for name, result in self.comparison.results.items():
            total, invoiced = result.ledger.total(), result.ledger.total(INVOICED)
            monthly = self.comparison.monthly
            drawn = monthly.loc[monthly["strategy"] == name, "amount_usd"].sum()
            months, years = self.months, self.years
            shown = {
                "total by account": total_of(self.accounts[name]),
                "total by month": total_of(months.loc[months["strategy"] == name, "economic_usd"]),
                "total by fiscal year": total_of(years.loc[years["strategy"] == name, "economic_usd"]),
                "exported file, quantity x price": exported.get(name, Decimal(0)),
                "charts, to the cent": _to_cent(Decimal(float(drawn)), total),
                "total shown": result.tco.economic_usd,
            }
            found += [
                Check(strategy=name, what=what, shown_usd=one, ledger_usd=total)
                for what, one in shown.items()
            ]
            found.append(
                Check(
                    strategy=name,
                    what="invoiced total shown",
                    shown_usd=result.tco.invoiced_usd,
                    ledger_usd=invoiced,
                )
            )
        return tuple(found)

    @property
    def difference_usd(self) -> Decimal:
        """The largest difference of all checks, by size: 0 where everything adds up."""
        return max((one.difference_usd for one in self.checks), key=abs)

    @cached_property
    def register(self) -> tuple[Entry, ...]:
        """Every assumption with source, date, owner and age."""
        scenario = self.comparison.scenario
        return register(scenario, assumption_rows(scenario), self.today)

    @cached_property
    def ledger(self) -> Ledger:
        """The rows of all strategies."""
        return Ledger(tuple(row for result in self.comparison.results.values() for row in result.ledger.rows))

    @cached_property
    def csv(self) -> str:
        """The ledger as CSV."""
        return ledger_files.csv_text(self.ledger.rows)

    def parquet(self) -> bytes:
        """The ledger as Parquet."""
        return ledger_files.parquet_bytes(self.ledger.rows)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `planner tco --json`: plain values, money as decimal strings."""
        scenario = self.comparison.scenario
        return {
            "version": VERSION,
            "scenario": {
                "name": scenario.name,
                "hash": scenario.hash,
                "seed": scenario.run.seed,
                "objective": scenario.objective,
                "horizon_months": scenario.finance.horizon_months,
                "start": scenario.start.isoformat(),
            },
            "read_on": self.today.isoformat(),
            "sign_off": _plain(scenario.finance.sign_off.model_dump(mode="json")),
            "answer": self.comparison.answer,
            "winner": self.comparison.winner,
            "accounts": _records(self.accounts),
            "months": _records(self.months),
            "years": _records(self.years),
            "present_value": {
                name: {
                    "invoiced_usd": plain(result.tco.invoiced_npv_usd),
                    "economic_usd": plain(result.tco.economic_npv_usd),
                }
                for name, result in self.comparison.results.items()
            },
            "currency": self._in_currency(),
            "value": {name: _value_of(one) for name, one in self.values.items()},
            "accounting": {name: _records(one.to_frame()) for name, one in self.books.items()},
            "footprint": _records(self.footprints.astype(object).where(self.footprints.notna(), None)),
            "units": [_plain(asdict(one)) for one in self.units],
            "reconciliation": [
                _plain(asdict(one)) | {"difference_usd": plain(one.difference_usd)} for one in self.checks
            ],
            "register": [one.to_dict() for one in self.register],
            "not_included": list(self.comparison.not_included),
            "ledger": self.ledger.rows_json(),
        }

    def _in_currency(self) -> dict[str, Any] | None:
        """Totals in the scenario's currency with the rate; None for USD."""
        scenario = self.comparison.scenario
        words = rate_words(scenario)
        if words is None:
            return None
        return {
            "currency": scenario.currency,
            "rate": words,
            "totals": {
                name: {
                    "invoiced": plain(shown(result.tco.invoiced_usd, scenario)),
                    "economic": plain(shown(result.tco.economic_usd, scenario)),
                }
                for name, result in self.comparison.results.items()
            },
        }


_DENOMINATORS = {
    "1,000 requests": "requests that the traffic holds",
    "1,000 requests, varying part": "requests that the traffic holds",
    "1,000 answered requests": "requests expected to be answered",
    "right answer": "answers expected to be right",
    "1,000 conversations": "conversations that the traffic holds",
    "active user and month": "months of active users, growing as the traffic does",
}


def statement(comparison: Comparison, today: datetime.date | None = None) -> Statement:
    """The statement of a comparison's costs.

    Parameters
    ----------
    today : date, optional
        The day on which it is read, for the age of sources; the day of the machine's clock if left out.
    """
    return Statement(comparison, today if today is not None else datetime.date.today())


def _share(count: Decimal, share: float) -> Decimal:
    """Part of a count, to six places."""
    return EXACT.multiply(count, Decimal(str(share))).quantize(_SIX_PLACES, context=_ROUNDING)


def _why(unknown: Any, measure: str | None) -> str:
    kind = "per_correct_usd" if measure is not None and "correct" in measure else "per_1k_usd"
    return str(unknown.get(kind, "nothing is expected to be divided by"))


def _to_cent(drawn: Decimal, total: Decimal) -> Decimal:
    """A sum of floats: the exact total where both are the same to the cent, else what was drawn."""
    return total if abs(drawn - total) < CENT / 2 else drawn


def _value_of(one: Value) -> dict[str, Any]:
    """What a strategy brings, as plain values."""
    found: dict[str, Any] = {
        "baseline": one.baseline,
        "value_usd": None if one.value_usd is None else plain(one.value_usd),
        "baseline_usd": None if one.baseline_usd is None else plain(one.baseline_usd),
        "unknown": dict(one.unknown),
        "months": _records(one.to_frame()),
    }
    for view in ("invoiced", "economic"):
        back = getattr(one, view)
        found[view] = _plain(
            {
                name: getattr(back, name)
                for name in (
                    "cost_usd",
                    "net_value_usd",
                    "roi_of_value",
                    "saving_usd",
                    "saving_npv_usd",
                    "roi_of_saving",
                )
            }
        ) | {
            name: None
            if (found_back := getattr(back, name)) is None
            else {
                "months": None if found_back.months is None else plain(found_back.months),
                "reason": found_back.reason,
            }
            for name in ("payback", "discounted_payback")
        }
    return found


def _records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    return [_plain(row) for row in table.to_dict("records")]


def _plain(row: Any) -> dict[str, Any]:
    return {
        str(name): plain(value) if isinstance(value, Decimal) else value for name, value in dict(row).items()
    }


__all__ = ["Check", "Statement", "Unit", "statement"]
