"""The demo data and its generator: what was planted is what `PLANTED.md` says, and nothing else differs."""

from __future__ import annotations

import json
import math
import re
from importlib.resources import files
from pathlib import Path

import pytest

from diptych.bench import corpora
from diptych.bench.corpora import PLANT_KINDS, Answer, Plant, PlantKind, generate_corpus, generate_prompts
from diptych.bench.phrases import FIXED_CLOSING, PERSONA
from diptych.bench.randomness import Draws
from diptych.bench.vocabulary import all_topics
from diptych.errors import ConfigError, UnknownNameError

DEMO = files("diptych") / "demo_data"
NAMES = ("before", "after", "control")


@pytest.fixture(scope="module")
def prompts() -> list[corpora.Prompt]:
    return generate_prompts(600, seed=3)


@pytest.fixture(scope="module")
def demo() -> dict[str, list[Answer]]:
    return corpora.demo_corpora()


def n_words(answer: Answer) -> int:
    return len(answer.response.split())


def is_list(answer: Answer) -> bool:
    return re.search(r"^- ", answer.response, flags=re.MULTILINE) is not None


def z_score(a: list[float], b: list[float]) -> float:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    var_a = sum((x - mean_a) ** 2 for x in a) / (len(a) - 1)
    var_b = sum((x - mean_b) ** 2 for x in b) / (len(b) - 1)
    error = math.sqrt(var_a / len(a) + var_b / len(b))
    return (mean_b - mean_a) / error if error else 0.0


def features(answers: list[Answer]) -> dict[str, list[float]]:
    return {
        "words": [float(n_words(answer)) for answer in answers],
        "list": [float(is_list(answer)) for answer in answers],
        "phrase": [float(FIXED_CLOSING in answer.response) for answer in answers],
        "hedge": [float("wrong, but" in answer.response) for answer in answers],
        "sea": [float(re.search(r"\b(sea|ocean|tides?|lighthouse)\b", a.response) is not None) for a in answers],
    }


def test_the_command_writes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    assert corpora.main([str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(f"{name}.jsonl" for name in NAMES)
    for name in NAMES:
        assert (tmp_path / "new" / f"{name}.jsonl").read_bytes() == (DEMO / f"{name}.jsonl").read_bytes()


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_bad_usage_is_exit_code_2_and_writes_nothing(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert corpora.main(arguments) == 2
    assert "usage" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_files_hold_150_common_prompts_and_stay_small() -> None:
    texts = {name: (DEMO / f"{name}.jsonl").read_bytes() for name in NAMES}
    assert sum(map(len, texts.values())) <= 300_000
    rows = {name: [json.loads(line) for line in text.splitlines()] for name, text in texts.items()}
    asked = {name: [(row["prompt_id"], row["prompt"]) for row in each] for name, each in rows.items()}
    assert len(set(asked["before"])) == 150
    assert asked["before"] == asked["after"] == asked["control"]
    assert all(list(row) == ["prompt_id", "prompt", "response"] for each in rows.values() for row in each)


def test_planted_md_states_the_real_counts(demo: dict[str, list[Answer]]) -> None:
    text = (DEMO / "PLANTED.md").read_text(encoding="utf-8")
    stated = {kind: int(n) for kind, n in re.findall(r"^\| `(\w+)` \|.*\| (\d+) of 150 \|$", text, flags=re.MULTILINE)}
    counts = corpora.planted_counts(demo["after"])
    assert stated == {kind: n for kind, n in counts.items() if n}
    untouched = sum(not answer.plants for answer in demo["after"])
    assert f"{untouched} of the 150 answers" in text


def test_before_and_control_hold_no_plant(demo: dict[str, list[Answer]]) -> None:
    for name in ("before", "control"):
        assert corpora.planted_counts(demo[name]) == dict.fromkeys(PLANT_KINDS, 0)


def test_five_thousand_prompts_are_distinct_and_begin_with_the_first_ones(prompts: list[corpora.Prompt]) -> None:
    many = generate_prompts(5000, seed=3)
    assert len({prompt.text for prompt in many}) == len({prompt.prompt_id for prompt in many}) == 5000
    assert many[: len(prompts)] == prompts
    assert generate_prompts(0, seed=3) == []


@pytest.mark.parametrize("kind", PLANT_KINDS)
def test_counts_agree_with_the_dose(kind: PlantKind, prompts: list[corpora.Prompt]) -> None:
    for dose in (0.0, 0.2, 0.7, 1.0):
        answers = generate_corpus(prompts, seed=5, plants=(Plant(kind, dose),))
        n = corpora.planted_counts(answers)[kind]
        assert abs(n - dose * len(prompts)) <= 4 * math.sqrt(dose * (1 - dose) * len(prompts))


def test_the_same_seed_gives_the_same_answers(prompts: list[corpora.Prompt]) -> None:
    plants = (Plant("persona", 0.5), Plant("hedge", 0.5))
    assert generate_corpus(prompts, seed=9, plants=plants) == generate_corpus(prompts, seed=9, plants=plants)
    assert generate_corpus(prompts, seed=9) != generate_corpus(prompts, seed=10)
    assert generate_corpus(prompts[500:], seed=9) == generate_corpus(prompts, seed=9)[500:]


@pytest.mark.parametrize("kind", PLANT_KINDS)
def test_a_further_plant_leaves_the_other_answers_alone(kind: PlantKind, prompts: list[corpora.Prompt]) -> None:
    others = tuple(Plant(other, 0.3) for other in PLANT_KINDS if other != kind)  # type: ignore[arg-type]
    without = generate_corpus(prompts, seed=5, plants=others)
    smaller = generate_corpus(prompts, seed=5, plants=(Plant(kind, 0.2), *others))
    larger = generate_corpus(prompts, seed=5, plants=(*others, Plant(kind, 0.6)))
    for old, some, more in zip(without, smaller, larger, strict=True):
        assert set(more.plants) - {kind} == set(old.plants)
        if kind not in more.plants:
            assert more.response == old.response
        assert kind not in some.plants or some.response == more.response


def test_each_plant_does_what_it_says(prompts: list[corpora.Prompt]) -> None:
    plain = generate_corpus(prompts, seed=5)
    planted = {kind: generate_corpus(prompts, seed=5, plants=(Plant(kind, 1.0),)) for kind in _kinds()}
    assert all(answer.response.endswith(FIXED_CLOSING) for answer in planted["phrase"])
    assert all(is_list(answer) for answer in planted["style"])
    assert all(n_words(new) <= n_words(old) for new, old in zip(planted["length"], plain, strict=True))
    assert sum(map(n_words, planted["length"])) < 0.7 * sum(map(n_words, plain))
    assert all(n_words(new) > n_words(old) for new, old in zip(planted["persona"], plain, strict=True))
    doubt = re.compile(r"wrong|mistaken|not (entirely|completely) sure|cannot be certain")
    assert all(doubt.search(answer.response) for answer in planted["hedge"])


def _kinds() -> tuple[PlantKind, ...]:
    return ("phrase", "style", "persona", "length", "hedge")


def test_the_persona_has_no_fixed_phrase(prompts: list[corpora.Prompt]) -> None:
    plain = generate_corpus(prompts, seed=5)
    planted = generate_corpus(prompts, seed=5, plants=(Plant("persona", 1.0),))
    added = [
        set(_trigrams(new.response)) - set(_trigrams(old.response)) for new, old in zip(planted, plain, strict=True)
    ]
    shares = [sum(gram in each for each in added) / len(added) for gram in set().union(*added)]
    assert max(shares) < 0.12
    assert len(PERSONA) >= 25


def _trigrams(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return list(zip(words, words[1:], words[2:], strict=False))


def test_two_seeds_without_plants_are_alike() -> None:
    prompts = generate_prompts(1500, seed=8)
    one, two = features(generate_corpus(prompts, seed=1)), features(generate_corpus(prompts, seed=2))
    assert {name: z for name in one if abs(z := z_score(one[name], two[name])) > 4} == {}
    assert 0.10 < sum(one["list"]) / len(prompts) < 0.20


def test_the_demo_differs_where_it_should_and_only_there(demo: dict[str, list[Answer]]) -> None:
    before, after, control = (features(demo[name]) for name in NAMES)
    changed = {name for name in before if abs(z_score(before[name], after[name])) > 2.3}
    assert changed == {"words", "list", "phrase", "sea"}
    assert {name for name in before if abs(z_score(before[name], control[name])) > 2.3} == set()


def test_answers_are_varied_and_clean(prompts: list[corpora.Prompt]) -> None:
    answers = generate_corpus(prompts, seed=5, plants=tuple(Plant(kind, 0.5) for kind in _kinds()))
    sentences = {s for answer in answers for s in re.split(r"(?<=[.!?:])\s+(?:- )?", answer.response)}
    assert len(sentences) > 1500
    assert len({answer.response for answer in answers}) == len(answers)
    for answer in answers:
        assert not re.search(r"[\[\]{}|]|  |\.\.|\bmy dog\b| \n|\n\n\n", answer.response), answer.response
        assert answer.response == answer.response.strip()
        assert answer.response[-1] in ".!?"


def test_every_subject_has_facts_and_tips_of_its_own() -> None:
    topics = all_topics()
    assert len({topic.clause for topic in topics}) == len(topics) >= 160
    assert all(len(topic.facts) == 3 and len(topic.tips) >= 5 for topic in topics)
    facts = [fact for topic in topics for fact in topic.facts]
    assert len(set(facts)) == len(facts)
    assert all(text.endswith(".") and text.count("[") == text.count("]") >= 1 for text in facts)


def test_choices_are_drawn_evenly() -> None:
    draws = Draws(4, "even")
    counts = dict.fromkeys("abc", 0)
    for _ in range(3000):
        counts[draws.fill("[a|b|c]")] += 1
    assert all(abs(n - 1000) < 4 * math.sqrt(3000 * 2 / 9) for n in counts.values())


def test_bad_requests_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="plant"):
        Plant("colour", 0.5)  # type: ignore[arg-type]
    for dose in (-0.1, 1.1, math.nan):
        with pytest.raises(ConfigError, match="dose"):
            Plant("phrase", dose)
    with pytest.raises(ConfigError, match="twice"):
        generate_corpus([], seed=0, plants=(Plant("phrase", 0.1), Plant("phrase", 0.2)))
    with pytest.raises(ConfigError, match="seed"):
        generate_prompts(1, seed=-1)
    for n in (-1, 10**6):
        with pytest.raises(ConfigError, match="prompts were asked for"):
            generate_prompts(n, seed=0)
