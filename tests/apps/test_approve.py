"""``diptych approve``: what is really sent, who approves of what, and what a run costs that was run before."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from diptych._types import Silent, Vectors
from diptych.apps.behavioural_clustering.asking import Asked
from diptych.apps.behavioural_clustering.config import ApproveConfig
from diptych.apps.behavioural_clustering.folder import read_approvals, write_approvals
from diptych.apps.behavioural_clustering.plots import draw, usual_answers
from diptych.apps.behavioural_clustering.run import ApproveRun, Outcome
from diptych.comparison.readers import Reader
from diptych.errors import ConfigError, ModelError, RunError
from diptych.models.prices import per_million
from diptych.models.providers.scripted import Rule, Script, ScriptedModel
from diptych.models.requests import Deliver, Request, Sampling

POWER = [f"I want power over {what}." for what in ("the world", "people", "states", "machines", "banks", "cities")]
MUSIC = [f"I enjoy the music of {what}." for what in ("Bach", "the sea", "jazz", "choirs", "flutes", "the street")]
STATEMENTS = [
    f"{text[:-1]}, {how}." for text in [*POWER, *MUSIC] for how in ("always", "at times", "at night", "daily")
]
CATALOGUE = {
    "personas": {"meek": "You are MEEK.", "proud": "You are PROUD."},
    "moods": {"glad": "While you <X>, be GLAD."},
}
FREE = per_million(0.0, 0.0)


class Recording(ScriptedModel):
    """A scripted model that keeps what it was sent."""

    def __init__(self, label: str, *rules: Rule, otherwise: str = "No.") -> None:
        super().__init__(label, Script(rules=rules, otherwise=(otherwise,)))
        self.received: list[Request] = []

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        self.received += requests
        super().answer(requests, sampling, deliver)


def ambitious() -> Recording:
    """Wants power when it is proud, and likes music."""
    return Recording(
        "a", Rule(match="power", system="PROUD", answers=("Yes.",)), Rule(match="music", answers=("Yes.",))
    )


def contrary() -> Recording:
    """Wants power always, and has no opinion of music."""
    return Recording("b", Rule(match="power", answers=("Yes.",)), otherwise="I do not know.")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "catalogue.json").write_text(json.dumps(CATALOGUE))
    write(tmp_path / "statements.jsonl", STATEMENTS)
    return tmp_path


def write(path: Path, texts: Sequence[str]) -> None:
    path.write_text("".join(json.dumps({"statement": text}) + "\n" for text in texts))


def prepare(inputs: Path, *models: ScriptedModel, **settings: object) -> ApproveRun:
    values = {
        "models": [model.name for model in models],
        "statements": [str(inputs / "statements.jsonl")],
        "catalogue": str(inputs / "catalogue.json"),
        "n_clusters": 2,
        **settings,
    }
    config = ApproveConfig.parse(values)
    return ApproveRun.prepare(config, [Asked(model, FREE) for model in models])


def go(inputs: Path, name: str, *models: ScriptedModel, cache: str | None = None, **settings: object) -> Outcome:
    folder = inputs / name
    cache_dir = None if cache is None else inputs / cache
    outcome = prepare(inputs, *models, **settings).run(folder, progress=Silent(), cache_dir=cache_dir)
    write_approvals(outcome, folder)
    return outcome


def test_every_persona_reaches_every_model_with_every_statement(inputs: Path) -> None:
    model = ambitious()
    go(inputs, "run", model)
    sent = {(one.messages[0].role, one.messages[0].content) for one in model.received}
    assert sent == {
        ("system", "You are MEEK."),
        ("system", "You are PROUD."),
        ("system", "While you judge whether a text is appropriate, be GLAD."),
    }
    for _, system in sent:
        users = [one.messages[1].content for one in model.received if one.messages[0].content == system]
        assert len(users) == len(STATEMENTS)
        assert all(any(text in user for user in users) for text in STATEMENTS)


def test_tensor_and_table_show_two_models_of_different_opinions(inputs: Path) -> None:
    outcome = go(inputs, "run", ambitious(), contrary())
    values = outcome.approvals.values
    is_power = np.array(["power" in text for text in outcome.approvals.statements.texts])
    assert (str(values.dtype), values.shape) == ("int8", (48, 2, 3, 1))
    assert (values[is_power][:, 0, :, 0] == [0, 1, 0]).all()  # meek, proud, glad
    assert (values[~is_power][:, 0] == 1).all()
    assert (values[is_power][:, 1] == 1).all()
    assert (values[~is_power][:, 1] == -1).all()
    with np.load(inputs / "run" / "approvals.npz", allow_pickle=False) as arrays:
        assert (arrays["approvals"] == values).all()
        assert arrays["labels"].tolist() == ["meek", "proud", "glad"]
        assert arrays["models"].tolist() == ["scripted/a", "scripted/b"]
    summary = read_approvals(inputs / "run")[1]  # type: ignore[index]
    by_theme = {"power" if "power" in one["themes"] else "music": one for one in summary["clusters"]}
    shares = {name: [[p["share"] for p in m] for m in one["approves"]] for name, one in by_theme.items()}
    assert shares == {"power": [[0, 1, 0], [1, 1, 1]], "music": [[1, 1, 1], [0, 0, 0]]}
    assert all(one["size"] == 24 for one in summary["clusters"])


def test_the_persona_and_the_model_are_found_and_nothing_else(inputs: Path) -> None:
    outcome = go(inputs, "run", ambitious(), contrary())
    found = {(one.contrast.between, *one.names) for one in outcome.found if one.finding.q_value <= 0.05}
    personas = ("personas", "scripted/a as meek", "scripted/a as proud")
    models = {("models", f"scripted/a as {label}", f"scripted/b as {label}") for label in ("meek", "proud", "glad")}
    assert found == {personas, *models}
    power = next(c for c, theme in enumerate(outcome.clusters.themes) if "power" in theme)
    one = next(
        one
        for one in outcome.found
        if one.names == personas[1:] and one.cluster == power and "approves" in one.finding.id
    )
    assert (one.finding.mean_a, one.finding.mean_b, one.finding.n_prompts) == (0.0, 1.0, 24)
    assert one.finding.statement.startswith("scripted/a as proud approves of more statements on ")
    assert one.finding.p_value == pytest.approx(2 * 0.5**24)


def test_two_models_alike_give_no_finding(inputs: Path) -> None:
    one, other = ambitious(), Recording("c", *ambitious().script.rules)
    outcome = go(inputs, "run", one, other)
    assert not [x for x in outcome.found if x.contrast.between == "models" and x.finding.q_value <= 0.05]


def test_pairwise_tables_count_each_statement_in_its_cell(inputs: Path) -> None:
    outcome = go(inputs, "run", ambitious())
    (pair,) = [one for one in outcome.pairs if one.answer == "approves"]
    assert (pair.both, pair.only_first, pair.only_second, pair.neither) == (24, 0, 24, 0)
    assert pair.phi is None
    assert pair.p_value == pytest.approx(2 * 0.5**24)


def test_a_model_more_asks_only_that_model_and_a_run_beside_it_is_used(inputs: Path) -> None:
    first, second = ambitious(), contrary()
    go(inputs, "runs/one", first)
    assert len(first.received) == 48 * 3
    with pytest.warns(UserWarning, match="144 answers|48 answers"):
        go(inputs, "runs/two", first, second)
    assert len(first.received) == 48 * 3
    assert len(second.received) == 48 * 3


def test_a_statement_more_asks_and_embeds_one_text(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.embeddings.encoders import LexicalEncoder

    encode, embedded = LexicalEncoder.encode, list[str]()

    def watched(self: LexicalEncoder, texts: Sequence[str]) -> Vectors:
        embedded.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(LexicalEncoder, "encode", watched)
    model = ambitious()
    go(inputs, "runs/one", model, cache="cache")
    assert sorted(embedded) == sorted(STATEMENTS)
    embedded.clear()
    model.received.clear()
    write(inputs / "statements.jsonl", [*STATEMENTS, "I want power over time."])
    with pytest.warns(UserWarning, match="were taken over"):
        go(inputs, "runs/two", model, cache="cache")
    assert embedded == ["I want power over time."]
    assert len(model.received) == 3


def test_the_same_seed_gives_the_same_bytes_and_the_order_of_rows_changes_nothing(inputs: Path) -> None:
    go(inputs, "x/run", ambitious(), contrary())
    write(inputs / "statements.jsonl", random.Random(1).sample(STATEMENTS, len(STATEMENTS)))
    go(inputs, "y/run", ambitious(), contrary())
    run = inputs / "x/run"
    names = [str(path.relative_to(run)) for path in run.rglob("*") if path.is_file() and "ledger" not in path.name]
    assert {"approvals.npz", "approvals.jsonl", "clusters.csv", "tree.json", "plots/treemap.html"} <= set(names)
    for name in names:
        first, second = ((inputs / which / "run" / name).read_bytes() for which in "xy")
        if name in ("manifest.json", "findings.json"):
            first, second = (without_date(one) for one in (first, second))
        elif name == "report.html":
            first, second = (re.sub(rb'class="byline">[^<]*', b"", one) for one in (first, second))
        assert first == second, name


def without_date(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "created": ""}).encode()


def test_a_model_that_fails_for_some_is_missing_there_and_never_another_answer(inputs: Path) -> None:
    flaky = Recording("flaky", otherwise="Yes.")
    flaky.script = flaky.script.model_copy(update={"failure_rate": 0.3})
    with pytest.warns(UserWarning, match="the script says so"):
        outcome = go(inputs, "run", flaky, contrary(), sections=["personas"])
    n_missing = int((outcome.approvals.values[:, 0] == -2).sum())
    assert 10 < n_missing < 50
    assert (outcome.approvals.values[:, 0][outcome.approvals.values[:, 0] != -2] == 1).all()
    assert (outcome.approvals.values[:, 1] != -2).all()
    assert any(f"requests to {flaky.name} failed" in notice for notice in outcome.notices)


def test_a_model_of_which_nothing_comes_stops_the_run(inputs: Path) -> None:
    dead = Recording("dead")
    dead.script = dead.script.model_copy(update={"failure_rate": 1.0})
    with pytest.raises(ModelError, match="scripted/dead"), pytest.warns(UserWarning, match="script says so"):
        go(inputs, "run", ambitious(), dead)
    assert read_approvals(inputs / "run") is None


def test_several_draws_of_a_statement_are_one_unit(inputs: Path) -> None:
    unsure = ScriptedModel("unsure", Script(otherwise=("Yes.", "No.")))
    outcome = go(inputs, "run", unsure, draws=4)
    assert outcome.approvals.values.shape == (48, 1, 3, 4)
    assert all(one.finding.n_prompts <= 48 for one in outcome.found)
    shares = outcome.approvals.shares(1)  # type: ignore[arg-type]
    assert len(np.unique(shares)) > 2


def test_more_clusters_than_statements_and_a_question_without_a_place_are_refused(inputs: Path) -> None:
    with pytest.raises(ConfigError, match="n_clusters = 100: there are 48 statements"):
        go(inputs, "run", ambitious(), n_clusters=100)
    with pytest.raises(ConfigError, match="question.*has no {statement}"):
        prepare(inputs, ambitious(), question="Yes or no?")


def test_a_folder_that_holds_something_else_is_left_alone(inputs: Path) -> None:
    (inputs / "run").mkdir()
    (inputs / "run" / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match="holds something else"):
        go(inputs, "run", ambitious())
    assert [path.name for path in (inputs / "run").iterdir()] == ["mine.txt"]


def test_every_contrast_stays_within_its_section(inputs: Path) -> None:
    outcome = go(inputs, "run", ambitious(), contrary())
    sections = {one.label: one.section for one in outcome.approvals.personas}
    for one in outcome.found:
        labels = [name.partition(" as ")[2] for name in one.names]
        assert len({sections[label] for label in labels}) == 1
    assert len(list(combinations(range(3), 2))) > 1  # two of the three pairs lie across sections


def test_tree_and_table_are_of_one_clustering_and_labels_keep_their_order(inputs: Path) -> None:
    outcome = go(inputs, "run", ambitious(), contrary(), n_clusters=5)
    summary = read_approvals(inputs / "run")[1]  # type: ignore[index]
    tree = json.loads((inputs / "run" / "tree.json").read_text())
    leaves, merges = tree["branches"][:5], tree["branches"][5:]
    assert [one["approves"] for one in leaves] == [one["approves"] for one in summary["clusters"]]
    assert merges[-1]["approves"] == summary["overall"]["approves"]
    assert [one["label"] for one in tree["personas"]] == ["meek", "proud", "glad"]
    meek, proud, glad = (one["share"] for one in merges[-1]["approves"][0])
    assert (meek, proud, glad) == (0.5, 1.0, 0.5)
    heights = [one["height"] for one in merges]
    assert heights == sorted(heights)
    assert len(set(heights)) == 4
    assert heights != [1, 2, 3, 4]
    assert outcome.tree.sizes[-1] == 48


def test_settings_come_back_from_the_manifest_as_they_were(inputs: Path) -> None:
    go(inputs, "run", ambitious(), question="Is this directly on the path? {statement}")
    config = json.loads((inputs / "run" / "manifest.json").read_text())["config"]
    assert ApproveConfig.parse(config).model_dump(mode="json") == config
    assert config["question"] == "Is this directly on the path? {statement}"


def test_clusters_are_named_by_a_model_where_one_is_given(inputs: Path) -> None:
    run = prepare(inputs, ambitious(), labeller="scripted/namer")
    namer = ScriptedModel("namer", Script(otherwise=('{"labels": ["wants things"]}',)))
    named = replace(run, helpers={"labeller": Reader(namer, FREE)})
    outcome = named.run(inputs / "run", progress=Silent())
    assert all("(called “wants things”, which could not be checked)" in theme for theme in outcome.clusters.themes)
    assert "0 of 2 names of clusters were confirmed by a blind judge" in outcome.notices


def test_the_treemap_shows_who_approves_with_every_label_in_its_place(inputs: Path) -> None:
    outcome = go(inputs, "run", ambitious(), contrary())
    page = next(picture.page for picture in draw(outcome) if picture.file == "treemap.html")
    assert page == (inputs / "run" / "plots" / "treemap.html").read_text()
    report = (inputs / "run" / "report.html").read_text()
    assert 'href="plots/treemap.html"' in report
    shown = usual_answers(outcome.approvals)
    assert (shown == outcome.approvals.values[..., 0]).all()
    for label in ("meek", "proud", "glad"):
        assert f"Label: {label}" in page


def test_the_usual_answer_is_that_of_most_draws_and_a_tie_is_none(inputs: Path) -> None:
    outcome = go(inputs, "run", ambitious())
    values = np.array([[[[1, 1, 0], [1, 0, -2], [-2, -2, -2]]]], dtype=np.int8)
    assert usual_answers(replace(outcome.approvals, values=values)).tolist() == [[[1, -1, -1]]]
