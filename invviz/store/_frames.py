"""What running jobs leave to be looked at: frames and the curve, thinned evenly when they become many."""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

import numpy as np

from ..core.pixels import as_bytes

MAX_FRAMES = 120
MIN_FRAMES = 8
MAX_FRAME_BYTES = 16 << 20  # of one job
MAX_POINTS = 1_000


class Frame(NamedTuple):
    """One picture of a running attack."""

    number: int  # counts frames; what `after` is compared with
    step: int
    psnr: float | None
    picture: np.ndarray  # (b, c, h, w) uint8


class Curve(NamedTuple):
    """An attack over time, one entry per report; NaN where a number is unknown."""

    steps: np.ndarray
    loss: np.ndarray
    psnr: np.ndarray
    seconds: np.ndarray
    restart: np.ndarray


def add_frame(con: sqlite3.Connection, key: str, step: int, psnr: float | None, frame: np.ndarray) -> None:
    """Keep one frame with values in [0, 1]."""
    pixels = as_bytes(frame)
    most = max(MIN_FRAMES, min(MAX_FRAMES, MAX_FRAME_BYTES // max(1, pixels.nbytes)))
    _append(con, "frames", key, {"step": step, "shape": json.dumps(pixels.shape), "pixels": pixels.tobytes(), "psnr": psnr}, most)


def add_point(con: sqlite3.Connection, key: str, values: dict[str, object]) -> None:
    """Keep one point of the curve."""
    _append(con, "points", key, values, MAX_POINTS)


def _append(con: sqlite3.Connection, table: str, key: str, values: dict[str, object], most: int) -> None:
    """Add a row; only rows whose number is a multiple of the stride stay, and the newest, so that what is kept lies evenly."""
    stride = con.execute(f"SELECT {table}_stride FROM jobs WHERE key = ?", (key,)).fetchone()[0]
    newest = con.execute(f"SELECT MAX(number) FROM {table} WHERE key = ?", (key,)).fetchone()[0]
    number = 0 if newest is None else newest + 1
    names = ", ".join(["key", "number", *values])
    con.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * (len(values) + 2))})", (key, number, *values.values()))
    if newest is not None and newest % stride:
        con.execute(f"DELETE FROM {table} WHERE key = ? AND number = ?", (key, newest))
    while con.execute(f"SELECT COUNT(*) FROM {table} WHERE key = ?", (key,)).fetchone()[0] > most:
        stride *= 2
        con.execute(f"DELETE FROM {table} WHERE key = ? AND number % ? AND number < ?", (key, stride, number))
        con.execute(f"UPDATE jobs SET {table}_stride = ? WHERE key = ?", (stride, key))


def clear(con: sqlite3.Connection, key: str) -> None:
    """Forget the frames and the curve of an earlier attempt."""
    con.execute("DELETE FROM frames WHERE key = ?", (key,))
    con.execute("DELETE FROM points WHERE key = ?", (key,))
    con.execute("UPDATE jobs SET frames_stride = 1, points_stride = 1 WHERE key = ?", (key,))


def all_frames(con: sqlite3.Connection, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps (k,) and pictures (k, b, c, h, w) uint8; of no length where there are none."""
    rows = con.execute("SELECT * FROM frames WHERE key = ? ORDER BY number", (key,)).fetchall()
    steps = np.array([row["step"] for row in rows], dtype=np.int64)
    return steps, np.stack([_pixels(row) for row in rows]) if rows else np.zeros((0, 0, 0, 0, 0), np.uint8)


def newest_frame(con: sqlite3.Connection, key: str, after: int) -> Frame | None:
    """The last frame, if its number is above `after`."""
    row = con.execute("SELECT * FROM frames WHERE key = ? AND number > ? ORDER BY number DESC LIMIT 1", (key, after)).fetchone()
    return row and Frame(row["number"], row["step"], row["psnr"], _pixels(row))


def curve(con: sqlite3.Connection, key: str, phase: str) -> Curve:
    """The points of one phase."""
    names = ("step", "loss", "psnr", "seconds", "restart")
    rows = con.execute(f"SELECT {', '.join(names)} FROM points WHERE key = ? AND phase = ? ORDER BY number", (key, phase)).fetchall()
    steps, loss, psnr, seconds, restart = (np.array([row[name] for row in rows], dtype=float) for name in names)
    return Curve(steps.astype(np.int64), loss, psnr, seconds, restart.astype(np.int64))


def _pixels(row: sqlite3.Row) -> np.ndarray:
    return np.frombuffer(row["pixels"], np.uint8).reshape(json.loads(row["shape"]))
