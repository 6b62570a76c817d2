"""A docstring is a contract: it is there, it names what is handed in, and its examples run."""

from __future__ import annotations

import ast
import doctest
import pkgutil
import re
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import diptych
from tests.house.tree import PACKAGE, Function, name, python_files

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(diptych.__path__, "diptych.")
    if module.name.rpartition(".")[2] not in {"__main__", "_core"}
)
PUBLIC = [path for path in python_files(PACKAGE) if not path.stem.startswith("_") or path.stem == "__init__"]
HOMES = {PACKAGE.parent.joinpath(*home.split(".")).with_suffix(".py") for home in diptych._HOMES.values()}

Definition = Function | ast.ClassDef


def definitions(
    body: list[ast.stmt], owner: ast.ClassDef | None = None
) -> Iterator[tuple[ast.ClassDef | None, Definition]]:
    """Public classes, functions and methods, each with the class it stands in."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield owner, node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, node)


def parameters(node: Definition) -> list[str]:
    """What a caller hands in, as a docstring writes it: fields of a class without ``__init__``, else arguments."""
    if isinstance(node, ast.ClassDef):
        makers = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        if makers:
            return parameters(makers[0])
        if "TypedDict" in map(ast.unparse, node.bases):
            return []  # the keyword form of another class, which documents them
        fields = [n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
        return [field for field in fields if not field.startswith("_") and field != "model_config"]
    a = node.args
    plain = [argument.arg for argument in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    starred = [stars + argument.arg for stars, argument in (("*", a.vararg), ("**", a.kwarg)) if argument]
    return [argument for argument in plain if argument not in {"self", "cls"}] + starred


def section(docstring: str) -> list[str] | None:
    """The names that a Parameters section lists, or None without one."""
    found = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n\S|\Z)", docstring, re.DOTALL | re.MULTILINE)
    if not found:
        return None
    heads = [line.partition(" :")[0] for line in found[1].splitlines() if line and not line.startswith(" ")]
    return [part.strip() for head in heads for part in head.split(",")]


def field_notes(node: Definition) -> set[str]:
    """Fields of a class that have a string below them."""
    pairs = zip(node.body, node.body[1:], strict=False)
    return {
        field.target.id
        for field, note in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant)
    }  # fmt: skip


def promised(sources: dict[Path, str]) -> set[str]:
    """Methods that a Protocol documents once for all classes that have them."""
    return {
        node.name
        for source in sources.values()
        for owner, node in definitions(ast.parse(source).body)
        if owner and "Protocol" in map(ast.unparse, owner.bases) and ast.get_docstring(node)
    }


def faults(source: str, *, named: bool, documented_elsewhere: frozenset[str] = frozenset()) -> list[str]:
    """What the docstrings of a module lack; with ``named``, every parameter must be named in some way."""
    found = []
    for owner, node in definitions(ast.parse(source).body):
        label = f"{owner.name}.{node.name}" if owner else node.name
        text = ast.get_docstring(node)
        if text is None:
            if not (owner and node.name in documented_elsewhere):
                found.append(f"{label}: no docstring")
            continue
        given, listed = parameters(node), section(text)
        if listed is not None and not isinstance(node, ast.ClassDef) and listed != given:
            found.append(f"{label}: takes {given}, Parameters lists {listed}")
        if named:
            known = set(re.findall(r"\w+", text)) | field_notes(node)
            found += [f"{label}: {one} is not named" for one in given if one.strip("*") not in known]
    return found


def test_docstrings_are_there_and_name_what_is_handed_in() -> None:
    sources = {path: path.read_text() for path in [*PUBLIC, PACKAGE / "_types.py"]}
    assert len(sources) > 50
    assert len(HOMES & set(sources)) >= 8
    elsewhere = promised(sources)
    assert {"propose", "values", "encode"} <= elsewhere
    said = [
        f"{name(path)}: {fault}"
        for path, source in sources.items()
        for fault in faults(source, named=path in HOMES, documented_elsewhere=frozenset(elsewhere))
    ]
    assert said == []


def test_a_docstring_that_says_too_little_is_reported() -> None:
    bad = '''
def bare(x): ...

def stale(x, y):
    """Do it.

    Parameters
    ----------
    x : one
    z : gone

    Returns
    -------
    y : two
    """

def silent(size):
    """Do it."""

class Box:
    """Holds things."""

    width: int
    """In metres."""
    height: int
'''
    assert faults(bad, named=True) == [
        "bare: no docstring",
        "stale: takes ['x', 'y'], Parameters lists ['x', 'z']",
        "silent: size is not named",
        "Box: height is not named",
    ]
    assert len(faults(bad, named=False)) == 2


def run_examples(module: object, module_name: str) -> doctest.TestResults:
    finder, runner = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestRunner(verbose=False)
    for test in finder.find(module, module_name):
        runner.run(test)
    return runner.summarize(verbose=False)


def test_there_are_examples() -> None:
    assert len(MODULES) > 50
    finder = doctest.DocTestFinder()
    examples = [e for m in MODULES for test in finder.find(import_module(m)) for e in test.examples]
    assert len(examples) > 40


@pytest.mark.parametrize("module", ["diptych", *MODULES])
def test_examples_give_what_they_say(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run_examples(import_module(module), module).failed == 0


def test_a_wrong_example_fails() -> None:
    def wrong() -> None:
        """
        >>> 1 + 1
        3
        """

    test = doctest.DocTestFinder().find(wrong, "wrong", globs={})[0]
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed == 1
