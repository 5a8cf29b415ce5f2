"""Nets, weights and data that are not what they seem, drawn with a fixed seed: every one of them has to be refused in words."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from invviz.engine.intake import Handed

LAYERS = [
    {"layer": "conv2d", "out_channels": 2, "kernel_size": 3, "padding": 1}, {"layer": "tanh"}, {"layer": "flatten"}, {"layer": "linear", "out_features": 3}
]  # fmt: skip
NET = {"layers": json.dumps({"input": [1, 6, 6], "layers": LAYERS})}
SHAPES = {"0.weight": (2, 1, 3, 3), "0.bias": (2,), "3.weight": (3, 72), "3.bias": (3,)}
X, Y = np.random.default_rng(0).random((4, 1, 6, 6)).astype(np.float32), np.array([0, 1, 2, 0])


class Runs:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def npz(save=np.savez, **arrays) -> bytes:
    out = io.BytesIO()
    save(out, **(arrays or {"x": X, "y": Y}))
    return out.getvalue()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def head(shape: tuple, descr: str = "'<f4'") -> bytes:
    words = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words.encode()


def zipped(*members: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return out.getvalue()


def tensors(arrays: dict[str, np.ndarray] | None = None, change: Callable[[dict], None] = lambda header: None, tail: bytes = b"") -> bytes:
    """A safetensors file whose header was changed."""
    given = arrays or {name: np.full(shape, 0.1, np.float32) for name, shape in SHAPES.items()}
    header, place, body = {}, 0, b""
    for name, array in given.items():
        header[name] = {
            "dtype": {"f4": "F32", "f8": "F64", "i8": "I64"}[array.dtype.str[1:]],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place, body = place + array.nbytes, body + array.tobytes()
    change(header)
    words = json.dumps(header).encode()
    return struct.pack("<Q", len(words)) + words + body + tail


def raw(words: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(words) if length is None else length) + words


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, body: bytes = b"", bits: int = 8) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


def weights(data: bytes, name: str = "w.safetensors") -> Handed:
    return Handed(NET, (name, data), [("d.npz", npz())])


def data(content: bytes, name: str = "d.npz", net: dict = NET, labels: str = "") -> Handed:
    return Handed(net, None, [(name, content)], labels)


def layers(*listed: object, given: object = (1, 6, 6), **more: object) -> Handed:
    return Handed({"layers": json.dumps({"input": given, "layers": list(listed), **more})})


def text(words: str) -> Handed:
    return Handed({"layers": words})


def registry(words: str, classes: object = 3, content: bytes | None = None) -> Handed:
    return Handed({"registry": words, "classes": classes}, None, [("d.npz", content or npz())])


def set_(name: str, key: str, value: object) -> Callable[[dict], None]:
    return lambda header: header[name].__setitem__(key, value)


def lying(rng: random.Random) -> bytes:
    """An archive that says it is smaller than it is."""
    content = bytearray(zipped(("x.npy", npy(np.zeros(rng.randint(10**6, 10**7), np.uint8)))))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", rng.randint(130, 5_000))
    return bytes(content)


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(1, len(content) - 1)]


def deep(rng: random.Random) -> str:
    n = rng.choice((40, 1_000, 90_000))
    return rng.choice(
        (
            "[" * n,
            '{"layers":' * n,
            "[" * n + "]" * n,
            '{"input":[1,6,6],"layers":[' + '{"layer":"sequential","layers":[' * (n // 40 + 9) + "]}" * (n // 40 + 9) + "]}",
        )
    )


BIG = (10**9, 2**31, 2**62, 10**30)
Draw = Callable[[random.Random, Path], Handed]
DRAWN: dict[str, Draw] = {
    # weights
    "weights cut short": lambda r, m: weights(cut(tensors(), r)),
    "weights empty": lambda r, m: weights(b""),
    "weights of chance": lambda r, m: weights(r.randbytes(r.randint(1, 3_000))),
    "overlapping": lambda r, m: weights(tensors(change=set_("0.bias", "data_offsets", [r.choice((0, 4, 68)), r.choice((76, 80))]))),
    "gap": lambda r, m: weights(tensors(change=set_("3.bias", "data_offsets", [948 + 4, 960 + 4]), tail=b"0000")),
    "bytes behind": lambda r, m: weights(tensors(tail=r.randbytes(r.randint(1, 99)))),
    "nan": lambda r, m: weights(tensors({n: np.full(s, r.choice((np.nan, np.inf, -np.inf)), np.float32) for n, s in SHAPES.items()})),
    "zero-size": lambda r, m: weights(tensors(change=lambda h: h.__setitem__("z", {"dtype": "F32", "shape": r.choice(([0], [0, 10**15], [3, 0])), "data_offsets": [0, 0]}))),
    "header of 2^40": lambda r, m: weights(raw(b"{}", r.choice((2**40, 2**63, 2**64 - 1, 10**8)))),
    "header not UTF-8": lambda r, m: weights(raw(b'{"\xff\xfe":1}')),
    "header deep": lambda r, m: weights(raw(r.choice((b"[", b'{"a":')) * 10**5)),
    "header twice": lambda r, m: weights(raw(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}') + b"0000"),
    "header a list": lambda r, m: weights(raw(r.choice((b"[]", b"3", b'"a"', b"null", b"{}", b'{"__metadata__":{}}', b'{"a":3}')))),
    "huge shape": lambda r, m: weights(tensors(change=set_("3.weight", "shape", [r.choice(BIG), 72]))),
    "negative": lambda r, m: weights(tensors(change=set_("3.weight", r.choice(("shape", "data_offsets")), [-3, -72]))),
    "strange kind": lambda r, m: weights(tensors(change=set_("3.bias", "dtype", r.choice(("F8", "__import__", 3, None, "C64"))))),
    "wrong names": lambda r, m: weights(tensors({f"{r.choice(('net', '../..', '<script>', chr(0x202E)))}{n}": np.zeros(s, np.float32) for n, s in SHAPES.items()})),
    "one missing": lambda r, m: weights(tensors({n: np.zeros(s, np.float32) for n, s in SHAPES.items() if n != r.choice(list(SHAPES)) and n != "0.bias"})),
    "wrong shapes": lambda r, m: weights(tensors({n: np.zeros((*s[::-1], 1), np.float32) for n, s in SHAPES.items()})),
    "whole numbers": lambda r, m: weights(tensors({n: np.zeros(s, np.int64) for n, s in SHAPES.items()})),
    "many tensors": lambda r, m: weights(tensors({f"t{k}": np.zeros(1, np.float32) for k in range(2_100)})),
    "too large for its type": lambda r, m: weights(tensors({n: np.full(s, 1e300 if n == "0.bias" else 1, np.float64 if n == "0.bias" else np.float32) for n, s in SHAPES.items()})),
    "weights of 60 MB": lambda r, m: weights(b"\0" * 60_000_000),
    "weights as pickle": lambda r, m: weights(pickle.dumps(Runs(m)), r.choice(("w.safetensors", "w.pt", "w"))),
    "weights as .pt": lambda r, m: weights(zipped(("archive/data.pkl", pickle.dumps(Runs(m))), how=zipfile.ZIP_STORED), r.choice(("w.pt", "w.pth", "w.safetensors", "w.ckpt"))),
    "weights as ONNX": lambda r, m: weights(b"\x08\x07\x12\x07pytorch", r.choice(("w.onnx", "w.pt2", "w.h5", "w.py"))),
    # data
    "npz cut short": lambda r, m: data(cut(npz(), r)),
    "npz of chance": lambda r, m: data(r.choice((b"", b"PK\x03\x04", b"\x93NUMPY")) + r.randbytes(r.randint(1, 3_000))),
    "npz bomb": lambda r, m: data(zipped(("x.npy", head((1, 1, 10_000, 10_000)) + b"\0" * 100_000_000))),
    "npz of many": lambda r, m: data(zipped(*((f"{k}.npy", npy(X)) for k in range(70)))),
    "npz in npz": lambda r, m: data(zipped(("x.npz", npz()))),
    "npz twice": lambda r, m: data(zipped(("x.npy", npy(X)), ("x.npy", npy(X)))),
    "npz lies": lambda r, m: data(lying(r)),
    "npz pickled": lambda r, m: data(npz(x=np.array([Runs(m)], object), y=Y)),
    "npz of a pickle": lambda r, m: data(zipped((r.choice(("x.npy", "x.pkl", "data.pkl")), pickle.dumps(Runs(m))))),
    "npz that climbs": lambda r, m: data(zipped((r.choice(("../../x.npy", "/etc/x.npy", "a/../x.npy")), npy(X)), ("y.npy", npy(Y)), ("z.npy", npy(Y)))),
    "npy that computes": lambda r, m: data(head((4, 1, 6, 6), f"__import__('pathlib').Path({str(m)!r}).touch()")[:200] + X.tobytes(), "d.npy"),
    "npy huge": lambda r, m: data(head((r.choice((2**20, 2**40)), 2**20)), "d.npy"),
    "npy as pickle": lambda r, m: data(pickle.dumps(Runs(m)), r.choice(("d.npy", "d.npz", "d.csv", "d.png"))),
    "complex": lambda r, m: data(npz(x=X.astype(complex), y=Y)),
    "words": lambda r, m: data(npz(x=np.array([["a", "b"]]), y=Y[:1])),
    "not finite": lambda r, m: data(npz(x=np.where(X.max() == X, r.choice((np.nan, np.inf)), X), y=Y)),
    "wrong rank": lambda r, m: data(npz(x=r.choice((X[None], X[..., None], X[0, 0, 0], np.float32(3))), y=Y)),
    "other shape": lambda r, m: data(npz(x=X[:, :, : r.randint(1, 5)], y=Y)),
    "labels out of range": lambda r, m: data(npz(x=X, y=r.choice((Y + 3, Y - 1, Y * 10**12, Y + 0.5)))),
    "labels of another number": lambda r, m: data(npz(x=X, y=Y[: r.randint(1, 3)])),
    "written labels": lambda r, m: data(npz(x=X), labels=r.choice(("1", "1,2,3,x", "9,9,9,9", "1," * 50_000, "-1,0,0,0", "0x1,1,1,1", "1e9,0,0,0"))),
    "no records": lambda r, m: data(npz(x=X[:0], y=Y[:0])),
    "no x": lambda r, m: data(npz(a=X, b=X, y=Y)),
    "csv huge": lambda r, m: data(b"1,2,3\n" * 4_000_000, "d.csv"),
    "csv of many rows": lambda r, m: data(b"1,2\n" * 30_000, "d.csv"),
    "csv wide": lambda r, m: data(b"1," * r.choice((5_000, 1_000_000)) + b"1\n", "d.csv"),
    "csv of words": lambda r, m: data(b"a,b\n1,2\n3,=cmd|' /C calc'!A0\n", "d.csv"),
    "csv ragged": lambda r, m: data(b"a,b\n1,2\n3\n", "d.csv"),
    "csv not UTF-8": lambda r, m: data(b"a,b\n1,\xff\xfe\n", "d.csv"),
    "csv not finite": lambda r, m: data(b"a,b\n1," + r.choice((b"nan", b"inf", b"1e999", b"")) + b"\n", "d.csv"),
    "csv of another shape": lambda r, m: data(b"1,2\n3,4\n", "d.csv"),
    "csv zeros": lambda r, m: data(b"\0" * r.randint(1, 10**6), "d.csv"),
    "png bomb": lambda r, m: data(png(r.choice((60_000, 24_000, 20_001)), r.choice((60_000, 24_000))), "d.png"),
    "png packed bomb": lambda r, m: data(png(12_000, 12_000, zlib.compress(b"\0" * 10**8)), "d.png"),
    "png cut short": lambda r, m: data(png(6, 6, zlib.compress(b"\0" * 42)[: r.randint(1, 4)]), "d.png"),
    "picture of chance": lambda r, m: data(r.choice((b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"BM", b"II*\0", b"<svg>")) + r.randbytes(999), r.choice(("d.png", "d.jpg", "d"))),
    "pictures of two sizes": lambda r, m: Handed(NET, None, [(f"{k}.png", png(6, 6 + k, zlib.compress(b"\0" * 7 * (6 + k)))) for k in range(3)]),
    "many pictures": lambda r, m: Handed(NET, None, [(f"{k}.png", png(6, 6, zlib.compress(b"\0" * 42))) for k in range(r.randint(17, 60))]),
    "data of 30 MB": lambda r, m: data(b"\0" * 30_000_000),
    "other endings": lambda r, m: data(npz(), r.choice(("d.pt", "d.pkl", "d.h5", "d.onnx", "d.joblib", "d.tar", "d", "d.npz.exe", "d.py"))),
    # nets
    "deep": lambda r, m: text(deep(r)),
    "no JSON": lambda r, m: text(r.choice(("", "net", "{", "import os", "\x00", "{'a': 1}", '{"input": [1,6,6], "layers": [NaN]}', "\ud7ff", '{"layers": Infinity}'))),
    "JSON of another kind": lambda r, m: text(r.choice(("[]", "3", "null", '"x"', "{}", '{"layers": {}}', '{"layers": []}', '{"input": [1,6,6], "layers": [], "run": 1}'))),
    "keys twice": lambda r, m: text('{"input": [1,6,6], "layers": [{"layer": "linear", "out_features": 3, "out_features": 4}]}'),
    "a number of 10^5 digits": lambda r, m: text('{"input": [1,6,6], "layers": [{"layer": "linear", "out_features": ' + "9" * 10**5 + "}]}"),
    "long text": lambda r, m: text(" " * 10**6),
    "10^9 units": lambda r, m: layers({"layer": "flatten"}, {"layer": r.choice(("linear",)), "out_features": r.choice(BIG)}),
    "10^9 channels": lambda r, m: layers({"layer": "conv2d", "out_channels": r.choice(BIG), "kernel_size": r.choice((1, 3))}),
    "many parameters": lambda r, m: layers({"layer": "flatten"}, {"layer": "linear", "out_features": 999_999}, {"layer": "linear", "out_features": r.randint(20, 10**6)}),
    "many numbers": lambda r, m: layers({"layer": "conv2d", "out_channels": 10**6, "kernel_size": 1}),
    "many products": lambda r, m: layers(*[{"layer": "conv2d", "out_channels": 400, "kernel_size": 3, "padding": 1}] * 5, given=[3, 250, 250]),
    "many layers": lambda r, m: layers(*[{"layer": "tanh"}] * r.randint(501, 3_000)),
    "unknown layer": lambda r, m: layers({"layer": r.choice(("Lambda", "os.system", "__import__", "lstm", "../linear", "<img src=x onerror=alert(1)>", "nn.Linear"))}),
    "unknown knob": lambda r, m: layers({"layer": "tanh", r.choice(("__class__", "run", "inplace", "device")): 1}),
    "wrong kinds": lambda r, m: layers({"layer": "flatten"}, {"layer": "linear", "out_features": r.choice((-1, 0, 1.5, True, "3", None, [], {}, [3, 3]))}),
    "wrong lists": lambda r, m: layers({"layer": "conv2d", "out_channels": 2, "kernel_size": r.choice(([3], [3, 3, 3], [3] * 100, [0, 3], 10**6, 7))}),
    "no layers": lambda r, m: layers(*r.choice(([None], [3], ["linear"], [[]], [{}], [{"layer": 3}], [{"layer": "sequential", "layers": []}]))),
    "bad names": lambda r, m: layers({"layer": "flatten", "name": r.choice(("a.b", "", "a" * 99, "../x", 3, "x\n", "é"))}),
    "names twice": lambda r, m: layers({"layer": "flatten", "name": "a"}, {"layer": "linear", "out_features": 3, "name": "a"}),
    "residual that does not fit": lambda r, m: layers({"layer": "residual", "layers": [{"layer": "conv2d", "out_channels": 2, "kernel_size": 3}]}),
    "no parameters": lambda r, m: layers({"layer": "flatten"}, {"layer": "tanh"}),
    "input": lambda r, m: layers({"layer": "flatten"}, {"layer": "linear", "out_features": 3}, given=r.choice((None, [], 3, [0], [-1, 3], [1.5], [10**9], [1, 1, 1, 1], "1,6,6", [2**62] * 3))),
    "unknown net": lambda r, m: registry(r.choice(("resnet9999", "", "mlp(", "mlp(width=0)", "mlp(width=10**9)", "mlp(depth=3)", "lenet(width=4096)", "x" * 5_000))),
    "a net that computes": lambda r, m: registry(f"mlp(width=__import__('pathlib').Path({str(m)!r}).touch())"),
    "classes": lambda r, m: registry("mlp", r.choice((0, 1, -3, 10**9, "3", None, 1.5, True, [3]))),
    "a net for pictures": lambda r, m: registry(r.choice(("lenet", "convnet", "resnet18")), content=npz(x=X.reshape(4, 36), y=Y)),
    "too small": lambda r, m: registry(r.choice(("resnet18", "alexnet", "vgg6")), content=npz(x=X[:, :, :2, :2], y=Y)),
    "too wide": lambda r, m: registry("vgg6(width=512)", content=npz(x=np.zeros((1, 3, 2_000, 2_000), np.uint8), y=Y[:1])),
}  # fmt: skip


def drawn(count: int, mark: Path, seed: int = 21) -> Iterator[tuple[str, Handed]]:
    """So many, every kind in turn, one at a time; the same in every run."""
    rng, names = random.Random(seed), list(DRAWN)
    for k in range(count):
        name = names[k % len(names)]
        yield name, DRAWN[name](rng, mark)
