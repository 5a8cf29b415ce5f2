"""The audit of a net and data of one's own, in the user's process: `invviz.audit`, `invviz.risk`, `invviz.reconstruct`, `invviz.defend`.

Nothing is stored and nothing leaves the process. Everything is computed by the same code as the house's own scenarios.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.errors import InvvizError
from .._collect import versions
from . import _text_words as text_words
from ._audit import SCHEMA, Audit, schema, write
from ._finding import finding, headline
from ._html import to_html
from ._origin import OF_MODULE, call_of, came_from, check_asked, named, shown_bounds
from ._reconstructed import Reconstructed
from ._text import TEXT_SCHEMA, TextAudit
from ._text_calls import audit_text, reconstruct_text
from ._text_html import text_html
from ._uploaded import uploaded
from ._words import interval, knows, noise, ordered, overall, promise, ranked, state, warned, word

if TYPE_CHECKING:
    from torch import nn

    from ...engine.results import Event


def audit(
    module: nn.Module,
    batch: Any,
    targets: Any = None,
    loss: Callable[[Any, Any], Any] | None = None,
    *,
    protocol: Any = "hfl",
    defense: Any = "",
    attacks: Any = "strongest",
    prior: str = "white",
    public: Collection[str] = (),
    similar: Any = None,
    bounds: Any = None,
    ceiling: float | None = None,
    floor: float = 0.01,
    method: str = "auto",
    seconds: float | None = None,
    within: float | None = 240.0,
    first: int = 0,
    device: str | None = None,
    seed: int = 7,
    progress: Callable[[Event], bool] | None = None,
) -> Audit:
    """How much of these records one message of this net gives away, and what it takes to hide it.

    Args:
        module: the live net; it is copied, mended and left as it is. Parameters that need no gradient are not in the message.
        batch: the records: a tensor whose first dimension is the record, or a dict of tensors by the names of the module's arguments, or a pair (records, targets) as a
            loader gives it. Inputs of real numbers are private; whole numbers, and what `public` names, everybody knows.
        targets: whatever the loss takes; class numbers where no loss is given.
        loss: (outputs, targets) -> scalar. None: cross-entropy, for targets that are class numbers.
        protocol: "hfl" (the gradient), or "hfl(local_steps=5,lr=0.1)" (the change of the weights).
        defense: text as in "clipping(clip_norm=1.0)&gaussian_noise(sigma=0.1)" (first innermost), a component, or a list; the attacker then knows it.
        attacks: "strongest", "none", the text of one ("dlg(steps=200)"), or a list.
        prior: what the attacker expects of records: "white", for pictures "natural", or "dataset": what is learned from `similar`.
        public: names of inputs that everybody knows.
        similar: public records of the same kind, as the batch has its private inputs, or a pair (records, class numbers): 8 or more, none of the batch among them. The attacker has them:
            prior="dataset" takes their mean and principal components, and attacks that learn from public records are tried.
        bounds: (least, greatest) of the private inputs, each a number or shaped as one record; or a dict of those by input. None: 0 and 1 where the values lie there, else the
            least and the greatest of the batch, and it is said.
        ceiling: wanted expected best in dB, for the least noise; None: where records count as hidden.
        floor: noise of any real system, as a share of the message; for the ideal attacker only.
        method: of the spectrum: "auto", "exact", "sketch", "quick".
        seconds: for all attacks together; None: what is left of `within`, 120 without one.
        within: seconds for everything, about: the spectrum is exact where half of it is expected to be enough (all of it without attacks), else a sketch, which ends then with the
            interval that it has, and attacks have what is left. What was cut short or left out is said. None: no limit; exact where it takes about a minute, and a sketch then
            always makes the same products.
        first: number of the batch's first record in the file that it is from; records are named from there on.
        device: where to compute; None: where the net is.
        seed: of noise and attacks.
        progress: told of the running work; answering False stops it.

    Returns:
        An `Audit`: `.records` (most exposed first), `.invre`, `.psnr_ceiling`, `.strongest`, `.least_noise`, `.epsilon`, `.advice`, `.limits`; `.rows()`, `.plot()`,
        `.to_json()`, `.report("audit.html")`.

    Raises:
        NotAuditable: the net cannot be audited; says why, and how to mend it.
        InvvizError: arguments that do not fit; says what was given and what is allowed.

    Example:
        >>> import torch, invviz
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
        >>> found = invviz.audit(net, torch.rand(1, 1, 4, 4), torch.tensor([2]), seconds=5)
        >>> found.strongest.attack, found.records[0].attacked_psnr > 60
        ('linear_layer', True)
    """
    from ...engine.audit.examine import examine
    from ...engine.audit.settings import attacks_of, scenario_of
    from ...engine.audit.subject import subject

    check_asked(seconds, within, first, "record")
    start, listed = time.monotonic(), attacks_of(attacks)
    who = subject(module, batch, targets, loss, public, bounds, device, similar)
    scenario = scenario_of(who, protocol, defense, prior, seed, floor, method)
    found = examine(who, scenario, listed, seconds, ceiling, progress, within, first, start)
    asked = {
        "protocol": scenario.protocol.text(full=True),
        "defense": found.findings.defense,
        "attacks": attacks if isinstance(attacks, str) else [one.text() for one in listed or []],
        "prior": prior,
        "public": list(public),
        "similar": 0 if who.similar is None else len(who.similar),
        "bounds": {part.name: [part.low.tolist(), part.high.tolist()] for part in who.net.parts},
        "loss": named(loss),
        "ceiling": ceiling,
        "floor": floor,
        "method": method,
        "seconds": seconds,
        "within": within,
        "first": first,
        "seed": seed,
        "weights": OF_MODULE,
        "files": [],
    }
    given = {
        "loss": loss, "protocol": protocol, "defense": defense, "attacks": attacks, "prior": prior, "public": public, "similar": similar, "bounds": bounds,
        "ceiling": ceiling, "floor": floor, "method": method, "seconds": seconds, "within": within, "first": first, "device": device, "seed": seed,
    }  # fmt: skip
    words = {name: asked[name] for name in ("loss", "protocol", "defense", "attacks", "public")}
    words |= {"similar": None, "bounds": shown_bounds(asked["bounds"])}
    asked["call"] = call_of(audit, given, words, ("module", "batch", *(() if targets is None else ("targets",))))
    made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Audit(found.findings, asked, made, versions(), found.truth, found.ideal, found.guess)


def risk(module: nn.Module, batch: Any, targets: Any = None, loss: Callable[[Any, Any], Any] | None = None, **settings: Any) -> Audit:
    """The same without any attack: spectrum, InvRE, expected best of every record, least noise. Arguments as of `audit`, but for `attacks`."""
    own: dict[str, Any] = {**settings, "attacks": "none"}
    return audit(module, batch, targets, loss, **own)


def reconstruct(
    message: Any,
    module: nn.Module,
    inputs: Any,
    targets: Any = None,
    loss: Callable[[Any, Any], Any] | None = None,
    *,
    protocol: Any = "hfl",
    defense: Any = "",
    attacks: Any = "strongest",
    public: Sequence[str] = (),
    bounds: Any = (0.0, 1.0),
    seconds: float = 120.0,
    device: str | None = None,
    seed: int = 7,
) -> Reconstructed:
    """What can be read off a message that you have: an update from a log, a federated client, a file.

    Args:
        message: a dict of tensors or arrays by the names of the trained parameters (a gradient, or what local steps changed: before minus after); or a pair of lists of arrays
            (before, after), as Flower has them, in the order of `state_dict()` or of the parameters. With one local step their difference is divided by `lr` of the protocol.
        module: the net that made the message; of a pair, `before` is loaded into a copy.
        inputs: shapes of the private inputs with the number of records in front, as in (4, 3, 32, 32), or a dict of shapes by name; inputs that everybody knows as tensors.
        targets: if the attacker knows them; None: class numbers are found out where that is possible.
        loss: as of `audit`.
        protocol: as of `audit`.
        defense: that the message went through; the attacker knows it.
        attacks: as of `audit`.
        public: as of `audit`.
        bounds: of the private inputs; nobody can look them up here.
        seconds: for all attacks together.
        device: as of `audit`.
        seed: as of `audit`.

    Raises:
        InvvizError: the message does not go with the net; says where.

    Example:
        >>> import torch, invviz
        >>> net, x = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)), torch.rand(1, 6)
        >>> loss = torch.nn.functional.cross_entropy(net(x), torch.tensor([1]))
        >>> message = dict(zip(dict(net.named_parameters()), torch.autograd.grad(loss, list(net.parameters()))))
        >>> found = invviz.reconstruct(message, net, (1, 6), seconds=5)
        >>> found.failed, bool((found.inputs["input"] - x).abs().max() < 1e-3)
        (False, True)
    """
    from ...engine.audit.message import answers
    from ...engine.audit.settings import attacks_of

    if not seconds > 0:
        raise InvvizError(f"seconds={seconds}; allowed: a number above 0.")
    listed = attacks_of(attacks)
    found = answers(message, module, inputs, targets, loss, protocol, defense, listed, public, bounds, seconds, device, seed)  # type: ignore[arg-type]
    return Reconstructed(tuple(found))


def defend(message: Mapping[str, Any], defense: Any, seed: int) -> dict[str, Any]:
    """A message behind a defense that needs nothing but the message; names, order, shapes and types stay.

    Args:
        message: tensors or arrays by name; where clients send parameters, their update (new minus old), which is added back afterwards.
        defense: text as in "clipping(clip_norm=1.0)&gaussian_noise(sigma=0.1)", a component, or a list.
        seed: of the noise. Take a new one for every message that is really sent, from `secrets.randbits(31)`: who knows the seed can take the noise off.

    Raises:
        InvvizError: the defense needs the net or the records, too; says which do not.

    Example:
        >>> import torch, invviz
        >>> invviz.defend({"w": torch.tensor([3.0, 4.0])}, "clipping(clip_norm=1.0)", seed=1)
        {'w': tensor([0.6000, 0.8000])}
    """
    from ...engine.audit.defended import defended_message

    return defended_message(message, defense, seed)


__all__ = [
    "SCHEMA", "TEXT_SCHEMA", "Audit", "Reconstructed", "TextAudit", "audit", "audit_text", "came_from", "defend", "finding",
    "headline", "interval", "knows", "noise", "ordered", "overall", "promise", "ranked", "reconstruct", "reconstruct_text",
    "risk", "schema", "state", "text_html", "text_words", "to_html", "uploaded", "warned", "word", "write",
]  # fmt: skip
