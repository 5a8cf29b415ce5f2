"""The page Server: all defenses against all servers, which share of the batch each reads."""

from __future__ import annotations

from html import escape

import streamlit as st

from ...scenario import Scenario
from ...scenario.families.servers import UNDEFENDED
from ...servers import SERVERS
from ...studies.servers import COMMAND, Cell, Study, shipped
from .. import choice, press, sight, state

STOPPED, HELPLESS = 0.05, 0.9  # of the pictures that show on average; of what shows without a defense
VIEW, FIRST = "behind", "imprint"
MISSING = "This study is not on this machine, or is of another version; `{command}` makes it in some minutes."


def draw() -> None:
    """The table, and a button that opens one server of it."""
    found = shipped()
    if found is None or not found.cells:
        st.caption(MISSING.format(command=COMMAND))
        return
    st.markdown(f"**{finding(found)}**")
    dark = " dark" if st.context.theme.type == "dark" else ""
    head = "".join(f'<th scope="col">{escape(title(name))}</th>' for name in found.servers)
    body = "".join(_row(found, column) for column in found.columns)
    turns = max(len(cell.batches) for cell in found.cells)
    caption = f"Read exactly, in brackets: shows. Mean of {turns} batches."
    st.html(
        f'<div class="server verdicts grid{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr><th scope="col">Defense</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
    _open(found)
    st.caption(
        "Shares of a batch, or of the pictures that the server is after where it singles one out: read exactly (60 dB and more), and in brackets those that show (20 dB and more), by which cells are dark. "
        "Batches of 16 digits in float64, a seed each, each server at its defaults on the first net that it fits; servers that only undo the sum (inconsistent nets, sybils) with one digit and a linear layer. "
        f"The attacker knows the defense where its read-out can use that. Searches are stopped after 40 s. Pointing at a cell tells least and most over the batches. Made by `{COMMAND}`."
    )


def title(name: str) -> str:
    """A server's short name."""
    return SERVERS[name].short_title() if name in SERVERS else name


def finding(found: Study) -> str:
    """Which defenses stop the servers, and which stop nearly nobody, from the table."""
    left = {column: _mean([cell for name in found.servers if (cell := found.of(name).get(column))]) for column in found.columns}
    known = {column: value for column, value in left.items() if value is not None}
    bare = known.pop(UNDEFENDED, None)
    if bare is None or not known:
        return "No server could be run."
    stops = [column for column, value in known.items() if value < STOPPED]
    helpless = [column for column, value in known.items() if value >= HELPLESS * bare]
    said = [f"Without a defense servers show {100 * bare:.0f} % of the pictures on average."]
    said += (
        [f"Under {100 * STOPPED:.0f} % show behind {'; '.join(stops)}."]
        if stops
        else [f"No defense leaves them under {100 * STOPPED:.0f} %."]
    )
    said += [f"Of little use: {'; '.join(helpless)}."] if helpless else []
    return " ".join(said)


def _mean(cells: list[Cell]) -> float | None:
    known = [cell.seen for cell in cells if cell.seen is not None]
    return sum(known) / len(known) if known else None


def _row(found: Study, column: str) -> str:
    cells = "".join(_cell(found.of(name).get(column)) for name in found.servers)
    return f'<tr><th scope="row">{escape(column)}</th>{cells}</tr>'


def _cell(cell: Cell | None) -> str:
    if cell is None or cell.exact is None or cell.seen is None or cell.least_and_most is None:
        return f'<td title="{escape(cell.why if cell else "not computed")}">–</td>'
    least, most = cell.least_and_most
    told = f"Shows: {100 * least:.0f} to {100 * most:.0f} %" + ("" if cell.best is None else f"; best picture {cell.best:.1f} dB")
    told += f". {cell.why}" if cell.why else ""
    return f'<td style="--share: {cell.seen:.3f}" class="share" title="{escape(told)}"><b>{100 * cell.exact:.0f} %</b> ({100 * cell.seen:.0f})</td>'


def _open(found: Study) -> None:
    """Open a cell's scenario above."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="server-grid-open"):
        name = choice.pick(VIEW, {one: title(one) for one in found.servers}, FIRST)
        choice.from_list("Server", "grid server", list(found.servers), name, lambda one: state.set_view(VIEW, one), title)
        columns = [column for column, cell in found.of(name).items() if cell.exact is not None]
        if not columns:
            return
        column = choice.pick("defended", {one: one for one in columns}, columns[0])
        choice.from_list("Defense", "grid defense", columns, column, lambda one: state.set_view("defended", one))
        scenario = Scenario.parse(found.of(name)[column].batches[0].scenario)
        press.button("Open it above", "open cell", lambda: state.open_scenario(scenario), shows=sight.TOP, icon=":material/arrow_upward:")
