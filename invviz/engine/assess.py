"""The risk of a scenario: the spectrum of what its client releases, exact or by a sketch; no attack is run."""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import ScenarioError
from ..core.inert import name as inert
from ..core.rng import derive
from ..core.types import Size
from ..datasets import DATASETS, Dataset
from ..protocols import Protocol
from ..risk import (
    FIRST,
    Components,
    Jacobian,
    Prior,
    SumPrior,
    budget,
    decompose,
    first_budget,
    moved,
    of_first,
    only,
    over_rounds,
    room,
    sketch,
    trust,
)
from ..scenario import MAX_EXACT_INPUTS, Scenario, risk_problems
from . import sums
from ._clock import Clock
from .client import Client, Site, meet_client
from .coloured_noise import ShapedNoise
from .observe import moves
from .results import Assessment, Event, Reporter
from .summary import noise_variance

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.types import Release, Tree

AUTO_INPUTS = 3_072  # auto takes the exact spectrum up to this many inputs ...
AUTO_WORK = 5e10  # ... and up to so many bytes written by its products: about a minute on one core
MINUTE = 60.0  # seconds that these two stand for
LEAN_ROWS = 1_024  # messages up to this long are decomposed through their rows, which is quick ...
LEAN_NUMBERS = 3e7  # ... as long as the rows fit in memory
PUBLIC = 3_200  # public pictures that the dataset prior is made of, at most
PUBLIC_NUMBERS = 100_000_000  # numbers in them, at most (400 MB; 664 pictures of 224x224)
MOST_LAYERS = 12  # listed one by one; deeper nets by their blocks


def assess(
    scenario: Scenario,
    site: Site,
    report: Reporter | None = None,
    picture: np.ndarray | None = None,
    client: Client | None = None,
    first: bool = False,
    seconds: float | None = None,
) -> Assessment:
    """Decompose the Jacobian of the defended release at this batch.

    Args:
        scenario: what to compute; its attack plays no part, its noise and floor enter later, in closed form.
        site: where.
        report: progress over the Jacobian's products; answering False stops.
        picture: an uploaded picture, shape (c, h, w), if the scenario names one.
        client: whose release it is; None for the scenario's own victim.
        first: make the first sketch only, of a few dozen products, whatever the method is (see `sketched_first`).
        seconds: auto takes the exact spectrum where it is expected to take no longer; a sketch ends after them, and the curvature is measured only where there is time left for it; what was left out is said in `why`. None: no limit.

    Raises:
        ScenarioError: the parts do not fit together, or there is no such layer.
        RiskError: the Jacobian is not finite, or there is not enough memory; says the way out.
        Cancelled: `report` answered False.
    """
    if found := risk_problems(scenario):
        raise ScenarioError(found)
    client = client or meet_client(scenario, site, report, picture)
    start, image = time.monotonic(), client.batch.private

    def tell(phase: str) -> Callable[[int, int], bool]:
        return lambda done, total: report is None or report(Event(phase, done, total, time.monotonic() - start))

    whole, size = client.release(client.net, client.batch, None), sums.size_of(scenario, client)
    jacobian, shaped = _jacobian(scenario, client, whole), None
    if scenario.coloured:
        shaped = ShapedNoise.of(scenario, client, jacobian, size, sums.stages_of(scenario, client))
        jacobian = shaped.jacobian
    learned = _components if scenario.data.name in DATASETS else _components.__wrapped__  # what a user handed over is not kept
    components = learned(scenario.data.replace(index=0), scenario.protocol, site.data_dir) if scenario.prior == "dataset" else None
    prior = Prior(scenario.prior, scenario.shape, scenario.batch, components)
    if client.others:
        prior, image = SumPrior.of(prior, 1 + len(client.others)), jacobian.batch.private
    method, why = choose(scenario, *jacobian.shape, jacobian.work, seconds)
    if first:
        method, why = "sketch", "a first look: the fewest products that show anything"
    products, exact = first_budget(jacobian.work) if first else None, method == "exact"
    clock = Clock(seconds)
    spectrum = decompose if exact else functools.partial(sketch, products=products, over=clock.over)
    dec = spectrum(jacobian, image, prior, tell("spectrum" if exact else "sketch"))
    # curvature and T3 are those of one client's release whose noise is the same at every picture
    skipped = first or scenario.method == "quick" or shaped or client.others
    short = not skipped and clock.short(jacobian)
    measured = None if skipped or short else trust(jacobian, prior, dec, scenario.seed, tell("curvature"))
    dec = of_first(dec, prior) if isinstance(prior, SumPrior) else dec
    return Assessment(
        # noise and floor are measured on the whole message of one round, whatever part of it and however many rounds are read
        dataclasses.replace(dec, message_norm=size.norm, num_message=size.count),
        size,
        client.batch.private.detach().cpu().numpy(),
        client.batch.label.detach().cpu().numpy(),
        client.note,
        client.accuracy,
        sums.stages_of(scenario, client),
        measured,
        why + clock.words(dec, short),
        layers(whole),
        shaped.cost(shaped.covariance) if shaped else (0.0, 0.0),
        shaped.ladder(prior, tell("ladder")) if shaped else (),
        shaped.solved(prior, tell("solved")) if shaped else None,
    )


def sketched_first(scenario: Scenario) -> bool:
    """Whether a first sketch is worth making while the spectrum is computed: it takes less, and the noise is the same in all directions."""
    return scenario.coloured is None and scenario.batch * int(np.prod(scenario.shape)) > FIRST


def _jacobian(scenario: Scenario, client: Client, whole: Tree) -> Jacobian:
    """Of what is read of the defended message, over all rounds; of a sum by all clients' batches side by side."""
    if client.others:
        names = _names(scenario.layer, whole) if scenario.layer else None
        return sums.jacobian_of(scenario, client, names, moves(scenario, client) if scenario.rounds > 1 else ())
    release = only(client.release, _names(scenario.layer, whole)) if scenario.layer else client.release
    if scenario.rounds > 1:
        release = _over_rounds(scenario, client, release)
    plain = scenario.protocol.sends_gradient and scenario.defense.adds_noise and not scenario.layer and scenario.rounds == 1
    return Jacobian.of(release, client.net, client.batch, is_gradient=plain and not scenario.aggregation.alters)


def choose(scenario: Scenario, p: int, n: int, work: float, seconds: float | None = None) -> tuple[str, str]:
    """The method, and why it was chosen, in words; the same on every machine.

    Args:
        scenario: may name a method.
        p: numbers in the message that is read.
        n: numbers in the batch.
        work: bytes that one evaluation of the release writes (`Jacobian.work`).
        seconds: that there are; None: about a minute.
    """
    if scenario.method in ("exact", "sketch"):
        return scenario.method, "as the scenario says"
    if scenario.coloured:
        return "exact", f"{scenario.coloured.name} needs all directions anyway"
    lean = p <= LEAN_ROWS and n * p <= LEAN_NUMBERS
    if n <= budget(n, work) or (lean and p * work <= AUTO_WORK):
        return "exact", "it takes no more work than a sketch"
    if scenario.method == "quick":
        return "sketch", "it is the quickest"
    if seconds is not None:
        price = MINUTE * max((n / AUTO_INPUTS) ** 3, n * work / AUTO_WORK)
        if n > MAX_EXACT_INPUTS:
            return "sketch", f"{n:,} inputs are more than the {MAX_EXACT_INPUTS:,} of which the exact spectrum can be taken"
        fits = price <= seconds
        return ("exact" if fits else "sketch"), f"an exact spectrum takes about {price:,.0f} s of one core, and there are {seconds:,.0f} s"
    if n > AUTO_INPUTS:
        return "sketch", f"{n:,} inputs are more than the {AUTO_INPUTS:,} up to which auto takes the exact spectrum"
    if n * work > AUTO_WORK:
        return "sketch", f"{n:,} products of this net would take many minutes"
    return "exact", "it takes about a minute of one core or less"


@functools.lru_cache(maxsize=2)
def _components(data: Dataset, protocol: Protocol, data_dir: Path | None) -> Components:
    """Principal components of a data set's public pictures, found once for all its victims; of many, some that are drawn, as files may be in the order of classes."""
    public = data.load(data_dir).public
    count = min(len(public), PUBLIC, PUBLIC_NUMBERS // int(np.prod(data.shape)))
    drawn = np.random.default_rng(derive(0, "public pictures")).permutation(len(public))[:count]
    with room("the components of the public pictures"):
        return Components.fit(protocol.part(public.take(np.sort(drawn).tolist())[0]))


def _names(layer: str, message: Tree) -> list[str]:
    """Entries of the message that belong to a layer."""
    if found := [name for name in message if name == layer or name.startswith(layer + ".")]:
        return found
    raise ScenarioError([f"The message has no part named {inert(layer)!r}; it has {', '.join(layer for layer, _ in layers(message))}."])


def layers(message: Tree) -> tuple[tuple[str, int], ...]:
    """Layers that have entries in a message, in its order, with their numbers; deep nets by their first level."""
    for depth in (None, 1):
        counts: dict[str, int] = {}
        for name, leaf in message.items():
            layer = ".".join(name.split(".")[:-1][:depth]) or name
            counts[layer] = counts.get(layer, 0) + leaf.numel()
        if len(counts) <= MOST_LAYERS:
            break
    return tuple(counts.items())


def _over_rounds(scenario: Scenario, client: Client, release: Release) -> Release:
    """The messages of all rounds, each scaled to the noise of the first."""
    shifts = moves(scenario, client)
    clients = [dataclasses.replace(client, net=moved(client.net, shift)) for shift in shifts]
    sizes = [
        Size.of(client.release(c.net, c.batch, None)) for c in clients
    ]  # noise is measured on the whole message, whatever part is read
    if not scenario.any_noise and (scenario.defense.noisy or scenario.aggregation.alters):
        variances = [noise_variance(scenario, s, sums.stages_of(scenario, c)) for s, c in zip(sizes, clients, strict=True)]
        sigmas = [(scenario.floor**2 * s.rms**2 + v) ** 0.5 for s, v in zip(sizes, variances, strict=True)]
    else:  # all noise is relative to its own round's message
        sigmas = [s.rms for s in sizes]
    return over_rounds(release, shifts, [sigmas[0] / max(s, 1e-30) for s in sigmas])


__all__ = ["assess", "choose", "layers", "moves"]
