"""The scripted model: rules, draws, failures and times, the same for the same request."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from diptych.errors import ConfigError
from diptych.models.providers.scripted import Rule, Script, ScriptedModel
from diptych.models.requests import Answer, Failure, Message, Reply, Request, Sampling


def ask(script: Script, requests: Sequence[Request], sampling: Sampling | None = None) -> list[Answer]:
    found: dict[int, Answer] = {}
    ScriptedModel("s", script).answer(requests, sampling or Sampling(), found.__setitem__)
    return [found[index] for index in range(len(requests))]


def texts(script: Script, requests: Sequence[Request], sampling: Sampling | None = None) -> list[str]:
    return [answer.text for answer in ask(script, requests, sampling) if isinstance(answer, Reply)]


def request(text: str, *, draw: int = 0, system: str | None = None) -> Request:
    turns = (Message("system", system),) if system else ()
    return Request((*turns, Message("user", text)), draw)


def test_the_first_rule_that_fits_is_used() -> None:
    script = Script(
        rules=(
            Rule(match="(?i)^weather", answers=("Rain.",), finish_reason="refusal"),
            Rule(match="weather", system="pirate", answers=("Arr.",)),
            Rule(match="weather", answers=("Sun.",)),
        ),
        otherwise=("{prompt}, {system}, {draw}, {other}",),
    )
    asked = [request("WEATHER?"), request("the weather?", system="a pirate"), request("the weather?"),
             request("else {draw}", system="s", draw=3)]  # fmt: skip
    assert texts(script, asked) == ["Rain.", "Arr.", "Sun.", "else {draw}, s, 3, {other}"]
    assert [answer.finish_reason for answer in ask(script, asked) if isinstance(answer, Reply)][0:2] == [
        "refusal",
        "stop",
    ]


def test_draws_and_seeds_choose_among_answers_evenly() -> None:
    script, many = Script(otherwise=("a", "b", "c", "d")), [request("Why?", draw=draw) for draw in range(2000)]
    counts = Counter(texts(script, many))
    assert all(abs(counts[answer] - 500) < 100 for answer in "abcd"), counts
    assert texts(script, many) == texts(script, many)
    assert texts(script, many) != texts(script, many, Sampling(seed=1))
    assert texts(script, many[::-1]) == texts(script, many)[::-1]


def test_so_many_fail_as_are_to_fail_and_the_others_do_not_change() -> None:
    many = [request("Why?", draw=draw) for draw in range(1000)]
    failing = ask(Script(otherwise=("a", "b"), failure_rate=0.2, failure_kind="rate_limit"), many)
    failed = [answer for answer in failing if isinstance(answer, Failure)]
    assert abs(len(failed) - 200) < 60
    assert {answer.kind for answer in failed} == {"rate_limit"}
    whole = ask(Script(otherwise=("a", "b")), many)
    assert all(one == other for one, other in zip(failing, whole, strict=True) if isinstance(one, Reply))


def test_a_long_answer_is_cut_and_says_so() -> None:
    [answer] = ask(Script(otherwise=("one two three",)), [request("Why so?")], Sampling(max_tokens=2))
    assert isinstance(answer, Reply)
    assert (answer.text, answer.finish_reason) == ("one two", "length")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 2)


def test_requests_take_their_time_side_by_side_and_arrive_in_another_order() -> None:
    order: list[int] = []
    started = time.monotonic()
    ScriptedModel("s", Script(latency_s=0.05, concurrency=10)).answer(
        [request("Why?", draw=draw) for draw in range(20)], Sampling(), lambda index, _: order.append(index)
    )
    took = time.monotonic() - started
    assert 0.05 < took < 0.6, "twenty in turn take a second"
    assert sorted(order) == list(range(20)) != order


def test_a_script_is_read_from_a_file_and_options_replace_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("otherwise: [Yes.]\nlatency_s: 5.0\n")
    model = ScriptedModel.open(str(path), {"latency_s": 0.0})
    assert (model.name, model.script.otherwise, model.script.latency_s) == ("scripted/rules", ("Yes.",), 0.0)
    assert str(tmp_path) not in str(model.identity)


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("rules: [{match: '(', answers: [a]}]", {}, "rules.yaml:1: rules: 0.match: not a regular expression"),
        ("rules: [{answers: []}]", {}, "rules.yaml:1: rules: 0.answers"),
        ("rules: [{answer: a}]", {}, "rules.yaml:1: rules"),
        ("latency: 1", {}, "rules.yaml:1: unknown setting 'latency'"),
        ("failure_rate: 2", {}, "failure_rate = 2"),
        ("otherwise: [a]", {"failure_rate": "often"}, "failure_rate = 'often'"),
        ("otherwise: a", {}, "expected a list, such as [a]"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_script_is_said_with_its_place(tmp_path: Path, text: str, options: Any, says: str) -> None:
    (tmp_path / "rules.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        ScriptedModel.open(str(tmp_path / "rules.yaml"), options)
    assert says in str(caught.value)
