"""Files with data or weights of one's own: npz, npy, csv, pictures and safetensors, read within limits; nothing is unpickled and nothing in them runs.

No torch is needed, so that a process of its own can read what a stranger uploads.
"""

from ._arrays import read_npy, read_npz
from ._csv import read_csv
from ._limits import OWN_DISK, Limits
from ._pictures import read_pictures
from ._records import FORMS, class_numbers, read_file, read_folder, records_and_targets
from ._safetensors import read_safetensors, write_safetensors

__all__ = [
    "FORMS",
    "OWN_DISK",
    "Limits",
    "class_numbers",
    "read_csv",
    "read_file",
    "read_folder",
    "read_npy",
    "read_npz",
    "read_pictures",
    "read_safetensors",
    "records_and_targets",
    "write_safetensors",
]
