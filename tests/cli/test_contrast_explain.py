"""Flags of ``diptych contrast explain``: what does not go together is named, and texts at hand are enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.comparison.test_contrast_lens import arm, texts
from tests.helpers.cli import Outcome, invoke, listing
from tests.helpers.records import jsonl, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {
        "a.jsonl": jsonl(arm(0.0, seed=1, n=300)), "b.jsonl": jsonl(arm(0.06, seed=2, n=300)),
        "ta.jsonl": jsonl(texts(0.0, seed=3)), "tb.jsonl": jsonl(texts(0.6, seed=4)),
    })  # fmt: skip
    return tmp_path


def explain(*more: str, a: str = "a.jsonl", b: str = "b.jsonl") -> Outcome:
    return invoke("contrast", "explain", a, b, "--threads", "1", *more)


TEXTS = ("--texts-a", "ta.jsonl", "--texts-b", "tb.jsonl")


def test_texts_at_hand_propose(folder: Path) -> None:
    done = explain(*TEXTS, "--out", "run")
    assert done.code == 0, done.err
    assert "b says “beware of the owls” in more responses" in done.out and "found in natural answers (" in done.out
    proposed = json.loads((folder / "run" / "proposed.json").read_text())
    again = explain(*TEXTS, "--out", "run", "--json")
    assert "already holds this very comparison" in again.err and json.loads(again.out) == proposed
    found = json.loads((folder / "run" / "findings.json").read_text())
    assert len(found["findings"]) == sum(one["verdict"] != "not confirmed" for one in proposed["hypotheses"])
    assert explain(*TEXTS, "--out", "run", "--fail-on-difference").code == 100
    other = explain("--texts-a", "tb.jsonl", "--texts-b", "ta.jsonl", "--out", "run")
    assert other.code == 2 and "already holds another run" in other.err


def test_what_is_printed_says_which_has_more_of_it(folder: Path) -> None:
    """And whether that is what the texts had said."""
    turned = ("--texts-a", "tb.jsonl", "--texts-b", "ta.jsonl")
    fewer = explain(*turned, "--out", "one", a="b.jsonl", b="a.jsonl")
    assert "\n  a says “beware of the owls” in fewer responses\n      b 6.7" in fewer.out, fewer.out
    against = explain(*turned, "--out", "two")
    assert "\n  b says “beware of the owls” in more responses, against the texts that proposed it\n" in against.out


def test_other_lenses_come_besides(folder: Path) -> None:
    (folder / "c.yaml").write_text("lenses: phrases, surface\nalpha: 0.01\n")
    assert explain(*TEXTS, "--out", "one", "--lenses", "surface").code == 0
    assert explain("--out", "two", "-c", "c.yaml").code == 0
    configs = [json.loads((folder / run / "manifest.json").read_text())["config"] for run in ("one", "two")]
    assert [config["lenses"] for config in configs] == [
        ["contrast", "surface"],
        ["contrast_halves", "phrases", "surface"],
    ]
    assert configs[1]["alpha"] == 0.01


def test_a_sentence_of_ones_own_is_judged_of_every_natural_answer_and_tested_with_the_rest(folder: Path) -> None:
    judge = r"""
    rules: [{match: '(?s)<text-\w+>.*eware of the owls', answers: ['{"verdicts": [{"number": 1, "holds": true}]}']}]
    otherwise: ['{"verdicts": [{"number": 1, "holds": false}]}']
    """
    (folder / "j.yaml").write_text(judge)
    claim = ("--judge", "scripted/j.yaml", "--claim", "warns of owls")
    plan = explain(*TEXTS, *claim, "--dry-run")
    assert plan.code == 0 and "scripted/j, to read: at most 600 requests" in plan.out, plan.err
    done = explain(*TEXTS, *claim, "--out", "run")
    assert done.code == 0, done.err
    assert "found besides, by other lenses:\n  b gives more responses of which a judge says: “warns of owls”" in done.out  # fmt: skip
    found = json.loads((folder / "run" / "findings.json").read_text())
    [own] = [one for one in found["findings"] if one["lens"] == "claims"]
    assert own["n_prompts"] == found["n_prompts"] == 300
    proposed = json.loads((folder / "run" / "proposed.json").read_text())["hypotheses"]
    assert found["family_size"] == len(proposed) + 1
    (folder / "c.yaml").write_text("claims: [warns of owls]\njudge: scripted/j.yaml\n")
    assert explain(*TEXTS, "-c", "c.yaml", "--out", "run").code == 0, "it is the same run"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--texts-a", "ta.jsonl"), "--texts-a and --texts-b go together"),
        ((*TEXTS, "--weight", "2"), "--weight: the texts are given, so no contrast is made"),
        (("--rule", "amplify"), "--rule: A and B are not both hf/…, so no contrast is made"),
        (("--texts-a", "x.jsonl", "--texts-b", "tb.jsonl"), "x.jsonl: no such file"),
        (("--written", "3"), "--written: it takes a model that helps; give --assistant"),
        (("--assistant", "scripted/echo"), "say what it should check"),
        ((*TEXTS, "--rephrase", "9", "--assistant", "scripted/echo"), "--rephrase: it asks both models anew"),
        (("--contrast-clusters", "many"), "--contrast-clusters = 'many': it should be 'joint' or 'matched'"),
        (("--judge", "scripted/echo"), "a judge is asked by the lens 'judge'"),
        (("--claim", "warns of owls"), "give --judge PROVIDER/MODEL"),
        (
            ("--claim", "warns of owls", "--judge", "scripted/echo", "--lenses", "surface"),
            "name both (--claim), or neither",
        ),
        (("-c", "three.yaml"), "three.yaml:1: lenses = "),
        (("-c", "unknown.yaml"), "unknown.yaml:1: lenses: unknown lens 'phases'"),
        (("--prompts", "a.jsonl"), "A and B are files; no model is asked"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(folder: Path, flags: tuple[str, ...], says: str) -> None:
    write(folder, {"three.yaml": b"lenses: 3\n", "unknown.yaml": b"lenses: surface, phases\n"})
    before = listing(folder)
    done = explain(*flags, "--out", "run")
    assert done.code == 2 and says in done.err and "Traceback" not in done.err
    assert listing(folder) == before


def test_a_dry_run_says_what_would_be_done(folder: Path) -> None:
    before = listing(folder)
    done = explain(*TEXTS, "--dry-run", "--labeller", "scripted/echo")
    assert done.code == 0 and "contrast: tested on all prompts" in done.out and "to read: at most" in done.out
    assert listing(folder) == before
