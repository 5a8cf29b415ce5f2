"""Fixtures of the risk tests; the cases themselves are in risk_cases.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not; the tests share risk_cases

from risk_cases import CASES, covariance, linear_case, make_case

from invviz.risk import decompose


@pytest.fixture(scope="session", params=list(CASES))
def case(request):
    """Each small case in turn."""
    return make_case(*CASES[request.param])


@pytest.fixture(scope="session")
def lenet():
    """One small case with colours."""
    return make_case(*CASES["lenet_3"])


@pytest.fixture(scope="session")
def linear():
    """The linear release that loses directions."""
    return linear_case()


@pytest.fixture(scope="session", params=["white", "natural"])
def spectrum(request, case):
    """(case, covariance, decomposition) under both priors."""
    dec = decompose(case.jacobian, case.batch.image, case.prior(request.param))
    return case, covariance(request.param, case.shape, len(case.batch.image)), dec
