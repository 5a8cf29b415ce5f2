"""A message that somebody already has: read, and attacked without the truth."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...attacks._matching import up_to_length
from ...core.component import parse_component
from ...core.errors import InvvizError
from ...core.lazy import torch
from ...core.rng import stream
from ...protocols import PROTOCOLS
from .._verdict import unreadable, verdict
from ..observe import observe
from ..reconstruct import reconstruct
from .attempts import READS_LAYERS, listed_of, said_of, unfit
from .settings import Case, case_of, scenario_of
from .subject import Subject, subject

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...attacks import Attack
    from ...core.types import Reconstruction, Step, Tree
    from ...scenario import Scenario

Message = Any  # {parameter's name: tensor or array}; or (before, after), two lists of parameters as Flower has them


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What one attack made of a message.

    Attributes:
        attack: its text.
        inputs: private inputs by name, on their own scale; empty without an answer.
        targets: (b,) class numbers, or what was told.
        misfit: share of the message that the answer's own message leaves, up to its length: 0 where it gives the very message; None without an answer.
        note: what the attack says.
        failed: whether the attack itself, or other records beside it, say that it failed.
        stopped: at the end of its time.
        given: what the attacker was told.
        error: why there is none.
        seconds: that it took.
    """

    attack: str
    inputs: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)
    targets: Tensor | None = None
    misfit: float | None = None
    note: str = ""
    failed: bool = True
    stopped: bool = False
    given: str = ""
    error: str = ""
    seconds: float = 0.0


def read_message(message: Message, module: nn.Module, protocol: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    """The net that made a message, and the message by the names of the parameters that are trained, in their order.

    Args:
        message: see Message. Of two lists the first is loaded into a copy of the net; their difference is the message, divided by the learning rate where the client took one step.
        module: the net.
        protocol: with local_steps and lr.

    Raises:
        InvvizError: names, numbers or shapes that do not go with the net; says which.
    """
    if isinstance(message, Mapping):
        given = {name.removeprefix("module."): torch.as_tensor(value) for name, value in message.items()}
        return module, _fitted(given, module)
    if not (isinstance(message, (tuple, list)) and len(message) == 2):
        raise InvvizError("A message is a dict of tensors by the names of the parameters, or a pair of parameter lists (before, after).")
    before, after = ([torch.as_tensor(value) for value in side] for side in message)
    state, trained = module.state_dict(), [name for name, p in module.named_parameters() if p.requires_grad]
    every = [name for name, _ in module.named_parameters()]
    names = next((names for names in (list(state), every, trained) if len(names) == len(before) == len(after)), None)
    if names is None:
        raise InvvizError(
            f"The lists hold {len(before)} and {len(after)} arrays; the net's state has {len(state)}, its parameters {len(every)}."
        )
    if wrong := [name for name, value in zip(names, before, strict=True) if value.shape != state[name].shape]:
        raise InvvizError(f"Arrays do not have the shapes of the net's: {', '.join(wrong[:4])}. Are they in the order of state_dict()?")
    net = copy.deepcopy(module)
    net.load_state_dict(dict(zip(names, before, strict=True)), strict=False)
    rate = protocol.lr if protocol.local_steps == 1 else 1.0
    changed = {name: (old.double() - new.double()) / rate for name, old, new in zip(names, before, after, strict=True) if name in trained}
    return net, _fitted(changed, net)


def _fitted(given: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if missing := [name for name in trained if name not in given]:
        raise InvvizError(f"The message lacks {', '.join(missing[:4])}; it has to hold every trained parameter of the net, by its name.")
    known = {name for name, _ in module.named_parameters(remove_duplicate=False)} | set(module.state_dict())
    if unknown := [name for name in given if name not in known]:
        raise InvvizError(f"The message holds {', '.join(unknown[:4])}, which the net does not have.")
    if wrong := [name for name, p in trained.items() if given[name].shape != p.shape]:
        raise InvvizError(
            f"Shapes differ: {', '.join(f'{n} {tuple(given[n].shape)}, the net has {tuple(trained[n].shape)}' for n in wrong[:4])}."
        )
    if broken := [name for name in trained if not bool(torch.isfinite(given[name]).all())]:
        raise InvvizError(f"The message is not finite in {', '.join(broken[:4])}.")
    return {name: given[name].detach().to(p.device, p.dtype) for name, p in trained.items()}


def answers(
    message: Message,
    module: nn.Module,
    inputs: Any,
    targets: Any = None,
    loss: Any = None,
    protocol: Any = "hfl",
    defense: Any = "",
    attacks: Sequence[Attack] | None = None,
    public: Sequence[str] = (),
    bounds: Any = (0.0, 1.0),
    seconds: float = 120.0,
    device: str | None = None,
    seed: int = 7,
) -> list[Answer]:
    """What attacks make of a message, the most believable first: those that did not fail, then by what they leave of the message. The truth plays no part.

    Args:
        message: see Message.
        module: the net that made it.
        inputs: shapes of the private inputs, (records, ...), or tensors of those shapes, whose values are not used; the others as they are. A dict by name, or one.
        targets: as the attacker knows them; None: it finds out, which class numbers allow.
        loss: as of an audit.
        protocol: likewise.
        defense: likewise; the attacker knows it.
        attacks: likewise.
        public: likewise.
        bounds: of the private inputs.
        seconds: for all attacks together.
        device: likewise.
        seed: likewise.
    """
    sends = parse_component(protocol, PROTOCOLS, "protocol") if isinstance(protocol, str) else protocol
    net, sent = read_message(message, module, sends)
    drawn = _template(inputs, public, bounds, seed)
    count = len(next(iter(drawn.values() if isinstance(drawn, Mapping) else [drawn])))
    goals = torch.zeros(count, dtype=torch.int64) if targets is None and loss is None else targets
    who = subject(net, drawn, goals, loss, public, bounds, device)
    scenario = scenario_of(who, sends, defense, seed=seed)
    sent = {name: value.to(who.batch.private.device, who.raw.params[name].dtype) for name, value in sent.items()}
    start, found = time.monotonic(), list[Answer]()
    listed = listed_of(scenario, attacks)
    for place, attack in enumerate(listed):
        attack = attack if targets is not None or loss is not None else _without_labels(attack)
        told = attack.wants().labels and targets is None and loss is None
        why = "it has to be told the targets, and none were given" if told else unfit(who, scenario, attack)
        if not why and found and attacks is None and any(one.misfit is not None and not one.failed and one.misfit < 1e-8 for one in found):
            why = "not needed: an answer gives the very message"
        left = (seconds - (time.monotonic() - start)) / (len(listed) - place)
        found.append(
            Answer(attack.text(), error=why or "no time was left") if why or left <= 0 else answer_of(who, scenario, attack, sent, left)
        )
    return sorted(found, key=lambda one: (one.misfit is None, one.failed, one.misfit or 0.0))


def _template(inputs: Any, public: Sequence[str], bounds: Any, seed: int) -> Any:
    """Inputs with numbers drawn inside the bounds where only shapes count."""
    given = inputs if isinstance(inputs, Mapping) else {"input": inputs}
    rng, found = stream(seed, "records in place of unknown ones"), {}
    for name, value in given.items():
        shape = value if isinstance(value, (tuple, list, torch.Size)) else None
        tensor = None if shape is not None else torch.as_tensor(value)
        if tensor is not None and (name in public or not tensor.is_floating_point()):
            found[name] = tensor
            continue
        low, high = (torch.as_tensor(end) for end in (bounds[name] if isinstance(bounds, Mapping) else bounds))
        found[name] = low + (high - low) * torch.rand(tuple(shape if shape is not None else tensor.shape), generator=rng)  # type: ignore[union-attr]
    return found if isinstance(inputs, Mapping) else found["input"]


def _without_labels(attack: Attack) -> Attack:
    """The same attack, which finds the labels out where it can."""
    knob = next((k for k in attack.knobs() if k.name == "labels"), None)
    other = next((c for c in ("unknown", "inferred") if knob and c in knob.choices), None)
    return attack.replace(labels=other) if other else attack


def answer_of(who: Subject, scenario: Scenario, attack: Attack, sent: Tree, seconds: float, case: Case | None = None) -> Answer:
    """What one attack makes of a message within a time; `case` in place of the one that `case_of` makes."""
    raw = who.rescaled and attack.name in READS_LAYERS
    case = case or case_of(who, scenario.replace(attack=attack), raw)
    client = dataclasses.replace(case.client, release=lambda net, batch, rng: sent)
    start = time.monotonic()
    progress: Callable[[Step], bool] = lambda _: time.monotonic() - start < seconds  # noqa: E731
    try:
        obs = observe(case.scenario, client)
        if unreadable(obs):
            return Answer(attack.text(), error="the message is all zeros: nothing can be read off it")
        made, solves = reconstruct(case.scenario, obs, progress)
        whole = dataclasses.replace(made, stopped=False)  # what was found until the end of its time is held against other records, too
        found: Reconstruction = dataclasses.replace(verdict(case.scenario, client, obs, whole, solves), stopped=made.stopped)
        with torch.no_grad():
            misfit, _ = up_to_length(obs.simulate(obs.template.at(found.batch.private, found.batch.label)), obs.message)
    except InvvizError as err:
        return Answer(attack.text(), error=str(err), seconds=time.monotonic() - start)
    except Exception as err:  # noqa: BLE001  (as of an audit's attempts)
        return Answer(attack.text(), error=f"it broke off: {type(err).__name__}: {err}"[:300], seconds=time.monotonic() - start)
    net = who.raw if raw else who.net
    own = {name: value.detach().cpu() for name, value in net.own(found.batch.private).items()}
    label = found.batch.label.detach().cpu()
    label = label.argmax(1) if label.ndim == 2 and attack.values().get("labels") == "unknown" else label
    note = said_of(case.scenario, found.note, found.stopped)
    return Answer(attack.text(), own, label, misfit, note, found.failed, found.stopped, obs.knowledge.words(), "", time.monotonic() - start)
