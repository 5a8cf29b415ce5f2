"""The risk of every simulated client, where pictures are dealt unevenly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ...jobs.limits import risk_problems
from ...scenario import Scenario
from .. import asking, things, trouble

HELP = "One quick spectrum for each client, of the first batch that it holds, with the defense on the screen, before training."


def draw(now: Scenario) -> None:
    """A button, then a table."""
    if found := risk_problems(now):
        st.caption(f":material/block: No risk per client: {trouble.plain(' '.join(found))}")
        return
    result = asking.once(
        "clients",
        now,
        "Compute the risk of every client",
        ":material/group:",
        HELP,
        lambda job: f"Spectrum of client {job.done + 1:,} of {job.total or '?'}",
    )
    if result is not None:
        _table(result["clients"], now)


def _table(rows: Sequence[Mapping[str, Any]], now: Scenario) -> None:
    st.markdown(f"**{sentence(rows)}**")
    shown = pd.DataFrame(
        {
            "client": [row["client"] for row in rows],
            things.say(now, "pictures"): [row["pictures"] for row in rows],
            "classes": [row["classes"] for row in rows],
            "largest class": [100 * row["largest"] for row in rows],
            "InvRE": [row.get("invre") for row in rows],
            "expected best": [row.get("psnr_ceiling") for row in rows],
        }
    )
    columns = {
        "largest class": st.column_config.NumberColumn(
            format="%.0f %%", help="Share of the most frequent class among what the client holds"
        ),
        "InvRE": st.column_config.ProgressColumn(
            min_value=0.0,
            max_value=1.0,
            format="%.2f",
            help="Share of the squared error of a guess without the message that the message takes away, on average",
        ),
        "expected best": st.column_config.NumberColumn(
            format="%.1f dB", help=things.say(now, "The ideal attacker's PSNR, an average over pictures and noise")
        ),
    }
    why = list(dict.fromkeys(name for row in rows for name in row.get("bound_reasons", [])))
    if why:
        st.caption(things.say(now, f"Expected best: an average over pictures and noise, not a bound: {', '.join(why)}."))
    st.dataframe(shown.sort_values("InvRE", ascending=False), hide_index=True, column_config=columns, height=min(38 + 35 * len(shown), 390))


def sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the table says, in one line.

    Example:
        >>> sentence([{"client": 0, "invre": 0.9, "largest": 0.2}, {"client": 1, "invre": 0.5, "largest": 1.0}, {"client": 2, "invre": 0.7, "largest": 0.6}])
        'Client 0 gives away most (InvRE 0.90), client 1 least (0.50); clients with fewer classes give away less'
    """
    known = [row for row in rows if row.get("invre") is not None]
    if not known:
        return "No client has a score: " + str(rows[0].get("reason", ""))
    most, least = max(known, key=lambda r: r["invre"]), min(known, key=lambda r: r["invre"])
    start = f"Client {most['client']} gives away most (InvRE {most['invre']:.2f}), client {least['client']} least ({least['invre']:.2f})"
    if most["invre"] - least["invre"] < 0.005:
        return f"All clients give away about the same (InvRE {most['invre']:.2f})"
    if len(known) < 3:
        return start
    rank = lambda name: np.argsort(np.argsort([row[name] for row in known]))  # noqa: E731
    slope = float(np.corrcoef(rank("largest"), rank("invre"))[0, 1])
    if abs(slope) < 0.5:
        return f"{start}; that does not follow how many classes they hold"
    return f"{start}; clients with fewer classes give away {'more' if slope > 0 else 'less'}"
