"""A file and a function are as long as a reader can hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.tree import ROOT, functions, name, python_files, rust_files

PYTHON_FILE, RUST_FILE, FUNCTION = 400, 600, 60
BINDING_FILE, BINDING_CRATE = 150, 1150  # one short wrapper a kernel: the limit grows with their number


def length(source: str) -> int:
    return len(source.splitlines())


def python_functions(source: str) -> Iterator[tuple[str, int]]:
    """Each function and the lines of its body. A signature is a list of flags and a docstring is a contract:
    neither is what makes a function hard to hold.
    """
    for function in functions(source):
        body = function.body[1:] if ast.get_docstring(function) is not None else function.body
        yield function.name, (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def rust_functions(source: str) -> Iterator[tuple[str, int]]:
    """Each function and its lines from ``fn`` to the brace below it: rustfmt puts both at one indent."""
    lines = source.splitlines()
    for start, line in enumerate(lines):
        head = re.match(r"( *)(?:pub(?:\([a-z ]+\))? )?(?:const |unsafe |async )*fn (\w+)", line)
        if head and not line.rstrip().endswith("}"):
            opening = next(i for i in range(start, len(lines)) if lines[i].rstrip().endswith(("{", ";")))
            if lines[opening].rstrip().endswith("{"):
                end = next(i for i in range(opening, len(lines)) if lines[i] == head[1] + "}")
                yield head[2], end - start + 1


def too_long(sources: dict[str, str]) -> list[str]:
    """Every file and function beyond its limit."""
    found = []
    for file, source in sources.items():
        is_python = file.endswith(".py")
        limit = PYTHON_FILE if is_python else RUST_FILE
        if file.startswith("rust/py/"):
            limit = BINDING_FILE
        if length(source) > limit:
            found.append(f"{file}: {length(source)} lines, at most {limit}")
        if file.startswith("rust/core/tests/"):
            continue  # a table of cases stands in the body of its test
        for function, lines in (python_functions if is_python else rust_functions)(source):
            if lines > FUNCTION:
                found.append(f"{file}: {function} has {lines} lines, at most {FUNCTION}")
    return found


def test_files_and_functions_are_short_enough() -> None:
    sources = {name(path): path.read_text() for path in [*python_files(), *rust_files()]}
    assert len(sources) > 100
    assert sum(1 for s in sources.values() for _ in re.finditer(r"^\s*(?:def|(?:pub )?fn) ", s, re.MULTILINE)) > 500
    assert too_long(sources) == []


def test_rust_functions_are_seen() -> None:
    seen = [found for path in rust_files(ROOT / "rust" / "core" / "src") for found in rust_functions(path.read_text())]
    assert len(seen) > 80
    assert max(lines for _, lines in seen) > 20


def test_the_binding_stays_thin() -> None:
    lengths = {name(path): length(path.read_text()) for path in rust_files(ROOT / "rust" / "py" / "src")}
    assert len(lengths) > 6
    assert sum(lengths.values()) <= BINDING_CRATE, lengths


def test_what_is_too_long_is_reported() -> None:
    body = "    x = 1\n" * 61
    rust = (
        "impl A {\n    fn declared(\n    );\n    pub fn long(\n        a: u8,\n    ) -> u8 {\n"
        + "        a();\n" * 60
        + "    }\n}\n"
    )
    said = "\n".join(
        too_long(
            {
                "a.py": "\n" * 401,
                "b.py": f"def long():\n    '''Doc.'''\n{body}",
                "c.rs": "\n" * 601,
                "d.rs": rust,
                "rust/py/src/e.rs": "\n" * 151,
                "good.py": "def short(\n" + "".join(f"    a{i}=1,\n" for i in range(70)) + "):\n    return 1\n",
            }
        )
    )
    assert len(said.splitlines()) == 5
    for fault in ("a.py: 401", "long has 61", "c.rs: 601", "long has 64", "e.rs: 151"):
        assert fault in said
