"""The audit of a net that reads sentences, in the user's process: `invviz.audit_text`, `invviz.reconstruct_text`."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.errors import InvvizError
from .._collect import versions
from ._origin import OF_MODULE, call_of, check_asked, named
from ._reconstructed import Reconstructed
from ._text import TextAudit

if TYPE_CHECKING:
    from torch import nn

    from ...core.vocabulary import Vocabulary
    from ...engine.results import Event


def audit_text(
    module: nn.Module, sentences: Any, vocabulary: Any = None, targets: Any = None, loss: Callable[[Any, Any], Any] | None = None, *,
    beside: Mapping[str, Any] | None = None, protocol: Any = "hfl", defense: Any = "", attacks: Any = "strongest", similar: Any = None, floor: float = 0.01,
    seconds: float | None = None, within: float | None = 240.0, first: int = 0, device: str | None = None, seed: int = 7,
    progress: Callable[[Event], bool] | None = None,
) -> TextAudit:  # fmt: skip
    """How much of these sentences one message of this net gives away: words are counted, not differentiated.

    Args:
        module: the live net; it is copied, mended and left as it is. Parameters that need no gradient are not in the message.
        sentences: numbers of words (sentences, length), 0 behind the last word; or texts, words with blanks between them; or {argument of the module: one of these}.
        vocabulary: words in the order of their numbers, from 1 on (0 is no word), or how many numbers there are; None: as many as the net's embedding has rows.
        targets: class numbers (sentences,), or whatever the loss takes; None: the words themselves, each foretold from those before.
        loss: (outputs, targets) -> scalar, or (outputs, words) where there are no targets. None: cross-entropy.
        beside: other inputs of the module by their names, which everybody knows.
        protocol: as of `audit`.
        defense: as of `audit`.
        attacks: "strongest", "none", the text of one ("dager"), or a list.
        similar: public sentences of the same vocabulary, as `sentences`: the attacker has them.
        floor: noise of any real system, as a share of the message; for the counted bits only.
        seconds: for all attacks together; None: what is left of `within`, 120 without one.
        within: seconds for everything, about: half of it for the bits, which are left out where that is not enough; None: no limit.
        first: number of the first sentence in the file that it is from.
        device: as of `audit`.
        seed: as of `audit`.
        progress: as of `audit`.

    Returns:
        A `TextAudit`: `.records` (most exposed first), `.invre`, `.strongest`, `.least_noise`, `.epsilon`, `.advice`, `.limits`; `.rows()`, `.to_json()`, `.report("audit.html")`.

    Raises:
        NotAuditable: the net cannot be audited; says why, and how to mend it.
        InvvizError: arguments that do not fit; says what was given and what is allowed.
    """
    from ...engine.audit._text_attempts import STRONGEST
    from ...engine.audit.settings import attacks_of, scenario_of
    from ...engine.audit.text import examine_text
    from ...engine.audit.text_subject import text_subject

    check_asked(seconds, within, first, "sentence")
    start, listed = time.monotonic(), attacks_of(attacks)
    who = text_subject(module, sentences, vocabulary, targets, loss, beside, similar, device)
    scenario = scenario_of(who, protocol, defense, seed=seed, floor=floor, attack=STRONGEST[-2])
    findings, found = examine_text(who, scenario, listed, seconds, progress, within, first, start)
    asked = {
        "protocol": scenario.protocol.text(full=True),
        "defense": findings.defense,
        "attacks": attacks if isinstance(attacks, str) else [one.text() for one in listed or []],
        "similar": 0 if who.public is None else len(who.public),
        "loss": named(loss),
        "floor": floor,
        "seconds": seconds,
        "within": within,
        "first": first,
        "seed": seed,
        "weights": OF_MODULE,
        "files": [],
    }
    given = {
        "loss": loss, "beside": beside, "protocol": protocol, "defense": defense, "attacks": attacks, "similar": similar, "floor": floor, "seconds": seconds,
        "within": within, "first": first, "device": device, "seed": seed,
    }  # fmt: skip
    words = {name: asked[name] for name in ("loss", "protocol", "defense", "attacks")} | {"beside": None, "similar": None}
    names = ("module", "sentences", *(() if vocabulary is None else ("vocabulary",)), *(() if targets is None else ("targets=targets",)))
    asked["call"] = call_of(audit_text, given, words, names)
    made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return TextAudit(findings, asked, made, versions(), who.known, found.truth, found.ideal, found.guess)


def reconstruct_text(
    message: Any, module: nn.Module, shape: Sequence[int], vocabulary: Any = None, targets: Any = None, loss: Callable[[Any, Any], Any] | None = None, *,
    beside: Mapping[str, Any] | None = None, protocol: Any = "hfl", defense: Any = "", attacks: Any = "strongest", similar: Any = None, argument: str = "",
    seconds: float = 120.0, device: str | None = None, seed: int = 7,
) -> tuple[Reconstructed, Vocabulary]:  # fmt: skip
    """What sentences can be read off a message that you have.

    Args:
        message: as of `reconstruct`.
        module: the net that made it.
        shape: how many sentences, and words of the longest one, as in (4, 12).
        vocabulary: as of `audit_text`.
        targets: as of `audit_text`.
        loss: as of `audit_text`.
        beside: as of `audit_text`.
        protocol: as of `audit`.
        defense: as of `audit`.
        attacks: as of `audit`.
        similar: as of `audit_text`.
        argument: of the module by which the words go in; empty: the first one.
        seconds: for all attacks together.
        device: as of `audit`.
        seed: as of `audit`.

    Returns:
        The answers, numbers of words (sentences, length); and the vocabulary, whose `sentence` makes words of a row.

    Raises:
        InvvizError: the message does not go with the net; says where.
    """
    from ...engine.audit.settings import attacks_of
    from ...engine.audit.text_message import text_answers

    if not seconds > 0:
        raise InvvizError(f"seconds={seconds}; allowed: a number above 0.")
    listed = attacks_of(attacks)
    found, known = text_answers(
        message, module, shape, vocabulary, targets, loss, beside, protocol, defense, listed, similar, argument, seconds, device, seed
    )
    return Reconstructed(tuple(found)), known


__all__ = ["audit_text", "reconstruct_text"]
