"""The page Server: which detector sees which server at 1 % false alarms, and what hiding costs the server in pictures."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from ...charts.roc import COLOURS, curves
from ...core.figures import percent
from ...defenses.detectors import DETECTORS
from ...scenario.families import servers
from ...studies.detectors import COMMAND, Study, shipped
from .. import trouble

MISSING = "The study of detectors is not on this machine, or is of another version; `{command}` makes it in some hours."
CAUGHT = 0.5  # share of a server's nets from which it counts as seen


def draw(server: str) -> None:
    """The sentence, the table of all servers, and the curves of the one that is chosen."""
    st.markdown("## Which detector sees which server?")
    found = shipped()
    if found is None or not found.servers:
        st.caption(MISSING.format(command=COMMAND))
        return
    st.markdown(trouble.plain(finding(found)))
    _table(found)
    _roc(found, server)
    nets = int(found.facts.get("nets", 0))
    st.caption(
        f"Thresholds by half of {nets:,} honest nets (fresh with several starts, early rounds, trained, pruned, quantised), false alarms on the other half; 1 %, or the least rate that so many nets can tell. Hiding: the largest jitter at which "
        f"the server still reads half of what it read. Several detectors together raise more alarms than each by itself. Read here: 20 dB and more (the tiles above light up from 60 dB), of other pictures: batches of 16 of CIFAR-10. Made by `{COMMAND}`."
    )


def finding(found: Study) -> str:
    """Who is caught by at least one detector, who is not, and what hiding changes, in words."""
    names = list(dict.fromkeys(row["server"] for row in found.servers))
    plain = [name for name in names if found.sees(name, False, CAUGHT)]
    unseen = [_title(found, name) for name in names if name not in plain]
    said = f"Without jitter, at thresholds set for 1 % false alarms each (on nets that had no part in it they raised {_span(found)}), some detector catches at least half of the planted nets of {len(plain)} of {len(names)} servers"
    said += f"; none does so of {', '.join(unseen)}." if unseen else "."
    hiders = [name for name in names if found.row(name, True) is not None]
    if hiders:
        who = ", ".join(f"{_title(found, name)} ({_most(found, name):.0%})" for name in hiders)
        said += f" With jitter to hide behind, these still read at least half of what they read without; of their nets the detector that then sees most catches: {who}."
    cannot = [
        name for name in plain if found.row(name, True) is None and _hides(name) and (found.row(name, False) or {}).get("read_plain", 0) > 0
    ]
    if cannot:
        said += f" {', '.join(_title(found, name) for name in cannot)}: at the least jitter tried it reads less than half of that, so hiding costs it more than half of the pictures."
    absent = [kind.title for name, kind in servers.liars().items() if name not in names]
    return said + (f" Not in the study: {', '.join(absent)}." if absent else "")


def _span(found: Study) -> str:
    """The least and the most false alarms of a detector with a threshold, on the half that thresholds were not set by."""
    rates = [one["false_alarms"] / one["tested_on"] for one in found.detectors.values() if one.get("tested_on")]
    return f"{percent(min(rates))} to {percent(max(rates))}" if rates else "none"


def _hides(name: str) -> bool:
    table = servers.liars()
    return name in table and servers.hides(table[name]()) is not None


def _most(found: Study, name: str) -> float:
    """The share of a hiding server's nets that the detector catches that sees most of them."""
    row = found.row(name, True) or {"found": {}}
    return max((one["share"] for one in row["found"].values() if one["judged"]), default=0.0)


def _title(found: Study, name: str) -> str:
    row = found.row(name, False) or found.row(name, True)
    return str(row["title"]) if row else name


def _table(found: Study) -> None:
    detectors = [name for name in found.detectors if any(_share(row, name) is not None for row in found.servers)]
    head = "".join(f'<th scope="col">{escape(DETECTORS[name].title if name in DETECTORS else name)}</th>' for name in detectors)
    alarms = "".join(_alarms(found.detectors[name]) for name in detectors)
    body = "".join(_row(row, detectors) for row in found.servers) + (
        f'<tr class="wait"><th scope="row">Honest nets: false alarms</th><td>–</td><td>–</td>{alarms}</tr>'
    )
    caption = "Share of planted nets caught, thresholds set for 1 % false alarms on other nets (pause on a figure for its 95 % interval); – where the detector cannot judge."
    dark = " dark" if st.context.theme.type == "dark" else ""
    st.html(
        f'<div class="server verdicts grid{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr><th scope="col">Server</th><th scope="col">Jitter</th><th scope="col">It reads</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(row: Mapping[str, Any], detectors: list[str]) -> str:
    reads = "–" if row["read"] is None or row["read"] != row["read"] else f"{100 * row['read']:.0f} %"
    cells = "".join(_cell(row, name) for name in detectors)
    jitter = f"{100 * row['jitter']:g} %" if row["jitter"] else "none"
    return f'<tr><th scope="row">{escape(str(row["title"]))}</th><td>{jitter}</td><td>{reads}</td>{cells}</tr>'


def _alarms(one: Mapping[str, Any]) -> str:
    """Measured on the half of the honest nets that no threshold has seen."""
    if one.get("false_alarms") is None or not one.get("tested_on"):
        return "<td>by rule</td>"
    return f"<td>{100 * one['false_alarms'] / one['tested_on']:.1f} %</td>"


def _cell(row: Mapping[str, Any], name: str) -> str:
    share = _share(row, name)
    if share is None:
        return "<td>–</td>"
    low, high = row["found"][name]["interval"]
    return f'<td class="share" style="--share: {share:.3f}" title="95 %: {100 * low:.0f} to {100 * high:.0f} %">{100 * share:.0f} %</td>'


def _share(row: Mapping[str, Any], name: str) -> float | None:
    one = row["found"].get(name)
    return one["share"] if one and one["judged"] else None


def _roc(found: Study, server: str) -> None:
    plain, hidden = found.row(server, False), found.row(server, True)
    if plain is None:
        st.caption("The server that is chosen above is not in the study.")
        return
    ranked = sorted((name for name in plain["found"] if _share(plain, name) is not None), key=lambda name: -(_share(plain, name) or 0.0))
    names = [name for name in ranked if plain["found"][name].get("curve")][: len(COLOURS)]
    if not names:
        return
    said = f"{plain['title']}: planted nets caught over false alarms, {'as published and hiding' if hidden else 'as published'}"
    st.markdown(f"### {said}")
    st.vega_lite_chart(
        curves(_curves(plain, names), _curves(hidden, names) if hidden else {}, st.context.theme.type == "dark"), key="server roc", alt=said
    )


def _curves(row: Mapping[str, Any], names: list[str]) -> dict[str, list[list[float]]]:
    found = {name: row["found"][name] for name in names if _share(row, name) is not None}
    return {DETECTORS[name].title: one["curve"] for name, one in found.items() if one.get("curve")}
