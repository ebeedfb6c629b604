"""Building blocks of a memo's HTML: sections, lists, tables. Texts come in plain and go out escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def section(title: str, content: str, *, kind: str = "") -> str:
    name = f" class='{kind}'" if kind else ""
    return f"<section{name}><h2>{escape(title)}</h2>{content}</section>"


def told(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul class='told'>{items}</ul>" if items else ""


def table(
    names: Sequence[str], rows: Iterable[str], *, kind: str = "", numbers: bool = False, caption: str = ""
) -> str:
    heads = "".join(
        f"<th scope='col'{' class=number' if numbers and k else ''}>{escape(name)}</th>"
        for k, name in enumerate(names)
    )
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    kind = kind or ("numbers" if numbers else "")
    of_kind = f" class='{kind}'" if kind else ""
    return (
        f"<div class='sheet sideways' tabindex='0'><table{of_kind}>{said}<thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


__all__ = ["section", "table", "told"]
