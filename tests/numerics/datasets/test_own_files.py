"""Files of one's own: numbers come back as they were written by other programs; what is broken, pickled, hostile or too large is refused in words."""

import csv
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invviz.core.errors import UploadError
from invviz.datasets.own import (
    OWN_DISK,
    Limits,
    read_csv,
    read_file,
    read_folder,
    read_npy,
    read_npz,
    read_safetensors,
    records_and_targets,
    write_safetensors,
)

SMALL = Limits(size=20_000, unpacked=20_000, arrays=4, columns=10)
X, Y = np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.array([1, 0])


def npy(array, **how) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **how)
    return out.getvalue()


def npz(save=np.savez, **arrays) -> bytes:
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


def zipped(*members: tuple[str, bytes], how=zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("array", [X, np.asfortranarray(X), X.astype(">f8"), X > 3, X.astype(np.uint8), np.float32(3.0)])
def test_arrays_come_back_as_numpy_wrote_them(array):
    assert np.array_equal(read_npy(io.BytesIO(npy(array)), "x.npy", OWN_DISK), array)
    for save in (np.savez, np.savez_compressed):
        found = read_npz(io.BytesIO(npz(save, x=array, y=Y)), "x.npz", OWN_DISK)
        assert list(found) == ["x", "y"]
        assert np.array_equal(found["x"], array)
        assert np.array_equal(found["y"], Y)


def header(shape, descr="<f4") -> bytes:
    words = repr({"descr": descr, "fortran_order": False, "shape": shape}).ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words.encode()


class Runs:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


BAD_ARRAYS = {
    "empty file": (b"", "empty"),
    "cut short": (npy(X)[:-1], "cut short"),
    "more behind": (npy(X) + b"0", "more behind"),
    "huge shape, no bytes": (header((2**40, 2**20)), "would take"),
    "shape without bytes": (header((1000,)), "cut short"),
    "negative shape": (header((-1, 2)), "shape"),
    "empty shape": (npy(np.zeros((0, 3))), "nothing in it"),
    "objects": (npy(np.array([Runs()], object), allow_pickle=True), "Pickled objects are never read"),
    "pickle": (pickle.dumps(Runs()), "Pickled objects are never read"),
    "words": (npy(np.array(["cat", "dog"])), "no numbers"),
    "complex": (npy(X.astype(complex)), "no numbers"),
    "fields": (npy(np.zeros(3, [("a", "f4")])), "no numbers"),
    "text": (b"hello, this is a text", "no array"),
    "broken header": (npy(X)[:8] + b"\xff\xff" + npy(X)[10:], "header"),
    "header that computes": (npy(X).replace(b"'shape': (2, 3, 4)", b"'shape': (2*3, 4) "), "header"),
    "too large": (npy(np.zeros(6000, np.float32)), "at most 20 kB"),
}


@pytest.mark.parametrize("content, words", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_refused_in_words(content, words):
    with pytest.raises(UploadError, match=words):
        read_npy(io.BytesIO(content), "x.npy", SMALL)
    if content:
        with pytest.raises(UploadError):
            read_npz(io.BytesIO(zipped(("x.npy", content))), "x.npz", SMALL)


BAD_ZIPS = {
    "no zip": (b"PK\x03\x04 nothing", "broken"),
    "cut short": (npz(x=X)[:-30], "broken"),
    "bomb": (zipped(("x.npy", npy(np.zeros(10**6, np.uint8))), how=zipfile.ZIP_DEFLATED), "unpacked"),
    "many": (zipped(*((f"{k}.npy", npy(Y)) for k in range(5))), "5 arrays"),
    "none": (zipped(), "no array"),
    "other file": (zipped(("x.pkl", pickle.dumps(Runs()))), "x.pkl"),
    "damaged": (npz(np.savez_compressed, x=np.random.default_rng(0).random(200))[:200].ljust(1500, b"\0"), "broken"),
    "another packing": (zipped(("x.npy", npy(X)), how=zipfile.ZIP_LZMA), "x.npy"),
}


@pytest.mark.parametrize("content, words", BAD_ZIPS.values(), ids=BAD_ZIPS)
def test_bad_archives_are_refused_in_words(content, words):
    with pytest.raises(UploadError, match=words):
        read_npz(io.BytesIO(content), "x.npz", SMALL)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused():
    with pytest.raises(UploadError, match="twice"):
        read_npz(io.BytesIO(zipped(("x.npy", npy(X)), ("x.npy", npy(X)))), "x.npz", SMALL)


def test_a_member_that_says_less_than_it_unpacks_to_is_refused():
    """Its size in the directory is a lie: no more than that is unpacked."""
    content = bytearray(zipped(("x.npy", npy(np.zeros(10**6, np.uint8))), how=zipfile.ZIP_DEFLATED))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 500)
    with pytest.raises(UploadError):
        read_npz(io.BytesIO(bytes(content)), "x.npz", SMALL)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_tables_come_back_as_they_were_written(mark, start):
    out = io.StringIO()
    csv.writer(out, delimiter=mark).writerows([["age", "weight, kg", "class"], [31, 70.5, 1], [44, -1e-3, 0], []])
    found = read_csv(io.BytesIO((start + out.getvalue()).encode()), "x.csv", SMALL)
    assert list(found) == ["age", "weight, kg", "class"]
    assert np.array_equal(np.stack(list(found.values())), [[31, 44], [70.5, -1e-3], [1, 0]])
    inputs, target = records_and_targets(found, "class", table=True)
    assert target.dtype == np.int64
    assert target.tolist() == [1, 0]
    assert inputs["input"].tolist() == [[31, 70.5], [44, -1e-3]]


def test_a_table_without_names_has_every_row():
    found = read_csv(io.BytesIO(b"1,2\n3,4\n"), "x.csv", SMALL)
    assert {name: list(v) for name, v in found.items()} == {"column 1": [1, 3], "column 2": [2, 4]}


BAD_TABLES = {
    "word": (b"a,b\n1,2\n3,cat\n", "row 3, column b: cat"),
    "missing": (b"a,b\n1,\n", "an empty cell"),
    "not finite": (b"a\ninf\n", "inf is no finite number"),
    "short row": (b"a,b\n1,2\n3\n", "row 3 has 1 cells"),
    "mixed first row": (b"1,,3\n4,5,6\n", "first row"),
    "names alone": (b"a,b\n", "no row"),
    "nothing": (b"\n\n", "no row"),
    "same names": (b"a,a\n1,2\n", "two columns"),
    "not UTF-8": (b"a\n\xff\xfe\n", "UTF-8"),
    "many columns": (b",".join([b"1"] * 11), "11 columns"),
    "many rows": (b"1\n" * 2_600, "more than 20 kB"),
    "long cell": (b"a\n" + b"1" * 19_000, "no finite number"),
    "zero bytes": (b"a\n1\0\n", "no"),
}


@pytest.mark.parametrize("content, words", BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables_are_refused_in_words(content, words):
    with pytest.raises(UploadError, match=words):
        read_csv(io.BytesIO(content), "x.csv", SMALL)


def test_a_folder_of_pictures_in_the_order_of_names_with_classes_from_folders(tmp_path: Path):
    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 256, (20, 28), np.uint8), rng.integers(0, 256, (20, 28, 3), np.uint8)
    Image.fromarray(grey).save(tmp_path / "b.png")
    Image.fromarray(255 - grey).save(tmp_path / "a.png")
    found = read_folder(tmp_path, OWN_DISK)
    assert found["input"].shape == (2, 1, 20, 28)
    assert np.abs(found["input"][1, 0] * 255 - grey).max() < 1e-4
    for name in ("dog", "cat"):
        (tmp_path / "sorted" / name).mkdir(parents=True)
        Image.fromarray(colour if name == "dog" else grey).save(tmp_path / "sorted" / name / "1.png")
    found = read_folder(tmp_path / "sorted", OWN_DISK)
    assert found["label"].tolist() == [0, 1]  # cat, dog
    assert found["input"].shape == (2, 3, 20, 28)  # one of them is in colour
    assert np.abs(found["input"][1] * 255 - colour.transpose(2, 0, 1)).max() < 1e-4
    Image.fromarray(grey[:10]).save(tmp_path / "c.png")
    with pytest.raises(UploadError, match="28 x 10 pixels"):
        read_folder(tmp_path, OWN_DISK)
    (tmp_path / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(UploadError, match=r"c.png.*broken"):
        read_folder(tmp_path, OWN_DISK)
    with pytest.raises(UploadError, match="more than 1 pictures"):
        read_folder(tmp_path, Limits(arrays=1))
    (tmp_path / "none").mkdir()
    with pytest.raises(UploadError, match="no picture"):
        read_folder(tmp_path / "none", OWN_DISK)


def test_bytes_that_are_pictures_become_shares_and_other_whole_numbers_stay():
    inputs, target = records_and_targets({"x": np.full((2, 4, 4), 255, np.uint8), "ids": Y, "y": Y}, "y", table=False)
    assert inputs["x"].max() == 1.0
    assert inputs["x"].shape == (2, 1, 4, 4)
    colour = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), np.uint8)
    for given in (colour, np.moveaxis(colour, 3, 1)):
        found, _ = records_and_targets({"x": given}, None, table=False)
        assert np.allclose(found["x"] * 255, np.moveaxis(colour, 3, 1))
    assert inputs["ids"] is Y
    assert target is Y
    with pytest.raises(UploadError, match="there are x, y"):
        records_and_targets({"x": X, "y": Y}, "z", table=False)
    with pytest.raises(UploadError, match="records are missing"):
        records_and_targets({"y": Y}, "y", table=False)


@pytest.mark.parametrize("name, words", [("net.pt", "torch.save are never read"), ("x.pkl", "pickle are never read"), ("x", "none"), ("x.h5", r"\.npz, \.npy, \.csv")])  # fmt: skip
def test_other_endings_are_refused(name, words):
    with pytest.raises(UploadError, match=words):
        read_file(io.BytesIO(b"whatever"), name, SMALL)


def tensors(header: object, content: bytes = b"", length: int | None = None) -> bytes:
    words = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(words) if length is None else length) + words + content


def one(dtype="F32", shape=(2,), place=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(place)}


def test_tensors_come_back_and_the_bytes_are_those_of_the_format():
    given = {"b": X, "a.weight": X.astype(np.float64).T, "steps": np.array(7), "mask": X > 3}
    out = io.BytesIO()
    write_safetensors(given, out)
    found = read_safetensors(io.BytesIO(out.getvalue()), "m.safetensors", OWN_DISK)
    assert list(found) == list(given)
    assert all(np.array_equal(found[name], value) and found[name].dtype == value.dtype for name, value in given.items())
    # as the format's page has it: eight bytes of length, the header, the numbers one after the other
    known = tensors({"w": one(shape=(1, 2))}, np.array([[1.5, -2]], "<f4").tobytes())
    assert read_safetensors(io.BytesIO(known), "m", OWN_DISK)["w"].tolist() == [[1.5, -2.0]]
    half = tensors({"w": one("BF16", (2,), (0, 4))}, bytes([0x80, 0x3F, 0x00, 0xC0]))
    assert read_safetensors(io.BytesIO(half), "m", OWN_DISK)["w"].tolist() == [1.0, -2.0]


BAD_TENSORS = {
    "2^40 header": (tensors({"w": one()}, bytes(8), 2**40), "header"),
    "short": (b"\0" * 5, "no safetensors"),
    "no json": (tensors(b"{nothing"), "header is broken"),
    "deep json": (tensors(b"[" * 9000), "header is broken"),
    "list": (tensors([1]), "header is broken"),
    "none": (tensors({}), "no tensor"),
    "cut": (tensors({"w": one()}, bytes(7)), "its tensors take"),
    "more": (tensors({"w": one()}, bytes(9)), "its tensors take"),
    "overlap": (tensors({"w": one(), "v": one(place=(4, 12))}, bytes(12)), "overlaps"),
    "gap": (tensors({"w": one(), "v": one(place=(12, 20))}, bytes(20)), "gap"),
    "empty": (tensors({"w": one(shape=(0,), place=(0, 0))}), "empty"),
    "bytes": (tensors({"w": one(shape=(3,))}, bytes(8)), "does not take the bytes"),
    "huge shape": (tensors({"w": one(shape=(2**61, 2**61))}, bytes(8)), "does not take the bytes"),
    "negative": (tensors({"w": one(shape=(-2,))}, bytes(8)), "header is broken"),
    "dtype": (tensors({"w": one("F8_E4M3")}, bytes(8)), "none of F64"),
    "twice": (tensors(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)), "twice"),
    "nan": (tensors({"w": one()}, np.array([1, np.nan], "<f4").tobytes()), "not finite"),
    "many": (tensors({str(k): one(place=(8 * k, 8 * k + 8)) for k in range(5)}, bytes(40)), "5 tensors"),
    "pickle": (pickle.dumps(Runs()), "no safetensors"),
}  # fmt: skip


@pytest.mark.parametrize("content, words", BAD_TENSORS.values(), ids=BAD_TENSORS)
def test_bad_tensors_are_refused_in_words(content, words):
    with pytest.raises(UploadError, match=words):
        read_safetensors(io.BytesIO(content), "m.safetensors", SMALL)


def test_cut_and_flipped_files_never_raise_anything_else():
    """Every beginning of a good file, and many with one byte changed: read, or refused in words."""
    out, rng, refused = io.BytesIO(), np.random.default_rng(0), 0
    write_safetensors({"w": X}, out)
    for content, reader in ((npz(x=X, y=Y), read_npz), (npy(X), read_npy), (out.getvalue(), read_safetensors)):
        changed = [content[:k] for k in range(0, len(content), 7)]
        for place in rng.integers(0, len(content), 150):
            flipped = bytearray(content)
            flipped[place] ^= 1 << int(rng.integers(8))
            changed.append(bytes(flipped))
        for piece in changed:
            try:
                reader(io.BytesIO(piece), "file", SMALL)
            except UploadError:
                refused += 1
    assert refused > 300
