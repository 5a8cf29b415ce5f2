"""What an attacker who knows the defenses and their parameters, but not what they drew at random, makes of a message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..core.lazy import torch
from ..core.rng import derive
from ..core.tree import numel
from ..core.types import Batch, Net, Size
from ..risk import joint_release
from .summary import noise_variance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.types import Release, Tree, World
    from ..defenses import Coloured
    from ..risk import NoiseCovariance
    from ..scenario import Scenario

HALVINGS = 60


def adaptive_view(scenario: Scenario, bare: Release, world: World, message: Tree, template: Batch) -> dict[str, Any]:
    """What an attacker who knows the defenses makes of a message; of several parties, each of which defends its own, of one after the other.

    Arguments and fields as of `_told`.
    """
    if not scenario.apart:
        return _view(scenario, bare, world, message, template)
    return _joined([_view(scenario, part, world, {k: message[k]}, template) for part, k in zip(scenario.apart, message, strict=True)])


def _view(scenario: Scenario, bare: Release, world: World, message: Tree, template: Batch) -> dict[str, Any]:
    """What an attacker who knows the defenses makes of a message.

    What `Stack.informed` says, and how loud their noise is.

    Args:
        scenario: its defenses, first innermost.
        bare: the release without them.
        world: net and public pictures.
        message: as it came.
        template: shapes, and labels where they are known.

    Returns:
        Fields of an `Observation`.
    """
    belief = scenario.defense.informed(bare, world, message)
    noise = 0.0 if belief.interval else _noise(scenario, Size.of(message))
    found: dict[str, Any] = {
        "message": belief.message,
        "sent": message,
        "release": belief.release,
        "seen": belief.seen,
        "noise": noise,
        "interval": belief.interval,
        "rules": belief.rules,
    }
    if scenario.coloured:
        found |= _whitening(scenario.coloured, belief.before, world, template, noise, Size.of(message))
    return found


def of_sum(scenario: Scenario, bare: Release, world: World, message: Tree, clients: int) -> dict[str, Any]:
    """The same of a sum over clients: what each of them drew does not show in it, so defenses are simulated, and their noise, and what rounding adds, is known in size.

    Arguments and fields as of `_view`; the release is that of one client, of so many `clients` in the sum.
    """
    return {"message": message, "release": scenario.defense.simulated(bare, world), "noise": _noise(scenario, Size.of(message), clients)}


def _joined(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What was told of every party's message in one; their noise, if any, is of one stated size."""
    merged = lambda trees: {name: leaf for tree in trees for name, leaf in tree.items()}  # noqa: E731
    first = found[0]
    joint: dict[str, Any] = {"release": joint_release([one["release"] for one in found]), "noise": first["noise"]}
    joint |= {name: first[name] and merged(one[name] for one in found) for name in ("message", "sent", "seen")}
    ends = first["interval"] and tuple(merged(one["interval"][end] for one in found) for end in (0, 1))
    return joint | {"interval": ends}


def surrogate(scenario: Scenario, net: Net) -> Net:
    """The net as a server has it that does not know the party's weights: the same architecture with fresh ones of its own; the top net is the server's, and stays.

    Args:
        scenario: names model and protocol.
        net: the true one.
    """
    seed = derive(scenario.seed, "weights of a stranger") % 2**31
    module = scenario.protocol.assemble(scenario.model, scenario.data.shape, scenario.data.num_classes, seed)
    module = module.to(next(iter(net.params.values())))
    top = {name: value.clone() for name, value in net.module.state_dict().items() if name.startswith("top.")}
    module.load_state_dict(top, strict=False)
    return Net.of(module, net.task, net.plan)


def _noise(scenario: Scenario, sent: Size, clients: int = 1) -> float:
    """Standard deviation of the noise on every entry, where all that can be measured is the message with that noise.

    The noise is a share of the message without it: the variance v at which the defenses would add v to a message of |m|^2 = |sent|^2 - p v, by bisection.
    """

    def added(variance: float) -> float:
        bare = Size(max(sent.norm**2 - sent.count * variance, 0.0) ** 0.5, sent.count, sent.peak)
        if not scenario.aggregation.alters:
            return scenario.defense.variance(bare, scenario.batch)
        one = Size(
            bare.norm / clients**0.5, bare.count, bare.peak
        )  # messages of about the same size that have little to do with one another
        return noise_variance(scenario, dataclasses.replace(one, others=(one,) * (clients - 1)))

    low, high = 0.0, sent.rms**2
    if added(high) >= high:  # noise of a size of its own, larger than what came
        return added(high) ** 0.5
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if added(middle) > middle else (low, middle)
    return high**0.5 if high > sent.rms**2 / 2 ** (HALVINGS - 2) else 0.0


def _whitening(defense: Coloured, before: Release, world: World, template: Batch, noise: float, sent: Size) -> dict[str, Any]:
    """The shape of coloured noise is that at the private picture; the attacker takes that at a grey one instead.

    As the shape is only roughly right, as much noise again (`slack`) is believed to lie evenly in all directions. Source: [D]; measured on digits and LeNet for
    noise along singular directions: 1 to 5 dB better than taking all of it for even, and better than without slack, or with the shape taken again at the attack's
    own answer (which helps where the shape depends little on the picture, and leads astray elsewhere).
    """
    like = next(iter(world.net.params.values()))
    grey = template.at(torch.full_like(template.private, 0.5).to(like))
    covariance = defense.covariance(defense.basis(before, world, grey))
    even, shaped = defense.even_of(covariance, max(sent.norm**2 - sent.count * noise**2, 0.0)), covariance.uneven
    sigma = (noise**2 + even + defense.slack**2 * shaped.energy / numel(before(world.net, grey, None))) ** 0.5

    def law(guess: Batch) -> NoiseCovariance:
        there = defense.covariance(
            defense.basis(before, world, guess)
        )  # of the sizes it is known what they are: the ratio and the directions follow the guess
        return dataclasses.replace(there, variances=there.variances * (even / there.even), even=noise**2 + even)  # type: ignore[type-var]

    found: dict[str, Any] = {
        "covariance_at": law if even and defense.tangent_noise else None,
        "sigma_beneath": ((noise**2 + even) ** 0.5 if even else noise) if defense.tangent_noise else None,
    }
    return found | ({"noise": sigma, "whiten": lambda message: shaped.whiten(message, sigma)} if sigma > 0 else {})
