"""A defense that is exported does in NumPy what it does here: the same bytes from the same update and the same random numbers, and the law that it states."""

import ast
import itertools
import math
import re
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from invviz.cli import main
from invviz.core.errors import TextError
from invviz.defenses import DEFENSES, Clipping, GaussianNoise, LaplaceNoise, LocalDP, Stack, StochasticQuantisation, flower_module
from invviz.scenario import Scenario

ABLE = [name for name, kind in DEFENSES.items() if kind.on_update is not None]
SHAPES = {"out.weight": (6, 5), "scale": (), "in.weight": (4, 3, 3, 3), "in.bias": (4,)}  # not in alphabetical order


class Replay:
    """The numbers that a torch generator gives, asked for as those of a NumPy generator."""

    def __init__(self, seed):
        self.rng = torch.Generator().manual_seed(seed)

    def standard_normal(self, shape, dtype):
        return torch.randn(shape, generator=self.rng, dtype=getattr(torch, np.dtype(dtype).name)).numpy()

    def random(self, shape, dtype):
        return torch.rand(shape, generator=self.rng, dtype=getattr(torch, np.dtype(dtype).name)).numpy()


def variants():
    """Every defense at its suggested strengths, with both values of what it is relative to, and all choices."""
    for name in ABLE:
        kind = DEFENSES[name]
        others = [[(k.name, v) for v in k.choices or (True, False)] for k in kind.knobs() if k.choices or isinstance(k.default, bool)]
        for level, *chosen in itertools.product(kind.suggested.levels, *others):
            yield kind().replace(**{kind.strength: level}, **dict(chosen))


def update(dtype, seed=0, exact=True):
    """Eighths between -2 and 2, of which sums, and sums of squares, have no rounding in any order; or normal numbers."""
    rng = np.random.default_rng(seed)
    draw = (lambda shape: rng.integers(-16, 17, shape) / 8) if exact else rng.standard_normal
    return {name: np.asarray(draw(shape)).astype(dtype) for name, shape in SHAPES.items()}


def here(defense, given, seed):
    """What the defense of this package sends of an update."""
    tree = {name: torch.from_numpy(leaf.copy()) for name, leaf in given.items()}
    sent = defense.wrap(lambda net, batch, rng: tree, None)(None, None, torch.Generator().manual_seed(seed))
    return {name: leaf.numpy() for name, leaf in sent.items()}


def there(defense, given, rng):
    return type(defense).on_update(given, rng, **defense.update_knobs())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("defense", list(variants()), ids=lambda d: d.text())
def test_the_same_update_and_random_numbers_give_the_same_bytes(defense, dtype):
    given = update(dtype)
    wanted, found = here(defense, given, 3), there(defense, given, Replay(3))
    assert list(found) == list(SHAPES) and given.keys() == update(dtype).keys()
    for name, leaf in wanted.items():
        if isinstance(defense, LaplaceNoise):  # the two libraries' logarithms differ in the last place
            np.testing.assert_allclose(found[name], leaf, rtol=4 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
        else:
            assert np.asarray(found[name], dtype).tobytes() == leaf.tobytes(), name
        assert np.asarray(given[name]).tobytes() == update(dtype)[name].tobytes(), "nothing is changed in place"


@pytest.mark.parametrize("defense", [d for d in variants() if not isinstance(d, StochasticQuantisation)], ids=lambda d: d.text())
def test_of_any_update_they_differ_by_rounding_alone(defense):
    given = update("float32", 5, exact=False)
    for name, leaf in here(defense, given, 4).items():
        np.testing.assert_allclose(there(defense, given, Replay(4))[name], leaf, rtol=2e-6, atol=2e-6 * float(np.abs(leaf).max()))


@pytest.mark.parametrize("defense", list(variants()), ids=lambda d: d.text())
def test_it_does_not_matter_whether_the_update_is_what_was_added_or_taken_away(defense):
    """The package's message is before - after, Flower's update after - before."""
    given = update("float64")
    if defense.noisy:  # symmetric laws: the sent means agree, tested by the error's mean over many draws
        rng = np.random.default_rng(0)
        errors = np.array([there(defense, given, rng)["in.weight"] + there(defense, _minus(given), rng)["in.weight"] for _ in range(200)])
        if errors.std() > 0:
            assert abs(errors.mean()) < 5 * errors.std() / errors.size**0.5
        return
    plus, minus = there(defense, given, Replay(1)), there(defense, _minus(given), Replay(1))
    assert all((plus[name] == -minus[name]).all() for name in SHAPES)


def _minus(given):
    return {name: -leaf for name, leaf in given.items()}


def error(defense, given, seed=1):
    return np.concatenate(
        [(a - b).ravel() for a, b in zip(there(defense, given, np.random.default_rng(seed)).values(), given.values(), strict=True)]
    )


def test_noise_has_the_stated_law_and_scale():
    given = {"a": np.random.default_rng(0).standard_normal((300, 100)), "b": np.zeros(20_000)}
    rms = math.sqrt(sum(float((leaf**2).sum()) for leaf in given.values()) / 50_000)
    for relative, unit in ((True, rms), (False, 1.0)):
        assert stats.kstest(error(GaussianNoise(sigma=0.3, relative=relative), given), stats.norm(scale=0.3 * unit).cdf).pvalue > 1e-3
        assert stats.kstest(error(GaussianNoise(sigma=0.33, relative=relative), given), stats.norm(scale=0.3 * unit).cdf).pvalue < 1e-3
        assert stats.kstest(error(LaplaceNoise(scale=0.3, relative=relative), given), stats.laplace(scale=0.3 * unit).cdf).pvalue > 1e-3
        assert stats.kstest(error(LaplaceNoise(scale=0.33, relative=relative), given), stats.laplace(scale=0.3 * unit).cdf).pvalue < 1e-3
    rounded = StochasticQuantisation(bits=3, scale="largest")
    step = max(float(np.abs(leaf).max()) for leaf in given.values()) / 3
    found = error(rounded, given)
    up = given["a"].ravel() / step - np.floor(given["a"].ravel() / step)
    assert found.var() * 50_000 == pytest.approx(float((up * (1 - up)).sum()) * step**2, rel=0.03), "f (1 - f) q^2 of each entry"
    assert abs(found.mean()) < 5 * found.std() / 50_000**0.5, "right on average"


def test_local_dp_keeps_its_promise_and_no_more():
    """Balle and Wang's condition, written down here: delta(sigma) of sensitivity 2 c is what was asked for."""
    defense = LocalDP(epsilon=2.0, delta=1e-5, clip_norm=0.5)
    given = {"a": np.full(50_000, 3.0)}
    clipped = 0.5 / math.sqrt(50_000)
    noise = there(defense, given, np.random.default_rng(2))["a"] - clipped
    sigma = 2 * 0.5 * defense.update_knobs()["multiplier"]
    assert stats.kstest(noise, stats.norm(scale=sigma).cdf).pvalue > 1e-3
    ratio = 1.0 / sigma  # sensitivity 2 c = 1
    spent = lambda r: stats.norm.cdf(r / 2 - 2.0 / r) - math.exp(2.0) * stats.norm.cdf(-r / 2 - 2.0 / r)  # noqa: E731
    assert spent(ratio) == pytest.approx(1e-5, rel=1e-4) and spent(ratio) <= 1e-5 < spent(ratio * 1.001)


@pytest.mark.parametrize("name", DEFENSES)
def test_each_defense_can_be_exported_or_says_why_not(name):
    kind = DEFENSES[name]
    assert bool(kind().beyond_update) == (name not in ABLE) == (kind.on_update is None)
    if name in ABLE:
        one = kind().replace(**{kind.strength: kind.suggested.levels[-1]})
        assert kind.__name__ and one.text(full=True) in flower_module(Stack((one,)))
        return
    with pytest.raises(TextError) as said:
        flower_module(Stack((kind(),)))
    assert f"{name} cannot be exported: it {kind().beyond_update}." in str(said.value)
    assert all(able in str(said.value).partition("can: ")[2] for able in ABLE)


# The written module, with a stand-in for Flower's types


class Content(dict):
    """Records of a message by name, as Flower's RecordDict has them."""

    @property
    def array_records(self):
        return {key: record for key, record in self.items() if isinstance(record, Record)}


class Record(dict):
    """As Flower's ArrayRecord."""


def message(kind="train", error=False, **records):
    content = Content({key: Record({n: Leaf(a) for n, a in r.items()}) if isinstance(r, dict) else r for key, r in records.items()})
    return SimpleNamespace(metadata=SimpleNamespace(message_type=kind), content=content, has_error=lambda: error)


class Leaf:
    """As Flower's Array; but what `numpy()` gives is not a copy."""

    def __init__(self, held):
        self.held = held

    def numpy(self):
        return self.held


@pytest.fixture
def written(monkeypatch):
    """Import the module of a line of text."""
    stub = types.ModuleType("flwr.app")
    stub.Array, stub.ArrayRecord = Leaf, Record
    monkeypatch.setitem(sys.modules, "flwr", types.ModuleType("flwr"))
    monkeypatch.setitem(sys.modules, "flwr.app", stub)

    def load(*defenses):
        module = types.ModuleType("written")
        exec(compile(flower_module(Stack(defenses)), "written.py", "exec"), module.__dict__)
        return module

    return load


def test_a_mod_defends_the_update_and_nothing_else(written):
    module = written(Clipping(clip_norm=0.5))
    before = {"w": np.ones((2, 2), "float32"), "steps": np.array(3, "int64"), "b": np.zeros(2, "float32"), "half": np.ones(2, "float16")}
    after = {
        "b": np.array([3, 0], "float32"),
        "w": np.array([[1, 5], [1, 1]], "float32"),
        "steps": np.array(9, "int64"),
        "half": np.ones(2, "float16"),
    }
    told = SimpleNamespace(loss=0.3)  # no arrays
    reply = message(arrays=after, metrics=told)
    assert module.mod(message(arrays=before), "context", lambda m, c: reply) is reply
    sent = {name: leaf.numpy() for name, leaf in reply.content["arrays"].items()}
    assert list(sent) == list(after) and list(reply.content) == ["arrays", "metrics"] and reply.content["metrics"] is told
    assert {name: (leaf.dtype, leaf.shape) for name, leaf in sent.items()} == {
        name: (leaf.dtype, leaf.shape) for name, leaf in after.items()
    }
    np.testing.assert_allclose(sent["b"], [0.3, 0], rtol=1e-6)  # (3, 4) has norm 5, a tenth is left
    np.testing.assert_allclose(sent["w"], [[1, 1.4], [1, 1]], rtol=1e-6)
    assert sent["steps"] == 3, "counters go back as they came"


def test_half_precision_is_defended_in_single(written):
    """In half precision the squares of such an update would be infinite, and nothing of it would be left."""
    before, after = {"w": np.zeros(2, "float16")}, {"w": np.array([300, 400], "float16")}
    sent = written(Clipping(clip_norm=5.0)).defended(before, after, None)["w"]
    assert sent.dtype == np.float16 and sent.tolist() == [3, 4]


def test_a_mod_sends_what_the_stack_sends_of_that_update(written):
    stack = (Clipping(clip_norm=0.5), GaussianNoise(sigma=0.25, relative=False), DEFENSES["pruning"](fraction=0.5))
    given = update("float32")
    base = {name: np.full_like(leaf, 4) for name, leaf in update("float32").items()}
    sent = written(*stack).defended(base, {name: base[name] + leaf for name, leaf in given.items()}, Replay(3))
    tree = {name: torch.from_numpy(leaf.copy()) for name, leaf in given.items()}
    wanted = Stack(stack).wrap(lambda net, batch, rng: tree, None)(None, None, torch.Generator().manual_seed(3))
    for name, leaf in wanted.items():
        assert sent[name].tobytes() == (base[name] + leaf.numpy()).tobytes()


@pytest.mark.parametrize("kind", ["evaluate", "query", "train", "train.fine", "trainer"])
def test_a_mod_acts_on_training_alone(written, kind):
    module = written(Clipping(clip_norm=1e-3))
    reply = message(kind, arrays={"w": np.array([5.0])})
    module.mod(message(kind, arrays={"w": np.array([0.0])}), None, lambda m, c: reply)
    assert reply.content["arrays"]["w"].numpy()[0] == pytest.approx(1e-3 if kind in ("train", "train.fine") else 5.0)


def test_errors_pass_and_the_parameters_that_came_are_read_first(written):
    module = written(Clipping(clip_norm=1.0))
    failed = message(error=True)
    assert module.mod(message(arrays={"w": np.zeros(1)}), None, lambda m, c: failed) is failed
    came = message(arrays={"w": np.zeros(1)})

    def trains_in_place(given, context):
        given.content["arrays"]["w"].numpy()[:] += 7
        return message(params={"w": given.content["arrays"]["w"].numpy()})  # under another name, as Flower's own mods allow

    assert module.mod(came, None, trains_in_place).content["params"]["w"].numpy()[0] == 1.0


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"w": np.array([np.nan, 0.0])}, "NaN or infinity"),
        ({"w": np.array([np.inf, 0.0])}, "NaN or infinity"),
        ({"w": np.zeros(3)}, "shape"),
        ({"v": np.zeros(2)}, "not those that the server sent"),
        ({"w": np.zeros(2), "v": np.zeros(2)}, "not those that the server sent"),
        ({"w": np.zeros(2, complex)}, "neither floating point"),
    ],
)
def test_what_cannot_be_defended_is_not_sent(written, arrays, words):
    module = written(LocalDP())
    with pytest.raises(ValueError, match=words):
        module.mod(message(arrays={"w": np.zeros(2)}), None, lambda m, c: message(arrays=arrays))
    with pytest.raises(ValueError, match="array records"):
        module.mod(message(arrays={"w": np.zeros(2)}), None, lambda m, c: message(arrays={"w": np.zeros(2)}, more={"w": np.zeros(2)}))


def test_every_call_draws_anew(written):
    """A generator that lives in the module would be copied to every simulated client, and its noise would cancel."""
    module = written(GaussianNoise(sigma=1.0, relative=False))
    one, two = (module.mod(message(a={"w": np.zeros(9)}), None, lambda m, c: message(a={"w": np.zeros(9)})) for _ in range(2))
    assert (one.content["a"]["w"].numpy() != two.content["a"]["w"].numpy()).all()
    assert not [name for name, value in vars(module).items() if isinstance(value, np.random.Generator)]


def test_the_module_needs_numpy_and_flower_only_and_states_its_guarantee():
    promised, bare = flower_module(Stack((LocalDP(), Clipping()))), flower_module(Stack((GaussianNoise(),)))
    for text in (promised, bare):
        imports = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.Import, ast.ImportFrom))]
        assert [getattr(n, "module", None) or n.names[0].name for n in imports] == ["numpy", "flwr.app"]
        assert max(map(len, text.splitlines())) <= 200 and "What it does not do" in ast.get_docstring(ast.parse(text))
    assert f"Guarantee: {LocalDP.guarantee}" in promised and "Guarantee: none." in bare
    assert "Guarantee: none." in flower_module(Stack((LocalDP(relative_clip=True),)))
    assert "def pruning" not in bare and flower_module(Stack((GaussianNoise(),))) == bare, "what it needs, and the same every time"


def test_the_verb_writes_a_file_or_says_why_not(tmp_path, capsys):
    out = tmp_path / "new" / "my_mod.py"
    assert main(["export", "defense=clipping&defense=gaussian_noise(sigma=0.1)", "--to", "flower", "--out", str(out)]) == 0
    full = "defense=clipping(clip_norm=1.0,relative=False)&defense=gaussian_noise(sigma=0.1,relative=True)"
    made_by = f'invviz export "{full}" --to flower --out {out}'
    assert out.read_text() == flower_module(Stack((Clipping(), GaussianNoise(sigma=0.1))), "my_mod", made_by)
    assert "from my_mod import mod" in out.read_text() and made_by in out.read_text()
    assert main(["export", "sign", "--to", "flower"]) == 0 and "def sign" in capsys.readouterr().out
    for text, words in (
        ("defense=soteria", "soteria cannot be exported"),
        ("defense=gaussian_noise(sigma=0)", "every one is off"),
        ("data=digits&model=mlp", "no defense is named"),
        ("protocol=vfl&defense=gaussian_noise", "sends embeddings"),
    ):
        assert main(["export", text, "--to", "flower"]) == 2 and words in capsys.readouterr().err
    assert main(["export", "sign", "--to", "flower", "--out", str(tmp_path / "my-mod.py")]) == 2
    assert "could not import it" in capsys.readouterr().err


@pytest.mark.parametrize("joined", ["&", "&defense="])
def test_the_syntax_of_audit_is_taken_and_the_docstring_says_what_the_code_does(capsys, joined):
    """The root mean square of (3, 4, 0, 0) is 2.5, by hand."""
    before = "defense=" * (joined != "&")
    given = f"{before}clipping(clip_norm=0.5){joined}gaussian_noise(sigma=0.01)"
    assert main(["export", given, "--to", "flower"]) == 0
    text = capsys.readouterr().out
    assert (
        f'invviz export "{before}clipping(clip_norm=0.5,relative=False){joined}gaussian_noise(sigma=0.01,relative=True)" --to flower'
        in text
    )
    told = " ".join(ast.get_docstring(ast.parse(text)).split())
    assert "here u' = u + sigma r n, where r is the root mean square of the update's entries" in told and "m' = m" not in told
    assert main(["export", given.replace("sigma=0.01", "sigma=0.01,relative=False"), "--to", "flower"]) == 0
    plain = " ".join(ast.get_docstring(ast.parse(capsys.readouterr().out)).split())
    assert "u' = u + sigma n." in plain and "root mean square" not in plain
    ones = SimpleNamespace(standard_normal=lambda shape, dtype: np.ones(shape, dtype))
    sent = GaussianNoise.on_update({"w": np.array([3.0, 4.0, 0.0, 0.0])}, ones, sigma=0.01, relative=True)["w"]
    np.testing.assert_allclose(sent - [3, 4, 0, 0], 0.01 * 2.5, rtol=1e-12)


@pytest.mark.parametrize("text", ["noise(0.1)", "noise(sigma=0.1)"])
def test_an_unknown_defense_names_what_is_allowed_however_its_knobs_are_written(capsys, text):
    assert main(["export", text, "--to", "flower"]) == 2
    assert "unknown defense 'noise'; known: gaussian_noise, laplace_noise, clipping" in capsys.readouterr().err
    assert main(["export", "gaussian_noise(0.1)", "--to", "flower"]) == 2
    assert "Knobs of gaussian_noise, each written as name=value: sigma, relative." in capsys.readouterr().err


def test_what_the_docs_say_of_flower_holds():
    page = (Path(__file__).parents[2] / "docs" / "flower.md").read_text()
    assert re.findall(r"`(\w+)`", page.partition("Can be exported: ")[2].partition("\n")[0]) == ABLE
    for text in re.findall(r'invviz export "([^"]+)"', page):
        assert flower_module(Scenario.parse(text).defense)

    def spent(epsilon):
        """delta of the classical sigma = sensitivity sqrt(2 ln(1.25 / delta)) / epsilon, by the exact law of the normal mechanism."""
        ratio = epsilon / math.sqrt(2 * math.log(1.25e5))
        return stats.norm.cdf(ratio / 2 - epsilon / ratio) - math.exp(epsilon) * stats.norm.cdf(-ratio / 2 - epsilon / ratio)

    assert spent(1) < 1e-5 < spent(10) and "2.3e-5" in page and spent(10) == pytest.approx(2.3e-5, rel=0.02)
