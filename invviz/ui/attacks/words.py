"""The Attacks page in words."""

from __future__ import annotations

from collections.abc import Sequence

from ...attacks import ATTACKS
from ...metrics import EXACT, decibels, rank
from ...scenario import Scenario
from ...scenario.families import attacks, conditions
from .. import shipped
from ..known import AttackOutcome, Known
from .modes import INFERENCE, NOTHING, Found, Section

GIVEN = {
    "gia_running": "batch statistics that are sent (GIA-running)",
    "gia_estimate": "batch statistics of public pictures (GIA-estimate)",
    "inverting_gradients": "the gradient alone",
}
READABLE = 3  # place of that word
TOLD = {"aware": ", told of the dropout", "unaware": ", not told of the dropout"}


def title(name: str) -> str:
    """An attack's name on the page."""
    return ATTACKS[name].title


def short(name: str) -> str:
    """The same without what stands in brackets."""
    return ATTACKS[name].short_title()


def untold(scenario: Scenario) -> bool:
    """Whether there is a defense that the attacker is not told of: hollow marks."""
    return bool(scenario.defense) and scenario.attacker == "unaware"


def finding(here: Known) -> str:
    """What the page says, in one line, from the results that are there."""
    known, best = {name: a for name, a in here.attacks.items() if a.psnr is not None}, strongest(here)
    ceiling = "" if here.ideal_psnr is None else f" The ideal attacker reaches {decibels(here.ideal_psnr)}."
    if best is None:
        return f"No attack has been run on this victim yet: run all {len(here.attacks)}.{ceiling}"
    ended = {
        name: a for name, a in known.items() if name == best or not (a.result or {}).get("stopped")
    }  # the best one's picture is there, stopped or not
    psnr, seconds = ended[best].psnr or 0.0, _seconds(ended[best])
    halves = [name for name, a in known.items() if (a.result or {}).get("stopped")]
    notes = [f"{n} {what}" for n, what in ((len(here.attacks) - len(known), "not run yet"), (len(halves), "stopped early")) if n]
    more = f" ({', '.join(notes)})" if notes else ""
    exact = [name for name, a in ended.items() if (a.psnr or 0.0) >= EXACT]
    equal = (
        [name for name in ordered(here) if name in ended and decibels(ended[name].psnr or 0.0) == decibels(psnr)] if psnr < EXACT else []
    )
    if len(exact) > 1:
        said = (
            f"{len(exact)} of {len(ended)} attacks{more} are exact to rounding ({EXACT:.0f} dB and more); "
            f"the quickest is {title(best)}: {decibels(psnr)} after {time(seconds)}."
        )
    elif len(equal) > 1:
        said = (
            f"{' and '.join(title(name) for name in equal)} are the strongest of {len(ended)} attacks{more}: {ended[best].quality()} each."
        )
    else:
        which = f"is the strongest of {len(ended)} attacks{more}:" if len(ended) > 1 else f"was run{more}:"
        said = f"{title(best)} {which} {ended[best].quality()} after {time(seconds)}."
    quick = [name for name, a in ended.items() if (a.psnr or 0.0) > psnr - 1 and _seconds(a) < seconds / 2] if psnr < EXACT else []
    if quick and not set(quick) & set(equal):
        first = min(quick, key=lambda name: _seconds(ended[name]))
        said += f" {title(first)} is as good after {time(_seconds(ended[first]))}."
    elif len(ended) > 1 and psnr >= EXACT:
        weak = [a for a in ended.values() if 0 <= rank(a.word) < READABLE]
        said += f" {len(weak)} {'are' if len(weak) > 1 else 'is'} not readable: such a failure says nothing about safety." if weak else ""
    return said + ceiling


def waiting(attack: AttackOutcome) -> str:
    """Why there is no answer, where nobody has asked for one."""
    seconds = shipped.late(attack.scenario)
    return "not run yet" if seconds is None else f"not prepared: takes longer than {seconds:.0f} s"


def ordered(here: Known) -> list[str]:
    """Names of the attacks, the strongest first (of exact ones the quickest), those without a result last."""
    return attacks.ordered({name: (-1.0 if a.psnr is None else a.psnr, _seconds(a)) for name, a in here.attacks.items()})


def strongest(here: Known) -> str | None:
    """The best attack that has ended."""
    return attacks.strongest({name: (a.psnr, _seconds(a)) for name, a in here.attacks.items() if a.psnr is not None})


def _seconds(attack: AttackOutcome) -> float:
    return float((attack.result or {}).get("seconds", 0.0))


def time(seconds: float) -> str:
    """A short time in words."""
    if seconds < 0.1:
        return f"{1e3 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def attacker(name: str) -> str:
    """An attacker of `conditions.attackers`, by what it matches."""
    attack, _, who = name.partition(" ")
    return GIVEN[attack] + TOLD.get(who, "")


def apart(found: Found, base: Found) -> str:
    """How far a row lies from the base line, seed by seed."""
    if found is base:
        return "base line"
    ends = conditions.differences(found.reached, base.reached)
    return f"{_db(ends[0])} dB ({_db(ends[1])} to {_db(ends[2])})" if ends else "not run yet"


def training(section: Section, unseen: float | None) -> str:
    """What the section says of what its switches show."""
    here, base = section.here, section.base
    if here.changed not in (NOTHING, INFERENCE):
        got, ends = conditions.middle(here.reached.values()), conditions.differences(here.reached, base.reached)
        name = conditions.called(here.changed)
        where = name[:1].upper() + name[1:] if "inference" in here.changed else f"Training mode, {name}"
        if got is None or ends is None:
            return f"{where}: not computed yet. Run it to see what the attack gets."
        seeds = f"median of {len(here.reached)} seeds; per seed {_db(ends[1])} to {_db(ends[2])} dB against the base line"
        return f"{where}: {here.word}, {decibels(got)} ({seeds})."
    calm, own = section.of(INFERENCE), base
    easy, hard = conditions.middle(calm.reached.values()), conditions.middle(own.reached.values())
    ends = conditions.differences(own.reached, calm.reached)
    if easy is None or hard is None or ends is None:
        return "Not computed yet: run it to see what the attack gets."
    nothing = "" if unseen is None else f" Who sees no message has {unseen:.1f} dB."
    if base.ideal_psnr is not None:
        nothing += f" The message hides {'nothing' if base.ideal_psnr >= attacks.EXACT else 'little'}: an ideal attacker reads {base.ideal_psnr:.0f} dB out of it."
    verb = "costs" if ends[2] < 0 else "gives" if ends[1] > 0 else "changes little for"
    if verb == "changes little for":
        return f"Training mode changes little for the attack: {hard:.1f} dB instead of {easy:.1f} dB.{nothing}"
    least, most = sorted(abs(v) for v in ends[1:])
    return f"Training mode {verb} the attack {least:.1f} to {most:.1f} dB: {hard:.1f} dB instead of {easy:.1f} dB (medians of {len(own.reached)} seeds).{nothing}"


def measured(rows: Sequence[Found]) -> str:
    """Which single changes took something at every seed, gave something at every seed, or neither."""
    base, kinds = next(row for row in rows if row.changed == NOTHING), {"took": [], "gave": [], "mixed": []}
    for row in rows:
        ends = conditions.differences(row.reached, base.reached)
        if len(row.changed) == 1 and ends is not None:
            kind = "took" if ends[2] < 0 else "gave" if ends[1] > 0 else "mixed"
            kinds[kind].append((ends[0], f"{conditions.called(row.changed)} ({_db(ends[0])} dB)"))
    said = []
    for kind, begin in (
        ("gave", "Easier for the attack at every seed"),
        ("took", "Harder at every seed"),
        ("mixed", "Not the same at every seed"),
    ):
        if kinds[kind]:
            said.append(f"{begin}: {', '.join(text for _, text in sorted(kinds[kind], key=lambda pair: -abs(pair[0])))}.")
    return " ".join(said) or "nothing is prepared on this machine; change a switch and run it."


def _db(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")
