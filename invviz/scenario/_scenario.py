"""A scenario: everything that determines a result, written as one line of text."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import numpy as np

from ..attacks import ATTACKS, Attack
from ..core.component import Component, Knob, parse_component, shown, unknown
from ..core.errors import TextError
from ..core.inert import name
from ..core.table import Column, between
from ..datasets import DATASETS, Dataset
from ..defenses import DEFENSES, Coloured, Defense, Stack
from ..models import MODELS, Model
from ..protocols import PROTOCOLS, Protocol
from ..protocols.training import TRAININGS, Training
from ..servers import AGGREGATIONS, SERVERS, Aggregation, Server
from ._moved import key_form, present, search_moved
from ._settings import KINDS, LATE_PARTS, PARTS, SETTINGS
from .kinds import WORK, KindOfWork

if TYPE_CHECKING:
    from ..core.types import Release

RESULTS_VERSION = 2  # of shipped files as a whole; each kind of work has a version of its own
MAX_TEXT = 8_000  # characters of a text form; the full form of whatever is read is shorter
MAX_DEFENSES = 16
KEPT = 4_000  # texts and keys that are remembered; a page asks for the same ones at every drawing
BARE = "()=,'"  # stand for themselves in a written part, beside letters, digits and _.-~: neither blanks nor what a query or a shell takes for its own
BARE_SETTING = ":/"  # in a setting, which may be any text


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Data, model, protocol, defenses (first innermost), attack, training, server, aggregation, batch, seed, precision, settings of the risk score, uploaded picture."""

    data: Dataset = dataclasses.field(default_factory=lambda: DATASETS["photos"]())
    model: Model = dataclasses.field(default_factory=lambda: MODELS["lenet"]())
    protocol: Protocol = dataclasses.field(default_factory=lambda: PROTOCOLS["hfl"]())
    defense: Stack = dataclasses.field(default_factory=Stack)
    attack: Attack = dataclasses.field(default_factory=lambda: ATTACKS["dlg"]())
    train: Training = dataclasses.field(default_factory=lambda: TRAININGS["federated"]())
    server: Server = dataclasses.field(default_factory=lambda: SERVERS["honest"]())
    aggregation: Aggregation = dataclasses.field(default_factory=lambda: AGGREGATIONS["plain"]())
    attacker: str = "unaware"
    batch: int = 1
    seed: int = 7
    dtype: str = "float32"
    floor: float = 0.01
    prior: str = "white"
    method: str = "auto"
    rounds: int = 1
    layer: str = ""
    upload: str = ""

    def __post_init__(self) -> None:
        # Where a row may be cut is a fact about the data, which only the scenario knows beside the protocol: no knob, in no text and no key.
        object.__setattr__(self, "protocol", self.protocol.bound(self.data.edges))
        object.__setattr__(self, "aggregation", self.server.joined(self.aggregation))
        object.__setattr__(self, "defense", Stack(self.defense))  # whatever sequence was given

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """Read the text form; parts that are left out take their defaults. Where a server is named and no attack, it is the one that reads what that server planted.

        Args:
            text: `data=photos(index=12)&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=dlg&seed=7`, at most 8,000 characters,
                percent-encoded or plain. Several `defense=` parts apply in their order; `defense=none` is allowed.

        Raises:
            TextError: an unknown part, name, knob or value; the message lists what is known.
        """
        if len(text) > MAX_TEXT:
            raise TextError(f"a scenario of {len(text):,} characters is too long; at most {MAX_TEXT:,} are read.")
        pairs = parse_qsl(text.strip().lstrip("?"), keep_blank_values=True)
        if not pairs and text.strip():
            raise TextError(f"cannot read {shown(text)}; write parts as in data=photos&model=lenet&attack=dlg.")
        return cls.from_pairs(pairs)

    @classmethod
    def from_pairs(cls, pairs: list[tuple[str, str]]) -> Scenario:
        """The same from parts that are already split and decoded, as a URL's query is."""
        found: dict[str, Any] = {}
        defenses: list[Defense] = []
        for key, value in present(pairs):
            if key in found:
                raise TextError(f"{key}= is written twice; only defense= may be repeated.")
            if key == "defense":
                if value not in ("none", ""):
                    defenses.append(parse_component(value, DEFENSES, "defense"))
                if len(defenses) > MAX_DEFENSES:
                    raise TextError(f"more than {MAX_DEFENSES} defenses are written; name at most {MAX_DEFENSES}.")
            elif key in PARTS:
                found[key] = parse_component(value, PARTS[key], KINDS[key])
            elif key in SETTINGS:
                found[key] = SETTINGS[key].read(_literal(value, SETTINGS[key]))
            else:
                raise TextError(unknown("part", key, [*PARTS, *SETTINGS]))
        if "server" in found:
            found = brought("server", found["server"]) | found
        return cls(defense=Stack(defenses), **found)

    def pairs(self, full: bool = False) -> list[tuple[str, str]]:
        """Parts of the text form in order, not escaped; defaults are left out unless `full`, data and model are always named.

        How a net is trained, and late parts, are left out wherever they are the default: most results do not depend on the one, and older texts know nothing of the others.
        """
        default = _default()
        parts = [("data", self.data), ("model", self.model), ("protocol", self.protocol)]
        parts += [("defense", d) for d in self.defense] + [("attack", self.attack)]
        shown = [(k, c.text(full)) for k, c in parts if full or k != "protocol" or c != default.protocol]
        shown += [(k, getattr(self, k).text(full)) for k in ("train", *LATE_PARTS) if getattr(self, k) != getattr(default, k)]
        for key in SETTINGS:
            if full or getattr(self, key) != getattr(default, key):
                shown.append((key, written(key, getattr(self, key))))
        return [(k, v) for k, v in shown if v]

    def text(self, full: bool = False) -> str:
        """The one line from which everything can be computed again; what would be misread is percent-encoded, once, here.

        Example:
            >>> Scenario.parse("data=digits&model=mlp&attack=linear_layer").text()
            'data=digits&model=mlp&attack=linear_layer'
            >>> Scenario(layer="a & b").text()
            'data=photos&model=lenet&attack=dlg&layer=a%20%26%20b'
        """
        return _text(self, full)

    def key(self, kind: str) -> str:
        """Name of a stored result: a hash of what it depends on, and of nothing else.

        Args:
            kind: one of the table `scenario.kinds.WORK`.
        """
        return _key(self, kind, WORK[kind])

    def replace(self, /, **changes: Any) -> Scenario:
        """The same scenario with some parts exchanged."""
        return dataclasses.replace(self, **changes)

    def form(self, kind: str) -> str:
        """The text of what a result of a kind depends on, in full, and of nothing else."""
        return self._form(kind, self.only(kind).defense)

    def _form(self, kind: str, defense: Stack) -> str:
        only, without = WORK[kind].depends(self)
        parts = [("data", only.data), ("model", only.model), ("protocol", only.protocol)]
        parts += [("defense", d) for d in defense] + [("attack", only.attack), ("train", only.train)]
        parts += [(k, part) for k in LATE_PARTS if (part := getattr(only, k)) != getattr(_default(), k)]
        knobs = {part: [n.removeprefix(f"{part}.") for n in without if n.startswith(f"{part}.")] for part in PARTS}
        pairs = [(name, part.text(full=True, without=knobs[name])) for name, part in parts if name not in without]
        pairs += [(name, written(name, getattr(only, name))) for name in SETTINGS if name not in without]
        return "&".join(f"{name}={escaped(name, value)}" for name, value in pairs if value)

    def only(self, kind: str) -> Scenario:
        """What a result of a kind depends on; the rest takes its defaults."""
        return WORK[kind].depends(self).scenario

    @property
    def coloured(self) -> Coloured | None:
        """The defense, the last one, whose noise is stronger in some directions than in others; None where there is none, or it is off."""
        return self.defense.coloured

    @property
    def any_noise(self) -> bool:
        """Whether its spectrum is the same at every strength of its noise; what a spectrum is kept under names no strength then."""
        return not self.coloured and (self.rounds == 1 or (self.defense.relative and not self.aggregation.alters))

    @property
    def apart(self) -> tuple[Release, ...]:
        """Releases of parties that are read together, where a defense looks at a whole message: every party's looks at its own. None elsewhere."""
        return () if self.defense.separable else self.protocol.apart()

    @property
    def malicious(self) -> bool:
        """Whether the server does not follow the protocol: it plants a net, or answers training rounds as it likes."""
        return self.server.malicious

    @property
    def layer_name(self) -> str:
        """The layer that is read as it stands in words; anybody may have written it into an address."""
        return name(self.layer)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what the client holds of a sample; of a picture channels, height and width."""
        return self.protocol.shape(self.data.shape) if self.protocol.takes(self.data.modality.name) else self.data.shape

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of what the client holds of a row of a table, counted from its first entry on; none for pictures."""
        if not self.data.columns:
            return ()
        held = self.protocol.part(np.arange(self.data.edges[-1])[None, None, None]).ravel()
        return between(self.data.columns, int(held[0]), int(held[-1]) + 1)


def brought(part: str, component: Component) -> dict[str, Any]:
    """What changes in a scenario where a part is chosen: a server brings the attack along that reads what it plants."""
    reader = {"attack": ATTACKS[component.attack]()} if isinstance(component, Server) and component.attack else {}
    return {part: component, **reader}


@functools.lru_cache(maxsize=1)
def _default() -> Scenario:
    return Scenario()


@functools.lru_cache(maxsize=KEPT)
def _text(scenario: Scenario, full: bool) -> str:
    return "&".join(f"{k}={escaped(k, v)}" for k, v in scenario.pairs(full))


@functools.lru_cache(maxsize=KEPT)
def _key(scenario: Scenario, kind: str, work: KindOfWork) -> str:
    form = key_form(scenario._form(kind, scenario.only(kind).defense.keyed())) + search_moved(kind, scenario)
    return hashlib.sha256(f"{kind}/{work.version}/{form}".encode()).hexdigest()[:20]


def written(name: str, value: object) -> str:
    """A setting as it stands in the text form, not escaped."""
    return value if isinstance(value, str) else SETTINGS[name].written(value)


def escaped(name: str, value: str) -> str:
    """The value of a part or setting as it stands in the text form."""
    return quote(value, BARE_SETTING if name in SETTINGS else BARE)


def _literal(value: str, knob: Knob) -> object:
    if isinstance(knob.default, str):
        return value
    try:
        return float(value) if isinstance(knob.default, float) else int(value)
    except ValueError:
        return value  # the knob's own check says what was expected
