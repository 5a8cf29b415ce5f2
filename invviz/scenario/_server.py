"""What goes with a server that does not follow the protocol, and with one that sees several messages in one."""

from __future__ import annotations

from collections.abc import Iterator

from ..servers import SERVERS
from ._modality import made_for
from ._scenario import Scenario


def read_out(s: Scenario) -> Iterator[str]:
    """Attacks that read what a server planted."""
    if s.attack.reads and s.attack.reads != s.server.plan:
        fitting = [f"server={name}" for name, kind in SERVERS.items() if kind.plan == s.attack.reads]
        steered = any(kind.steers for kind in SERVERS.values() if kind.plan == s.attack.reads)
        yield f"{s.attack.name} reads a net that a dishonest server {'trained' if steered else 'planted'} for it; the server is {s.server.name}. Use {' or '.join(fitting)}, or another attack."


def server(s: Scenario) -> Iterator[str]:
    """Whether the server can plant what it wants to plant."""
    server = s.server
    if not server.plants:
        return
    if not server.takes(s.data.modality.name):
        yield f"{server.name} reads {made_for(server)}; {s.data.name} is {s.data.modality.a_set}. Use server=honest."
    if server.needs_first_linear and s.model.first_layer != "linear":
        yield f"{server.name} sets the weights of a fully connected first layer; {s.model.name} begins with a {s.model.first_layer}. Use model=mlp, or server=imprint."
    if server.needs_first_relu and (act := getattr(s.model, "act", "relu")) != "relu":
        yield f"{server.name} counts on the zeros that ReLU leaves in a gradient; {s.model.name} has act={act!r}. Set act='relu'."
    if s.protocol.sends_embedding and not server.for_embeddings:
        yield f"{server.name} plants nets that clients send gradients of; {s.protocol.name} sends an embedding. Use protocol=hfl."
    if server.joins_round and "colluding" not in s.aggregation.values():
        yield f"{server.name} fills a round whose messages are summed, and {s.aggregation.name} shows the server each of them anyway. Use aggregation=secure, or server=honest."
    if s.rounds > 1:
        yield f"Several rounds move the net as an honest server does; {server.name} plants one net. Set rounds=1."
    yield from server.model_problems(s.model, s.data.shape)
    yield from server.problems(s.data.shape, s.data.num_classes, s.batch, 1 + s.aggregation.others)


def steering(s: Scenario) -> Iterator[str]:
    """Whether there is a training that the server can steer."""
    server = s.server
    if not server.steers:
        return
    if not s.protocol.sends_embedding:
        yield f"{server.name} answers embeddings of a party that trains (vertical FL); {s.protocol.name} sends a gradient or an update. Use protocol=vfl, or server=imprint."
    if s.coloured:
        yield f"{server.name} takes many training rounds, and {s.coloured.name} takes a spectrum for every message. Use isotropic noise."
    if s.rounds > 1:
        yield f"Several rounds leave a party's net as it is; {server.name} steers its training. Set rounds=1."


def aggregation(s: Scenario) -> Iterator[str]:
    """Whether several messages can be seen as one."""
    aggregation = s.aggregation
    if not aggregation.alters:
        yield from aggregation.problems()
        return
    if s.protocol.sends_embedding:
        yield f"{aggregation.name} puts the updates of several clients together; {s.protocol.name} sends an embedding. Use protocol=hfl."
    if not s.attack.wants().labels and len(set(zip(*aggregation.members(s.rounds), strict=True))) > 1:
        yield f"{s.attack.name} has to find the labels for itself, which takes the same clients in every round; partners is {aggregation.partners!r}. Use an attack that is told them (dlg), or partners='same'."  # type: ignore[attr-defined]
    if aggregation.rounding_variance(1.0) and s.protocol.training_mode:
        yield f"{aggregation.name} rounds weights, and how far a gradient moves them takes a learning rate; {s.protocol.name} names none. Set bits=0, or use protocol=hfl."
    if aggregation.noise_share < 1 and (unlike := s.defense.live.unshared):
        yield f"Each client can add a share of noise that is added last, Gaussian or Laplace; {unlike.name} is not of that kind. Set shared_noise=False, or use gaussian_noise."
    yield from aggregation.problems()
