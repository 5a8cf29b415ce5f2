"""The nets that clients and server share."""

from ._base import Model, Shape
from .alexnet import AlexNet
from .convnet import ConvNet
from .convnet1d import ConvNet1d
from .gru import GRU
from .lenet import LeNet
from .mlp import MLP
from .preact import PreAct
from .resnet18 import ResNet18
from .tiny_bert import TinyBERT
from .tiny_lm import TinyLM
from .vgg6 import VGG6
from .vit import ViT

MODELS: dict[str, type[Model]] = {
    "mlp": MLP,
    "lenet": LeNet,
    "convnet": ConvNet,
    "vgg6": VGG6,
    "alexnet": AlexNet,
    "resnet18": ResNet18,
    "vit": ViT,
    "preact": PreAct,
    "tiny_lm": TinyLM,
    "convnet1d": ConvNet1d,
    "gru": GRU,
    "tiny_bert": TinyBERT,
}

__all__ = [
    "GRU",
    "MLP",
    "MODELS",
    "VGG6",
    "AlexNet",
    "ConvNet",
    "ConvNet1d",
    "LeNet",
    "Model",
    "PreAct",
    "ResNet18",
    "Shape",
    "TinyBERT",
    "TinyLM",
    "ViT",
]
