"""The private batch that the screen shows, straight from the data set or from an upload."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..core.errors import InvvizError
from ..engine.baseline import baseline_of, cells_without_message
from ..metrics import Baseline
from ..scenario import Scenario
from . import things
from .memory import Memory, fingerprint
from .session import session, station

_baselines: Memory[Baseline] = Memory(500)


@dataclasses.dataclass(frozen=True, eq=False)
class Victim:
    """The private batch, and how many others there are to choose from."""

    truth: np.ndarray
    names: list[str]
    count: int
    note: str


def victim_of(scenario: Scenario) -> Victim | str:
    """The private batch itself, or why it cannot be shown.

    `photos` and `digits` are read without PyTorch; the sets that torchvision reads import it here the first time.
    """
    if found := scenario.protocol.problems(scenario.model, scenario.data.shape):
        return " ".join(found)  # who holds what is not even defined then
    try:
        samples = scenario.data.load(station().site.data_dir)
        truth, labels = scenario.data.victims(samples, scenario.batch)
        names = [samples.class_names[i] if i < len(samples.class_names) else str(i) for i in labels]
        if scenario.upload:
            own = session().pictures.get(scenario.upload)
            if own is None:
                return things.say(
                    scenario,
                    "The link names an uploaded picture, which is kept in memory only and is gone. Upload it again under More, Own picture.",
                )
            truth[0], names[0] = own, "uploaded"
        return Victim(scenario.protocol.part(truth), names, len(samples.victims), samples.note)
    except InvvizError as err:
        return str(err)


def baseline(scenario: Scenario, truth: np.ndarray) -> Baseline | None:
    """How good what needs no message is of a batch of pictures or series; None of other samples, which have no words."""
    return unseen(scenario, truth) if scenario.data.modality.grid else None


def unseen(scenario: Scenario, truth: np.ndarray) -> Baseline:
    """The same of any samples; a batch is looked at once."""
    index, folder = scenario.data.index if scenario.attack.knows_classes else 0, station().site.data_dir
    name = (scenario.data.replace(index=index), scenario.attack.knows_classes, scenario.protocol, folder, fingerprint(truth))
    return _baselines.of(name, lambda: baseline_of(scenario, truth, folder))


def unseen_psnr(scenario: Scenario, truth: np.ndarray) -> float:
    """PSNR of what needs no message, as charts draw it as a line."""
    return unseen(scenario, truth).middle.psnr[0]


def cells_unseen(scenario: Scenario, truth: np.ndarray) -> float | None:
    """Share of the cells of a table's rows that its mean row has right; None of pictures."""
    return cells_without_message(scenario, truth, station().site.data_dir)
