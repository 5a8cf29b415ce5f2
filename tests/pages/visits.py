"""What the tests of all pages share: to open one at an address, to press, to let a worker do what waits, and to read what is said."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from invviz.engine.client import Site
from invviz.jobs.store import Job, Store
from invviz.jobs.worker import work
from invviz.scenario import Scenario
from invviz.ui import glossary, session

APP = Path(__file__).parents[2] / "app.py"
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
"""Every AppTest reads the metadata of all installed packages for components, the same ones every time: a tenth of a second and more."""


def new_server() -> None:
    """As after a restart: nobody is there, nothing is remembered but by the store."""
    session.close()
    st.cache_resource.clear()
    st.cache_data.clear()


def opened(page: str, text: str = "", views: Mapping[str, str] | None = None) -> AppTest:
    """The page as somebody sees it who follows a link and was never here before; the server knows nothing but the store."""
    new_server()
    at = AppTest.from_file(str(APP), default_timeout=60)
    if page != "lab":
        at.switch_page(f"pages/{page}.py")
    for name, value in [*(Scenario.parse(text).pairs() if text else []), *(views or {}).items()]:
        at.query_params[name] = [*at.query_params.get(name, []), value]
    return at.run()


def leave_address(at: AppTest) -> None:
    """A browser's address is empty after a click on another page; AppTest keeps it."""
    for name in list(at.query_params):
        del at.query_params[name]


def address(at: AppTest, part: str) -> str:
    """What the address says of a part of the scenario or of a view."""
    value = at.query_params.get(part, "")
    return value if isinstance(value, str) else "&".join(value)


def said(at: AppTest) -> str:
    """All words outside tables, pictures, controls and the glossary."""
    every = [e.value for e in [*at.markdown, *at.caption, *at.info, *at.error, *at.warning]]
    return " ".join(one for one in every if not is_meaning(one))


def is_meaning(text: str) -> bool:
    """Whether a text is an entry of the glossary, which says what words mean and nothing of what is shown."""
    return any(term.text in text for term in glossary.terms().values())


def html(at: AppTest, start: str) -> str:
    """The piece of HTML whose class begins so."""
    return next(e.proto.body for e in at.get("html") if f'class="{start}' in e.proto.body)


def button(at: AppTest, start: str):
    """The first button whose label begins so."""
    return next(b for b in at.button if b.label.startswith(start))


def press(at: AppTest, start: str) -> AppTest:
    """Click on it, and what comes then."""
    return button(at, start).click().run()


def computed(at: AppTest, folder: Path) -> AppTest:
    """Let a worker do what waits, in this process, and look again."""
    work(Store(folder), Site(None, folder, "cpu"), once=True)
    return at.run()


def asked_for(folder: Path) -> dict[str, Job]:
    """All that was ever asked for, by key."""
    store = Store(folder)
    with store._db.read() as con:
        keys = [row["key"] for row in con.execute("SELECT key FROM jobs")]
    return {key: store.job(key) for key in keys}


def elements(at: AppTest) -> list:
    """Everything that is drawn, containers among them, in order."""
    found, left = [], [at.main]
    while left:
        node = left.pop()
        found.append(node)
        left += reversed(list(getattr(node, "children", {}).values()))
    return found


def faded(at: AppTest) -> list[str]:
    """Keys of the containers whose content fades because it is of other settings."""
    names = [getattr(getattr(node, "proto", None), "id", "") for node in elements(at)]
    return [name[name.index("stale-") :] for name in names if "stale-" in name]


def alts(at: AppTest) -> list[str]:
    """What stands for every picture and chart where nobody sees it."""
    images = [image.alt for e in at.image for image in e.proto.imgs]
    charts = [e.proto.alt for kind in ("vega_lite_chart", "plotly_chart", "dataframe") for e in at.get(kind)]
    inside = [alt for e in at.get("html") for alt in re.findall(r'alt="([^"]*)"', e.proto.body)]
    return [*images, *charts, *inside]
