"""Headings, lines and points of a list on a terminal.

Comes in: plain text; goes out: the same on a rich console, wrapped at its width unless it is to be pasted.
"""

from rich.console import Console
from rich.table import Table
from rich.text import Text


def heading(console: Console, text: str) -> None:
    """A heading after an empty line."""
    console.print()
    console.print(Text(text, "bold underline"))


def text_line(console: Console, text: str, style: str = "") -> None:
    """A line of plain text."""
    console.print(Text(text, style))


def item(console: Console, text: str) -> None:
    """A point of a list."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row("-", Text(text))
    console.print(grid)


def pasted(console: Console, text: str) -> None:
    """A line that is to be pasted: never broken, however wide the terminal is."""
    console.print(Text(f"  {text}"), soft_wrap=True)


def note(console: Console, text: str) -> None:
    """A line that belongs to the point above it."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row("", Text(text, "dim"))
    console.print(grid)


__all__ = ["heading", "item", "note", "pasted", "text_line"]
