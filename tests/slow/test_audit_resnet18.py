"""torchvision's resnet18 on two pictures of CIFAR-10's size: the whole audit."""

import pytest
import torch

import invviz
from invviz.core.torchvision import load_torchvision


@pytest.mark.slow
def test_resnet18_on_two_small_pictures():
    load_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    found = invviz.audit(resnet18(num_classes=10), torch.rand(2, 3, 32, 32), torch.tensor([3, 8]), method="quick", seconds=60)
    assert found.risk["n"] == 6144 and found.risk["p"] == sum(p.numel() for p in resnet18(num_classes=10).parameters())
    low, high = found.risk["invre_interval"]
    assert 0 <= low <= found.invre <= high + 1e-9
    assert [one["name"] for one in found.reasons if one["weight"] == "less"] == ["batch_norm"]
    assert len(found.records) == 2 and found.strongest is not None and found.findings.seconds < 300
