"""What running jobs leave to be looked at: frames and the curve, thinned evenly as they become many."""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

import numpy as np

from ...core.even import LEAST, stride
from ...core.pixels import as_bytes

MAX_FRAMES = 120
MIN_FRAMES = 8
MAX_FRAME_BYTES = 16 << 20  # of one job
MAX_POINTS = 1_000
NONE = np.zeros(0, np.int64), np.zeros((0, 0, 0, 0, 0), np.uint8)  # steps and pictures where there are none


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
    """Keep one frame with values in [0, 1]; of those before it the first of every span of steps, so that what is kept lies evenly over the steps."""
    pixels = as_bytes(frame)
    newest = con.execute("SELECT MAX(number) FROM frames WHERE key = ?", (key,)).fetchone()[0]
    number = 0 if newest is None else newest + 1
    con.execute("DELETE FROM frames WHERE key = ? AND step = ?", (key, step))  # a second one of the same step is the answer
    con.execute(
        "INSERT INTO frames (key, number, step, shape, pixels, psnr) VALUES (?, ?, ?, ?, ?, ?)",
        (key, number, step, json.dumps(pixels.shape), pixels.tobytes(), psnr),
    )
    for span in spans(step, pixels.nbytes):
        firsts = "SELECT MIN(number) FROM frames WHERE key = ? GROUP BY step / ?"
        con.execute(f"DELETE FROM frames WHERE key = ? AND number < ? AND number NOT IN ({firsts})", (key, number, key, span))
        if con.execute("SELECT COUNT(*) FROM frames WHERE key = ?", (key,)).fetchone()[0] <= most(pixels.nbytes):
            break


def spans(step: int, nbytes: int) -> list[int]:
    """Lengths of spans that may be tried, the shortest first: `stride`, and longer ones for pictures of many bytes."""
    return [stride(step) << k for k in range((2 * LEAST // most(nbytes)).bit_length() + 1)]


def most(nbytes: int) -> int:
    """How many frames of one job are kept, of so many bytes each."""
    return max(MIN_FRAMES, min(MAX_FRAMES, MAX_FRAME_BYTES // max(1, nbytes)))


def thinned(frames: list[Frame]) -> list[Frame]:
    """The same of frames in memory."""
    nbytes = frames[-1].picture.nbytes
    for span in spans(frames[-1].step, nbytes):
        firsts = {frame.step // span: frame for frame in reversed(frames[:-1]) if frame.step != frames[-1].step}
        kept = [*reversed(firsts.values()), frames[-1]]
        if len(kept) <= most(nbytes):
            return kept
    return frames


def add_point(con: sqlite3.Connection, key: str, values: dict[str, object]) -> None:
    """Keep one point of the curve; of many only those whose number is a multiple of a growing step, and the newest."""
    every = con.execute("SELECT points_stride FROM jobs WHERE key = ?", (key,)).fetchone()[0]
    newest = con.execute("SELECT MAX(number) FROM points WHERE key = ?", (key,)).fetchone()[0]
    number = 0 if newest is None else newest + 1
    names = ", ".join(["key", "number", *values])
    con.execute(f"INSERT INTO points ({names}) VALUES ({', '.join('?' * (len(values) + 2))})", (key, number, *values.values()))
    if newest is not None and newest % every:
        con.execute("DELETE FROM points WHERE key = ? AND number = ?", (key, newest))
    while con.execute("SELECT COUNT(*) FROM points WHERE key = ?", (key,)).fetchone()[0] > MAX_POINTS:
        every *= 2
        con.execute("DELETE FROM points WHERE key = ? AND number % ? AND number < ?", (key, every, number))
        con.execute("UPDATE jobs SET points_stride = ? WHERE key = ?", (every, key))


def clear(con: sqlite3.Connection, key: str) -> None:
    """Forget the frames and the curve of an earlier attempt."""
    con.execute("DELETE FROM frames WHERE key = ?", (key,))
    con.execute("DELETE FROM points WHERE key = ?", (key,))
    con.execute("UPDATE jobs SET points_stride = 1 WHERE key = ?", (key,))


def all_frames(con: sqlite3.Connection, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps (k,) and pictures (k, b, c, h, w) uint8; of no length where there are none.

    Raises:
        ValueError: one is damaged; says which.
    """
    rows = con.execute("SELECT * FROM frames WHERE key = ? ORDER BY number", (key,)).fetchall()
    if not rows:
        return NONE
    pictures = [_pixels(row) for row in rows]
    if len({picture.shape for picture in pictures}) > 1 or pictures[0].ndim < 2:
        raise ValueError("the pictures of its steps have different shapes, or none")
    return np.array([row["step"] for row in rows], dtype=np.int64), np.stack(pictures)


def newest_frame(con: sqlite3.Connection, key: str, after: int) -> Frame | None:
    """The last frame, if its number is above `after`.

    Raises:
        ValueError: it is damaged; says which.
    """
    row = con.execute("SELECT * FROM frames WHERE key = ? AND number > ? ORDER BY number DESC LIMIT 1", (key, after)).fetchone()
    return row and Frame(row["number"], row["step"], row["psnr"], _pixels(row))


def curve(con: sqlite3.Connection, key: str, phase: str) -> Curve:
    """The points of one phase.

    Raises:
        ValueError: one holds no numbers.
    """
    names = ("step", "loss", "psnr", "seconds", "restart")
    rows = con.execute(f"SELECT {', '.join(names)} FROM points WHERE key = ? AND phase = ? ORDER BY number", (key, phase)).fetchall()
    try:
        steps, loss, psnr, seconds, restart = (np.array([row[name] for row in rows], dtype=float) for name in names)
    except (ValueError, TypeError) as err:
        raise ValueError("the curve of its steps holds no numbers") from err
    return Curve(steps.astype(np.int64), loss, psnr, seconds, restart.astype(np.int64))


def _pixels(row: sqlite3.Row) -> np.ndarray:
    """One frame's picture.

    Raises:
        ValueError: it is damaged; says which.
    """
    try:
        return np.frombuffer(row["pixels"], np.uint8).reshape(json.loads(row["shape"]))
    except (ValueError, TypeError, RecursionError) as err:
        raise ValueError(f"the picture of its step {row['step']} is damaged") from err
