"""Reports that a page hands over: made when they are asked for, without the folders of a server for others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import streamlit as st

from ..core.errors import InvvizError
from ..report import Report, collect, to_html
from . import trouble
from .screen import screen
from .session import station
from .shelf import Shelf

FAILED = "<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>invviz: no report</title><p>There is no report. {}</p></html>"


def of_keys(store: Any, names: Sequence[str]) -> Callable[[], str]:
    """A report as HTML of what `invviz.report.collect` finds under these names; where there is none, a page that says why."""

    def made() -> str:
        try:
            return to_html(public(collect(store, names)))
        except InvvizError as err:
            return FAILED.format(escape(trouble.public(str(err))))

    return made


def public(report: Report) -> Report:
    """The same without folders of this server, where others see its pages."""
    entries = tuple(
        dataclasses.replace(
            e, job=dataclasses.replace(e.job, error=trouble.public(e.job.error)), facts=_public(e.facts), gap=trouble.public(e.gap)
        )
        for e in report.entries
    )
    sweeps = tuple(
        dataclasses.replace(s, rows=s.rows.assign(reason=s.rows["reason"].map(trouble.public))) if "reason" in s.rows else s
        for s in report.sweeps
    )
    return dataclasses.replace(report, entries=entries, sweeps=sweeps)


def _public(value: Any) -> Any:
    if isinstance(value, str):
        return trouble.public(value)
    if isinstance(value, dict):
        return {name: _public(one) for name, one in value.items()}
    return [_public(one) for one in value] if isinstance(value, list) else value


def of_screen() -> Callable[[], str]:
    """A report of what the page shows when it is asked for."""
    here, visitor = screen(), st.session_state.get("visitor")

    def made() -> str:
        if here.made is not None:
            return trouble.public(here.made())
        if visitor is None or here.scenario is None:
            return FAILED.format("The page has not been drawn yet.")
        store = station().store
        if here.keys:
            return of_keys(store, here.keys)()
        return of_keys(Shelf(here.scenario, store, visitor.private), [here.scenario.text()])()

    return made
