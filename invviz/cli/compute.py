"""`run` and `risk`: compute a scenario in this process."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InvvizError, TextError
from ..core.figures import number
from ..engine.assess import assess
from ..engine.attack import run
from ..engine.bounds import HELD, of_lower
from ..engine.client import Site
from ..engine.expected import expected_fact
from ..engine.gap import above, exceeds, gap, reasons
from ..engine.results import Result
from ..engine.summary import risk_summary
from ..jobs.worker import set_threads
from ..metrics import PSNR, tells
from ..risk import ideal
from ..scenario import Scenario, check, risk_problems
from . import _out
from ._own import own_sample
from ._preview import preview
from ._show import ProgressLine, numbers, to_json
from ._site import read_site
from .bits import add_cells, sentence_lines, show_bits
from .clients import show_clients
from .parts import budget_of

UNITS = {
    "psnr": (1, "dB"),
    "ssim": (2, ""),
    "mse": (5, ""),
    "lpips": (3, ""),
    "cells": (2, ""),
    "token_accuracy": (2, ""),
    "rouge_1": (2, ""),
    "rouge_2": (2, ""),
    "edit_distance": (0, "words"),
}


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verbs."""
    runner = verbs.add_parser("run", parents=[places], help="attack a scenario")
    runner.add_argument(
        "--out",
        type=_out.path,
        metavar="DIR",
        help="write reconstruction.npz (truth, guess), result.json and preview.png, or sentences.txt",
    )
    runner.add_argument("--no-risk", action="store_true", help="leave the risk score out; it may take longer than the attack")
    runner.set_defaults(go=show_run)
    risker = verbs.add_parser("risk", parents=[places], help="risk score of a scenario; no attack is run")
    risker.add_argument(
        "--method", choices=("auto", "exact", "sketch", "quick"), help="how the spectrum is computed (default: as the scenario says)"
    )
    risker.add_argument("--values", type=_count, metavar="K", help="print only the K largest singular values")
    risker.add_argument(
        "--clients", action="store_true", help="of every client that the scenario's training simulates, instead of the victim's"
    )
    risker.set_defaults(go=show_risk)
    for verb in (runner, risker):
        verb.add_argument("scenario", metavar="SCENARIO")
        verb.add_argument(
            "--own",
            type=Path,
            metavar="FILE",
            help="your own sample in place of the victim: a picture, a .txt (its first sentence) or a .csv with the data set's columns (its first row); it is read, never run, and not kept",
        )
        verb.add_argument("--json", action="store_true", help='as JSON; infinite numbers are the strings "inf" and "-inf"')


def _count(text: str) -> int:
    """As argparse's type: how many."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count: write a whole number from 0 on")
    return int(text)


def show_run(args: argparse.Namespace) -> int:
    """Attack. An attack that failed in its own eyes is a result like others: it is printed and said, and the exit code is 0."""
    scenario, picture = own_sample(Scenario.parse(args.scenario), args.own)
    scenario, site = check(scenario), read_site(args.set)
    if args.out:
        _out.folder(args.out)
    with ProgressLine() as line:
        set_threads("run")
        result = run(scenario, site, line.report, picture)
        risk, ideal_picture, risk_note = None, None, "left out (--no-risk)"
        if not args.no_risk:
            risk, ideal_picture, risk_note = _risk(scenario, site, line, picture)
    spent = _spent(scenario, site)
    facts: dict[str, Any] = {
        **result.to_json(),
        "risk": risk,
        "risk_note": risk_note,
        **_beside(result, risk, ideal_picture),
        **(({"privacy": spent} if spent else {}) | expected_fact(scenario, site)),
    }
    words = _run_words(result, risk, risk_note, facts["gap"]) + (f"\ndp_sgd: {spent['words']}" if spent else "")
    print(to_json(facts) if args.json else words)
    if result.failed:
        print(f"The attack failed: {result.note}", file=sys.stderr)
    if args.out:  # last: a disk that has become full meanwhile must not take what was computed
        _written(args.out, result, facts, ideal_picture)
    return 0


def _written(folder: Path, result: Result, facts: dict[str, Any], ideal_picture: np.ndarray | None) -> None:
    """Write pictures and numbers.

    Raises:
        InvvizError: they cannot be written; what was cut off is removed.
    """
    place = folder / "reconstruction.npz"
    try:
        np.savez_compressed(place, truth=result.truth, guess=result.guess)
        place = folder / "result.json"
        place.write_text(to_json(facts) + "\n")
        if result.sentences:
            place = folder / "sentences.txt"
            place.write_text("".join(f"truth: {t}\nguess: {g}\n" for t, g in zip(*result.sentences.values(), strict=True)))
        else:
            place = folder / "preview.png"
            preview([result.truth, ideal_picture, result.guess]).save(place)
    except OSError as err:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)
        raise InvvizError(
            f"{place} cannot be written: {err.strerror or err}. What was computed is printed; free some space, or name another folder with --out."
        ) from err


def _spent(scenario: Scenario, site: Site) -> dict[str, Any] | None:
    """What the scenario's training would spend of its dp_sgd's promise, or the words why that is not known."""
    try:
        found = budget_of(scenario, site)
    except InvvizError as err:  # too few pictures for so many clients, no Opacus: the attack's result is worth printing all the same
        return {"epsilon": None, "words": f"epsilon is not known: {err}"}
    return None if found is None else found.to_json()


def _beside(result: Result, risk: dict[str, Any] | None, picture: np.ndarray | None) -> dict[str, Any]:
    """The ideal attacker's PSNR on the same pictures, what lies between both in words, and why the real one got more than it or than the expected best, where it did."""
    if risk is None or picture is None:
        return {"ideal_psnr": None, "gap": "", "above_ideal": [], "above_expected": ""}
    kind = result.scenario.data.modality
    each = [float(v) for v in PSNR().score(kind.unit(picture.clip(*kind.bounds)), kind.unit(result.truth))]
    reached, ideal_psnr = float(np.mean(result.scores["psnr"] or [np.nan])), float(np.mean(each))
    share = max(risk["sigma"] ** 2 - risk["noise_variance"], 0.0) / max(risk["sigma"] ** 2, 1e-300)
    said = gap(result.scenario, reached, ideal_psnr, result.stopped, share, risk["method"], risk["psnr_ceiling"], risk["invre"]).replace(
        "**", ""
    )
    return {
        "ideal_psnr": each,
        "gap": said,
        "above_ideal": reasons(result.scenario, share, risk["method"]) if exceeds(reached, ideal_psnr) else [],
        "above_expected": above(result.scenario, reached, risk["psnr_ceiling"], share, risk["method"], expected=True),
    }


def show_risk(args: argparse.Namespace) -> int:
    """Print the risk score."""
    scenario, site = Scenario.parse(args.scenario), read_site(args.set)
    if args.clients:
        if args.own is not None:
            raise TextError("--own is one victim's sample; --clients asks of every client's. Leave one of them out.")
        return show_clients(scenario, site, args.json)
    scenario, picture = own_sample(scenario.replace(method=args.method or scenario.method), args.own)
    if scenario.data.modality.discrete:
        return show_bits(scenario, site, args.json, picture)
    with ProgressLine() as line:
        facts, _ = _assess(scenario, site, line, picture)
        lines = add_cells(facts, scenario, site, picture)
    facts["singular_values"] = facts["singular_values"][: args.values]
    print(to_json(facts) if args.json else "\n".join([_risk_words(facts), *lines]))
    return 0


def _risk(
    scenario: Scenario, site: Site, line: ProgressLine, picture: np.ndarray | None = None
) -> tuple[dict[str, Any] | None, np.ndarray | None, str]:
    """Risk score, the ideal attacker's picture, and why there are none."""
    if found := risk_problems(scenario):
        return None, None, " ".join(found)
    try:
        return *_assess(scenario, site, line, picture), ""
    except InvvizError as err:  # the attack's result is worth printing all the same
        return None, None, str(err)


def _assess(scenario: Scenario, site: Site, line: ProgressLine, picture: np.ndarray | None = None) -> tuple[dict[str, Any], np.ndarray]:
    set_threads("risk")
    found = assess(scenario, site, line.report, picture)
    facts = risk_summary(
        scenario, found.decomposition, found.size, found.stages, found.trust.to_json() if found.trust else None, found.solved
    )
    facts["why"] = found.why
    return facts, ideal(found.decomposition, facts["sigma"])


def _run_words(result: Result, risk: dict[str, Any] | None, risk_note: str, gap_words: str) -> str:
    lines = [result.scenario.text(), ""]
    lines += sentence_lines(result)
    for name, values in result.scores.items():
        digits, unit = UNITS.get(name, (4, ""))
        lines.append(f"{name:<5} {numbers(values, digits, unit)}")
    if result.baseline is not None:
        unseen = result.baseline.middle
        lines.append(
            f"in a word: {result.word} (without a message, by the mean of public pictures or a flat grey: {unseen.psnr[0]:.1f} dB, SSIM {unseen.ssim[0]:.2f})"
        )
    lines += ["", f"the attacker was given: {result.given} (threat model {result.threat_model})"]
    lines.append(f"{result.seconds:.1f} s, {result.steps:,} steps on {result.device}")
    lines += [f"note: {text}" for text in (result.note, result.data_note) if text]
    lines += ["", gap_words] if gap_words else []
    lines += ["", _risk_words(risk) if risk else f"no risk score: {risk_note}"]
    return "\n".join(lines)


def _risk_words(risk: dict[str, Any]) -> str:
    sure = risk["method"] == "exact"
    low, high = risk["psnr_interval"]
    within = "" if sure else f" (95 %: {risk['invre_interval'][0]:.3f} to {risk['invre_interval'][1]:.3f})"
    ends = risk["psnr_spread"]
    spread = "" if ends is None else f" (19 of 20 pictures drawn from the prior: {ends[0]:.1f} to {ends[1]:.1f} dB)"
    bound = f"not a bound: {', '.join(risk['bound_reasons'])}" if risk["bound_reasons"] else HELD
    lines = [
        f"InvRE {risk['invre']:.2f}{within}: an ideal attacker recovers {100 * risk['invre']:.0f} % of what was unknown",
        f"expected best {risk['psnr_ceiling']:.1f} dB{'' if sure else f' ({low:.1f} to {high:.1f})'}, the message {tells(risk['invre'])}{spread}: an average over pictures and noise, {bound}",
        f"InvLoss on the straight line {number(risk['invloss'], 4)} ({risk['invloss_is']}); the truncated inverse reaches {number(risk['invloss_bound'], 4)} there",
        of_lower(risk),
        f"{'' if sure else 'at least '}{risk['k_star']:,} of {risk['n'] * risk['clients']:,} directions lie above the noise of {number(risk['sigma'])} per entry "
        f"(floor {number(risk['floor'])}, {risk['prior']} prior)",
        f"{risk['method']} ({risk['why']}): {risk['products']:,} Jacobian products, {risk['seconds']:.1f} s",
    ]
    return "\n".join(lines + risk["caveats"])
