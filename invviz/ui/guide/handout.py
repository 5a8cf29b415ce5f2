"""The tour on paper: a page of blanks for each stop, and a sheet for the teacher. Each is one HTML file that a browser prints."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape

from .. import drawn, glossary, language
from ._scene import Picture, Scene
from .pictures import signs
from .stops import STOPS, Stop, Told, filled, named, places, told

STYLE = """
body { font: 12pt/1.5 system-ui, sans-serif; color: #000; background: #fff; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 18pt; } h2 { font-size: 15pt; margin: 0 0 .5rem; }
section { break-after: page; margin-bottom: 3rem; } section:last-child { break-after: auto; }
section, tr, figure { break-inside: avoid; }
.ask { font-weight: 600; } .boxes { display: flex; gap: .6rem; list-style: none; padding: 0; }
.boxes li { flex: 1; text-align: center; font-size: 10pt; } .boxes li::after { content: ""; display: block; border: 1.5px solid #000; height: 1.4rem; margin-top: .2rem; }
.line { border-bottom: 1px solid #000; height: 2.2rem; } figure { margin: 0; } figcaption { font-size: 10pt; }
.shown { display: flex; gap: 1rem; } .shown img { width: 9rem; image-rendering: pixelated; border: 1px solid #666; }
.boxes img { width: 100%; max-width: 9rem; image-rendering: pixelated; margin-bottom: .3rem; }
table { border-collapse: collapse; width: 100%; } th, td { border: 1px solid #666; padding: .35rem .5rem; text-align: left; vertical-align: top; }
td ul { margin: 0; padding-left: 1.1rem; }
"""


def students(lang: str) -> str:
    """One page a stop: what is shown and asked, boxes for the guess, lines for what it turned out to be and why. No answers."""
    words, parts = language.words(lang)["teach"], []
    for number, stop in enumerate(STOPS, 1):
        scene, said = _scene(stop, lang)
        names = _places(stop, said, lang, scene)
        pictures = (scene.options or scene.scale) if scene else ()
        shown = "".join(_figure(one, language.words(lang)["pictures"][one.role]) for one in (scene.before if scene else ()))
        meant = f"<p>{escape(signs(scene, False, lang))}</p>" if scene else ""
        boxes = "".join(f"<li>{_figure(one)}{escape(name)}</li>" for one, name in itertools.zip_longest(pictures, names))
        parts.append(
            f"<section><h2>{number}. {escape(said.title)}</h2><p>{_plain(said.text)}</p><div class='shown'>{shown}</div>{meant}<p class='ask'>{_plain(said.ask)}</p>"
            f"<p>{escape(words['guess'])}</p><ul class='boxes'>{boxes}</ul>"
            f"<p>{escape(words['was'])}</p><div class='line'></div><p>{escape(words['why'])}</p><div class='line'></div><div class='line'></div></section>"
        )
    return _page(words["students"], f"<p>{escape(words['name'])}: ______________________</p>{''.join(parts)}", lang)


def teachers(lang: str) -> str:
    """All stops on one sheet: minutes, question, answer, wrong answers to expect, a question to go on with."""
    words = language.words(lang)["teach"]
    head = "".join(f"<th>{escape(words[name])}</th>" for name in ("stop", "minutes", "question", "answer", "wrong", "further"))
    rows = []
    for number, stop in enumerate(STOPS, 1):
        scene, said = _scene(stop, lang)
        kept = words["stops"][stop.key]
        answer = filled(kept["answer"], scene, lang)
        wrong = "".join(f"<li>{escape(one)}</li>" for one in kept["wrong"])
        rows.append(
            f"<tr><td>{number}. {escape(said.title)}</td><td>{kept['minutes']}</td><td>{_plain(said.ask)}</td><td>{escape(answer)}</td>"
            f"<td><ul>{wrong}</ul></td><td>{escape(kept['further'])}<p>→ {escape(kept['then'])}</p></td></tr>"
        )
    notes = "".join(f"<li>{_plain(one)}</li>" for one in words["notes"])
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    wide = "<style>body { max-width: 72rem; } @page { size: landscape; }</style>"
    return _page(words["teachers"], f"{wide}<ul>{notes}</ul>{table}", lang)


def _scene(stop: Stop, lang: str) -> tuple[Scene | None, Told]:
    scene = stop.scene()
    return scene, told(stop, lang, scene)


def _places(stop: Stop, said: Told, lang: str, scene: Scene | None) -> Sequence[str]:
    """What can be guessed, as the page has it."""
    if said.options:
        return said.options
    return named(places(stop, scene) if scene else 7, lang)


def _figure(picture: Picture | None, caption: str = "") -> str:
    """A picture with what it is; nothing where there is none."""
    if picture is None:
        return ""
    under = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{drawn.thumb(picture.pixels)}" alt="{escape(caption)}">{under}</figure>'


def _plain(text: str) -> str:
    """Marks of terms taken off, strong words kept."""
    return glossary.strong(glossary.MARK.sub(lambda mark: mark[1], text))


def _page(title: str, body: str, lang: str) -> str:
    return f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>'
