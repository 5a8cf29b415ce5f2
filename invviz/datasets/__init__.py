"""Data sets: what victims and attackers draw their pictures, or rows of a table, from."""

from ._base import ArrayPictures, Dataset, Pictures, Samples
from ._files import check, download
from ._own_samples import read_own, read_sentences, read_vocabulary
from ._sentences import Sentences
from ._similar import pictures_like
from ._upload import digest, read_upload
from .adult import Adult
from .breast_cancer import BreastCancer
from .cifar10 import Cifar10
from .digits import Digits
from .ecg import Ecg
from .fair import Fair
from .gunpoint import GunPoint
from .imagenet import Imagenet
from .mnist import Mnist
from .notes import Notes
from .own_text import OwnText
from .photos import Photos
from .pneumoniamnist import PneumoniaMnist
from .stl10 import Stl10
from .svhn import Svhn
from .wine import Wine

DATASETS: dict[str, type[Dataset]] = {
    "photos": Photos,
    "digits": Digits,
    "cifar10": Cifar10,
    "svhn": Svhn,
    "stl10": Stl10,
    "mnist": Mnist,
    "imagenet": Imagenet,
    "pneumoniamnist": PneumoniaMnist,
    "adult": Adult,
    "breast_cancer": BreastCancer,
    "wine": Wine,
    "fair": Fair,
    "notes": Notes,
    "own_text": OwnText,
    "ecg": Ecg,
    "gunpoint": GunPoint,
}

__all__ = [
    "DATASETS",
    "ArrayPictures",
    "Dataset",
    "Pictures",
    "Samples",
    "Sentences",
    "check",
    "digest",
    "download",
    "pictures_like",
    "read_own",
    "read_sentences",
    "read_upload",
    "read_vocabulary",
]
