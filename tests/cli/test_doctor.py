"""``diptych doctor``: what is installed, which keys are set."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from tests.helpers.forge import Forge
from tests.house.tree import ROOT

KEY = "sk-0123456789abcdef"


def test_every_library_of_every_extra_is_listed(forge: Forge, tmp_path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        re.match(r"[\w-]+", line)[0]: extra  # type: ignore[index]
        for extra, lines in extras.items()
        if extra != "bench"
        for line in lines
    }
    listed = json.loads(forge.run("doctor", "--json", cwd=tmp_path).out)["optional"]
    assert len(named) >= 15
    assert {"peft", "torch", "plotly"} <= set(named)
    assert set(listed) == {*named, "polars"}
    remedies = {name: said for name, said in listed.items() if said.startswith("not installed")}
    for name, said in remedies.items():
        extra = re.search(r"diptych\[(\w+)\]", said)
        assert name == "polars" or (extra and any(line.startswith(name) for line in extras[extra[1]]))


def test_a_key_is_found_where_models_look_for_it_and_never_shown(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\nOPENROUTER_API_KEY=a b\n")
    done = forge.run("doctor", cwd=tmp_path, env={"ANTHROPIC_API_KEY": KEY})
    said = dict(re.findall(r"^  (\w+_API_KEY) +(.*)$", done.out, re.MULTILINE))
    assert done.code == 0
    assert KEY not in done.out + done.err
    assert said["OPENAI_API_KEY"] == "set in .env"
    assert said["ANTHROPIC_API_KEY"] == "set"
    assert said["OPENROUTER_API_KEY"].startswith("unusable: OPENROUTER_API_KEY holds characters that no key has")
