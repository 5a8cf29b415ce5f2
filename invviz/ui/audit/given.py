"""What a visitor has handed over, in the memory of the tab alone: net, weights, records, settings, and what reading them came to."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from typing import Any

import numpy as np

from ...core.errors import UploadError
from ...defenses import Defense
from ...engine.intake import Handed, Taken, take
from ...models import MODELS, Model
from ..session import session
from .example import LAYERS, RECORDS, SENTENCES, WEIGHTS, records, sentences

EXAMPLE = '{"input": [1, 8, 8],\n "layers": [\n  ' + ",\n  ".join(json.dumps(layer) for layer in LAYERS) + "]}"
MOST = 16  # records of one audit
MOST_NUMBERS = 1_500_000  # in them together
MOST_PLACES = 120  # of words in sentences together, as of `scenario.bits_problems`


@dataclasses.dataclass(eq=False)
class Given:
    """Of one tab.

    Attributes:
        form: "layers" or "registry".
        layers: text of the net.
        model: of the registry.
        classes: that it tells apart.
        weights: name and content; None where they are drawn.
        files: names and contents of the records.
        labels: as they are written on the page.
        first: record of the batch.
        count: records in the batch.
        seed: of drawn weights.
        defense: None for none.
        seconds: for attacks.
        example: whether all this is the example.
        taken: what reading came to; None where nothing was read or it was refused.
        refused: why, in words.
        asked: key of the audit that was asked for last.
        before: key of the audit before, which stays until there is a new one.
    """

    form: str = "layers"
    layers: str = EXAMPLE
    model: Model = dataclasses.field(default_factory=lambda: MODELS["lenet"]())
    classes: int = 10
    weights: tuple[str, bytes] | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    labels: str = ""
    first: int = 0
    count: int = RECORDS
    seed: int = WEIGHTS
    defense: Defense | None = None
    seconds: int = 20
    example: bool = False
    taken: Taken | None = None
    refused: str = ""
    asked: str = ""
    before: str = ""
    _read: str = ""

    def change(self, **new: Any) -> None:
        """Something else was handed over, or set."""
        for name, value in new.items():
            setattr(self, name, value)
        if new.keys() & {"files", "weights", "layers", "form", "model", "classes", "labels"}:
            self.example = False

    def net(self) -> dict[str, Any]:
        """As `Handed` has it."""
        return {"layers": self.layers} if self.form == "layers" else {"registry": self.model.text(), "classes": self.classes}

    def unread(self) -> bool:
        """Whether something was handed over that has not been read yet."""
        return self._read != self._print() and bool(self.files or self.weights or self.layers != EXAMPLE)

    def read(self) -> None:
        """Read it in a process of its own; what cannot be taken is kept as words."""
        self._read, self.taken, self.refused = self._print(), None, ""
        try:
            self.taken = take(Handed(self.net(), self.weights, self.files, self.labels))
        except UploadError as err:
            self.refused = str(err)

    def _print(self) -> str:
        found = hashlib.blake2b(json.dumps([self.net(), self.labels]).encode(), digest_size=16)
        for name, data in [*([self.weights] if self.weights else []), (" ", b""), *self.files]:
            found.update(f"{name}|{id(data)}|{len(data)}".encode())
        return found.hexdigest()

    @property
    def batch(self) -> tuple[int, int]:
        """First record and the one behind the last."""
        many = self.taken.facts["records"] if self.taken and self.taken.inputs is not None else 0
        first = min(self.first, max(many - 1, 0))
        return first, min(first + self.count, many)

    def why_not(self) -> str:
        """Why there can be no audit now; empty where there can."""
        if self.refused:
            return "What was handed over cannot be taken; the reason stands above."
        if self.taken is None or self.taken.inputs is None:
            return "Hand over records first: npz, csv, txt or pictures."
        first, end = self.batch
        if "vocabulary" in self.taken.facts:
            places = self.taken.inputs.shape[1] * (end - first)
            few = f"{end - first} sentences have {places} places of words; at most {MOST_PLACES} are audited. Take fewer sentences."
            return few if places > MOST_PLACES else ""
        if (numbers := self.taken.inputs[0].size * (end - first)) > MOST_NUMBERS:
            return f"{end - first} records have {numbers:,} numbers; at most {MOST_NUMBERS:,} are audited here. Take fewer records."
        return ""

    def ask(self) -> None:
        """Have it audited by the private worker."""
        assert self.taken is not None and self.taken.inputs is not None and self.taken.targets is not None
        first, end = self.batch
        settings = {**self._settings(), "first": first}
        arrays = {"inputs": self.taken.inputs[first:end], "targets": self.taken.targets[first:end]}
        arrays |= {f"weight {name}": value for name, value in self.taken.weights.items()}
        if self.asked and session().private.result(self.asked) is not None:
            self.before = self.asked
        self.asked = self._key()
        header = {"net": dict(self.taken.net), "settings": settings, "weights_seed": self.seed}
        header |= {name: self.taken.facts[name] for name in ("vocabulary", "foretells") if name in self.taken.facts}
        session().private.audit(self.asked, header, arrays)

    def stale(self) -> bool:
        """Whether the last audit was of something else than what stands here now."""
        return bool(self.asked) and self._key() != self.asked

    def _settings(self) -> dict[str, Any]:
        return {"defense": self.defense.text() if self.defense else "", "seconds": float(self.seconds), "seed": 7}

    def _key(self) -> str:
        """Names what is audited, for this tab."""
        return hashlib.blake2b(f"{self._print()}{self._settings()}{self.batch}{self.seed}".encode(), digest_size=12).hexdigest()


def given() -> Given:
    """Of this tab."""
    visitor = session()
    if visitor.handed is None:
        visitor.handed = Given()
    return visitor.handed


def take_example() -> None:
    """A small net and four digits, read as if they had been handed over, and audited."""
    own = given()
    pictures, labels = records()
    out = io.BytesIO()
    np.savez(out, x=pictures, y=labels)
    own.change(form="layers", layers=EXAMPLE, weights=None, files=(("digits.npz", out.getvalue()),), labels="", first=0, count=RECORDS)
    own.example = True
    own.read()
    if not own.refused:
        own.ask()


def take_sentences() -> None:
    """A small language model and two notes, likewise."""
    own = given()
    own.change(
        form="registry",
        model=MODELS["tiny_lm"](),
        weights=None,
        files=(("notes.txt", sentences().encode()),),
        labels="",
        first=0,
        count=SENTENCES,
    )
    own.example = True
    own.read()
    if not own.refused:
        own.ask()
