"""A scenario: everything that determines a result, written as one line of text."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from .attacks import ATTACKS, Attack
from .core.component import MAX_TEXT, Component, Knob, parse_component
from .core.errors import ScenarioError, TextError
from .core.table import Column, between
from .datasets import DATASETS, Dataset
from .defenses import DEFENSES, Defense
from .models import MODELS, Model
from .protocols import PROTOCOLS, Protocol
from .risk import PRIORS
from .training import TRAININGS, Training

RESULTS_VERSION = 2  # moves when numbers move on purpose
MAX_EXACT_INPUTS = 8_192  # an exact spectrum of more inputs is refused: n x n matrices of gigabytes, eigenvectors of hours
PARTS: dict[str, dict[str, type[Any]]] = {
    "data": DATASETS,
    "model": MODELS,
    "protocol": PROTOCOLS,
    "defense": DEFENSES,
    "attack": ATTACKS,
    "train": TRAININGS,
}
KINDS = {"data": "dataset", "model": "model", "protocol": "protocol", "defense": "defense", "attack": "attack", "train": "training"}
SETTINGS = {
    knob.name: knob
    for knob in (
        Knob(
            "attacker",
            "unaware",
            "what the attacker knows of the defense: nothing (unaware), or the defense and its parameters, not its random draw (aware)",
            choices=("unaware", "aware"),
        ),
        Knob("batch", 1, "samples in the client's batch", low=1, high=64, unit="samples"),
        Knob("seed", 7, "seed of weights, noise and attack, each with its own stream", low=0, high=2**31 - 1),
        Knob("dtype", "float32", "precision of the whole computation", choices=("float32", "float64")),
        Knob(
            "floor",
            0.01,
            "noise that any real system adds, relative to the message's root mean square; used by the risk score only",
            low=0.0,
            high=100.0,
        ),
        Knob(
            "prior",
            "white",
            "what the attacker expects of pictures: nothing (white), smoothness (natural), or what public pictures of the data set "
            "look like (dataset); used by the risk score only",
            choices=PRIORS,
        ),
        Knob(
            "method",
            "auto",
            "how the spectrum is computed: exact; sketch (some hundred Jacobian products, with an error bar); auto, which takes exact up to about a "
            "minute of work; quick, which takes exact only where that is no more work than a sketch; used by the risk score only",
            choices=("auto", "exact", "sketch", "quick"),
        ),
        Knob(
            "rounds",
            1,
            "rounds in which the client sends the same batch while the net moves on (by the protocol's lr, on public pictures; a net that makes embeddings "
            "stays); the risk and attacks take the messages of all of them together",
            low=1,
            high=20,
            unit="rounds",
        ),
        Knob("layer", "", "the part of the message that is read, by the name of a layer (empty: all of it); used by the risk score only"),
        Knob("upload", "", "digest of an uploaded picture that takes the place of the first victim"),
    )
}
RISK_ONLY = ("floor", "prior", "method", "layer")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Data, model, protocol, defenses (first innermost), attack, training, batch, seed, precision, settings of the risk score, uploaded picture."""

    data: Dataset = dataclasses.field(default_factory=lambda: DATASETS["photos"]())
    model: Model = dataclasses.field(default_factory=lambda: MODELS["lenet"]())
    protocol: Protocol = dataclasses.field(default_factory=lambda: PROTOCOLS["hfl"]())
    defense: tuple[Defense, ...] = ()
    attack: Attack = dataclasses.field(default_factory=lambda: ATTACKS["dlg"]())
    train: Training = dataclasses.field(default_factory=lambda: TRAININGS["federated"]())
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

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """Read the text form; parts that are left out take their defaults.

        Args:
            text: `data=photos(index=12)&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=dlg&seed=7`, at most 4,000 characters,
                percent-encoded or plain. Several `defense=` parts apply in their order; `defense=none` is allowed.

        Raises:
            TextError: an unknown part, name, knob or value; the message lists what is known.
        """
        if len(text) > MAX_TEXT:
            raise TextError(f"a scenario of {len(text):,} characters is too long; at most {MAX_TEXT:,} are read.")
        pairs = parse_qsl(text.strip().lstrip("?"), keep_blank_values=True)
        if not pairs and text.strip():
            raise TextError(f"cannot read {text!r}; write parts as in data=photos&model=lenet&attack=dlg.")
        return cls.from_pairs(pairs)

    @classmethod
    def from_pairs(cls, pairs: list[tuple[str, str]]) -> Scenario:
        """The same from parts that are already split, as a URL's query is."""
        found: dict[str, Any] = {}
        defenses: list[Defense] = []
        for key, value in pairs:
            if key in found:
                raise TextError(f"{key}= is written twice; only defense= may be repeated.")
            if key == "defense":
                if value not in ("none", ""):
                    defenses.append(parse_component(value, DEFENSES, "defense"))
            elif key in PARTS:
                found[key] = parse_component(value, PARTS[key], KINDS[key])
            elif key in SETTINGS:
                found[key] = SETTINGS[key].read(_literal(value, SETTINGS[key]))
            else:
                raise TextError(f"unknown part {key!r}; known: {', '.join([*PARTS, *SETTINGS])}.")
        return cls(defense=tuple(defenses), **found)

    def pairs(self, full: bool = False) -> list[tuple[str, str]]:
        """Parts of the text form in order; defaults are left out unless `full`, data and model are always named.

        How a net is trained is left out wherever it is the default: most results do not depend on it.
        """
        default = Scenario()
        parts = [("data", self.data), ("model", self.model), ("protocol", self.protocol)]
        parts += [("defense", d) for d in self.defense] + [("attack", self.attack)]
        shown = [(k, c.text(full)) for k, c in parts if full or k != "protocol" or c != default.protocol]
        shown += [("train", self.train.text(full))] if self.train != default.train else []
        for key in SETTINGS:
            if full or getattr(self, key) != getattr(default, key):
                shown.append((key, str(getattr(self, key))))
        return [(k, v) for k, v in shown if v]

    def text(self, full: bool = False) -> str:
        """The one line from which everything can be computed again.

        Example:
            >>> Scenario.parse("data=digits&model=mlp&attack=linear_layer").text()
            'data=digits&model=mlp&attack=linear_layer'
        """
        return "&".join(f"{k}={v}" for k, v in self.pairs(full))

    def key(self, kind: str) -> str:
        """Name of a stored result: a hash of what it depends on.

        Args:
            kind: "run": all but the settings of the risk score and of training; "risk": what the spectrum needs; "train": what the accuracy
                needs; "clients": what the risk of every simulated client needs; "labels": what comes back to a party; "weights": trained weights to start from.
        """
        form = self.form(kind)
        return hashlib.sha256(f"{kind}/{RESULTS_VERSION}/{form}".encode()).hexdigest()[:20]

    def replace(self, **changes: Any) -> Scenario:
        """The same scenario with some parts exchanged."""
        return dataclasses.replace(self, **changes)

    def form(self, kind: str) -> str:
        """The full text of what a result of a kind depends on, training included only where it counts."""
        only = self.only(kind)
        text = only.text(full=True)
        trained = kind in ("train", "clients") and only.train == TRAININGS["federated"]()
        return f"{text}&train={only.train.text(full=True)}" if trained else text

    def only(self, kind: str) -> Scenario:
        """What a result of a kind depends on; the rest takes its defaults."""
        kinds = {
            "run": self.for_run,
            "risk": self.for_risk,
            "train": self.for_train,
            "clients": self.for_clients,
            "labels": self.for_labels,
            "weights": self.for_weights,
        }
        return kinds[kind]()

    def for_run(self) -> Scenario:
        """What an attack's result depends on: all but the settings of the risk score; without a defense there is nothing to be aware of."""
        known = {} if self.defense else {"attacker": Scenario.attacker}
        return self.replace(train=TRAININGS["federated"](), **known, **{name: getattr(Scenario, name) for name in RISK_ONLY})

    def for_risk(self) -> Scenario:
        """What the spectrum depends on: no attack, no noise (noise enters in closed form), no risk floor.

        Over several rounds the noise stays where it is not relative to the message: its share then differs from round to round.
        """
        noise = [d for d in self.defense if d.noisy]
        rest = self.replace(attack=ATTACKS["dlg"](), attacker=Scenario.attacker, train=TRAININGS["federated"]())
        if self.coloured:  # the directions that it hides depend on all other noise, too
            return rest
        if self.rounds > 1 and not all(getattr(d, "relative", False) for d in noise):
            return rest
        return rest.replace(defense=tuple(part for d in self.defense if (part := d.for_risk()) is not None), floor=Scenario.floor)

    def for_train(self) -> Scenario:
        """What the accuracy of federated training depends on: no victim, no attack, no settings of the risk score."""
        unused: dict[str, Any] = {name: getattr(Scenario, name) for name in (*RISK_ONLY, "rounds", "attacker", "upload")}
        if self.protocol.sends_embedding:
            unused["protocol"] = self.protocol.of_all()
        return self.replace(data=self.data.replace(index=0), attack=ATTACKS["dlg"](), **unused)

    def for_clients(self) -> Scenario:
        """What the risk of every simulated client depends on: the noise, and of the training only how pictures are dealt."""
        deal = {name: getattr(self.train, name) for name in ("clients", "split", "alpha", "samples") if hasattr(self.train, name)}
        parts = {"attack": ATTACKS["dlg"](), "attacker": Scenario.attacker, "upload": "", "method": Scenario.method, "layer": ""}
        return self.replace(data=self.data.replace(index=0), train=type(self.train)(**deal), **parts)

    def for_labels(self) -> Scenario:
        """What labels that a party tells from returned gradients depend on: as training, and who the party is."""
        return self.for_train().replace(protocol=self.protocol, train=TRAININGS["federated"]())

    @property
    def coloured(self) -> Defense | None:
        """The defense, the last one, whose noise is stronger in some directions than in others; None where there is none, or it is off."""
        last = self.defense[-1] if self.defense else None
        return last if last is not None and last.coloured and getattr(last, last.strength) != last.identity else None

    def for_weights(self) -> Scenario:
        """What trained weights depend on: data without the choice of the victim, model, seed, how the net is cut among parties, defenses that train it."""
        rest: dict[str, Any] = {}
        trains = tuple(d for d in self.defense if d.trains and not d.off)
        if self.protocol.sends_embedding and (trains or not self.protocol.is_model):
            rest = {"protocol": self.protocol.of_all(), "defense": trains}
        return Scenario(data=self.data.replace(index=0), model=self.model, seed=self.seed, **rest)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what the client holds of a picture."""
        return self.protocol.shape(self.data.shape)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of what the client holds of a row of a table, counted from its first entry on; none for pictures."""
        if not self.data.columns:
            return ()
        held = self.protocol.part(np.arange(self.data.edges[-1])[None, None, None]).ravel()
        return between(self.data.columns, int(held[0]), int(held[-1]) + 1)


def _literal(value: str, knob: Knob) -> object:
    if isinstance(knob.default, str):
        return value
    try:
        return float(value) if isinstance(knob.default, float) else int(value)
    except ValueError:
        return value  # the knob's own check says what was expected


def problems(scenario: Scenario) -> list[str]:
    """Why the parts of a scenario do not fit together, one sentence each; empty when they do."""
    s, found = scenario, _table_problems(scenario) or scenario.protocol.problems(scenario.model, scenario.data.shape)
    if found:
        return found
    side, whose = min(s.shape[1:]), s.data.name if s.shape == s.data.shape else f"a party's part of {s.data.name}"
    if side < s.model.min_side:
        found.append(
            f"{s.model.name} needs pictures of at least {s.model.min_side}x{s.model.min_side}; {whose} has {s.shape[1]}x{s.shape[2]}. Choose a smaller model."
        )
    if s.attack.needs_gradient and s.protocol.sends_embedding:
        found.append(
            f"{s.attack.name} reads a gradient; {s.protocol.name} sends an embedding. Use dlg, which looks for a picture with the same message."
        )
    if s.attack.max_batch is not None and s.batch > s.attack.max_batch:
        most = f"{s.attack.max_batch} sample" + ("s" if s.attack.max_batch > 1 else "")
        found.append(f"{s.attack.name} recovers at most {most}; batch is {s.batch}. Lower the batch or use inverting_gradients.")
    if getattr(s.attack, "labels", "") == "inferred" and (s.batch > 1 or s.protocol.sends_embedding):
        sent = "an embedding" if s.protocol.sends_embedding else f"a batch of {s.batch}"
        found.append(f"{s.attack.name} reads the label of one sample off its gradient; the client sends {sent}. Set labels=known.")
    if s.attack.needs_first_linear and s.model.first_layer != "linear":
        found.append(
            f"{s.attack.name} reads the picture off a fully connected first layer; {s.model.name} begins with a {s.model.first_layer}. Use model=mlp."
        )
    if s.attack.needs_positions and s.model.first_layer != "patch embedding":
        found.append(
            f"{s.attack.name} reads the gradient of position embeddings before a first attention; {s.model.name} begins with a {s.model.first_layer}. "
            "Use model=vit(skip='off',norm='none')."
        )
    if s.attack.needs_first_relu and (act := getattr(s.model, "act", "relu")) != "relu":
        found.append(f"{s.attack.name} counts on the zeros that ReLU leaves in a gradient; {s.model.name} has act={act!r}. Set act='relu'.")
    if s.attack.needs_embedding and not s.protocol.sends_embedding:
        found.append(f"{s.attack.name} inverts an embedding; {s.protocol.name} sends a gradient or an update. Use protocol=vfl, or dlg.")
    found += _training_mode_problems(s)
    if s.coloured and s.attack.wants().malicious:
        found.append(
            f"{s.attack.name} takes many training rounds, and {s.coloured.name} takes a spectrum for every message. Use isotropic noise."
        )
    if s.rounds > 1 and s.attack.one_round:
        found.append(
            f"{s.attack.name} reads the message of one round; rounds is {s.rounds}. Set rounds=1, or use dlg, which takes all rounds together."
        )
    if s.rounds > 1 and s.protocol.training_mode:
        found.append(f"Several rounds move the net in inference mode; {s.protocol.name} computes in training mode. Set rounds=1.")
    local_steps = getattr(s.protocol, "local_steps", 1)
    if s.attack.needs_gradient and local_steps > 1:
        found.append(
            f"{s.attack.name} reads one gradient; the client sends the sum of {local_steps} local steps. Set local_steps=1 or use inverting_gradients."
        )
    for place, defense in enumerate(s.defense):
        if defense.per_sample and place > 0:
            found.append(f"{defense.name} asks for the gradient of every sample, before any other defense. Name it first.")
        if defense.per_sample and local_steps > 1:
            found.append(f"{defense.name} clips the gradient of one step; the client takes {local_steps} local steps. Set local_steps=1.")
        if s.rounds > 1 and defense.rounds and s.protocol.sends_embedding:
            found.append(
                f"{defense.name} rounds the same embedding in the same way every time: asking again tells nothing new. Set rounds=1."
            )
        if s.rounds > 1 and defense.remembers and not defense.off:
            found.append(f"{defense.name} saves up what it does not send, which is not followed over several messages. Set rounds=1.")
        if defense.coloured and place < len(s.defense) - 1:
            found.append(f"{defense.name} shapes its noise by what is sent, so nothing may come after it. Name it last.")
        if defense.draws_inside and any(d.looks_inside or d.coloured for d in s.defense[:place]):
            found.append(f"{defense.name} changes the net by chance, before any other defense looks into it. Name it first.")
        if getattr(s.protocol, "together", 1) > 1 and not (
            defense.trains or (defense.adds_noise and getattr(defense, "relative", None) is False)
        ):
            found.append(
                f"{defense.name} measures the message, and each of the parties defends its own; {s.protocol.name} reads several at once here. "
                "Set together=1, or use noise of a stated size (gaussian_noise or laplace_noise with relative=False)."
            )
        if s.attacker == "aware" and defense.hides and s.attack.wants().crowd:
            found.append(
                f"{s.attack.name} compares many embeddings, and {defense.name} holds other entries back in each of them. Set attacker=unaware."
            )
        if defense.for_embeddings and not s.protocol.sends_embedding:
            found.append(f"{defense.name} protects embeddings; {s.protocol.name} sends gradients or updates. Use invl_gnp or dropout.")
        if defense.for_gradients and s.protocol.sends_embedding:
            found.append(
                f"{defense.name} is made for gradients; {s.protocol.name} sends an embedding. Use noise, clipping, pruning, quantisation or embedding_dropout."
            )
        if defense.trains and s.protocol.sends_embedding and s.model.init == "random":
            found.append(
                f"{defense.name} acts while a net is trained and leaves messages as they are; {s.model.name} has fresh weights. "
                f"Choose a trained net, model={s.model.name}(init='trained')."
            )
        found += defense.problems()
    return found


def _training_mode_problems(s: Scenario) -> list[str]:
    """Why parts that compute in inference mode, or need batch statistics, do not go together with the protocol, one sentence each."""
    if not s.protocol.training_mode and s.attack.needs_training_mode:
        mode = f"{s.protocol.name} computes in inference mode. Use protocol=hfl_training."
        return [f"{s.attack.name} matches batch norm's batch statistics; {mode}"]
    if not s.protocol.training_mode:
        return []
    found = []
    if s.attack.wants().bn_statistics and not s.protocol.sends_statistics:
        found.append(
            f"{s.attack.name} reads batch norm's running statistics, and the client keeps them. Set statistics='sent' or use gia_estimate, which takes public pictures."
        )
    if s.attack.needs_gradient and s.attack.one_round:
        found.append(
            f"{s.attack.name} solves for a net whose layers treat every picture alone; in training mode batch norm mixes the batch. Use protocol=hfl or inverting_gradients."
        )
    for defense in s.defense:
        if defense.per_sample:
            found.append(
                f"{defense.name} takes the gradient of every sample alone, and in training mode batch norm mixes the batch. Use protocol=hfl."
            )
        elif defense.looks_inside:
            found.append(
                f"{defense.name} looks into the net in inference mode; the client computes in training mode. Use protocol=hfl or another defense."
            )
    return found


def _table_problems(s: Scenario) -> list[str]:
    """Why a table does not go together with parts that are made for pictures, one sentence each."""
    if not s.data.columns:
        return []
    found, rows = [], f"{s.data.name} is a table, whose columns have no neighbours"
    if s.model.first_layer != "linear":
        found.append(f"{s.model.name} looks for patterns among neighbouring pixels; {rows}. Use model=mlp.")
    if getattr(s.attack, "tv", 0) > 0:
        found.append(f"{s.attack.name} smooths neighbouring pixels with tv={s.attack.tv:g}; {rows}. Set tv=0.")  # type: ignore[attr-defined]
    if s.attack.for_pictures:
        found.append(f"{s.attack.name} expects neighbouring pixels to be alike; {rows}. Use dlg, or pca_prior(tv=0).")
    found += [f"{d.name} works on pixels with neighbours; {rows}. Use another defense." for d in s.defense if d.for_pictures]
    if s.upload:
        found.append(f"An upload is a picture; {s.data.name} is a table. Remove the upload, or choose a data set of pictures.")
    return found


def train_problems(scenario: Scenario) -> list[str]:
    """Why a scenario's net is not trained, one sentence each."""
    s = scenario
    model = s.model.replace(init="trained") if any(d.trains for d in s.defense) else s.model  # here a fresh net is trained, too
    found = problems(s.replace(model=model, attack=ATTACKS["dlg"](), train=TRAININGS["federated"](), rounds=1)) + s.train.problems()
    if s.protocol.training_mode:
        found.append(
            f"Training through {s.protocol.name} is not built yet: clients' running statistics would have to be averaged. Use protocol=hfl."
        )
    for defense in s.defense:
        if defense.alters_net:
            found.append(
                f"{defense.name} adds layers of its own to the net, and training them is not built yet. Train with another defense."
            )
    return found


def risk_problems(scenario: Scenario) -> list[str]:
    """Why the risk of a scenario is not computed, one sentence each."""
    s = scenario
    found = problems(s.replace(attack=ATTACKS["dlg"]()))  # an attack that fits wherever the rest fits
    if s.prior == "natural" and s.data.columns:
        found.append(
            f"The natural prior expects neighbouring pixels to be alike; {s.data.name} is a table. Use prior=white, or prior=dataset, which knows its columns."
        )
    channels, height, width = s.shape
    inputs = s.batch * channels * height * width
    if s.method == "exact" and inputs > MAX_EXACT_INPUTS:
        found.append(
            f"The exact spectrum serves up to {MAX_EXACT_INPUTS:,} input values; this batch has {inputs:,}. Use method=sketch, smaller pictures or a smaller batch."
        )
    if s.rounds > 1:
        found += [
            f"{d.name} drops other entries of every message, and its risk is computed for one; rounds is {s.rounds}. Set rounds=1, or use random_pruning."
            for d in s.defense
            if d.redraws and not d.off
        ]
    if s.coloured:
        name = s.coloured.name
        if s.floor == 0 and not any(d.noisy for d in s.defense[:-1]):
            found.append(
                f"{name} leaves some directions without noise, and floor=0 adds none: they would tell everything. Set floor to 0.01 or another share above 0."
            )
        if s.rounds > 1:
            found.append(f"The risk of {name} is computed for one round; rounds is {s.rounds}. Set rounds=1.")
        if s.layer:
            found.append(f"The risk of {name} is computed for the whole message; layer is {s.layer!r}. Read all of it.")
        if s.method == "sketch" or inputs > MAX_EXACT_INPUTS:
            found.append(
                f"The risk of {name} takes all directions of up to {MAX_EXACT_INPUTS:,} input values (method=exact or auto); this batch has {inputs:,} and "
                f"method is {s.method}. Use smaller pictures, a smaller batch or isotropic noise."
            )
    return found


def check(scenario: Scenario) -> Scenario:
    """The scenario itself.

    Raises:
        ScenarioError: its parts do not fit together; lists every reason.
    """
    if found := problems(scenario):
        raise ScenarioError(found)
    return scenario


def components() -> list[type[Component]]:
    """Every component that a scenario can name."""
    return [c for table in PARTS.values() for c in table.values()]
