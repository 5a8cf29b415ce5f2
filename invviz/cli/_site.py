"""`--set NAME=VALUE`: where a verb computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.command import command
from ..core.errors import InvvizError, TextError
from ..core.lazy import torch
from ..engine.client import Site

if TYPE_CHECKING:
    from ..jobs.store import Job, Store

NAMES = ("data_dir", "store", "device")
DEVICES = ("auto", "cpu", "cuda")


def read_site(settings: Sequence[str], store: str | None = None) -> Site:
    """Folders and device from the command line, else from the environment.

    Args:
        settings: texts NAME=VALUE.
        store: the store's folder, if a verb has an option of its own for it.

    Raises:
        TextError: an unknown name or device.
        InvvizError: a GPU is asked for and there is none.
    """
    given: dict[str, str] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if name not in NAMES or not equals or not value:
            raise TextError(f"--set {text}: known are {', '.join(f'{n}=...' for n in NAMES)}.")
        given[name] = value
    device = given.get("device", "auto")
    if device not in DEVICES:
        raise TextError(f"--set device={device}: known are {', '.join(DEVICES)}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise InvvizError("device=cuda: PyTorch finds no GPU on this machine. Use device=cpu, or leave it out.")
    site = dataclasses.replace(Site.from_env(store or given.get("store"), given.get("data_dir")), device=device)
    for name, variable, place in (("store", "INVVIZ_STORE", site.cache_dir), ("data_dir", "INVVIZ_DATA", site.data_dir)):
        if place is not None and place.exists() and not place.is_dir():
            raise InvvizError(
                f"{name}: {place} is a file, not a folder. Name a folder with --set {name}=DIR or the environment variable {variable}."
            )
    return site


def known_jobs(store: Store, keys: Sequence[str], option: str = "") -> dict[str, Job]:
    """Jobs that somebody named by their keys.

    Args:
        store: that shall know them.
        keys: all of which there has to be a job for.
        option: with which they were named, for the error.

    Raises:
        InvvizError: there is no such job.
    """
    jobs = store.jobs(keys)
    if unknown := [key for key in keys if key not in jobs]:
        raise InvvizError(
            f"{option}{unknown[0]}: the store {store.path} knows no job with that key. `{command('report', unknown[0])}` lists what it knows."
        )
    return jobs
