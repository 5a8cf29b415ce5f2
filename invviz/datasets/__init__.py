"""Data sets: what victims and attackers draw their pictures from."""

from ._base import ArrayPictures, Dataset, Pictures, Samples
from ._files import check, download
from ._upload import digest, read_upload
from .cifar10 import Cifar10
from .digits import Digits
from .imagenet import Imagenet
from .mnist import Mnist
from .photos import Photos
from .pneumoniamnist import PneumoniaMnist
from .stl10 import Stl10
from .svhn import Svhn

DATASETS: dict[str, type[Dataset]] = {
    "photos": Photos,
    "digits": Digits,
    "cifar10": Cifar10,
    "svhn": Svhn,
    "stl10": Stl10,
    "mnist": Mnist,
    "imagenet": Imagenet,
    "pneumoniamnist": PneumoniaMnist,
}

__all__ = ["DATASETS", "ArrayPictures", "Dataset", "Pictures", "Samples", "check", "digest", "download", "read_upload"]
