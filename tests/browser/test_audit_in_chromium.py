"""A net of one's own in a browser: weights and records go into the boxes, the worst record is seen, the report is taken home; what is refused is said, and a narrow window holds all of it."""

import io
import json

import numpy as np
import pytest
from looking import fits, idle

from invviz.datasets.own import write_safetensors

pytestmark = pytest.mark.browser
LAYERS = {
    "input": [1, 6, 5],
    "layers": [
        {"layer": "flatten"},
        {"layer": "linear", "name": "first", "out_features": 40},
        {"layer": "tanh"},
        {"layer": "linear", "name": "head", "out_features": 3},
    ],
}


def file(name, content):
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def weights(prefix=""):
    rng, out = np.random.default_rng(0), io.BytesIO()
    shapes = {"first.weight": (40, 30), "first.bias": (40,), "head.weight": (3, 40), "head.bias": (3,)}
    write_safetensors({prefix + name: 0.2 * rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}, out)
    return out.getvalue()


def records():
    out = io.BytesIO()
    np.savez(out, x=np.random.default_rng(1).random((3, 1, 6, 5)).astype(np.float32), y=np.array([2, 0, 1]))
    return out.getvalue()


def box(page, place):
    return page.get_by_test_id("stFileUploaderDropzoneInput").nth(place)


def test_one_visit(page, server, tmp_path):
    page.goto(server + "audit")
    page.get_by_role("heading", name="Nothing has been audited yet").wait_for()
    idle(page)
    page.get_by_label("Input shape and layers").fill(json.dumps(LAYERS))
    page.keyboard.press("Control+Enter")
    page.get_by_text("1,363 parameters in 4 tensors; takes 1 x 6 x 5, gives 3.").wait_for()
    box(page, 0).set_input_files(file("net.pt", b"PK\x03\x04"))
    page.get_by_text("reading one can run code that somebody has put into it").wait_for()
    idle(page)
    page.get_by_role("button", name="Remove net.pt").or_(page.get_by_test_id("stFileUploaderDeleteBtn").get_by_role("button")).first.click()
    page.get_by_text("reading one can run code that somebody has put into it").wait_for(state="detached")
    idle(page)
    box(page, 0).set_input_files(file("w.safetensors", weights("module.")))
    page.get_by_text("4 tensors, all of them the net's").wait_for()
    idle(page)
    box(page, 1).set_input_files(file("d.npz", records()))
    page.get_by_text("3 pictures of 1 x 6 x 5.").wait_for()
    idle(page)
    page.get_by_role("spinbutton", name="Records", exact=True).fill("1")
    page.keyboard.press("Enter")
    idle(page)
    page.get_by_role("spinbutton", name="First record").fill("2")
    page.keyboard.press("Enter")
    idle(page)
    page.get_by_role("button", name="Audit", exact=True).click()
    page.get_by_role("heading", name="Record 2 is read to rounding by a real attack").wait_for()
    idle(page)
    assert page.get_by_alt_text("strongest attack, record 2").is_visible() and page.get_by_alt_text("record 2", exact=True).is_visible()
    with page.expect_download() as coming:
        page.locator(".st-key-own-figures").get_by_role("button", name="HTML").click()
    coming.value.save_as(tmp_path / "audit.html")
    report = (tmp_path / "audit.html").read_text()
    assert coming.value.suggested_filename == "audit.html" and "linear_layer" in report and "Risks to sign" in report
    assert page.url.partition("?")[2] == "", "nothing of it is in the address"
    fits(page, (390, 900, 1440))
