"""The strongest of a set of attacks on every picture."""

from __future__ import annotations

import numpy as np

from ...core.errors import InvvizError
from ._measures import CELL, LATER, NONE, PRIVACY, SETTING, Table, checked, measure_of, reached


def finished(rows: Table) -> Table:
    """The cells that are done, or lack no more than their spectrum, their scores capped, without infinities.

    Raises:
        InvvizError: none is done, columns are missing, an accuracy is not a share, or cells differ in what is no column.
    """
    rows = checked(rows)
    rows = rows.assign(**{name: np.nan for name in LATER if name not in rows})  # tables of pictures may lack them
    attacked = reached(rows, "unaware").notna() & (reached(rows, "aware").notna() | (rows["defense"] == NONE))
    done = rows[(rows["state"] == "done") | (rows["accuracy"].notna() & attacked)].copy()
    if not len(done):
        states = ", ".join(f"{count} {state}" for state, count in rows["state"].value_counts().items()) or "no cells at all"
        raise InvvizError(f"Nothing of this sweep is done yet ({states}). Start a worker and wait, or see why cells failed.")
    done["strength_name"] = done["strength_name"].fillna("")
    done = done.drop_duplicates("scenario")
    if len(alike := done[done.duplicated([*CELL, "attack"], keep=False)]):
        first, second = alike[alike.groupby([*CELL, "attack"], dropna=False, sort=False).ngroup() == 0]["scenario"].iloc[:2]
        raise InvvizError(
            f"Two cells differ in nothing that a curve tells apart:\n{first}\n{second}\nKeep the rows with one value of what they differ in."
        )
    bare = done["defense"] == NONE
    for score in ("psnr", "ssim", "cells", "tokens"):  # without a defense there is nothing to be aware of: both attackers are the same one
        aware = done[f"{score}_aware"]
        done[f"{score}_aware"] = aware.where(~bare | aware.notna(), done[f"{score}_unaware"])
    for measure in PRIVACY.values():
        for name in measure.columns:
            done[name] = done[name].astype(float).clip(upper=measure.cap).replace([np.inf, -np.inf], np.nan)
    return done


def strongest(rows: Table) -> Table:
    """What the strongest attack gets of every picture, over all attacks of the sweep and both kinds of knowledge.

    The strongest is chosen for each picture with the truth at hand, which no single attacker could do: it bounds them all from above.
    Only cells that are done count; a score that is nan does not, and where all are the result is nan.

    Args:
        rows: of a sweep, with COLUMNS; of several settings too.

    Returns:
        One row per setting, defense, strength, seed and picture: those columns; one for each of PRIVACY (PSNR in dB, capped at CAP);
        accuracy; attack and knowledge ("unaware" or "aware", the former where both get the same; "" where it is not known) that got
        furthest (`reached`); attacks, of how many that is known; scenario, the cell of that attack.

    Raises:
        InvvizError: nothing is done, columns are missing, an accuracy is not a share, or cells differ in what is no column.
    """
    import pandas as pd  # slow to import

    done = finished(rows)
    both = [done.assign(knowledge=who, best=reached(done, who)) for who in ("unaware", "aware")]
    best = pd.concat(both).sort_values("best", ascending=False, kind="stable").drop_duplicates(list(CELL))
    best.loc[best["best"].isna(), ["attack", "knowledge"]] = ""
    for name, measure in PRIVACY.items():
        done[name] = done[list(measure.columns)].max(axis=1)
    done["attacks"] = done["attack"].where(reached(done, "unaware").notna() | reached(done, "aware").notna())
    parts = {name: (name, "max") for name in PRIVACY} | {"accuracy": ("accuracy", "mean"), "attacks": ("attacks", "nunique")}
    sums = done.groupby(list(CELL), dropna=False, sort=False).agg(**parts).reset_index()
    return sums.merge(best[[*CELL, "attack", "knowledge", "scenario"]], on=list(CELL), validate="one_to_one")


def settings(rows: Table) -> Table:
    """The different settings (data, model, protocol, train, batch) of a sweep and how many cells each has ("cells")."""
    return checked(rows).groupby(list(SETTING), dropna=False, sort=False).size().rename("cells").reset_index()


def curves(rows: Table, measure: str) -> Table:
    """`strongest` of a sweep of one setting with the measure as column "value".

    Raises:
        InvvizError: unknown measure, one that was not computed, more than one setting, nothing done, or no undefended cell to compare with.
    """
    kind = measure_of(measure)
    if len(found := settings(rows)) > 1:
        differ = [name for name in SETTING if found[name].nunique(dropna=False) > 1]
        raise InvvizError(f"These rows are of {len(found)} settings that differ in {', '.join(differ)}. Keep one of them (see `settings`).")
    table = strongest(rows)
    table["value"] = table[measure]
    if table["value"].isna().all():
        known = [name for name in PRIVACY if table[name].notna().any()]
        raise InvvizError(f"{kind.title} ({measure!r}) is not known for any cell of this sweep. Known: {', '.join(known) or 'nothing'}.")
    bare = table[table["defense"] == NONE]
    if not (bare["value"].notna() & bare["accuracy"].notna()).any():
        waits = " It is part of the sweep but not done." if (rows["defense"] == NONE).any() else ""
        raise InvvizError(
            f"No undefended cell has both an accuracy and {kind.title}, so nothing is known of what a defense costs.{waits} "
            "Add a cell without a defense to the sweep, or wait until it is done."
        )
    return table
