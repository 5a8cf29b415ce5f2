"""The Vertical page: the picture cut among parties, and what each attacker makes of the chosen embedding."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st

from ...charts.rows import table_html
from ...core.table import between
from ...engine.baseline import guess_without_message
from ...metrics import PSNR, SSIM, quality
from ...scenario import Scenario
from ...scenario.families import cuts
from .. import drawn, sources, things
from ..known import AttackOutcome, Known
from ..session import station
from ..victim import Victim, baseline
from ..waits import waits
from . import words


def draw(now: Scenario, here: Known, victim: Victim) -> None:
    """One row of pictures of the same height; a row of a table as a table."""
    if now.columns:
        _row(now, here, victim)
    else:
        _pictures(now, here, victim)
    st.caption(f"Sent: {words.size_of(here) or '...'} · joint model's accuracy: {words.accuracy(here)} · {victim.note}".rstrip(" ·"))


def _row(now: Scenario, here: Known, victim: Victim) -> None:
    """What the party holds of the row, column by column, beside every guess."""
    dark, spread, sure = st.context.theme.type == "dark", None, None
    if here.view is not None:
        spread = here.view.decomposition.variances.reshape(here.truth.shape)[0] if here.view.decomposition.variances.size else None
        sure = here.view.portrait.known(here.sigma)[0] if here.view.portrait else None
    mean = _mean_of(now)
    guesses = {cuts.called(name): None if attack.guess is None else attack.guess[0] for name, attack in here.attacks.items()}
    guesses["the mean row"] = None if mean is None else mean[0]
    st.html(table_html(now.columns, victim.truth[0], None if here.ideal is None else here.ideal[0], guesses, sure, spread, dark))
    cut = cuts.cut_of(now)
    if cut.parties > 1:
        held = [", ".join(c.name for c in between(now.data.columns, low[2], high[2])) for low, high in cuts.parts_of(now)]
        st.caption(
            "  \n".join(
                f"Party {k + 1} holds {names}" + (" (attacked)." if k in cuts.attacked(now) else ".") for k, names in enumerate(held)
            )
        )
    if now.batch > 1:
        st.caption(f"The first of {now.batch} rows in the batch.")
    going = [f"{cuts.called(name)}: {waits(a.job)}" for name, a in here.attacks.items() if waits(a.job)]
    if going:
        st.caption(" · ".join(going))


def _pictures(now: Scenario, here: Known, victim: Victim) -> None:
    cells = [
        _whole(now, victim),
        _tile(
            "own",
            "The party's part" if cuts.cut_of(now).parties > 1 else things.say(now, "The picture"),
            victim.truth,
            "never sent · " + ", ".join(victim.names[:2]),
        ),
    ]
    cells.append(_ideal(here))
    cells += [_attack(name, attack) for name, attack in here.attacks.items()]
    cells.append(_mean(now, victim.truth))
    dark = " dark" if st.context.theme.type == "dark" else ""
    st.html(f'<div class="vertical tiles{dark}">{"".join(cells)}</div>')


def _whole(now: Scenario, victim: Victim) -> str:
    cut = cuts.cut_of(now)
    if cut.parties == 1:
        return ""
    sheet = drawn.parted(_uncut(now), cuts.parts_of(now), cuts.attacked(now))
    return _figure(
        "whole",
        f"Cut among {cut.parties} parties",
        sheet,
        f"attacked: {'the part' if cut.together == 1 else 'the parts'} that {'is' if cut.together == 1 else 'are'} not pale",
        things.say(now, "The whole picture; parts that are not attacked are pale."),
    )


def _ideal(here: Known) -> str:
    if here.rough is not None and here.ideal is None:
        return _tile("ideal", "An ideal attacker", here.rough, here.so_far)
    if here.ideal is None or here.ideal_psnr is None:
        return _tile("ideal", "An ideal attacker", None, here.unscored or waits(here.job) or "...")
    return _tile("ideal", "An ideal attacker", here.ideal, scores(here.scenario, here.ideal, here.truth))


def _attack(name: str, attack: AttackOutcome) -> str:
    job = attack.job
    frame = sources.live_picture(attack.scenario) if job is not None and job.state == "running" else None
    if frame is not None or (job is not None and job.active):
        return _tile("real", cuts.called(name), frame if frame is not None else attack.guess, waits(job))
    if attack.guess is None or attack.result is None:
        return _tile("real", cuts.called(name), None, waits(job) or "not run yet")
    stopped = " (stopped)" if attack.result["stopped"] else ""
    return _tile("real", cuts.called(name), attack.guess, f"{_stored(attack)}{stopped} · {attack.result['seconds']:.0f} s")


def _mean(now: Scenario, truth: np.ndarray) -> str:
    picture = _mean_of(now)
    if picture is None:
        return ""
    many = np.repeat(picture, len(truth), 0)
    return _tile("mean", things.say(now, "The mean picture"), many, f"{scores(now, many, truth)}: who sees nothing gets this")


def _tile(role: str, title: str, picture: np.ndarray | None, said: str) -> str:
    return _figure(role, title, None if picture is None else drawn.thumb(picture), said, f"{title}: {said}")


def _figure(role: str, title: str, address: str | None, said: str, alt: str) -> str:
    shown = '<span class="blank"></span>' if address is None else f'<img src="{address}" alt="{escape(alt)}">'
    return f'<figure class="{role}"><b>{escape(title)}</b>{shown}<figcaption>{escape(said)}</figcaption></figure>'


def scores(now: Scenario, picture: np.ndarray, truth: np.ndarray) -> str:
    """What is said below a guess."""
    psnr, ssim = PSNR().score(picture, truth), SSIM().score(picture, truth)
    return quality(psnr, ssim, baseline(now, truth), " · ") + _likeness(float(ssim.mean()))


def _stored(attack: AttackOutcome) -> str:
    return attack.quality(" · ") + _likeness(float(np.mean(attack.each("ssim"))))


def _likeness(ssim: float) -> str:
    return "" if np.isnan(ssim) else f" · SSIM {ssim:.2f}"


def _mean_of(now: Scenario) -> np.ndarray | None:
    return guess_without_message(now, station().site.data_dir)


def _uncut(now: Scenario) -> np.ndarray:
    return now.data.victims(now.data.load(station().site.data_dir), 1)[0]
