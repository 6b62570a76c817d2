"""Settings and folders that cannot be used: refused with exit code 2, the place and the remedy, and nothing on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bad_input import Refused, check_refused
from tests.helpers.cli import listing, run_cli
from tests.helpers.forge import Forge
from tests.helpers.records import write_pair

PAIR = ("a.jsonl", "b.jsonl")


def flags(*given: str) -> tuple[str, ...]:
    return (*PAIR, *given)


def config(text: str) -> dict[str, Any]:
    """A run with such a config.yaml."""
    return {"arguments": flags("-c", "config.yaml"), "files": {"config.yaml": text.encode()}}


NAMES = [
    Refused("lens", ("unknown lens 'surfaces'", "Did you mean 'surface'", "Known: surface, phrases, clusters"),
            flags("--lenses", "phrases,surfaces")),
    Refused("embedder", ("unknown embedder 'lexcal'", "Did you mean 'lexical'"), flags("--embedder", "lexcal")),
    Refused("labeller", ("unknown labeller 'keyword'", "Did you mean 'keywords'"), flags("--labeller", "keyword")),
    Refused("lens in config", ("config.yaml:2", "unknown lens 'surfaces'", "Did you mean 'surface'"),
            **config("seed: 1\nlenses: [surfaces]\n")),
    Refused("lens from environment", ("DIPTYCH_LENSES", "unknown lens 'x'"), env={"DIPTYCH_LENSES": "x"}),
    Refused("lens twice", ("--lenses", "each once"), flags("--lenses", "surface,surface")),
    Refused("false discovery rate", ("--fdr = 'holm'", "'bh' or 'by'"), flags("--fdr", "holm")),
    Refused("no lens", ("--lenses", "at least one lens"), flags("--lenses", ",")),
    Refused("scores without field", ("scores", "--score-field"), flags("--lenses", "surface,scores")),
]  # fmt: skip

RANGES = [
    *(Refused(f"alpha {value}", ("--alpha", value.rstrip("0").rstrip("."), message), flags("--alpha", value))
      for value, message in (("0", "greater than 0"), ("1", "less than 1"), ("1.5", "less than 1"),
                             ("-0.1", "greater than 0"), ("nan", "finite number"))),
    Refused("resamples", ("--resamples", "5", "greater than or equal to 100"), flags("--resamples", "5")),
    Refused("limit", ("--limit", "0", "greater than or equal to 1"), flags("--limit", "0")),
    Refused("seed", ("--seed", "-1", "greater than or equal to 0"), flags("--seed", "-1")),
    Refused("seed too great", ("--seed", str(2**63), "less than"), flags("--seed", str(2**63))),
    Refused("fraction", ("--discovery-fraction", "1.0", "less than 1"), flags("--discovery-fraction", "1")),
    Refused("max bad", ("--max-bad", "'many'", "such as 5", "0.1%"), flags("--max-bad", "many")),
    Refused("max bad of environment", ("DIPTYCH_MAX_BAD", "'101%'"), env={"DIPTYCH_MAX_BAD": "101%"}),
    Refused("on bad line", ("--on-bad-line", "'ignore'", "'error' or 'skip'"), flags("--on-bad-line", "ignore")),
    *(Refused(f"margin {value}", ("--equivalent-within", "is no margin", "such as 0.05"),
              flags("--equivalent-within", value)) for value in ("0", "-0.1", "nan", "inf", "words=0", "words=", "few")),
    Refused("margin of shares", ("--equivalent-within", "a margin of 5", "5 points are 0.05"),
            flags("--equivalent-within", "5")),
    Refused("two margins", ("--equivalent-within", "words has two margins, 5 and 6"),
            flags("--equivalent-within", "words=5", "--equivalent-within", "words=6")),
    Refused("margin of a lens that is not used", ("unknown lens of a margin 'phrases'", "Known: surface"),
            flags("--lenses", "surface", "--equivalent-within", "phrases.x=0.1")),
    Refused("margin of no measure", ("unknown measure or unit 'surface.wrods'", "Did you mean 'surface.words'"),
            flags("--lenses", "surface", "--equivalent-within", "surface.wrods=10")),
    Refused("margin of no unit", ("unknown measure or unit 'word'", "Did you mean 'words'", "Known: share of responses, words"),
            flags("--lenses", "surface", "--equivalent-within", "word=10")),
    Refused("margin of one share", ("a margin of 5 for surface.refuses",),
            flags("--lenses", "surface", "--equivalent-within", "surface.refuses=5")),
    Refused("margin of environment", ("DIPTYCH_EQUIVALENT_WITHIN", "'x' is no margin"),
            env={"DIPTYCH_EQUIVALENT_WITHIN": "x"}),
    Refused("threads", ("--threads", "-1", "at least 1"), flags("--threads", "-1")),
    Refused("alpha from environment", ("DIPTYCH_ALPHA", "2.0", "less than 1"), env={"DIPTYCH_ALPHA": "2"}),
]  # fmt: skip

CONFIGS = [
    Refused("no config", ("config.yaml", "No such file"), flags("-c", "config.yaml")),
    Refused("config is a folder", ("config.yaml", "directory"), flags("-c", "config.yaml"), {"config.yaml/": b""}),
    Refused("latin-1 config", ("config.yaml", "UTF-8"), flags("-c", "config.yaml"),
            {"config.yaml": b"name_a: caf\xe9\n"}),
    Refused("unknown setting", ("config.yaml:3", "unknown setting 'resample'", "Did you mean 'resamples'"),
            **config("# settings\nseed: 1\nresample: 500\n")),
    Refused("duplicate key", ("config.yaml", "line 3: key 'seed' was given before, on line 1", "keep one"),
            **config("seed: 1\nalpha: 0.1\nseed: 2\n")),
    Refused("wrong type", ("config.yaml:2: alpha", "'high'", "number"), **config("seed: 1\nalpha: high\n")),
    Refused("out of range", ("config.yaml:1: alpha", "1.5", "less than 1"), **config("alpha: 1.5\n")),
    Refused("fraction for a count", ("config.yaml:1: resamples", "500.5", "integer"), **config("resamples: 500.5\n")),
    Refused("number for a list", ("config.yaml:1: lenses", "3", "[3]"), **config("lenses: 3\n")),
    Refused("max bad", ("config.yaml:1: max_bad", "-1", "such as 5"), **config("max_bad: -1\n")),
    Refused("margin in config", ("config.yaml:1: equivalent_within", "'many' is no margin"),
            **config("equivalent_within: {words: many}\n")),
    Refused("wrong choice", ("config.yaml:1: pairing", "'maybe'", "'auto', 'paired' or 'unpaired'"),
            **config("pairing: maybe\n")),
    Refused("a list", ("config.yaml", "expected settings as 'name: value' lines, got a list"), **config("- seed\n")),
    Refused("not yaml", ("config.yaml", "line 1"), **config("seed: [1\n")),
    Refused("alias", ("config.yaml", "line 2: aliases are not supported"), **config("name_a: &x y\nname_b: *x\n")),
    Refused("a python object", ("config.yaml", "line 1", "python/object"),
            **config("name_a: !!python/object/apply:os.system [touch owned]\n")),
]  # fmt: skip

FOLDERS = [
    Refused("folder with other files", ("out already exists and is not a run", "Choose another --out"),
            flags("--out", "out"), {"out/notes.txt": b"mine"}),
    Refused("folder is a file", ("out already exists and is not a run", "Choose another --out"),
            flags("--out", "out"), {"out": b"mine"}),
    Refused("parent is a file", ("notes.txt", "Not a directory", "Choose another"),
            flags("--out", "notes.txt/run"), {"notes.txt": b"mine"}),
    Refused("parent cannot be made", ("/proc/nowhere cannot be written", "Choose another"), flags("--out",
            "/proc/nowhere/run")),
    Refused("name too long", ("name too long", "Choose another"), flags("--out", "x" * 300)),
    Refused("damaged manifest", ("out/manifest.json is damaged",), flags("--out", "out"), {"out/manifest.json": b"{"}),
    Refused("manifest of something else", ("out", "format"), flags("--out", "out"), {"out/manifest.json": b"{}"}),
]  # fmt: skip


@pytest.mark.parametrize("case", [*NAMES, *RANGES, *CONFIGS, *FOLDERS], ids=lambda case: case.name)
def test_bad_setting_is_refused_with_its_place_and_remedy_and_leaves_nothing(
    case: Refused, tmp_path: Path, forge: Forge
) -> None:
    check_refused(case, tmp_path, forge)


def test_a_folder_with_another_run_is_left_alone_and_what_differs_is_named(tmp_path: Path, forge: Forge) -> None:
    write_pair(tmp_path)
    usual = (*PAIR, "--lenses", "surface", "--out", "run", "--resamples", "100")
    assert forge.run("compare", *usual, cwd=tmp_path).code == 0
    before = listing(tmp_path)
    for other, difference in (
        ((*usual, "--seed", "5"), "seed: 0 there, 5 now"),
        (("b.jsonl", "a.jsonl", *usual[2:]), "other input files"),
    ):
        outcome = forge.run("compare", *other, cwd=tmp_path)
        assert (outcome.code, outcome.out) == (2, "")
        assert len(outcome.err.splitlines()) <= 3
        assert "run already holds another run" in outcome.err
        assert difference in outcome.err
        assert "Choose another --out" in outcome.err
        assert listing(tmp_path) == before


@pytest.mark.parametrize("arguments", [("--alpha", "high"), ("--aplha", "0.1"), ("--config",), ("--versus",)])
def test_a_command_line_that_cannot_be_parsed_exits_2_without_a_traceback(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    outcome = run_cli("compare", *PAIR, *arguments, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert arguments[0] in outcome.err
    assert "Traceback" not in outcome.err
    assert listing(tmp_path) == {}
