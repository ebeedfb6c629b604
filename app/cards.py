"""Draws the cards of a comparison; their texts come from `planner.experiments.cards`."""

from html import escape

import streamlit as st

from planner.experiments.cards import Card, Line, cards, mark


def show(shown: list[Card]) -> None:
    """Draw the cards side by side; a narrow screen stacks them."""
    many = len(shown)
    columns = many if many <= 4 else min((many + 1) // 2, 4)  # five are three and two, not four and one
    grid = st.grid(columns=columns, min_column_width=300, gap="small", border=True, key="cards")
    for card in shown:
        with grid.cell():
            _draw(card)


def _draw(card: Card) -> None:
    st.markdown(f"## {card.strategy} {_badges(card)}")
    against = f"against {card.baseline}" + ("" if card.is_certain else ", not certain")
    st.metric(
        card.total_label,
        card.total,
        delta=0 if card.is_baseline else card.difference or None,
        delta_color="inverse" if card.is_certain else "off",
        delta_description="the baseline" if card.is_baseline else against,
    )
    st.html(_notes(card) + table(card.lines))


def _notes(card: Card) -> str:
    """The intervals of the total and of the difference, in small print."""
    notes = [f"95 % interval {card.total_interval}"] if card.total_interval else []
    if card.is_baseline:
        notes.append("differences are against this strategy, on the same traffic and luck")
    elif card.difference_interval:
        notes.append(f"difference {card.difference_interval}")
    return "".join(f"<small class='note'>{escape(note)}</small>" for note in notes)


def _badges(card: Card) -> str:
    colour = "gray" if not card.has_targets else "green" if card.meets else "red"
    found = [f":{colour}-badge[{card.verdict}]"]
    if card.is_best:
        found.append(":blue-badge[★ Best]")
    if card.is_baseline:
        found.append(":gray-badge[Baseline]")
    return " ".join(found)


def table(lines: tuple[Line, ...]) -> str:
    """The rows of a card as an HTML table: name, figure with interval, target with a mark."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(line.name)}</th>"
        f"<td><b>{escape(line.value)}</b>{f'<small>{escape(line.interval)}</small>' if line.interval else ''}</td>"
        f"<td>{_mark(line)}</td></tr>"
        for line in lines
    )
    return f"<table class='figures'><tbody>{rows}</tbody></table>"


def _mark(line: Line) -> str:
    if line.met is None:
        return ""
    kind, sign = mark(line.met, line.is_certain)
    return f"<span class='{kind}'>{sign}</span><small>{escape(line.target)}</small>"


__all__ = ["Card", "Line", "cards", "show", "table"]
