"""A dishonest server goes the whole way from its own file, tests/contracts/toy_server.py: nothing else was touched for it, and honest scenarios keep text and keys."""

import json

import numpy as np
import pytest
import torch
from toy_server import ToyDetector, ToyServer, ToySum
from visits import opened

from invviz.attacks import ATTACKS
from invviz.cli import main
from invviz.core.errors import TextError
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.defenses.detectors import DETECTORS
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.inspect import inspect
from invviz.engine.observe import observe
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.report import collect, to_html
from invviz.risk import Jacobian, invre, total_sigma
from invviz.scenario import Scenario, problems, risk_problems
from invviz.scenario.kinds import WORK
from invviz.servers import AGGREGATIONS, SERVERS
from invviz.ui.stale import made_for

HONEST = "data=digits&model=mlp(width=8)&attack=linear_layer&dtype=float64"
TEXT = f"{HONEST}&server=toy_server(gain=3.0)"
SUM = f"{HONEST}&aggregation=toy_sum"


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setitem(SERVERS, "toy_server", ToyServer)
    monkeypatch.setitem(AGGREGATIONS, "toy_sum", ToySum)
    monkeypatch.setitem(DETECTORS, "toy_detector", ToyDetector)


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path)


def by_hand(site, text=TEXT, gain=3.0, loss=torch.nn.functional.cross_entropy):
    """The gradient of one batch by autograd alone, at the honest net with its last layer scaled; a function of the picture."""
    honest = meet_client(Scenario.parse(text).replace(server=SERVERS["honest"]()), site)
    params = {k: p.clone() for k, p in honest.net.params.items()}
    last = list(params)[-2]
    params[last] = params[last] * gain

    def gradient(image):
        leaves = {k: p.detach().requires_grad_(True) for k, p in params.items()}
        scores = torch.func.functional_call(honest.net.module, leaves, (image,))
        return torch.cat(
            [g.flatten() for g in torch.autograd.grad(loss(scores, honest.batch.label), list(leaves.values()), create_graph=True)]
        )

    return honest, gradient


def test_the_client_answers_by_the_net_that_it_was_sent(site):
    honest, gradient = by_hand(site)
    client = meet_client(Scenario.parse(TEXT), site)
    sent = flatten(client.release(client.net, client.batch, None))
    assert torch.allclose(sent, gradient(honest.batch.image), atol=1e-14)
    assert not torch.allclose(sent, flatten(honest.release(honest.net, honest.batch, None)), atol=1e-3)
    assert client.accuracy is None and client.previous is not None
    assert all(torch.equal(p, client.previous.params[k]) for k, p in honest.net.params.items())  # the honest one was left alone


def test_and_by_its_task(site):
    honest, gradient = by_hand(site, loss=lambda scores, label: scores[:, 0].mean())
    client = meet_client(Scenario.parse(TEXT.replace("gain=3.0", "gain=3.0,task='first_class'")), site)
    assert torch.allclose(flatten(client.release(client.net, client.batch, None)), gradient(honest.batch.image), atol=1e-14)


def test_jacobian_and_risk_are_those_of_the_planted_net(site):
    s = Scenario.parse(f"{TEXT}&defense=gaussian_noise(sigma=0.1)")
    honest, gradient = by_hand(site)
    dense = torch.autograd.functional.jacobian(gradient, honest.batch.image).flatten(1)
    client, found = meet_client(s, site), assess(s, site)
    assert torch.allclose(Jacobian.of(client.release, client.net, client.batch).dense(), dense, atol=1e-12)
    values = np.linalg.svd(dense.numpy(), compute_uv=False)
    assert np.allclose(found.decomposition.singular_values, values, rtol=1e-8)
    sigma = total_sigma(found.decomposition, 0.01, 0.0)
    assert invre(found.decomposition, sigma) == pytest.approx(np.mean(values**2 / 16 / (values**2 / 16 + sigma**2)), rel=1e-8)  # prior 1/4
    plain = assess(Scenario.parse(HONEST), site)
    assert not np.allclose(plain.decomposition.singular_values, values, rtol=0.05)


def test_an_attack_reads_it_and_says_by_whom(site):
    found = run(Scenario.parse(TEXT), site)
    assert found.scores["psnr"][0] > 100 and found.threat_model == "malicious server" and "net of its own making" in found.given
    honest = run(Scenario.parse(HONEST), site)
    assert honest.threat_model == "B" and honest.given.startswith("message, net,")


def test_where_no_attack_is_named_the_fitting_one_reads():
    bare = TEXT.replace("&attack=linear_layer", "")
    assert Scenario.parse(bare).attack == ATTACKS["linear_layer"]() and Scenario.parse(bare).text() == Scenario.parse(TEXT).text()
    assert Scenario.parse(bare.replace("&server=toy_server(gain=3.0)", "")).attack == ATTACKS["dlg"]()
    assert Scenario.parse(f"{bare}&attack=idlg").attack == ATTACKS["idlg"]()
    assert all(not kind.attack or kind.attack in ATTACKS for kind in SERVERS.values())


def test_honest_and_plain_stand_in_no_text_and_no_key():
    s = Scenario.parse(HONEST)
    assert Scenario.parse(f"{HONEST}&server=honest&aggregation=plain") == s
    assert "server" not in s.text(full=True) and "aggregation" not in s.text(full=True)
    assert all("server" not in s.form(kind) and "aggregation" not in s.form(kind) for kind in WORK)


@pytest.mark.parametrize(
    ("text", "moved"), [(TEXT, {"run", "risk", "sketch", "clients", "bits", "inspect"}), (SUM, {"run", "risk", "sketch", "inspect"})]
)
def test_keys_hold_them_where_results_depend_on_them(text, moved):
    now, before = Scenario.parse(text), Scenario.parse(HONEST)
    assert {kind for kind in WORK if now.key(kind) != before.key(kind)} == moved
    assert Scenario.parse(now.text(full=True)) == now == Scenario.parse(now.text())
    assert now.key("run") != now.replace(server=ToyServer(gain=4.0)).key("run")


def test_what_does_not_fit_is_said():
    def said(more, text=TEXT):
        return " ".join(problems(Scenario.parse(f"{text}{more}")))

    assert not problems(Scenario.parse(TEXT))
    assert "at most 4 samples" in said("&batch=5") and "rounds=1" in said("&rounds=2", TEXT.replace("linear_layer", "dlg"))
    assert "plants nets that clients send gradients of" in said("&protocol=vfl", TEXT.replace("linear_layer", "dlg"))
    with pytest.raises(TextError, match="attack=hijacking stands beside server=toy_server"):
        said("", TEXT.replace("linear_layer", "hijacking"))
    assert "rounds is 2" in said("&rounds=2", SUM) and "embedding" in said("&protocol=vfl", SUM.replace("linear_layer", "dlg"))
    assert not risk_problems(Scenario.parse(SUM)) and not risk_problems(Scenario.parse(TEXT))
    with pytest.raises(TextError, match="unknown server 'toy_sever'; Did you mean toy_server"):
        Scenario.parse(f"{HONEST}&server=toy_sever")


def test_the_sum_of_several_clients_is_what_the_server_sees(site):
    s = Scenario.parse(f"{SUM}&defense=gaussian_noise(sigma=0.5)")
    client = meet_client(s, site)
    count = len(client.samples.victims)
    places = [
        k for k in range(count) if torch.equal(torch.as_tensor(client.samples.victims.take([k])[0]).double(), client.others[0].batch.image)
    ]
    assert len(places) == 1 and places != [0]  # another private sample, drawn by the seed
    alone = [meet_client(Scenario.parse(HONEST).replace(data=s.data.replace(index=k)), site) for k in (0, *places)]
    clean = sum(flatten(one.release(one.net, one.batch, None)) for one in alone)
    assert torch.allclose(flatten(client.release(client.net, client.batch, None)), clean, atol=1e-14)
    noise = flatten(client.release(client.net, client.batch, stream(1, "noise"))) - clean  # of both, each drawn by itself
    rms = [flatten(one.release(one.net, one.batch, None)).square().mean() for one in alone]
    assert float(noise.std()) == pytest.approx(0.5 * float(sum(rms)) ** 0.5, rel=0.1)
    grown = Jacobian.of(client.release, client.net, client.batch).dense()
    assert torch.allclose(grown, Jacobian.of(alone[0].release, alone[0].net, alone[0].batch).dense(), atol=1e-12)
    seen = observe(Scenario.parse(SUM), meet_client(Scenario.parse(SUM), site))
    assert torch.allclose(
        2 * flatten(seen.message), clean, atol=1e-14
    )  # whoever knows how many there are has the mean, that of one batch of both
    assert any("holds 2 samples: linear_layer recovers at most 1" in words for words in problems(Scenario.parse(SUM)))
    assert run(Scenario.parse(HONEST), site).scores["psnr"][0] > 40


def test_every_client_may_be_sent_another_net(site):
    client = meet_client(Scenario.parse(f"{TEXT}&aggregation=toy_sum(clients=3)"), site)
    last = list(client.net.params)[-2]
    gains = [float((one.net.params[last] / client.previous.params[last]).mean()) for one in (client, *client.others)]
    assert gains == pytest.approx([3, 4, 5])
    batches = [one.batch.image for one in (client, *client.others)]
    assert all(not torch.equal(batches[a], batches[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_a_detector_sees_what_the_client_sees(site):
    assert inspect(Scenario.parse(TEXT), site)["toy_detector"].flagged
    honest = inspect(Scenario.parse(HONEST), site)["toy_detector"]
    assert not honest.flagged and honest.score == 0
    client = meet_client(Scenario.parse(f"{TEXT}&aggregation=toy_sum"), site)
    received = client.received(Scenario.parse(f"{TEXT}&aggregation=toy_sum"))
    own = flatten(received.release(received.net, received.batch, None))
    assert torch.allclose(own, by_hand(site)[1](client.batch.image), atol=1e-14)  # its own message, not the sum
    assert (
        set(received.__dataclass_fields__) == {"net", "previous", "batch", "release", "peers"}
        and len(received.peers) == 1
        and isinstance(received.batch, Batch)
    )


def test_the_command_line_checks_it(capsys):
    assert main(["check", TEXT]) == 0 and "server=toy_server(gain=3.0" in capsys.readouterr().out


def test_a_worker_keeps_it_and_a_report_shows_it(store_dir):
    store, s = Store(store_dir), Scenario.parse(f"{TEXT}&defense=gaussian_noise(sigma=0.001)")
    keys = [store.submit(kind, s, "test") for kind in ("run", "risk")]
    work(store, Site(None, store_dir), once=True)
    assert [store.job(key).state for key in keys] == ["done", "done"], [store.job(key).error for key in keys]
    result = store.result(keys[0])
    assert result["threat_model"] == "malicious server" and Scenario.parse(result["scenario"]) == s.only("run")
    assert json.dumps(result) and Scenario.parse(result["scenario"]).key("run") == keys[0]
    page = to_html(collect(store, keys))
    assert page.count("server=toy_server(gain=3.0") >= 2 and "malicious server" in page


def test_pages_show_it_and_offer_it(store_dir):
    store, s = Store(store_dir), Scenario.parse(f"{TEXT}&defense=gaussian_noise(sigma=0.001)")
    for kind in ("run", "risk"):
        store.submit(kind, s, "test")
    work(store, Site(None, store_dir), once=True)
    for page in ("lab", "risk"):
        at = opened(page, s.text()).run()
        assert not at.exception, at.exception
        assert [box.value for box in at.selectbox if box.label == "Server"] == ["toy_server"]
        assert dict(at.query_params)["server"] in ("toy_server(gain=3.0)", ["toy_server(gain=3.0)"])
        said = [e.value for e in [*at.markdown, *at.caption, *at.code]]
        assert "server=toy_server(gain=3.0)" in " ".join(said)
        judged = [words for words in said if "Threat model" in words]  # under the real attack's picture
        assert len(judged) == (page == "lab") and all("malicious server" in w and "honest but curious" not in w for w in judged)


def test_an_older_result_says_what_server_it_was_of():
    assert made_for(Scenario.parse(TEXT), Scenario.parse(TEXT.replace("3.0", "4.0"))) == "gain 3.0 (now 4.0)"
    assert made_for(Scenario.parse(TEXT), Scenario.parse(HONEST)) == "server Toy server (now Honest server)"
