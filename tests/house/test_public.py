"""The public names: sorted, complete, importable, documented; and those of the kernels, at the door and in the stub."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType
from typing import Any

import diptych
from diptych import _core, _native  # noqa: TID251 - the door is what this test looks at
from tests.house.tree import PACKAGE


def faults(module: Any, homes: dict[str, str], typed: dict[str, str]) -> list[str]:
    """What is wrong with a module that hands out the names of ``homes`` and shows type checkers ``typed``."""
    names = list(module.__all__)
    found = [] if names == sorted(names) else [f"__all__ is not sorted: {names}"]
    if set(names) != {*homes, "__version__"}:
        found.append(f"__all__ and the homes differ in {sorted(set(names) ^ {*homes, '__version__'})}")
    if homes != typed:
        found.append(f"type checkers see other homes: {sorted(set(homes.items()) ^ set(typed.items()))}")
    for name in names:
        thing = getattr(module, name, None)
        if thing is None:
            found.append(f"{name} cannot be had")
        elif name != "__version__" and not (vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__):
            found.append(f"{name} has no docstring")
    return found


def typed_imports(source: str) -> dict[str, str]:
    """Name to module of what is imported under ``if TYPE_CHECKING``."""
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def stub_names(source: str) -> set[str]:
    """The public names that a stub defines."""
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def test_the_public_names_are_sorted_complete_importable_and_documented() -> None:
    typed = typed_imports((PACKAGE / "__init__.py").read_text())
    assert len(typed) >= 10
    assert faults(diptych, diptych._HOMES, typed) == []
    assert dir(diptych) == diptych.__all__


def test_a_wrong_set_of_names_is_reported() -> None:
    module = ModuleType("module")
    vars(module).update(__all__=["b", "a", "__version__"], __version__="1", b=lambda: None, spare=1)
    said = " ".join(faults(module, {"b": "m", "c": "m"}, {"b": "n"}))
    for fault in ("not sorted", "['a', 'c']", "other homes", "a cannot be had", "b has no docstring"):
        assert fault in said


def test_the_door_hands_out_every_kernel_and_the_stub_describes_each() -> None:
    kernels = set(_core.__all__)
    assert len(kernels) > 8
    assert set(_native.__all__) == kernels
    assert list(_native.__all__) == sorted(_native.__all__)
    assert stub_names((PACKAGE / "_core.pyi").read_text()) == kernels


def test_a_stub_that_lacks_a_name_is_seen() -> None:
    assert stub_names("def assign(): ...\n_hidden = 1\n__version__: str\n") == {"assign", "__version__"}
