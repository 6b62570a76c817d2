"""Help: every flag, in fewer than 100 columns; names that scripts rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from diptych import __version__
from diptych.comparison.config import CompareConfig
from tests.helpers.forge import Forge


def options_of(verb: str) -> list[Any]:
    """The options that a verb declares, as typer made them."""
    from diptych.cli.app import app

    group: Any = typer.main.get_command(app)
    return [option for option in group.commands[verb].params if option.param_type_name == "option"]


COMPARING = ("compare", "aa", "generate")
WITH_VARIABLES = (*COMPARING, "plan")


@pytest.mark.parametrize("columns", ["", "80", "99"])
@pytest.mark.parametrize("verb", WITH_VARIABLES)
def test_help_mentions_every_flag_in_under_100_columns(forge: Forge, tmp_path: Path, verb: str, columns: str) -> None:
    outcome = forge.run(verb, "--help", cwd=tmp_path, env={"COLUMNS": columns})
    flags = {flag for option in options_of(verb) for flag in (*option.opts, *option.secondary_opts)}
    assert len(flags) >= 13
    assert [flag for flag in sorted(flags) if flag not in outcome.out] == []
    assert max(map(len, outcome.out.splitlines())) < 100
    assert "DIPTYCH_<FLAG>" in outcome.out


@pytest.mark.parametrize("verb", WITH_VARIABLES)
def test_every_flag_is_also_a_variable(verb: str) -> None:
    options = options_of(verb)
    assert len(options) >= 13
    for option in options:
        assert option.envvar == "DIPTYCH_" + option.opts[0].removeprefix("--").upper().replace("-", "_")


@pytest.mark.parametrize(
    ("verb", "without"),
    [
        ("compare", set()),
        ("aa", {"name_a", "name_b", "simultaneous", "equivalent_within"}),
    ],
)
def test_every_setting_of_a_comparison_has_a_flag(verb: str, without: set[str]) -> None:
    flags = {option.name for option in options_of(verb)}
    flag_of = {
        "score_fields": "score_field",
        "pairing": "paired",
        "embedder_args": "embedder_arg",
        "other_judges": "judge",
        "claims": "claim",
    }
    settings = {flag_of.get(name, name) for name in CompareConfig.model_fields}
    assert settings - flags == without


@pytest.mark.parametrize("verb", ["compare", "aa", "plan", "demo", "report", "doctor"])
def test_every_verb_has_help_and_main_help_names_it(forge: Forge, tmp_path: Path, verb: str) -> None:
    assert f"Usage: diptych {verb}" in forge.run(verb, "-h", cwd=tmp_path).out
    assert f" {verb} " in forge.run("-h", cwd=tmp_path).out


def test_version_is_the_package_s(forge: Forge, tmp_path: Path) -> None:
    assert forge.run("--version", cwd=tmp_path).out == f"diptych {__version__}\n"


def test_a_verb_that_does_not_exist_exits_2(forge: Forge, tmp_path: Path) -> None:
    outcome = forge.run("comprae", cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert "compare" in outcome.err
