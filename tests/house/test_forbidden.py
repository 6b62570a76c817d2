"""What no file of the package may do: run what it reads, unpickle, trust a template, go through a shell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

import pytest

from tests.house.tree import PACKAGE, ROOT, files, name

FORBIDDEN = {
    "pickle": r"\b(?:c|cloud)?[pP]ickle\b|\bdill\b",
    "marshal": r"\bmarshal\b",
    "shelve": r"\bshelve\b",
    "joblib.load": r"\bjoblib\s*\.\s*load\b|from joblib import",
    "torch.load": r"\btorch\s*\.\s*load\b",
    "yaml.load(": r"\byaml\s*\.\s*(?:unsafe_|full_)?load(?:_all)?\s*\(",
    "eval(": r"(?<![\w.])eval\s*\(",
    "exec(": r"(?<![\w.])exec\s*\(",
    "allow_pickle=True": r"\ballow_pickle\s*=\s*(?!False\b)",
    "trust_remote_code=True": r"\btrust_remote_code\s*=\s*(?!False\b)",
    "shell=True": r"\bshell\s*=\s*(?!False\b)|\bos\s*\.\s*(?:system|popen)\b",
    "| safe": r"\|\s*safe\b",
    "Markup(": r"\bMarkup\s*\(",
    "relative import": r"^\s*from\s+\.",
}
ALLOWED = tomllib.loads((ROOT / "tests" / "house" / "allowed.toml").read_text())["allowed"]


def uses(source: str) -> set[str]:
    """Which forbidden things a text holds, comments and strings included."""
    return {rule for rule, pattern in FORBIDDEN.items() if re.search(pattern, source, re.MULTILINE)}


def judge(sources: dict[str, str], allowed: Iterable[dict[str, str]]) -> list[str]:
    """What is used without leave, and which leave is no longer needed."""
    used = {(file, rule) for file, source in sources.items() for rule in uses(source)}
    given = {(entry["file"], entry["rule"]) for entry in allowed}
    return [
        *(f"{file}: {rule} is forbidden" for file, rule in sorted(used - given)),
        *(f"{file}: leave for {rule} is not needed any more" for file, rule in sorted(given - used)),
    ]


def test_nothing_forbidden_is_used() -> None:
    places = (PACKAGE, ROOT / "benches")
    texts = [p for p in files(".py", ".html", ".j2", ".jinja", ".js") if any(p.is_relative_to(f) for f in places)]
    assert len(texts) > 60
    assert judge({name(path): path.read_text() for path in texts}, ALLOWED) == []


def test_every_leave_gives_a_reason() -> None:
    assert ALLOWED
    for entry in ALLOWED:
        assert set(entry) == {"file", "rule", "reason"}
        assert entry["rule"] in FORBIDDEN
        assert len(entry["reason"]) > 20


@pytest.mark.parametrize(
    ("rule", "snippet"),
    [
        ("pickle", "import pickle"),
        ("pickle", "from cloudpickle import loads"),
        ("marshal", "import marshal"),
        ("shelve", "import shelve"),
        ("joblib.load", "joblib.load(path)"),
        ("torch.load", "weights = torch.load(path)"),
        ("yaml.load(", "yaml.load(text)"),
        ("yaml.load(", "yaml.unsafe_load(text)"),
        ("eval(", "x = eval(text)"),
        ("exec(", "exec(text)"),
        ("allow_pickle=True", "np.load(path, allow_pickle=True)"),
        ("trust_remote_code=True", "load(name, trust_remote_code=flag)"),
        ("shell=True", "run(command, shell=True)"),
        ("shell=True", "os.system(command)"),
        ("| safe", "{{ answer|safe }}"),
        ("Markup(", "return Markup(text)"),
        ("relative import", "    from . import run"),
    ],
)
def test_each_forbidden_thing_is_seen(rule: str, snippet: str) -> None:
    assert uses(snippet) == {rule}
    assert judge({"a.py": snippet}, []) == [f"a.py: {rule} is forbidden"]
    assert judge({"a.py": snippet}, [{"file": "a.py", "rule": rule}]) == []


def test_what_looks_alike_is_let_through() -> None:
    lines = ["model.eval()", "np.load(path, allow_pickle=False)", "yaml.safe_load(text)", "from diptych import run"]
    assert uses("\n".join(lines)) == set()


def test_a_leave_that_nobody_needs_is_reported() -> None:
    assert judge({"a.py": "x = 1"}, [{"file": "a.py", "rule": "eval("}]) == [
        "a.py: leave for eval( is not needed any more"
    ]
