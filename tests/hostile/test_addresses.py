"""Addresses that a visitor makes for others: whatever stands in them, pages show it as it is written, and no browser makes a picture, a link or a style of it."""

from __future__ import annotations

import ast
import random
import re
from urllib.parse import quote

import pytest
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest
from visits import APP, computed, elements

from invviz.core.inert import JOINER, markdown, name
from invviz.jobs.store import Store
from invviz.scenario import PARTS, SETTINGS
from invviz.ui import attacks, curves, defend, pages, risk, vertical  # noqa: F401  (imported once, before clocks run)

PAGES = tuple(pages.PAGES)
PICTURE, SIGN_IN, HTML = "![pic](http://h.example/i.png)", "[Sign in](http://h.example)", "<img src=//h.example/i>"
MATH, RED, WWW, PERSON, ICON, CODE = "$evil$", ":red[evil]", "www.h.example", "evil@h.example", ":material/evil:", "`evil`"
LAYERS = (PICTURE + SIGN_IN + HTML + RED, f"{MATH} {WWW} {PERSON} {ICON} {CODE} https://h.example")
RAW = [PICTURE, SIGN_IN, "<img src=//h", MATH, RED, WWW, PERSON, ICON, CODE, "http://h.example", "https://h.example"]
QUICK = {"data": ["digits"], "model": ["mlp"], "attack": ["linear_layer"]}
PARTY = {"data": ["digits"], "model": ["mlp"], "attack": ["rmle"], "protocol": ["vfl"]}


def opened(page: str, query: dict[str, list[str]]) -> AppTest:
    """The page at an address that nobody has checked."""
    at = AppTest.from_file(str(APP), default_timeout=60)
    if page != "lab":
        at.switch_page(f"pages/{page}.py")
    for part, values in query.items():
        at.query_params[part] = values
    return at.run()


def strings(proto) -> list[str]:
    """Every text in what is sent to the browser for one element."""
    found = []
    for field, value in proto.ListFields():
        for one in value if field.is_repeated and not field.message_type else [value]:
            if isinstance(one, str):
                found.append(one)
        if field.message_type and not field.message_type.GetOptions().map_entry:
            for one in value if field.is_repeated else [value]:
                found += strings(one)
    return found


def sent(at: AppTest) -> list[tuple[str, str]]:
    """All that the browser takes for Markdown, HTML or a chart, with the kind of its element; boxes of code and of text are neither."""
    found = []
    for node in elements(at):
        kind, proto = type(node).__name__, getattr(node, "proto", None)
        if proto is not None and kind not in ("Code", "TextArea", "TextInput"):
            found += [(kind, text) for text in strings(proto)]
    return found


def inert(at: AppTest) -> int:
    """How many texts a page sends; fails where one holds something of the visitor's that is not made inert."""
    assert not at.exception, at.exception
    every = sent(at)
    for kind, text in every:
        assert not [raw for raw in RAW if raw in text.replace("\\<", "\\")], f"{kind}: {text[:300]}"
    return len(every)


@pytest.mark.parametrize("page", PAGES)
def test_a_layer_in_an_address_is_shown_and_is_nothing_else(page, store_dir):
    for layer in LAYERS[: 1 + (page in ("lab", "risk"))]:
        at = opened(page, {**(PARTY if page == "vertical" else QUICK), "layer": [layer]})
        assert inert(at) > 20
        if page in ("lab", "risk"):
            assert at.session_state["scenario"].layer == layer
            for _ in range(3):  # a page that is asked while its job is handed in says so at the next look
                assert inert(computed(at, store_dir)) > 20
                if told := "no part named '%" in " ".join(text for _, text in sent(at)).replace("\\", ""):
                    break
            job = Store(store_dir).job(at.session_state["scenario"].key("risk"))
            assert told, f"the worker's words reach the page; its job: {job}"


@pytest.mark.parametrize("page", PAGES)
def test_what_cannot_be_read_in_an_address_is_repeated_as_it_is(page, store_dir):
    """One part that is wrong ends the reading, so every part has its turn on one page or another."""
    parts = ["layer" + PICTURE, *PARTS, *SETTINGS]
    for part in parts[PAGES.index(page) :: len(PAGES)]:
        value = LAYERS[len(part) % 2]
        at = opened(page, {**QUICK, part: [value], f"utm{value}": [value]})
        assert inert(at) > 20 and (at.error or at.caption)


def test_what_is_pasted_is_repeated_as_it_is(visit):
    at = visit("curves")
    for axis in (f"layer={quote(LAYERS[0], '')}", f"{LAYERS[0]}=1", f"seed={LAYERS[1]}", f"defense={LAYERS[0]}", f"what={LAYERS[0]}"):
        at.text_area[0].set_value(f"data=digits&model=mlp | {axis} | seed=0..1").run()
        assert inert(at) > 20


def test_markdown_of_inert_words_is_plain_text():
    """By a Markdown reader of its own: one paragraph of text, the very words, and no address in it."""
    for words in (*RAW, *LAYERS, "a  *b* _c_ ~~d~~ # e | f > g", "&lt;b&gt; &#91;x](y)", "HTTP://H.EXAMPLE WWW.h.example", "1\\[x](y)"):
        shown = "".join(
            child.content if child.type == "text" else f"<{child.type}>"
            for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown(words))
            for child in token.children or []
        ).replace("<text_special>", "")
        assert shown.replace(JOINER, "") == words
        assert not re.search(r"https?://|www\.|\w@\w|:material/", shown, re.IGNORECASE)
        assert re.fullmatch(r"[\w.%-]*", name(words)) and not re.search(r"www\.", name(words), re.IGNORECASE)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_five_hundred_addresses_a_page(page, store_dir):
    rng = random.Random(18)
    values = [
        *LAYERS,
        *RAW,
        "",
        "none",
        "9" * 400,
        "-1",
        "nan",
        "a\0b",
        "😀" * 50,
        "photos(index=3)",
        "digits",
        "mlp",
        "lenet",
        "vfl(parties=2,cut=2)",
        "dlg(steps=1)",
    ]
    wrong: list[str] = []
    for _ in range(500):
        names = rng.sample(
            [*PARTS, *SETTINGS, "of", "point", "seen", "compare", "a", "b", "rows", "direction", "setting", "self", *RAW], rng.randint(1, 6)
        )
        query = {
            **(QUICK if rng.random() < 0.7 else {}),
            **{part: [rng.choice(values) for _ in range(rng.choice((1, 1, 1, 2)))] for part in names},
        }
        try:
            inert(opened(page, query))
        except (AssertionError, RuntimeError) as err:  # the latter: no answer in a minute
            wrong.append(f"{query}: {str(err)[:1500]}")
    assert not wrong, f"{len(wrong)} of 500:\n" + "\n".join(wrong)


SINKS = {"markdown", "caption", "error", "warning", "info", "success", "button", "header", "subheader", "title"}
FOREIGN_WORDS = {
    "err",
    "error",
    "unfit",
    "unscored",
    "problems",
    "risk_problems",
    "train_problems",
    "could_not",
    "waiting",
    "layer",
    "upload",
    "victim",
}
INERT = {"plain", "escape", "isinstance", "len", "layer_name"}


def unescaped(node: ast.AST, found: list[str]) -> list[str]:
    """Names of foreign words within an expression that no call makes inert; what only decides between two texts is not shown."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in INERT:
        return found
    name = getattr(node, "attr", getattr(node, "id", ""))
    if name in FOREIGN_WORDS and not isinstance(getattr(node, "ctx", None), ast.Store):
        found.append(name)
    if isinstance(node, ast.Attribute):  # `trouble.plain`, `err.word`: whose attribute it is does not matter
        return found
    shown = [node.body, node.orelse] if isinstance(node, ast.IfExp) else list(ast.iter_child_nodes(node))
    for child in shown:
        unescaped(child, found)
    return found


def test_no_page_shows_refusals_and_names_without_making_them_inert():
    """In the sources: what visitors and errors say reaches Markdown through the one place only."""
    sinks, raw = 0, []
    for path in (APP.parent / "invviz" / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SINKS:
                sinks += 1
                shown = [*node.args[:1], *(k.value for k in node.keywords if k.arg in ("help", "label", "body"))]
                raw += [f"{path.name}:{node.lineno} {name}" for one in shown for name in unescaped(one, [])]
    assert sinks > 150 and not raw, raw
