"""The risk of simulated clients against dense Jacobians of their own batches."""

import pytest
import torch

from invviz.core.errors import Cancelled
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.engine.client import Site, meet_client
from invviz.engine.client_risk import client_risks
from invviz.engine.training import split_counts
from invviz.risk import TAU
from invviz.scenario import Scenario

TEXT = (
    "data=digits&model=mlp(width=8)&dtype=float64&train=federated(clients=4,split='dirichlet',alpha=0.2)&defense=gaussian_noise(sigma=0.5)"
)


@pytest.mark.parametrize("batch", [1, 2])
def test_every_client_against_the_dense_posterior(batch, tmp_path):
    site, s = Site(None, tmp_path, "cpu"), Scenario.parse(f"{TEXT}&batch={batch}")
    rows = client_risks(s, site)
    client = meet_client(s.replace(defense=()), site)
    counts, images, labels = split_counts(s, client.samples), *client.samples.public.take(range(len(client.samples.public)))
    assert [row["pictures"] for row in rows] == counts.sum(1).tolist()
    assert [row["classes"] for row in rows] == (counts > 0).sum(1).tolist()
    for row, held in zip(rows, counts, strict=True):
        assert row["largest"] == pytest.approx(held.max() / held.sum())
        assert held[row["labels"]].min() > 0, "pictures of its own"
    expected = [dense(client, *own(s, client, images, labels, k, batch)) for k in range(4)]
    assert [row["invre"] for row in rows] == pytest.approx(expected, rel=1e-5)


def own(s, client, images, labels, k, batch):
    from invviz.engine.training import Deal

    hand = Deal.of(s, client.samples).hands[k][:batch]
    return images[hand], labels[hand]


def dense(client, image, label):
    batch = Batch.of(torch.as_tensor(image).double(), torch.as_tensor(label))
    message = flatten(client.bare(client.net, batch, None))
    jacobian = torch.func.jacrev(lambda x: flatten(client.bare(client.net, Batch.of(x, batch.label), None)))(batch.image).flatten(1)
    variance = (0.01**2 + 0.5**2) * float(message @ message) / len(message)
    n = jacobian.shape[1]
    posterior = torch.linalg.inv(torch.eye(n).double() / TAU**2 + jacobian.T @ jacobian / variance)
    return 1 - float(torch.trace(posterior)) / (n * TAU**2)


def test_it_stops_and_tells(tmp_path):
    with pytest.raises(Cancelled):
        client_risks(Scenario.parse(TEXT), Site(None, tmp_path, "cpu"), lambda event: event.done < 2)


def test_the_key_hangs_on_the_deal():
    s = Scenario.parse(TEXT)
    change = lambda **k: s.replace(train=s.train.replace(**k)).key("clients")  # noqa: E731
    assert s.key("clients") == change(rounds=7) == s.replace(data=s.data.replace(index=5)).key("clients")
    assert len({s.key("clients"), change(alpha=0.3), change(clients=5), s.replace(defense=()).key("clients")}) == 4
