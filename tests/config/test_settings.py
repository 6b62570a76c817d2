"""Settings are checked strictly, and a mistake is told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic
import pytest

from diptych.comparison.config import CompareConfig
from diptych.config import BaseConfig
from diptych.config.loader import read_yaml
from diptych.errors import ConfigError, UnknownNameError


def of(tmp_path: Path, text: str | bytes) -> CompareConfig:
    path = tmp_path / "c.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return CompareConfig.from_yaml(path)


def test_a_file_gives_its_values_and_defaults_for_the_rest(tmp_path: Path) -> None:
    config = of(tmp_path, "seed: 7\nlenses: [surface, phrases]\nname_a: é\nlimit: null\n")
    assert (config.seed, config.lenses, config.name_a, config.limit) == (7, ("surface", "phrases"), "é", None)
    assert config.alpha == CompareConfig().alpha


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert of(tmp_path, "# nothing\n") == CompareConfig()


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.e-4", "0.1e-3", "+1e-4"])
def test_a_number_may_be_written_in_powers_of_ten(tmp_path: Path, text: str) -> None:
    assert of(tmp_path, f"alpha: {text}\n").alpha == pytest.approx(1e-4)
    assert of(tmp_path, f"name_a: '{text}'\nname_b: e4\nlimit: null\n").name_a == text


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        CompareConfig().seed = 1


def test_a_config_survives_the_way_through_the_manifest() -> None:
    config = CompareConfig(seed=3, lenses=("surface", "scores"), score_fields=("r",))
    assert CompareConfig.parse(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: '3'", "c.yaml:1: seed = '3': it should be a valid integer"),
        ("seed: true", "c.yaml:1: seed = True: it should be a valid integer"),
        ("seed: 1.0", "c.yaml:1: seed = 1.0: it should be a valid integer"),
        ("alpha: true", "c.yaml:1: alpha = True: it should be a valid number"),
        ("alpha: .nan", "c.yaml:1: alpha = nan: it should be a finite number"),
        ("alpha: .inf", "c.yaml:1: alpha = inf: it should be a finite number"),
        ("alpha: null", "c.yaml:1: alpha = None"),
        ("name_a: 5", "c.yaml:1: name_a = 5: it should be a valid string"),
        ("name_a: 2026-01-01", None),
        ("\nlenses: 3", "c.yaml:2: lenses = 3: expected a list, such as \\[3\\]"),
        ("lenses: [surface, 3]", "c.yaml:1: lenses = 3"),
        ("lenses: []", "c.yaml:1: lenses: name at least one lens"),
        ("embedder: lexica", "c.yaml:1: embedder: unknown embedder 'lexica'. Did you mean 'lexical'"),
        ("embedder_args: {prefix: a}", "unknown setting 'prefix'"),
        ("score_fields: [r]", "go together"),
        ("1: 2", "c.yaml:1: unknown setting '1'"),
        ("sed: 2", "c.yaml:1: unknown setting 'sed'. Did you mean 'seed'"),
        ("seed: 1\nseed: 2", "line 2: key 'seed' was given before, on line 1"),
        ("seed: &x 1\nlimit: *x", "line 2: aliases are not supported"),
        ("<<: {seed: -1}", "c.yaml:1: seed = -1"),
        ("seed: 1\n--- \nseed: 2", "document"),
        ("seed: !!python/name:os.system", "python/name"),
        ("seed", "expected settings as 'name: value' lines, got a str"),
        (b"\xff\xfes\x00", "cannot be read as UTF-8 text"),
        ("seed: \x07", "special characters are not allowed"),
        ("seed: " + "9" * 5000, "a value looks like a number or a date, and is none: Exceeds the limit"),
        ("name_a: 2026-13-45", "a value looks like a number or a date, and is none: month must be in 1..12"),
        ("lenses: " + "[" * 3000 + "]" * 3000, "lists or mappings stand inside one another too deep"),
        ("? [seed]\n: 1", "line 1: a list or a mapping stands where a name should"),
        ("seed: 1\non: 2", "c.yaml:2: unknown setting 'on'"),
    ],
)
def test_a_mistake_is_a_config_error_with_its_place(tmp_path: Path, text: str | bytes, message: str | None) -> None:
    if message is None:
        assert of(tmp_path, text).name_a == "2026-01-01"
        return
    with pytest.raises(ConfigError, match=message) as caught:
        of(tmp_path, text)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_mistake_in_values_handed_in_names_the_source_or_the_place() -> None:
    with pytest.raises(ConfigError, match="settings: seed = -1"):
        CompareConfig.parse({"seed": -1})
    with pytest.raises(ConfigError, match=r"^--seed = -1: it should be greater than or equal to 0$"):
        CompareConfig.parse({"seed": -1}, places={"seed": "--seed"})
    with pytest.raises(UnknownNameError, match=r"^--lenses: unknown lens 'x'") as caught:
        CompareConfig.parse({"lenses": ["x"]}, places={"lenses": "--lenses"})
    assert caught.value.place == "--lenses"


def test_places_are_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("# c\n\nseed: 1\nlenses:\n  - surface\nalpha: 0.1\n")
    values, places = read_yaml(path)
    assert values == {"seed": 1, "lenses": ["surface"], "alpha": 0.1}
    assert places == {"seed": f"{path}:3: seed", "lenses": f"{path}:4: lenses", "alpha": f"{path}:6: alpha"}


def test_base_config_has_what_every_model_run_needs(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("model_name: hf/gpt2\nbatch_size: 4\n")
    config: Any = BaseConfig.from_yaml(path)
    assert (config.model_name, config.device, config.batch_size) == ("hf/gpt2", "auto", 4)
    path.write_text("batch_size: 4\n")
    with pytest.raises(ConfigError, match="model_name"):
        BaseConfig.from_yaml(path)
