"""The first sketch of a spectrum: quick, honest about what it does not know yet, and never taken for the spectrum itself."""

from __future__ import annotations

import pytest

from invviz.engine.assess import assess, sketched_first
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.risk import FIRST, first_budget, ideal, invre, invre_interval, psnr_ceiling, psnr_interval
from invviz.scenario import Scenario

SMALL = "data=photos(size=16)&model=lenet&prior=natural"  # 768 inputs: exact within seconds
NOISES = (0.01, 0.1, 1.0)  # over the message's root mean square


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    site, scenario = Site(None, tmp_path_factory.mktemp("store"), "cpu"), Scenario.parse(SMALL)
    return assess(scenario, site, first=True), assess(scenario.replace(method="exact"), site)


@pytest.mark.parametrize("noise", NOISES)
def test_its_interval_holds_the_exact_figures(both, noise):
    first, exact = (found.decomposition for found in both)
    sigma = noise * both[1].size.rms
    low, high = invre_interval(first, sigma)
    assert low <= invre(exact, sigma) <= high
    worst, best = psnr_interval(first, sigma)
    assert worst <= psnr_ceiling(exact, sigma) <= best


def test_it_takes_few_products_and_no_curvature(both):
    first, exact = both
    assert first.decomposition.method == "sketch" and first.decomposition.products <= FIRST < exact.decomposition.products
    assert first.trust is None and exact.trust is not None


def test_its_picture_lies_between_the_mean_and_the_exact_one(both):
    """More products never make the ideal attacker's expected picture worse; behind strong noise a few dozen are all that matters."""
    first, exact = (found.decomposition for found in both)
    truth = both[1].truth
    error = lambda d, noise: float(((ideal(d, noise * both[1].size.rms) - truth) ** 2).mean())  # noqa: E731
    nothing = float(((exact.mean.reshape(truth.shape) - truth) ** 2).mean())
    assert error(exact, 0.01) < error(first, 0.01) < nothing
    assert error(first, 10.0) == pytest.approx(error(exact, 10.0), rel=0.2)


@pytest.mark.parametrize(("work", "most"), [(1.0, 72), (8e8 / 72, 72), (8e8 / 40, 40), (8e8 / 16, 16), (1e12, 16)])
def test_heavy_nets_get_fewer_products(work, most):
    assert first_budget(work) == most


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("data=photos&model=lenet", True),
        ("data=photos&model=lenet&defense=gaussian_noise", True),
        ("data=digits&model=lenet", False),  # 64 inputs: the spectrum itself takes no more products
        ("data=digits&model=lenet&batch=2", True),
        ("data=photos&model=lenet&defense=invl_gnp", False),  # its noise takes all directions
    ],
)
def test_where_it_is_worth_making(text, worth):
    assert sketched_first(Scenario.parse(text)) is worth


def test_it_is_one_result_however_the_spectrum_is_computed():
    scenario = Scenario.parse(SMALL)
    exact = scenario.replace(method="exact")
    assert scenario.key("sketch") == exact.key("sketch") == scenario.replace(attack=scenario.attack.replace(steps=3)).key("sketch")
    assert scenario.key("risk") != exact.key("risk") and scenario.key("sketch") not in (scenario.key("risk"), exact.key("risk"))
    assert scenario.key("sketch") != scenario.replace(prior="white").key("sketch")


def test_a_worker_makes_it_and_no_list_of_results_shows_it(store_dir):
    store, scenario = Store(store_dir), Scenario.parse(SMALL)
    key = store.submit("sketch", scenario, "tab")
    work(store, Site(None, store_dir, "cpu"), once=True, kinds=["sketch"])
    result = store.result(key)
    assert store.job(key).state == "done" and result["decomposition"]["products"] <= FIRST and "first look" in result["why"]
    assert not store.results() and [row["key"] for row in store.results("sketch")] == [key]
