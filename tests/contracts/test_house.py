"""The house keeps its size: rooms, floors and arrows between rooms, counted by grimp (the graph under import-linter)."""

import tomllib
from pathlib import Path

import pytest

grimp = pytest.importorskip("grimp")
ROOT = Path(__file__).parents[2]


def test_rooms_floors_and_arrows():
    graph = grimp.build_graph("invviz", cache_dir=None)
    rooms = {path.stem for path in (ROOT / "invviz").iterdir() if path.stem not in ("__init__", "__pycache__")}
    assert len(rooms) <= 18, sorted(rooms)  # __main__ among them
    room = lambda module: module.split(".")[1] if "." in module else module  # noqa: E731
    arrows = {(room(a), room(b)) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)}
    between = {
        (a, b) for a, b in arrows if a != b and a in {*rooms, "invviz"}
    }  # the doors of old commands (studies/_commands) are no rooms
    assert {"engine", "servers", "scenario"} <= {a for a, _ in between}
    assert len(between) <= 80, sorted(between)
    (layers,) = (
        c["layers"] for c in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"] if "layers" in c
    )
    assert len([floor for floor in layers if floor != "__main__"]) <= 9


def test_no_product_file_is_long():
    long = {str(p.relative_to(ROOT)): n for p in (ROOT / "invviz").rglob("*.py") if (n := len(p.read_text().splitlines())) > 250}
    assert not long
