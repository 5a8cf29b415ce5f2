"""Every attack on one victim: which fit, which do not and why, and the same with other seeds; no net and no picture is touched here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from ...attacks import ATTACKS, Attack
from ...metrics import EXACT
from ...servers import SERVERS
from .. import Scenario, brought, problems

SEEDS = 5  # nets and starts that are compared


@dataclasses.dataclass(frozen=True)
class Victim:
    """A victim on which attacks differ tellingly."""

    title: str
    lesson: str
    scenario: str


SCENES = (
    Victim("A little noise", "One update with 1 % noise: closed forms break, searches survive.", "data=photos&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=dlg&prior=natural&floor=0.0001"),
    Victim("No defense at all", "Without noise a net with sigmoids is solved layer by layer, exactly.", "data=photos&model=lenet&attack=dlg&prior=natural&floor=0.0001"),
    Victim("ReLU instead of sigmoid", "Dead units give no equations: peeling stops, matching goes on.", "data=photos&model=convnet&attack=inverting_gradients"),
    Victim("A batch of four", "Averaging hides nobody: the last layer's gradient is taken apart into the features of all four pictures, exactly.", "data=photos(size=16)&model=convnet&attack=features&batch=4&floor=0.0001"),
    Victim("Eight pictures, one ReLU layer", "Zeros of ReLU tell eight pictures of one gradient apart, exactly, with a certificate.", "data=photos(size=16)&model=mlp&attack=spear&batch=8"),
    Victim("A vision transformer", "The gradient of the patch embedding is a linear system: solved at once, in spite of residual connections.", "data=photos&model=vit&attack=april(equations='embedding')"),
    Victim("A net in training mode", "Batch norm mixes the batch: searches get less than in inference mode (the next card), and statistics that are sent along give a little back. How much: under Does training mode protect?", "data=photos(size=16)&model=preact&protocol=hfl_training&attack=gia_running&batch=4"),
    Victim("The same in inference mode", "What most papers attack: the net with its norm layers fixed.", "data=photos(size=16)&model=preact&attack=inverting_gradients&batch=4"),
    Victim("A fully connected net", "The first layer gives the picture away without any search.", "data=photos&model=mlp&attack=linear_layer"),
)  # fmt: skip


def attackers(now: Scenario) -> dict[str, Scenario]:
    """The scenario once for every attack that fits it, by the attack's name; its own attack comes first, so that it is run first, and keeps its settings."""
    return dict(_fitting(now, tuple(ATTACKS.items()))[0])


def with_attack(now: Scenario, name: str) -> Scenario:
    """The scenario with another attack at its defaults; one that reads for a server that steers the training brings that server along.

    Example:
        >>> with_attack(Scenario.parse("data=digits&model=mlp&protocol=vfl&attack=rmle"), "decoder").text()
        'data=digits&model=mlp&protocol=vfl&attack=decoder&server=hijacking'
    """
    server = next((kind for kind in SERVERS.values() if kind.steers and kind.attack == name), None)
    return now.replace(attack=ATTACKS[name]()) if server is None or now.server.steers else now.replace(**brought("server", server()))


def everyone(now: Scenario) -> dict[str, Scenario]:
    """As `attackers`, and those that read for a server that steers the training, which then stands in the scenario."""
    steered = [kind.attack for kind in SERVERS.values() if kind.steers and not now.server.malicious]
    return attackers(now) | {name: s for name in steered if not problems(s := with_attack(now, name))}


def empty(now: Scenario) -> str:
    """Why no attack fits a scenario; nothing where one does."""
    fitting, _ = _fitting(now, tuple(ATTACKS.items()))
    return "" if fitting else next(iter(problems(now)), "no attack that is known fits it")


def unfit(now: Scenario) -> dict[str, str]:
    """Why the other attacks do not fit, by name."""
    return dict(_fitting(now, tuple(ATTACKS.items()))[1])


def seeds(now: Scenario) -> list[Scenario]:
    """The scenario with its own seed, then with the next ones: other nets, other starts, other noise."""
    return [now.replace(seed=now.seed + k, upload="") for k in range(SEEDS)]


def curve(seconds: np.ndarray, psnr: np.ndarray, total: float, final: float | None) -> tuple[np.ndarray, np.ndarray]:
    """PSNR over seconds as it is drawn: what is not known is left out, and the answer stands at the end.

    Args:
        seconds: since the attack began, of every report.
        psnr: of the picture at that moment; NaN where it was not scored.
        total: seconds that the whole attack took.
        final: PSNR of the answer; None while it is searched for.

    Returns:
        Seconds and PSNR, both (k,), in the order of time.
    """
    at, got = np.asarray(seconds, float), np.asarray(psnr, float)
    known = np.isfinite(got) & (at <= total if final is not None else True)
    at, got = at[known], got[known]
    if final is not None:
        at, got = np.append(at, total), np.append(got, final)
    return at, got


def ordered(found: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names of attacks, the strongest first: by PSNR, and those that are exact to rounding (EXACT dB and more) before all others, the quickest first.

    Args:
        found: PSNR in dB and seconds, by name.
    """

    def place(name: str) -> tuple[float, float]:
        psnr, seconds = found[name]
        psnr = psnr if psnr == psnr else -np.inf  # without a score: last
        return -min(psnr, EXACT), seconds if psnr >= EXACT else 0.0

    return sorted(found, key=place)


def strongest(found: Mapping[str, tuple[float, float]]) -> str | None:
    """The first of `ordered`; None of none."""
    return next(iter(ordered(found)), None)


@functools.lru_cache(maxsize=1_000)  # a page asks it of every choice that it offers, at every drawing
def _fitting(now: Scenario, table: tuple[tuple[str, type[Attack]], ...]) -> tuple[dict[str, Scenario], dict[str, str]]:
    """The scenario once for every attack of the table that fits it, and why the others do not, both by the attack's name."""
    own, found = now.attack.name, {}
    for name, kind in sorted(table, key=lambda item: item[0] != own):
        found[name] = now.replace(upload="", attack=now.attack if name == own else kind())
    reasons = {name: " ".join(why) for name, s in found.items() if (why := problems(s))}
    return {name: s for name, s in found.items() if name not in reasons}, reasons


__all__ = [
    "EXACT",
    "SCENES",
    "SEEDS",
    "Victim",
    "attackers",
    "curve",
    "empty",
    "everyone",
    "ordered",
    "seeds",
    "strongest",
    "unfit",
    "with_attack",
]
