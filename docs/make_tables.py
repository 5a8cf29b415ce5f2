"""Write docs/components.md from the components themselves: `python docs/make_tables.py`. A test checks that it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from invviz.core.component import Component
from invviz.defenses.detectors import DETECTORS
from invviz.metrics import METRICS
from invviz.scenario import KINDS, PARTS, SETTINGS

TARGET = Path(__file__).with_name("components.md")


def page() -> str:
    """The whole page as Markdown."""
    lines = ["# Components", "", "Made by `python docs/make_tables.py` from the components' own knobs; do not edit by hand.", ""]
    lines += [
        "A scenario is written `data=...&model=...&protocol=...&defense=...&attack=...&train=...&server=...&aggregation=...`, each part as `name(knob=value)`.",
        "",
    ]
    for part, table in PARTS.items():
        lines += _table(KINDS[part].capitalize(), table)
    lines += _table("Detector", DETECTORS) if DETECTORS else []
    lines += _table("Metric", METRICS)
    lines += ["## Settings", "", "| setting | default | allowed | meaning |", "|---|---|---|---|"]
    lines += [f"| `{k.name}` | `{k.default!r}` | {k.range} | {k.help} |" for k in SETTINGS.values()]
    return "\n".join(lines) + "\n"


def _table(kind: str, table: dict[str, type[Component]]) -> list[str]:
    lines = [f"## {kind}", ""]
    for name, component in table.items():
        lines += [
            f"### `{name}`",
            "",
            f"{component.title}. {component.first_line()}" + (f" Source: `{component.paper}`." if component.paper else ""),
            "",
        ]
        if component.knobs():
            lines += ["| knob | default | allowed | meaning |", "|---|---|---|---|"]
            lines += [f"| `{k.name}` | `{k.default!r}` | {k.range} | {k.help} |" for k in component.knobs()]
            lines.append("")
    return lines


if __name__ == "__main__":
    TARGET.write_text(page())
