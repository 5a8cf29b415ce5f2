"""What a sweep does not know yet, and why."""

from __future__ import annotations

import dataclasses

from ._measures import LATER, SCORES, Table, checked

ORDER = ("failed", "unfit", "waiting", "done")
PLAIN = {"failed": "failed, no reason is known", "unfit": "the parts do not fit together", "waiting": "not run yet"}


@dataclasses.dataclass(frozen=True)
class Missing:
    """Cells that lack figures for one reason; `scenario` is the first of them."""

    state: str
    reason: str
    count: int
    scenario: str


def missing(rows: Table) -> list[Missing]:
    """What failed, does not fit or waits, and what is done but lacks a part; by reason.

    A cell that is done is listed where it says why something is absent, or lacks its accuracy or every score.

    Args:
        rows: of a sweep, with COLUMNS.

    Returns:
        Failed, unfit, waiting, then done ones; of each the most frequent reasons first.

    Raises:
        InvvizError: columns are missing, or an accuracy is not a share.
    """
    rows = checked(rows)
    reason = rows["reason"].fillna("").astype(str)
    reason = reason.where(reason != "", rows["state"].map(PLAIN).fillna(""))
    done = rows["state"] == "done"
    silent = done & (reason == "")  # a done cell may still say why a part of it is absent
    reason = reason.mask(silent & rows["accuracy"].isna(), "done, but its accuracy is not known")
    reason = reason.mask(
        silent & rows[[*SCORES, *(name for name in LATER if name in rows)]].isna().all(axis=1), "done, but without any score"
    )
    open_ = rows.assign(reason=reason)[~done | (reason != "")]
    found = [
        Missing(str(state), str(why), len(cells), str(cells["scenario"].iloc[0]))
        for (state, why), cells in open_.groupby(["state", "reason"], sort=False)
    ]
    return sorted(found, key=lambda m: (ORDER.index(m.state) if m.state in ORDER else len(ORDER), -m.count))
