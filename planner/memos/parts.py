"""The parts of a memo as HTML: answer, cards, charts, tables, and how to run it again.

Comes in: a finished comparison with its state; goes out: HTML in which every text is escaped. No figure is made here.
"""

from collections.abc import Iterable
from decimal import Decimal
from html import escape

from planner.charts import Gallery, panels, theme
from planner.experiments import words
from planner.experiments.answer import GATES
from planner.experiments.cards import Card, Line, cards, mark
from planner.experiments.comparison import Comparison
from planner.experiments.statement import Statement
from planner.experiments.verdicts import matrix
from planner.finance import usd
from planner.finance.ledger import ECONOMIC, INVOICED, total_of
from planner.memos.blocks import section, table, told
from planner.memos.drawing import figure
from planner.memos.state import MemoState
from planner.scenario.fields import Scenario
from planner.workload.windows import counts, horizon_words

CHARTS = (("latency", "How long answers take"), ("tco", "What it costs, by account"))


def head(comparison: Comparison, state: MemoState) -> str:
    """What was asked, what the answer is, and what it stands on."""
    scenario = comparison.scenario
    won = " won" if comparison.winner is not None else ""
    question = f"<p class='question'>{escape(scenario.question)}</p>" if scenario.question else ""
    return (
        f"<header><p class='eyebrow'>Decision memo · {escape(state.made_on)}</p><h1>{escape(scenario.name)}</h1>{question}"
        f"<p class='answer{won}'>{escape(comparison.answer)}</p>{_meta(comparison)}{_sign_off(scenario)}</header>"
    )


def _meta(comparison: Comparison) -> str:
    scenario, asked = comparison.scenario, counts(comparison.scenario)
    volume = (
        f"{asked.turns_per_month:,.0f} requests a month in {asked.conversations_per_month:,.0f} conversations"
    )
    if asked.users_active_per_day is not None:
        volume += f" of {asked.users_active_per_day:,.0f} active users a day"
    facts = [
        f"{horizon_words(scenario)} from {scenario.start.isoformat()}",
        volume,
        f"{words.count(comparison.represented_requests)} requests represented by "
        f"{words.count(comparison.simulated_requests)} simulated",
        f"ranked by {scenario.objective} cost",
    ]
    return "<ul class='meta small'>" + "".join(f"<li>{escape(fact)}</li>" for fact in facts) + "</ul>"


def _sign_off(scenario: Scenario) -> str:
    signed = scenario.finance.sign_off
    parts = []
    if signed.prepared_by:
        parts.append(f"Prepared by <strong>{escape(signed.prepared_by)}</strong>")
    if signed.reviewed_by:
        on = f" on {signed.on}" if signed.on is not None else ""
        parts.append(f"Reviewed by <strong>{escape(signed.reviewed_by)}</strong>{on}")
    return f"<p class='signed'>{' · '.join(parts)}</p>" if parts else ""


# -- cards ---------------------------------------------------------------------------------------


def card_section(comparison: Comparison) -> str:
    """One card per strategy, in the scenario's order."""
    names = list(comparison.strategies)
    drawn = "".join(_card(one, theme.strategy_colour(one.strategy, names)) for one in cards(comparison))
    note = "Ranges are 95 % intervals of the simulation: prices, volumes and quality are taken as given."
    return f"<section><h2 class='unseen'>Strategies</h2><div class='cards'>{drawn}</div><p class='small'>{note}</p></section>"


def _card(card: Card, colour: str) -> str:
    kind = "" if not card.has_targets else " good" if card.meets else " bad"
    badges = [f"<span class='badge{kind}'>{escape(card.verdict)}</span>"]
    if card.is_best:
        badges.append("<span class='badge mark'>★ Best</span>")
    if card.is_baseline:
        badges.append("<span class='badge'>Baseline</span>")
    best = " best" if card.is_best else ""
    return (
        f"<article class='card{best}' style='border-top-color: {colour}'><h3>{escape(card.strategy)}</h3>"
        f"<div class='badges'>{''.join(badges)}</div><div class='label'>{escape(card.total_label)}</div>"
        f"<div class='total'>{escape(card.total)}</div>{_beside_total(card)}{_lines(card.lines)}{_misses(card)}</article>"
    )


def _beside_total(card: Card) -> str:
    notes = [f"95 % interval {card.total_interval}"] if card.total_interval else []
    if card.is_baseline:
        notes.append("differences are against this strategy, on the same traffic and luck")
    elif card.difference:
        sure = "" if card.is_certain else ", not certain"
        ends = f", {card.difference_interval}" if card.difference_interval else ""
        notes.append(f"{card.difference} against {card.baseline}{sure}{ends}")
    return "".join(f"<div class='label'>{escape(note)}</div>" for note in notes)


def _lines(lines: Iterable[Line]) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(line.name)}{_mark(line.met, line.is_certain, line.target)}</th>"
        f"<td class='number'><strong>{escape(line.value)}</strong>{_small(line.interval)}</td></tr>"
        for line in lines
    )
    return f"<table class='figures'><tbody>{rows}</tbody></table>"


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def _mark(met: bool | None, is_certain: bool | None, target: str = "") -> str:
    """Whether a target is met, by sign and word, and the target."""
    if met is None:
        return ""
    kind, sign = mark(met, is_certain)
    return f"<small><span class='{kind}'>{sign}</span>{f' {escape(target)}' if target else ''}</small>"


def _misses(card: Card) -> str:
    if not card.misses:
        return ""
    items = "".join(f"<li>{escape(miss)}</li>" for miss in card.misses)
    return f"<div class='misses'><ul aria-label='Targets missed'>{items}</ul></div>"


# -- targets, charts, money ----------------------------------------------------------------------


def targets(comparison: Comparison) -> str:
    """Every target, of the whole and of single tasks, with what each strategy does."""
    rows = comparison.slo_rows
    if not rows:
        return section("Targets", "<p>None is set: every strategy may be chosen.</p>")
    found = {(row.measure, row.task, row.strategy): row for row in matrix(comparison)}
    body = []
    for measure, task in dict.fromkeys((row.measure, row.task) for row in rows):
        _, more_is_better, name, unit = GATES[measure]
        unit = "share" if unit == "%" else unit
        held = found[measure, task, comparison.strategies[0]].target
        bound = f"{'≥' if more_is_better else '≤'} {_target(held, unit)}"
        cells = []
        for strategy in comparison.strategies:
            row = found[measure, task, strategy]
            value = words.number(row.value, unit) if row.value is not None else row.reason or words.DASH
            cells.append(f"<td class='number'>{escape(value)}{_mark(row.met, row.is_certain)}</td>")
        where = f" of {task}" if task else ""
        label = f"{name[:1].upper()}{name[1:]}{where} {bound}"
        body.append(f"<tr><th scope='row'>{escape(label)}</th>{''.join(cells)}</tr>")
    return section("Targets", table(["Target", *comparison.strategies], body, numbers=True))


def _target(value: float, unit: str) -> str:
    """A target as it was written."""
    if unit != "share":
        return f"{value:,g} {unit}"
    return f"{Decimal(repr(float(value))) * 100:f}".rstrip("0").rstrip(".") + " %"


def charts(comparison: Comparison) -> str:
    """Latency, cost by account, cost against latency and against quality."""
    gallery = Gallery(
        strategies=list(comparison.strategies),
        objective=comparison.scenario.objective,
        curves=comparison.curves,
        monthly=comparison.monthly,
        summary=comparison.summary,
        money=comparison.money,
        targets={"p95_latency_s": comparison.scenario.slo.p95_latency_s},
        meets={name: verdict.meets for name, verdict in comparison.verdicts.items()},
    )
    of_timed = (
        f"Of {', '.join(comparison.timed)}: nobody waits for the other tasks."
        if comparison.is_timed_in_part
        else ""
    )
    drawn = [
        figure(gallery[name], name, title, of_timed if name == "latency" else "") for name, title in CHARTS
    ]
    drawn += [
        figure(part, f"tradeoff-{k}", "Cost against what it buys")
        for k, part in enumerate(panels(gallery["tradeoff"]))
    ]
    return section("Charts", f"<div class='charts'>{''.join(drawn)}</div>")


def accounts(made: Statement) -> str:
    """Total cost by account, with totals that are sums of ledger rows, and whether all of them agree."""
    names, by_account = made.comparison.strategies, made.accounts
    body = []
    for view, label, views in (
        (INVOICED, "Total invoiced", [INVOICED]),
        (ECONOMIC, "Total with economic", [INVOICED, ECONOMIC]),
    ):
        for row in by_account[by_account["view"] == view].to_dict("records"):
            cells = "".join(f"<td class='number'>{usd(row[name], '')}</td>" for name in names)
            body.append(f"<tr><th scope='row'>{escape(row['account'])}</th>{cells}</tr>")
        of_views = by_account[by_account["view"].isin(views)]
        sums = "".join(f"<td class='number'>{usd(total_of(of_views[name]), '')}</td>" for name in names)
        body.append(f"<tr class='sum'><th scope='row'>{label}</th>{sums}</tr>")
    caption = f"USD over {horizon_words(made.comparison.scenario)}, not discounted; each figure is a sum of ledger rows."
    content = table(["Account", *names], body, numbers=True, caption=caption)
    return section("What it costs, by account", content + reconciliation(made))


def reconciliation(made: Statement) -> str:
    """Sum of the ledger = total shown, or by how much it is not."""
    worst, many = made.difference_usd, len(made.ledger)
    if worst == 0:
        return (
            f"<p class='small' id='reconciliation'><span class='met'>✓ 0.00 USD</span> between every total shown and the sum of its "
            f"{many:,} ledger rows, added up by account, month, fiscal year, chart and exported file.</p>"
        )
    bad = [f"{one.what} of {one.strategy}" for one in made.checks if one.difference_usd]
    return (
        f"<p id='reconciliation'><span class='missed'>✗ {escape(words.signed_amount(worst))}</span> between a total shown and its "
        f"ledger rows: {escape('; '.join(bad))}.</p>"
    )


# -- words ---------------------------------------------------------------------------------------


def findings(comparison: Comparison) -> str:
    """What a reader would otherwise have to dig for."""
    return section(
        "Findings",
        told(one.text for one in comparison.findings) or "<p>No rule found anything out of the ordinary.</p>",
    )


def limits(comparison: Comparison, state: MemoState) -> str:
    """What the cost leaves out, and what must be said about the run."""
    source = comparison.scenario._source
    path = "" if source is None else source.file
    # Folders of the machine on which the memo is made are nobody's business.
    own = f"{state.stem}.yaml"
    notices = told(str(notice).replace(path, own) if path else str(notice) for notice in comparison.notices)
    return section("What is not included", told(comparison.not_included)) + (
        section("Notices", notices) if notices else ""
    )


def assumptions(comparison: Comparison) -> str:
    """Every figure that was not simulated, with source, date and confidence."""
    body = []
    for row in comparison.assumptions.to_dict("records"):
        found = {name: words.DASH if words.is_unknown(one) else str(one) for name, one in row.items()}
        value = " ".join(part for part in (found["value"], found["unit"]) if part and part != words.DASH)
        cells = [
            f"<td{' class=none' if found[name] == words.DASH else ''} data-label='{label}'>{escape(found[name])}</td>"
            for name, label in (("source", ""), ("as_of", "as of "), ("confidence", "confidence "))
        ]
        body.append(
            f"<tr><th scope='row'>{escape(found['what'])}</th><td class='value'>{escape(value)}</td>{''.join(cells)}</tr>"
        )
    listed = table(["What", "Value", "Source", "As of", "Confidence"], body, kind="rests")
    return section("What it rests on", listed, kind="appendix")


__all__ = [
    "accounts",
    "assumptions",
    "card_section",
    "charts",
    "findings",
    "head",
    "limits",
    "reconciliation",
    "targets",
]
