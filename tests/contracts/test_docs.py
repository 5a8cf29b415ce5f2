"""The documentation says what the code does."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from invviz.defenses import DEFENSES
from invviz.scenario import PARTS, Scenario

ROOT = Path(__file__).parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_component_tables_are_up_to_date():
    assert load(ROOT / "docs/make_tables.py").page() == (ROOT / "docs/components.md").read_text(), "run python docs/make_tables.py"


def test_defenses_page_is_made_of_its_figures():
    """Of every defense at its default strength, as it is now."""
    made, figures = load(ROOT / "docs/make_defenses.py"), json.loads((ROOT / "docs/defenses.json").read_text())
    assert made.page(figures) == (ROOT / "docs/defenses.md").read_text(), "run python docs/make_defenses.py --page"
    wanted = {f"defense={name}" for name, kind in DEFENSES.items() if not kind.needs.embedding}
    assert wanted <= set(figures["rows"]), "run python docs/make_defenses.py"
    for row, pictures in figures["rows"].items():
        for picture, found in pictures.items():
            scenario, ideal = Scenario.parse(found["scenario"]), found["ideal"]
            assert scenario == made.scenario(picture, row), "run python docs/make_defenses.py"
            assert "refused" in ideal or ideal["key"] == scenario.key("risk"), "keys of before (--page does not touch them)"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/adding.md",
        "docs/flower.md",
        "docs/audit.md",
        "docs/theory.md",
        "docs/redteam_by_hand.md",
        "benchmarks/README.md",
        "CHANGELOG.md",
    ],
)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_scenarios_in_the_docs_can_be_read(page):
    found = re.findall(r"[\"'`]((?:data|model)=[^\"'`\s]+(?:'[a-z]+'[^\"`\s]*)?)[\"`]", (ROOT / page).read_text())
    for text in found:
        assert Scenario.parse(text)


def test_readme_has_exactly_two_setup_commands():
    text = (ROOT / "README.md").read_text()
    assert text.count("pip install") == 2
    assert "streamlit run app.py" in text
    assert "<!-- test command -->" in text


def test_every_part_is_listed():
    text = (ROOT / "docs/components.md").read_text()
    for table in PARTS.values():
        for name in table:
            assert f"### `{name}`" in text


def test_import_contracts_hold():
    """The architecture's arrows, as import-linter checks them."""
    pytest.importorskip("importlinter", reason="pip install -r requirements-dev.txt")
    done = subprocess.run([Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def _types(*what: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("pyrefly", reason="pip install -r requirements-dev.txt")
    command = [sys.executable, "-m", "pyrefly", "check", "--python-interpreter-path", sys.executable, "--output-format", "min-text", *what]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_types():
    done = _types()
    assert done.returncode == 0, done.stdout + done.stderr


FAULTY = """
from invviz.core.types import Size
from invviz.scenario import Scenario


def given(scenario: Scenario, some: list[int]) -> str:
    Size("a", 1, 1.0)
    scenario.no_such
    if some:
        last = some[0]
    print(last)
    found = {1: "a"}.get(2)
    found.upper()
    import no_such_package
    return 1
"""


def test_the_type_check_finds_what_is_planted(tmp_path):
    """With the settings of the house: a wrong argument, attributes that are missing or of None, what may be unbound, an import and a return of another type."""
    (tmp_path / "planted.py").write_text(FAULTY)
    done = _types(str(tmp_path / "planted.py"), "--config", str(ROOT / "pyproject.toml"))
    found = re.findall(r"planted.py:(\d+).*\[([\w-]+)\]", done.stdout)
    kinds = ["bad-argument-type", "missing-attribute", "unbound-name", "missing-attribute", "missing-import", "bad-return"]
    assert found == list(zip(["7", "8", "11", "13", "14", "15"], kinds, strict=True)), done.stdout + done.stderr


@pytest.mark.parametrize("command", [["ruff", "check", "."], ["ruff", "format", "--check", "."]])
def test_ruff(command):
    pytest.importorskip("ruff", reason="pip install -r requirements-dev.txt")
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("extra", "file"), [("dev", "requirements-dev.txt"), ("ray", "requirements-ray.txt")])
def test_extras_are_the_optional_requirements(extra, file):
    """`pip install .[dev]` brings what the file brings; no extra stands there without a file, nor with an older version."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) == {"dev", "ray"}
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+?)\.\*$", (ROOT / file).read_text(), re.MULTILINE))
    assert dict(one.split(">=") for one in extras[extra]) == pinned
