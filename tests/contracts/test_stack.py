"""Several defenses are asked as one, facts of a defense stand on it, and a stack is still the value that texts and keys were made of."""

import ast
import pickle
from pathlib import Path

import pytest

from invviz.defenses import DEFENSES, Clipping, GaussianNoise, LocalDP, Pruning, Quantisation, Soteria, Stack
from invviz.scenario import Scenario

PACKAGE = Path(__file__).parents[2] / "invviz"
THROUGH = {"enumerate", "zip", "reversed", "list", "tuple", "pairwise", "sorted", "iter", "map", "filter", "any", "all", "sum", "next"}
HANDS_ON = {"scenario/_scenario.py": ["_form", "pairs"]}  # the text form goes through what it writes
STACKS = {"Stack", "Sequence[Defense]", "Iterable[Defense]", "tuple[Defense, ...]", "list[Defense]"}


def loops(code: str) -> list[tuple[str, int]]:
    """Functions and lines in which something goes through a scenario's defenses one by one, or through a stack that was handed over."""
    found = []
    for function in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)):
        given = [*function.args.args, *function.args.kwonlyargs]
        names = {a.arg for a in given if a.annotation is not None and ast.unparse(a.annotation).strip("'\"") in STACKS}
        for node in (n for n in ast.walk(function) if isinstance(n, ast.Assign)):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name) and _is_stack(node.value, names)}
        for node in ast.walk(function):
            every = [node.iter] if isinstance(node, (ast.For, ast.comprehension)) else []
            every += node.args[1:] if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("map", "filter") else []
            found += [(function.name, each.lineno) for each in every if _is_stack(each, names)]
    return sorted(set(found))


def _is_stack(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Attribute(attr="defense"):
            return not (isinstance(node.value, ast.Name) and node.value.id == "args")  # texts from the command line
        case ast.Name(id=name):
            return name in names
        case ast.Subscript(value=value, slice=ast.Slice()) | ast.Starred(value=value):
            return _is_stack(value, names)
        case ast.Call(func=ast.Name(id=name), args=args):
            return name in THROUGH and any(_is_stack(arg, names) for arg in args)
        case ast.BoolOp(values=values):
            return any(_is_stack(value, names) for value in values)
    return False


@pytest.mark.parametrize(
    "line",
    [
        "any(d.noisy for d in s.defense)",
        "[d for d in s.defense[:-1]]",
        "{d.name: k for k, d in enumerate(reversed(scenario.defense))}",
        "list(map(str, s.defense))",
    ],
)
def test_a_loop_over_defenses_is_seen(line):
    assert loops(f"def f(s):\n    return {line}\n") == [("f", 2)]
    assert loops(f"def f(s):\n    kept = s.defense\n    return {line.replace('scenario', 's').replace('s.defense', 'kept')}\n") == [
        ("f", 3)
    ]
    assert not loops("def f(s):\n    return s.defense.noisy, [n.law for n in s.defense.noises(UNIT)], len(s.defense)\n")


def test_nothing_but_the_stack_goes_through_the_defenses_of_a_scenario():
    files = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "defenses"]
    assert len(files) > 300
    found = {path.relative_to(PACKAGE).as_posix(): loops(path.read_text()) for path in files}
    allowed = {name: [one for one in each if one[0] not in HANDS_ON.get(name, [])] for name, each in found.items()}
    assert {name: each for name, each in allowed.items() if each} == {}
    assert {name: [one for one, _ in found[name]] for name in HANDS_ON} == HANDS_ON, "no exception that is none"


def listed(code: str) -> list[list[str]]:
    """Lists, tuples, sets and dictionaries that name two defenses or more."""
    found = []
    for node in ast.walk(ast.parse(code)):
        each = node.keys if isinstance(node, ast.Dict) else node.elts if isinstance(node, (ast.List, ast.Tuple, ast.Set)) else []
        names = [one.value for one in each if isinstance(one, ast.Constant) and one.value in DEFENSES]
        found += [names] * (len(names) > 1)
    return found


def test_no_list_names_defenses_whose_facts_stand_on_them():
    assert listed("WORTH = {'gaussian_noise': 1, 'pruning': 2}; FIRST = ('sign', 'ats')") and not listed("x = ['dropout', 'other']")
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "defenses" / "__init__.py"]  # the table
    assert {str(path.relative_to(PACKAGE)): found for path in files if (found := listed(path.read_text()))} == {}


def test_a_stack_is_the_value_that_a_tuple_of_its_defenses_is():
    parts = (Clipping(), GaussianNoise(sigma=0.5))
    stack, scenario = Stack(parts), Scenario.parse("data=digits&model=mlp&defense=clipping&defense=gaussian_noise(sigma=0.5)")
    assert stack == parts and hash(stack) == hash(parts) and repr(stack) == repr(parts)
    assert stack == scenario.defense == scenario.replace(defense=parts).defense and isinstance(
        scenario.replace(defense=parts).defense, Stack
    )
    assert scenario.replace(defense=parts) == scenario and hash(scenario.replace(defense=parts)) == hash(scenario)
    assert pickle.loads(pickle.dumps(scenario)).defense == stack
    assert isinstance(stack[:1], Stack) and stack[1:] == (GaussianNoise(sigma=0.5),) and stack[0] is parts[0]
    assert stack.put(0, Pruning()) == (Pruning(), parts[1]) and stack.last_with("sigma") == 1 and stack.last_with("bits") is None


@pytest.mark.parametrize("name", DEFENSES)
def test_a_stack_of_one_answers_as_the_one(name):
    one = DEFENSES[name]()
    stack = Stack((one,))
    assert stack.per_sample == one.needs.per_sample
    for fact in ("noisy", "adds_noise", "hides", "uses_public", "linear"):
        assert getattr(stack, fact) == getattr(one, fact), fact
    assert (stack.promise, stack.level(), stack.title, stack.text()) == (one.promise, one.level(), one.title, one.text())
    assert stack.jumps == ({one.jumps} if one.jumps else set())
    assert stack.coloured == (one if one.coloured else None) and stack.keyed() == (one.keyed(),)
    off = Stack((one.replace(**{one.strength: one.identity}),))
    assert off.live == () and off.coloured is None and off.promise == ""


def test_a_stack_of_several_answers_for_all():
    stack = Stack((LocalDP(), Soteria(), Quantisation(bits=32)))
    assert stack.noisy and stack.live == stack[:2] and stack.rereading == stack[1:2]
    assert stack[:1].promise and stack.promise == "", "what comes later reads the batch again"
    upto, after = Stack((Clipping(), GaussianNoise(), Pruning())).at_first_noise
    assert upto.names == ("clipping", "gaussian_noise") and after.names == ("pruning",)
    assert Stack().adds_noise and Stack().linear and not Stack().noisy and Stack().coloured is None and Stack().text() == "none"
    assert Stack((Clipping(), GaussianNoise(sigma=0.1))).changed(Stack((Clipping(), GaussianNoise(sigma=0.2))))[0][2] == "sigma"
    assert Stack((Clipping(),)).changed(Stack((Pruning(),))) is None
