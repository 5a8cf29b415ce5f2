"""What is audited where records are sentences: the user's net as a mended copy, the words, and what is sent of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...core.errors import InvvizError
from ...core.gradient import gradient
from ...core.lazy import torch
from ...core.modality import TOKENS
from ...core.task import CLASSIFICATION, Task
from ...core.tree import flatten
from ...core.types import Batch
from ...core.vocabulary import check_tokens
from ...datasets import Samples, Sentences
from ._inputs import Loss, task_of
from ._own import OwnModel
from ._reason import Reason
from ._trial import _raised
from ._word_net import BY_ITSELF, WORDS, OwnSentences, WordNet, entrance, foretells, of_words
from ._words_given import tokens_of, vocabulary_of
from .subject import NotAuditable, Subject, _refuse, digest, net_of
from .validate import mend, validate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...core.vocabulary import Vocabulary

OWN_WORDS = "The attacker is told no targets: they are the words themselves."
FEWEST = 2  # public sentences


@dataclasses.dataclass(frozen=True, eq=False)
class TextSubject(Subject):
    """Net and sentences, ready for the engine.

    Attributes:
        known: the words by their numbers.
        public: public sentences that the attacker has; None where there are none.
        one: seconds that one message took when it was tried.
    """

    known: Vocabulary = dataclasses.field(kw_only=True)
    public: Sentences | None = dataclasses.field(default=None, kw_only=True)


def text_subject(
    module: nn.Module, sentences: Any, vocabulary: Any = None, targets: Any = None, loss: Loss | None = None, beside: Mapping[str, Any] | None = None,
    similar: Any = None, device: str | None = None,
) -> TextSubject:  # fmt: skip
    """Check and mend a net that reads sentences, and take the sentences for private.

    Args:
        module: the live net; it is copied, and left as it is.
        sentences: numbers of words (b, length), 0 behind the last one; or texts; or {argument of the module: one of these}.
        vocabulary: see `vocabulary_of`.
        targets: class numbers (b,), or what the loss takes; None: the words themselves, each of which is foretold by those before.
        loss: (outputs, targets) -> scalar; (outputs, words) where there are no targets. None: cross-entropy.
        beside: other inputs of the module by their names, which everybody knows.
        similar: public sentences, as `sentences`.
        device: where to compute; None: where the net is.

    Raises:
        NotAuditable: says why.
        InvvizError: what was given does not fit; says what and what is allowed.
    """
    found = validate(module)
    _refuse(found)
    copy, _ = mend(module)
    like = next(copy.parameters())
    place, dtype = torch.device(device) if device else like.device, like.dtype
    copy = copy.to(place)
    argument, given = next(iter(sentences.items())) if isinstance(sentences, Mapping) and len(sentences) == 1 else ("", sentences)
    if isinstance(given, Mapping):
        raise InvvizError(
            f"The sentences are {len(given)} inputs ({', '.join(map(str, given))}); one of them holds the words. Give the others as beside=."
        )
    known, said = None, list[str]()
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], str):
        known, _ = vocabulary_of(vocabulary, 0) if vocabulary is not None else (None, [])
    tokens = tokens_of(given, known).to(place)
    public = {name: torch.as_tensor(value).to(place) for name, value in (beside or {}).items()}
    net = dataclasses.replace(_frozen(copy, argument), enters="")
    batch = Batch({WORDS: tokens, **public}, {"label": torch.zeros(len(tokens), dtype=torch.int64, device=place)}, TOKENS)
    tell = lambda: net.outputs(net.params, batch)  # noqa: E731
    enters = _entrance(copy, tell)
    known, more = vocabulary_of(vocabulary, len(copy.get_submodule(enters).weight) if enters else _own_rows(copy))  # type: ignore[arg-type]
    said += more
    check_tokens(tokens.cpu().numpy(), len(known))
    outputs = _tried(tell, batch)
    task, goals, notes = _task(loss, targets, outputs, tokens, dtype, place)
    net = dataclasses.replace(net, task=task, enters=enters)
    batch = dataclasses.replace(batch, targets=goals)
    if not enters and _takes_shares(net, batch, len(known)):
        net = dataclasses.replace(net, enters=BY_ITSELF)
    took, reasons = _derived(net, batch, len(known))
    _refuse(reasons)
    sents = _public(similar, known, tokens)
    data = OwnSentences(
        digest=digest({WORDS: tokens}), sizes=(tokens.shape[1],), modality=TOKENS, num_classes=len(known), known=known,
        public=digest({"sentences": torch.tensor(sents.tokens)}) if sents else "", samples=Samples(sents, sents, known.words) if sents else None,
    )  # fmt: skip
    model = OwnModel(digest=digest(dict(copy.state_dict())), first_layer="word embedding")
    facts = {
        "module": type(module).__name__,
        "parameters": sum(p.numel() for p in copy.parameters()),
        "trained": net.num_params,
        "tensors": len(net.params),
        "records": len(tokens),
        "inputs": {argument or "input": _shape(tokens, True)} | {name: _shape(value, False) for name, value in public.items()},
        "task": task.name,
        "words": len(known) - 1,
        "enters": net.enters,
        "device": str(place),
        "dtype": str(dtype).removeprefix("torch."),
        "hashes": {"model": model.digest, "data": data.digest},
    }
    if sents:
        said.append(f"The attacker has {len(sents):,} public sentences.")
    told = sorted([*found, *reasons], key=lambda one: ("cannot", "less", "note").index(one.weight))
    return TextSubject(net, batch, net, batch, data, model, tuple(told), (*notes, *said), facts, None, took, known=known, public=sents)


def _frozen(copy: nn.Module, argument: str) -> WordNet:
    base = net_of(copy, CLASSIFICATION, (), bool(argument))
    return WordNet(base.module, base.params, base.task, (), base.named, False, base.aliases, base.fused, argument=argument)


def _entrance(copy: nn.Module, tell: Callable[[], Tensor]) -> str:
    """As `entrance`; empty where the net does not take the words, which is told of later."""
    try:
        with torch.no_grad():
            return entrance(copy, tell, 2)
    except Exception:  # noqa: BLE001  (the user's own code: `_tried` says what is wrong)
        return next((name for name, part in copy.named_modules() if isinstance(part, torch.nn.Embedding)), "")


def _own_rows(copy: nn.Module) -> int:
    """Rows of an embedding of invviz's own kind; 0 where there is none."""
    return next((len(p) for name, p in [*copy.named_parameters(), *copy.named_buffers()] if name.rpartition(".")[2] == "words"), 0)


def _tried(tell: Callable[[], Tensor], batch: Batch) -> Tensor:
    try:
        with torch.no_grad():
            outputs = tell()
    except Exception as err:
        raise NotAuditable([_raised("forward", err, f"words {tuple(batch.private.shape)}")]) from err
    if not torch.is_tensor(outputs):
        what = f"The net gives {type(outputs).__name__}, neither a tensor nor an answer with logits."
        raise NotAuditable([Reason("forward", "cannot", what, "Wrap it in a module that gives the scores alone.")])
    return outputs


def _task(
    loss: Loss | None, targets: Any, outputs: Tensor, tokens: Tensor, dtype: Any, place: Any
) -> tuple[Task, dict[str, Tensor], list[str]]:
    """As `task_of`, where the words may be the targets themselves.

    Raises:
        InvvizError: nothing says what the net is trained to do.
    """
    zeros = {"label": torch.zeros(len(tokens), dtype=torch.int64, device=place)}
    if targets is not None:
        task, goals, notes = task_of(loss, targets, len(tokens), dtype, place)
        classes = outputs.shape[1] if outputs.ndim == 2 else 0
        if task is CLASSIFICATION and not (classes and 0 <= int(goals["label"].min()) <= int(goals["label"].max()) < classes):
            raise InvvizError(
                f"Targets are class numbers from {int(goals['label'].min())} to {int(goals['label'].max())}, and the net gives {tuple(outputs.shape)}; allowed: one score a class, (sentences, classes)."
            )
        return task, goals, notes
    if loss is not None:
        return of_words(loss), zeros, [OWN_WORDS]
    task = foretells(outputs, tokens)
    if task is None:
        raise InvvizError(
            f"No targets were given, and the net gives {tuple(outputs.shape)} for words {tuple(tokens.shape)}: a net that foretells words gives a score of every word at every place, "
            "(sentences, length, words), or one place more. Give class numbers as targets, or a loss(outputs, words)."
        )
    return task, zeros, [OWN_WORDS]


def _takes_shares(net: WordNet, batch: Batch, words: int) -> bool:
    """Whether the module itself takes shares of words (b, length, words), and whole words as the same."""
    try:
        with torch.no_grad():
            whole = torch.nn.functional.one_hot(batch.private, words).to(next(iter(net.params.values())))
            mixed = dataclasses.replace(net, enters=BY_ITSELF).outputs(net.params, batch.at(whole))
            return torch.allclose(mixed, net.outputs(net.params, batch), rtol=1e-3, atol=1e-5)
    except Exception:  # noqa: BLE001  (it takes none)
        return False


def _derived(net: WordNet, batch: Batch, words: int) -> tuple[float, list[Reason]]:
    """Seconds of a message, and what stands in the way of one."""
    made: list[Tensor] = []
    try:
        for number in (0, 1):
            start = time.monotonic()
            tokens = batch.private.clone()
            tokens[:, 0] = (tokens[:, 0] + number - 1) % (words - 1) + 1
            made.append(flatten(gradient(net, net.params, batch.at(tokens))))
    except Exception as err:  # noqa: BLE001  (as above)
        return 0.0, [_raised("gradient", err, "")]
    one, other = made
    if not bool(torch.isfinite(one).all()):
        return 0.0, [
            Reason(
                "not_finite", "cannot", "Loss or gradient is not finite for these sentences.", "Look for a logarithm or a division of zero."
            )
        ]
    if not bool(one.any()):
        return 0.0, [
            Reason(
                "silent",
                "cannot",
                "The gradient is zero in every parameter.",
                "Look for detach(), no_grad() or argmax between the parameters and the loss.",
            )
        ]
    if torch.equal(one, other):
        what = "The gradient is the same with other words in the first places."
        return 0.0, [Reason("deaf", "cannot", what, "Look for a net that does not use its words, or for a mask that covers them.")]
    return time.monotonic() - start, []


def _public(given: Any, known: Vocabulary, tokens: Tensor) -> Sentences | None:
    """Public sentences as long as the private ones: longer ones are cut off, as an attacker would."""
    if given is None:
        return None
    found = tokens_of(given, known, tokens.shape[1]) if not torch.is_tensor(given) else tokens_of(given)
    found = torch.nn.functional.pad(found, (0, max(0, tokens.shape[1] - found.shape[1])))[:, : tokens.shape[1]].cpu()
    if len(found) < FEWEST:
        raise InvvizError(f"similar holds {len(found)} sentence; give at least {FEWEST} public ones.")
    check_tokens(found.numpy(), len(known))
    return Sentences.locked(found.numpy().copy(), torch.zeros(len(found), dtype=torch.int64).numpy())


def _shape(value: Tensor, private: bool) -> dict[str, Any]:
    return {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch."), "private": private}
