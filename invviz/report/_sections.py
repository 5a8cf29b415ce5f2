"""Results in words, tables and figures; what HTML and Markdown both are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.figures import readable
from ..core.papers import cite
from ..engine.bounds import HELD, of_lower
from ..engine.gap import gap
from ..engine.training import spent
from ..metrics import Baseline, quality, tells
from ..scenario.kinds import WORK, found
from ._collect import Entry, Report, Spectrum
from ._figures import accuracy_figure, loss_figure, picture_figure, psnr_of, spectrum_figure
from ._numbers import amount, mean, number, read, seconds
from ._sweep import sweep_section
from ._told import Section, Told
from ._words_told import sentences


def sections(report: Report) -> list[Section]:
    """One for each result, sweeps last."""
    spectra = {e.key for e in report.entries if e.kind == "risk"}
    listed: list[Section] = []
    for e in report.entries:
        times = sum(s.anchor.startswith(e.key) for s in listed)  # one spectrum may be looked at with several noises
        finding, facts, warnings, notes, figures, tables = found(WORK[e.kind].section)(e) if e.facts else Told(_missing(e), [], [], [], [])
        if e.kind == "run" and e.spectrum and e.scenario.key("risk") not in spectra:
            figures.append(spectrum_figure(e.spectrum, e.scenario.text()))
        if e.job.error:
            warnings = [e.job.error if e.job.damaged else f"It failed: {e.job.error}", *warnings]
        if e.gap:
            notes = [*notes, e.gap]
        listed.append(
            Section(
                f"{e.key}-{times + 1}" if times else e.key, WORK[e.kind].title, finding, _state(e), (e.scenario.text(),), e.scenario.text(full=True), e.command,
                tuple(facts), tuple(warnings), tuple(notes), tuple(figures), tuple(tables),
            )
        )  # fmt: skip
    return listed + [sweep_section(s) for s in report.sweeps]


def _state(e: Entry) -> str:
    return "failed" if e.facts.get("failed") else e.job.state


def _missing(e: Entry) -> str:
    """Of what has no result."""
    title = WORK[e.kind].title
    return {
        "failed": f"{title}: the stored result is damaged" if e.job.damaged else f"{title}: failed",
        "queued": f"{title}: waits in the queue",
        "running": f"{title}: is being computed",
        "pruned": f"{title}: was removed; ask for it again to have it computed",
    }.get(e.job.state, f"{title}: was stopped before it had a result")


def attack(e: Entry) -> Told:
    """What an attack reached."""
    f = e.facts
    scores = f.get("scores", {})
    psnr, ssim = mean(scores.get("psnr")), mean(scores.get("ssim"))
    unseen = e.baseline(e.truth) if e.truth is not None else None
    finding = f"The attack's {e.scenario.data.modality.many}: {_quality(scores, unseen)}" + (
        "" if math.isnan(ssim) else f", SSIM {number(ssim, 2)}"
    )
    if e.scenario.columns:
        finding = f"The attack has {number(100 * mean(scores.get('cells')), 0)} % of the cells right"
    if "token_accuracy" in scores:
        finding = f"The attack has {number(100 * mean(scores['token_accuracy']), 0)} % of the words right"
    elif math.isnan(psnr):
        finding = "The attack has no score"
    facts = [(name.upper(), _scores(name, values)) for name, values in scores.items()]
    if e.spectrum:
        facts += _ideal_facts(e.spectrum)
    facts += [
        ("attacker was given", f"{f.get('given', '?')} (threat model {f.get('threat_model', '?')} of the table in {cite('carletti2025sok')})"),
        ("labels guessed", f"{sum(a == b for a, b in zip(f.get('labels', []), f.get('guessed_labels', []), strict=False))} of {len(f.get('labels', []))} right"),
        ("matching loss at the end", number(f.get("matching_loss"), 4, "g")),
        ("time", f"{seconds(f.get('seconds'))}, {amount(f.get('steps'))} step{'s' * (f.get('steps') != 1)} on {f.get('device', '?')}"),
    ]  # fmt: skip
    if f.get("accuracy") is not None:
        facts.append(("accuracy of the attacked net", f"{100 * f['accuracy']:.1f} %"))
    if ms := f.get("release_ms"):
        facts.append(
            ("time to make the message", f"{ms.get('bare', math.nan):.2f} ms bare, {ms.get('defended', math.nan):.2f} ms with the defense")
        )
    warnings = [f"The attack failed in its own eyes: {readable(str(f.get('note') or 'it gave no reason.'))}"] if f.get("failed") else []
    warnings += ["It was stopped early; this is the best until then."] if f.get("stopped") else []
    notes = [readable(f["note"])] if f.get("note") and not f.get("failed") else []
    notes += [f"{name.upper()} was not computed: {why}" for name, why in f.get("absent", {}).items()]
    figures = []
    if e.truth is not None and e.guess is not None and not e.scenario.data.modality.discrete:
        ideal = e.spectrum.picture if e.spectrum else None
        if ideal is not None:
            notes += _gap(e, psnr, psnr_of(ideal, e.truth)[0])
        figures.append(picture_figure(e.truth, ideal, e.guess, (psnr, ssim), e.scenario.text(), unseen))
    if e.curve:
        figures.append(loss_figure(*e.curve, e.scenario.text()))
    return Told(finding, facts, warnings, notes + _data_note(f), figures, sentences(f))


def _quality(scores: dict[str, Any], unseen: Baseline | None) -> str:
    """Word and PSNR."""
    psnr, ssim = ([read(v) for v in scores.get(name) or [None]] for name in ("psnr", "ssim"))
    return quality(psnr, ssim, unseen, ", PSNR ")


def _gap(e: Entry, reached: float, ideal: float) -> list[str]:
    """What lies between the real and the ideal attacker, in words."""
    assert e.spectrum is not None
    r = e.spectrum.figures
    floor = r["sigma"] ** 2 - r["noise_variance"]
    share = max(floor, 0.0) / max(r["sigma"] ** 2, 1e-300)
    words = gap(e.scenario, reached, ideal, bool(e.facts.get("stopped")), share, r["method"], r["psnr_ceiling"], r["invre"])
    return [words.replace("**", "")] if words else []


def _scores(name: str, values: Sequence[Any] | None) -> str:
    digits, unit = {
        "psnr": (1, " dB"),
        "ssim": (2, ""),
        "mse": (5, ""),
        "lpips": (3, ""),
        "cells": (2, ""),
        "edit_distance": (1, " words"),
    }.get(name, (4, ""))
    if values is None:
        return "not computed"
    text = f"{number(mean(values), digits)}{unit}"
    return text if len(values) < 2 else f"{text} (mean of {len(values)} pictures: {', '.join(number(v, digits) for v in values)})"


def _ideal_facts(s: Spectrum) -> list[tuple[str, str]]:
    """What the closed form says at the noise of the scenario."""
    r = s.figures
    low, high = r["invre_interval"]
    worst, best = r["psnr_interval"]
    sure = r["method"] == "exact"
    within = "" if sure else f" (95 %: {low:.3f} to {high:.3f})"
    return [
        ("InvRE", f"{r['invre']:.2f}{within}: an ideal attacker recovers {100 * r['invre']:.0f} % of what was unknown"),
        (
            "expected best (an average over pictures and noise)",
            f"{r['psnr_ceiling']:.1f} dB (the message {tells(r['invre'])}){'' if sure else f', 95 %: {worst:.1f} to {best:.1f} dB'}; "
            + (f"not a bound: {', '.join(r['bound_reasons'])}" if r["bound_reasons"] else HELD),
        ),
    ]


def risk(e: Entry) -> Told:
    """What a spectrum says at the scenario's noise."""
    f = e.facts
    notes = _data_note(f)
    if e.scenario.any_noise and e.scenario.defense.noisy:
        notes.append("This spectrum holds for noise of any strength; what is kept names one, and the figures are those at that one.")
    if e.spectrum is None:
        return Told("The spectrum is known no more", [("time", seconds(f.get("seconds")))], [], notes, [])
    r = e.spectrum.figures
    finding = f"InvRE {r['invre']:.2f}: an ideal attacker recovers {100 * r['invre']:.0f} % of what was unknown"
    facts = [
        *_ideal_facts(e.spectrum),
        (
            "InvLoss on the straight line",
            f"{number(r['invloss'], 4, 'g')} ({r['invloss_is']}); the truncated inverse reaches {number(r['invloss_bound'], 4, 'g')}",
        ),
        ("lower bound", of_lower(r)),
        (
            "readable directions",
            f"{'' if r['method'] == 'exact' else 'at least '}{r['k_star']:,} of {r['n'] * r.get('clients', 1):,} lie above the noise",
        ),
        (
            "noise",
            f"{number(r['sigma'], 3, 'g')} on every entry of a message of {r['p']:,} (floor {number(r['floor'], 3, 'g')}, {r['prior']} prior)",
        ),
        (
            "attacker was given",
            "message, net, labels, the defense and the prior: the ideal attacker knows all but the picture and the noise drawn",
        ),
        ("method", f"{r['method']}, {r['products']:,} Jacobian products" + (f" ({r['why']})" if r["why"] else "")),
        ("time", seconds(f.get("seconds"))),
    ]
    if f.get("accuracy") is not None:
        facts.append(("accuracy of the attacked net", f"{100 * f['accuracy']:.1f} %"))
    figures = [spectrum_figure(e.spectrum, e.scenario.text())]
    if e.spectrum.truth is not None:
        score = psnr_of(e.spectrum.picture, e.spectrum.truth)
        unseen = e.baseline(e.spectrum.truth)
        figures.insert(0, picture_figure(e.spectrum.truth, e.spectrum.picture, None, score, e.scenario.text(), unseen))
    return Told(finding, facts, [], [*r["caveats"], *notes], figures)


def training(e: Entry) -> Told:
    """What a training reached."""
    f = e.facts
    finding = f"Training reached {100 * f['accuracy']:.1f} % accuracy after {f['rounds']:,} rounds"
    facts = [
        ("accuracy", f"{100 * f['accuracy']:.1f} % on held-out pictures (mean of the last evaluations)"),
        ("best accuracy", f"{100 * f['best']:.1f} % (chosen on the held-out pictures, so it flatters)"),
        ("rounds", f"{f['rounds']:,}"),
        ("pictures used", f"{f['trained_on']:,}, counted as often as they were"),
        ("clients", f"{len(f.get('counts', []))}"),
        ("attacker was given", "nothing: this is what the scenario's training costs, no attack is run"),
        ("time", seconds(f.get("seconds"))),
    ]
    if found := spent(e.scenario, np.array(f["counts"]), f["rounds"]):  # results from before this was counted have what it takes
        facts.insert(2, ("differential privacy", found.words()))
    warnings = ["It was stopped early."] if f.get("stopped") else []
    history = [row for row in f.get("history", []) if row[1] is not None]
    figures = [accuracy_figure(history, f.get("classes"), e.scenario.text())] if len(history) > 1 else []
    return Told(finding, facts, warnings, ([f["note"]] if f.get("note") else []) + _data_note(f), figures)


def _data_note(f: dict[str, Any]) -> list[str]:
    return [f["data_note"]] if f.get("data_note") else []
