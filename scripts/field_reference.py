"""Writes docs/scenario-language.md, the field reference, from the declarations of the language.

Nothing about a field is stated here: names, bounds, units, defaults and descriptions come from
`planner.scenario.field_rows`. A test compares the file with what this script would write.

    python scripts/field_reference.py            write the file
    python scripts/field_reference.py --check    only say whether it is up to date
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from planner.scenario import field_rows
from planner.scenario.declare import shown
from planner.scenario.laws import LAW_TEXT

FILE = Path(__file__).resolve().parent.parent / "docs" / "scenario-language.md"
# Sections that stand in several places: described once, at the place named.
SAME_AS = {
    "tasks.TASK.slo": "slo",
    "deployments.DEPLOYMENT.policy": "policy",
    "strategies.STRATEGY.policy": "policy",
    "strategies.STRATEGY.gateway": "gateway",
}
OPENING = """\
# The scenario language

*Written by `scripts/field_reference.py` from the language's own declarations; do not edit.*

A scenario is one YAML 1.2 file. It says how many requests come, what they ask, which models could answer where, under
which strategies, and what all that costs beside tokens. Nearly every field has a default; this runs:

```yaml
name: Ten lines
traffic: {requests_per_month: 100000}
tasks:
  faq: {input_tokens: {p50: 420, p95: 1600}, output_tokens: 150}
deployments:
  omni: {model: gpt-5.6, provider: openai}
  mini: {model: gpt-5.6-luna, provider: openai}
strategies:
  omni-only: {omni: [omni]}
  mini-only: {mini: [mini]}
```

`planner check FILE` lists every problem at once, with line, field, what was given, what is allowed and what may have been
meant; nothing is run before the file is sound. `planner schema` prints the language as JSON Schema for editors.

**Paths.** A field is named by its keys joined with dots, the same everywhere: in messages, in `--set PATH=VALUE`, in
`scenario.set({...})` and in the address of the app. A key with a dot stands in brackets, list items go by index or by
name: `models[gpt-4.1].input_usd_per_mtok`, `finance.people[0].fte`. Below, words in capitals stand for names of your own
and N for an index. Names of tasks, deployments and strategies are lower-case letters, digits and hyphens.

**LAW.** Wherever a time, a size or a pause is given, a distribution may stand: {law}.
`{p50, p95}` is the lognormal through both; the mean, which the bill follows, lies above the median and is shown beside it.

**Layers.** A strategy may carry its own `policy` and `gateway`, a deployment its own `policy`. Only the fields given there
count: deployment over strategy over scenario. `like: NAME` takes all of another strategy that is not given here.

`null` switches a limit, a timeout, a breaker or a deadline off. A dash under Default means: none; what holds instead stands
in the last column.
"""
CLOSING = """\
## Declared, and not simulated yet

These are part of the language, so that files stay valid later, and refused with "not supported yet" for now: never read
and passed over.

"""


def reference() -> str:
    """The whole text of docs/scenario-language.md."""
    rows = field_rows()
    parts = [OPENING.replace("{law}", _words(LAW_TEXT))]
    top = [row for row in rows if not set(".[") & set(row["path"])]
    plain = [row for row in top if row["type"] not in ("section", "map") and row["supported"]]
    parts.append(_section("The plan", "", plain))
    for row in top:
        if row["type"] in ("section", "map"):
            inside = [one for one in rows if one["path"].startswith((f"{row['path']}.", f"{row['path']}["))]
            parts.append(_section(row["path"], row["description"], list(_told(inside))))
    parts.append(CLOSING + "".join(f"- {line}\n" for line in _later(rows)))
    return "\n".join(parts)


def _told(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows that say something of their own: no item of a list or map, nothing that is described elsewhere."""
    for row in rows:
        path = row["path"]
        if not row["supported"] or any(path.startswith(f"{place}.") for place in SAME_AS):
            continue
        if path in SAME_AS:
            yield {**row, "allowed": f"as under [{SAME_AS[path]}](#{SAME_AS[path]})", "default": None}
        elif row["description"] and not (row["type"] == "section" and not row["nullable"]):
            yield row


def _section(title: str, description: str, rows: Sequence[dict[str, Any]]) -> str:
    lines = [f"## {title}", ""]
    if description:
        lines += [f"{description[0].upper()}{description[1:]}.", ""]
    lines += ["| Field | Allowed | Default | Meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{row['path']}` | {_allowed(row)} | {_default(row)} | {_cell(row['description'])} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _allowed(row: dict[str, Any]) -> str:
    if row["type"] == "law":
        unit = f" ({row['unit']})" if row["unit"] else ""
        return f"LAW{unit}" + (", or null" if row["nullable"] else "")
    text = row["allowed"].partition(", or null")[0] + (", or null" if row["nullable"] else "")
    return _cell(text)


def _default(row: dict[str, Any]) -> str:
    if row["required"]:
        return "required"
    if row["default"] in (None, "", {}, []):
        return "–"
    text = row["default"] if isinstance(row["default"], str) else shown(row["default"])
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _words(text: str) -> str:
    """Forms in braces as code."""
    return re.sub(r"\{(?:[^{}]|\{[^{}]*\})*\}", lambda form: f"`{form[0]}`", text)


def _later(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if any(row["path"].startswith(f"{place}.") for place in SAME_AS):
            continue
        if not row["supported"]:
            yield f"`{row['path']}`: {row['description']}"
        if row["choices_later"]:
            yield f"`{row['path']}`: {', '.join(row['choices_later'])}"


def main() -> int:
    text = reference()
    if "--check" in sys.argv[1:]:
        is_current = FILE.exists() and FILE.read_text(encoding="utf-8") == text
        print(
            f"{FILE.name} is {'up to date' if is_current else 'out of date: run python scripts/field_reference.py'}"
        )
        return 0 if is_current else 1
    FILE.write_text(text, encoding="utf-8")
    print(f"wrote {FILE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
