"""Troubles that a person can do something about are shown as words; the rest of the page goes on.

On a server for others (any profile but "own") folders of that server are named by what they are; its log has the whole words.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from ..core.errors import InvvizError
from ..core.inert import markdown
from ..core.paths import ROOT
from ..engine.client import Site
from ..jobs.limits import limits

PLACE = re.compile(r"(?<![\w:/.~)-])(?:~|[A-Za-z]:)?[/\\][\w.+-]+(?:[/\\][\w.+-]+)+")  # an absolute path, but no address of a page
LOG = logging.getLogger("invviz.ui")


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show what invviz refuses (full disk, locked store, missing data) in place of what could not be drawn."""
    try:
        yield
    except InvvizError as err:
        st.error(plain(str(err)), icon=":material/error:")


def said() -> None:
    """What the address or the last change came to, where that is not what was asked for."""
    if words := st.session_state.get("trouble"):
        st.error(plain(words), icon=":material/error:")
    if words := st.session_state.get("aside"):
        st.caption(f":material/link_off: {plain(words)}")


def plain(words: str) -> str:
    """Words that came from outside, so that nothing in them is taken for Markdown, and on a server for others without the folders of that server."""
    return markdown(public(words))


def public(words: str) -> str:
    """Words for whoever sees this server's pages and takes files from them."""
    if limits().name == "own":
        return words
    site = Site.from_env()
    fewer = _without_folders(words, site.cache_dir, site.data_dir)
    if fewer != words:
        _log(words)
    return fewer


def _without_folders(words: str, store: Path, data: Path | None) -> str:
    """The same with words in place of folders: what lies in the store or the data folder is named from there, of anything else only its own name."""
    named = {str(store): "(store)", str(store.absolute()): "(store)", str(ROOT): "(invviz)"}
    if data:
        named |= {str(data): "(data)", str(data.absolute()): "(data)"}
    for folder in sorted(named, key=len, reverse=True):
        words = re.sub(re.escape(folder) + r"(?![\w.-])", named[folder], words)
    return PLACE.sub(lambda found: "(server)/" + re.split(r"[/\\]", found[0])[-1], words)


@functools.lru_cache(maxsize=200)  # once, not at every redraw
def _log(words: str) -> None:
    LOG.warning(words)
