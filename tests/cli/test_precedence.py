"""A flag goes before the environment, that before the config file, that before the default: for every setting."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from diptych.comparison.config import CompareConfig
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, records, write

SETTINGS: list[tuple[str, str, tuple[str, Any], tuple[str, Any], tuple[str, Any]]] = [
    # setting in the file, flag, (value in the file as YAML, as read), (in the environment), (as flag)
    ("name_a", "name-a", ("file", "file"), ("env", "env"), ("flag", "flag")),
    ("name_b", "name-b", ("file", "file"), ("env", "env"), ("flag", "flag")),
    ("prompt_field", "prompt-field", ("p1", "p1"), ("p2", "p2"), ("p3", "p3")),
    ("response_field", "response-field", ("r1", "r1"), ("r2", "r2"), ("r3", "r3")),
    ("score_fields", "score-field", ("[s1]", ["s1"]), ("s2 s3", ["s2", "s3"]), ("s3", ["s3"])),
    ("likelihood_models", "likelihood-models", ("[hf/a, hf/b]", ["hf/a", "hf/b"]), ("hf/c hf/d", ["hf/c", "hf/d"]),
            ("hf/e hf/f", ["hf/e", "hf/f"])),
    ("group_field", "group-field", ("g1", "g1"), ("g2", "g2"), ("g3", "g3")),
    ("on_bad_line", "on-bad-line", ("skip", "skip"), ("error", "error"), ("skip", "skip")),
    ("max_bad", "max-bad", ("0.1%", 0.001), ("0.5", 0.5), ("7", 7)),
    ("limit", "limit", ("21", 21), ("22", 22), ("23", 23)),
    ("lenses", "lenses", ("[surface]", ["surface"]), ("phrases,surface", ["phrases", "surface"]), ("phrases",
            ["phrases"])),
    ("alpha", "alpha", ("0.1", 0.1), ("0.2", 0.2), ("0.3", 0.3)),
    ("fdr", "fdr", ("by", "by"), ("bh", "bh"), ("by", "by")),
    ("resamples", "resamples", ("101", 101), ("102", 102), ("103", 103)),
    ("discovery_fraction", "discovery-fraction", ("0.4", 0.4), ("0.45", 0.45), ("0.6", 0.6)),
    ("equivalent_within", "equivalent-within", ("{words: 5}", {"words": 5}), ("0.1 words=6", {"share of responses": 0.1,
            "words": 6}), ("surface.words=7", {"surface.words": 7})),
    ("seed", "seed", ("1", 1), ("2", 2), ("3", 3)),
    ("embedder", "embedder", ("lexical", "lexical"), ("lexical", "lexical"), ("lexical", "lexical")),
    ("labeller", "labeller", ("keywords", "keywords"), ("keywords", "keywords"), ("keywords", "keywords")),
    ("judge", "judge", ("scripted/echo", "scripted/echo"), ("scripted/echo", "scripted/echo"), ("scripted/echo", "scripted/echo")),
    ("contrast_clusters", "contrast-clusters", ("matched", "matched"), ("joint", "joint"), ("matched", "matched")),
    ("judge_pairs", "judge-pairs", ("1", 1), ("2", 2), ("3", 3)),
    ("judge_sentences", "judge-sentences", ("1", 1), ("2", 2), ("3", 3)),
]  # fmt: skip


def settings_of_run(forge: Forge, folder: Path, *flags: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """The settings that a run's manifest holds."""
    number = len(list(folder.glob("run*")))
    usual = () if any(flag in ("--lenses", "-c") for flag in flags) or env else ("--lenses", "surface")
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", "--out", f"run{number}", *usual, *flags, cwd=folder, env=env)
    assert outcome.code == 0, outcome.err
    config: dict[str, Any] = json.loads((folder / f"run{number}" / "manifest.json").read_bytes())["config"]
    return config


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    other: dict[str, Any] = {f"{letter}{n}": "Text {i}." for letter in "prg" for n in (1, 2, 3)}
    scores = {f"s{n}": n for n in (1, 2, 3)}
    rows = [records(answer=answer, **other, **scores) for answer in ("Yes.", "No, {i}.")]
    write(tmp_path, {"a.jsonl": jsonl(rows[0]), "b.jsonl": jsonl(rows[1])})
    return tmp_path


def test_every_setting_has_a_case() -> None:
    apart = {
        "pairing",
        "cross_fit",
        "simultaneous",
        "embedder_args",
        "embeddings",
        "embedding_field",
        "other_judges",
        "claims",
    }
    assert {case[0] for case in SETTINGS} | apart == set(CompareConfig.model_fields)


def test_judges_of_flags_go_before_all_judges_of_the_environment_and_of_a_file(forge: Forge, inputs: Path) -> None:
    for name in "abcd":
        (inputs / f"{name}.yaml").write_text("otherwise: [never]\n")
    (inputs / "judges.yaml").write_text("judge: scripted/a.yaml\nother_judges: [scripted/b.yaml]\nlenses: [judge]\n")
    flags = ("-c", "judges.yaml", "--resamples", "101")

    def judges(*more: str, env: dict[str, str] | None = None) -> list[str]:
        config = settings_of_run(forge, inputs, *flags, *more, env=env)
        return [config["judge"], *config["other_judges"]]

    named = [f"scripted/{name}.yaml" for name in "abcd"]
    in_env = {"DIPTYCH_JUDGE": f"{named[2]} {named[3]}"}
    assert judges() == named[:2]
    assert judges(env=in_env) == named[2:]
    assert judges("--judge", named[1], env=in_env) == [named[1]]
    assert judges("--judge", named[1], "--judge", named[3]) == [named[1], named[3]]


@pytest.mark.parametrize(("name", "flag", "in_file", "in_env", "as_flag"), SETTINGS, ids=[case[0] for case in SETTINGS])
def test_flag_before_environment_before_file(
    name: str, flag: str, in_file: tuple[str, Any], in_env: tuple[str, Any], as_flag: tuple[str, Any],
    inputs: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Through ``--dry-run``'s parsing, in this process: each of the three sources alone, then the better of two."""
    import diptych.comparison.prepare as prepare_module
    from tests.helpers.cli import invoke

    import_module("diptych.cli.runs")  # first imported while the name is replaced, it would keep the replacement

    seen: list[CompareConfig] = []

    def stop(*_: object, config: CompareConfig, **__: object) -> None:
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare_module, "prepare", stop)
    (inputs / "c.yaml").write_text(f"{name}: {in_file[0]}\n")
    variable = {"DIPTYCH_" + flag.upper().replace("-", "_"): in_env[0]}
    file, given = ("-c", str(inputs / "c.yaml")), (f"--{flag}", *as_flag[0].split())
    for flags, env in ((file, {}), ((), variable), (file, variable), (given, variable), ((*file, *given), variable)):
        assert invoke("compare", "a", "b", *flags, env=env).code == 130
    found = [config.model_dump(mode="json")[name] for config in seen]
    assert found == [in_file[1], in_env[1], in_env[1], as_flag[1], as_flag[1]]


def test_the_seed_of_the_environment_reaches_the_run_and_a_flag_replaces_it(forge: Forge, inputs: Path) -> None:
    (inputs / "c.yaml").write_text("seed: 4\nlenses: [surface]\nresamples: 100\n")
    assert settings_of_run(forge, inputs)["seed"] == 0
    assert settings_of_run(forge, inputs, "-c", "c.yaml")["seed"] == 4
    assert settings_of_run(forge, inputs, "-c", "c.yaml", env={"DIPTYCH_SEED": "5"})["seed"] == 5
    assert settings_of_run(forge, inputs, "-c", "c.yaml", "--seed", "6", env={"DIPTYCH_SEED": "5"})["seed"] == 6


def test_score_fields_of_a_file_ask_for_their_lens_and_a_flag_may_complete_the_file(forge: Forge, inputs: Path) -> None:
    (inputs / "c.yaml").write_text("score_fields: [s1]\nresamples: 100\n")
    assert settings_of_run(forge, inputs, "-c", "c.yaml")["lenses"][-1] == "scores"
    (inputs / "c.yaml").write_text("lenses: [surface, scores]\nresamples: 100\n")
    assert settings_of_run(forge, inputs, "-c", "c.yaml", "--score-field", "s2")["score_fields"] == ["s2"]


@pytest.mark.parametrize(("flag", "pairing"), [("--paired", "paired"), ("--unpaired", "unpaired")])
def test_pairing_by_flag_goes_before_pairing_in_the_file(forge: Forge, inputs: Path, flag: str, pairing: str) -> None:
    (inputs / "c.yaml").write_text("pairing: auto\nlenses: [surface]\nresamples: 100\n")
    assert settings_of_run(forge, inputs, "-c", "c.yaml", flag)["pairing"] == pairing


@pytest.mark.parametrize(("flag", "cross_fit"), [("--cross-fit", True), ("--no-cross-fit", False)])
def test_cross_fitting_by_flag_goes_before_that_in_the_file(
    forge: Forge, inputs: Path, flag: str, cross_fit: bool
) -> None:
    (inputs / "c.yaml").write_text(f"cross_fit: {str(not cross_fit).lower()}\nlenses: [surface]\nresamples: 100\n")
    assert settings_of_run(forge, inputs, "-c", "c.yaml", flag)["cross_fit"] is cross_fit


def test_a_mistake_in_the_file_is_told_even_where_a_flag_replaces_it(forge: Forge, inputs: Path) -> None:
    (inputs / "c.yaml").write_text("alpha: 7\n")
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", "-c", "c.yaml", "--alpha", "0.1", cwd=inputs)
    assert outcome.code == 2
    assert "c.yaml:1: alpha = 7" in outcome.err


PLANNED = [
    # flag, (in the environment), (as flag)
    ("n-prompts", "80", "90"),
    ("draws", "2", "3"),
    ("share", "0.2", "0.3"),
    ("spread", "2", "3"),
    ("change", "0.2", "0.3"),
    ("measures", "6", "7"),
    ("alpha", "0.1", "0.2"),
    ("runs", "30", "40"),
    ("seed", "1", "2"),
]


@pytest.mark.parametrize(("flag", "in_env", "as_flag"), PLANNED, ids=[case[0] for case in PLANNED])
def test_a_flag_of_a_plan_goes_before_the_environment(flag: str, in_env: str, as_flag: str) -> None:
    from tests.helpers.cli import invoke

    usual = {"n-prompts": "60", "measures": "5", "runs": "20", "change": "0.5"}
    flags = [text for name, value in usual.items() if name != flag for text in (f"--{name}", value)]

    def planned(value: str | None, variable: str | None) -> Any:
        given = [] if value is None else [f"--{flag}", value]
        env = {} if variable is None else {f"DIPTYCH_{flag.upper().replace('-', '_')}": variable}
        outcome = invoke("plan", *flags, *given, "--json", env=env)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)

    by_env, by_flag = planned(None, in_env), planned(as_flag, None)
    assert by_env == planned(in_env, None)
    assert by_flag == planned(as_flag, in_env)
    assert by_env != by_flag


def test_a_plan_is_unpaired_by_the_environment_too(forge: Forge, tmp_path: Path) -> None:
    flags = ("plan", "--runs", "20", "--measures", "5", "--json")
    outcome = forge.run(*flags, cwd=tmp_path, env={"DIPTYCH_UNPAIRED": "1"})
    assert json.loads(outcome.out) == json.loads(forge.run(*flags, "--unpaired", cwd=tmp_path).out)
    assert json.loads(outcome.out)["pairing"] == "unpaired"


def test_simultaneous_intervals_are_asked_for_by_file_variable_or_flag(forge: Forge, inputs: Path) -> None:
    (inputs / "c.yaml").write_text("simultaneous: true\nlenses: [surface]\nresamples: 100\n")
    assert not settings_of_run(forge, inputs)["simultaneous"]
    assert settings_of_run(forge, inputs, "-c", "c.yaml")["simultaneous"]
    assert settings_of_run(forge, inputs, "--simultaneous")["simultaneous"]
    assert not settings_of_run(forge, inputs, "-c", "c.yaml", env={"DIPTYCH_SIMULTANEOUS": "0"})["simultaneous"]
