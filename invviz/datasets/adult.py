"""Adult: a census extract about people, the usual example of private rows."""

from __future__ import annotations

import csv
import dataclasses
import functools
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.errors import InvvizError
from ..core.table import Column, laid
from ._base import Samples
from ._fetch import same_md5
from ._packed import unpacked
from ._table import Rows, Table
from ._torchvision import Stamp, TorchvisionSet

URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"
MD5 = {"adult.data": "5d7c39d7b8804f071cdd1f2a7c460872", "adult.test": "35238206dfdf7f1fe215bbb874adecdc"}  # [S] of UCI's files
FIELDS = 15  # in a line of the files; the last one is the income

# Words of the files, as adult.names lists them and in its order, and how people read them; "?" is what they did not say.
WORK = {
    "Private": "private company",
    "Self-emp-not-inc": "self-employed",
    "Self-emp-inc": "self-employed, incorporated",
    "Federal-gov": "federal government",
    "Local-gov": "local government",
    "State-gov": "state government",
    "Without-pay": "without pay",
    "Never-worked": "never worked",
    "?": "unknown",
}
EDUCATION = {
    "Bachelors": "bachelor",
    "Some-college": "some college",
    "11th": "11th grade",
    "HS-grad": "high school graduate",
    "Prof-school": "professional school",
    "Assoc-acdm": "associate, academic",
    "Assoc-voc": "associate, vocational",
    "9th": "9th grade",
    "7th-8th": "7th or 8th grade",
    "12th": "12th grade",
    "Masters": "master",
    "1st-4th": "1st to 4th grade",
    "10th": "10th grade",
    "Doctorate": "doctorate",
    "5th-6th": "5th or 6th grade",
    "Preschool": "preschool",
}
MARRIAGE = {
    "Married-civ-spouse": "married to a civilian",
    "Divorced": "divorced",
    "Never-married": "never married",
    "Separated": "separated",
    "Widowed": "widowed",
    "Married-spouse-absent": "married, spouse absent",
    "Married-AF-spouse": "married to a soldier",
}
OCCUPATION = {
    "Tech-support": "tech support",
    "Craft-repair": "craft, repair",
    "Other-service": "other service",
    "Sales": "sales",
    "Exec-managerial": "executive, manager",
    "Prof-specialty": "professional specialty",
    "Handlers-cleaners": "handler, cleaner",
    "Machine-op-inspct": "machine operator, inspector",
    "Adm-clerical": "clerk",
    "Farming-fishing": "farming, fishing",
    "Transport-moving": "transport, moving",
    "Priv-house-serv": "private house service",
    "Protective-serv": "protective service",
    "Armed-Forces": "armed forces",
    "?": "unknown",
}
RELATIONSHIP = {
    "Wife": "wife",
    "Own-child": "own child",
    "Husband": "husband",
    "Not-in-family": "not in a family",
    "Other-relative": "other relative",
    "Unmarried": "unmarried",
}
RACE = {
    "White": "White",
    "Asian-Pac-Islander": "Asian, Pacific Islander",
    "Amer-Indian-Eskimo": "American Indian, Eskimo",
    "Other": "other",
    "Black": "Black",
}
SEX = {"Female": "female", "Male": "male"}
COUNTRIES = [
    "United-States",
    "Cambodia",
    "England",
    "Puerto-Rico",
    "Canada",
    "Germany",
    "Outlying-US(Guam-USVI-etc)",
    "India",
    "Japan",
    "Greece",
    "South",
    "China",
    "Cuba",
    "Iran",
    "Honduras",
    "Philippines",
    "Italy",
    "Poland",
    "Jamaica",
    "Vietnam",
    "Mexico",
    "Portugal",
    "Ireland",
    "France",
    "Dominican-Republic",
    "Laos",
    "Ecuador",
    "Taiwan",
    "Haiti",
    "Columbia",
    "Hungary",
    "Guatemala",
    "Nicaragua",
    "Scotland",
    "Thailand",
    "Yugoslavia",
    "El-Salvador",
    "Trinadad&Tobago",
    "Peru",
    "Hong",
    "Holand-Netherlands",
]
SPELT = {
    "Outlying-US(Guam-USVI-etc)": "outlying US (Guam, USVI, etc.)",
    "Columbia": "Colombia",
    "Trinadad&Tobago": "Trinidad and Tobago",
    "Hong": "Hong Kong",
    "Holand-Netherlands": "Netherlands",
    "South": "South (as in the files)",
}
COUNTRY = {code: SPELT.get(code, code.replace("-", " ")) for code in COUNTRIES} | {"?": "unknown"}
WORDS = {1: WORK, 3: EDUCATION, 5: MARRIAGE, 6: OCCUPATION, 7: RELATIONSHIP, 8: RACE, 9: SEX, 13: COUNTRY}  # by field of the files


def _choice(name: str, field: int) -> Column:
    return Column(name, choices=tuple(WORDS[field].values()))


@dataclasses.dataclass(frozen=True)
class Adult(Table, TorchvisionSet):
    """48,842 people of the US census of 1994, twelve columns, and whether they earn more than $50,000; victims are the test file.

    Numbers are scaled by the least and the largest of adult.data; what is not known is a word of its own. Left out: `fnlwgt`, which says how many people a row
    stands for, and `education-num`, which says the same as `education`.
    """

    name: ClassVar[str] = "adult"
    title: ClassVar[str] = "Adult (table)"
    paper: ClassVar[str] = "kohavi1996adult"
    num_classes: ClassVar[int] = 2
    citation: ClassVar[str] = "Becker and Kohavi 1996, UCI, CC BY 4.0; real people of 1994, without names."
    needed: ClassVar[tuple[str, ...]] = tuple(MD5)
    labels: ClassVar[tuple[str, ...]] = ("at most $50,000", "more than $50,000")
    published: ClassVar[tuple[int, int]] = (16_281, 32_561)
    fields: ClassVar[tuple[int, ...]] = (0, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13)  # of the files, one for each column
    columns: ClassVar[tuple[Column, ...]] = laid(
        (
            Column("age", 17, 90, "years"),
            _choice("work", 1),
            _choice("education", 3),
            _choice("marriage", 5),
            _choice("occupation", 6),
            _choice("relationship", 7),
            _choice("race", 8),
            _choice("sex", 9),
            Column("capital gain", 0, 99_999, "$"),
            Column("capital loss", 0, 4_356, "$"),
            Column("hours per week", 1, 99, "h"),
            _choice("native country", 13),
        )
    )

    def load(self, data_dir: Path | None) -> Samples:
        """Read the files; a second call in the same process is instant.

        Raises:
            DataMissing: no such files; says where it looked and how to get them.
            InvvizError: the files are there but broken.
        """
        folder = self.find(data_dir)
        return _load(folder, self.stamp(folder))


@functools.lru_cache(maxsize=2)
def _load(folder: Path, version: Stamp) -> Samples:
    try:
        with unpacked(folder, Adult.needed, Adult.largest) as place:
            test, train = _part(place / "adult.test"), _part(place / "adult.data")
            same = all(same_md5(place / file, md5) for file, md5 in MD5.items())
    except (OSError, ValueError, EOFError, zlib.error) as err:
        raise InvvizError(
            f"the copy of Adult in {folder} is broken ({err}). Move it away and get a new one: `python -m invviz data download adult`."
        ) from err
    note = Adult.note_on((test.rows, test.labels), (train.rows, train.labels), same)
    return Samples(test, train, Adult.labels, note)


def _part(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file, skipinitialspace=True) if line and not line[0].startswith("|")]
    if not lines or any(len(line) != FIELDS for line in lines):
        raise ValueError(f"{path.name} has no lines of {FIELDS} fields, or others as well")
    raw = list(zip(*lines, strict=True))
    income = [word.rstrip(".") for word in raw[-1]]  # adult.test has a full stop there
    if strange := sorted(set(income) - {"<=50K", ">50K"}):
        raise ValueError(f"{path.name}: the income {strange[0]!r} is neither <=50K nor >50K")
    return Adult.rows([_read(field, raw[field]) for field in Adult.fields], np.array(income) == ">50K")


def _read(field: int, values: tuple[str, ...]) -> list[str] | np.ndarray:
    """Words as people read them, or numbers."""
    words = WORDS.get(field)
    return np.array(values, dtype=np.float64) if words is None else [words.get(value, value) for value in values]
