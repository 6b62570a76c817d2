"""Answers with a form: what is asked of providers, and what is taken from them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from diptych.errors import ConfigError
from diptych.models.api_clients import APIClientFactory
from diptych.models.requests import Failure, FinishReason, Message, Reply, Request, Sampling, request_key
from diptych.models.structured import read_object, strict_schema
from tests.helpers.fault_server import FaultServer, Step, reply
from tests.helpers.readers import objects_of


class Tone(StrEnum):
    WARM = "warm"
    COLD = "cold"


class Passage(BaseModel):
    quote: Annotated[str, Field(max_length=20)]


class Verdict(BaseModel):
    """What a judge says."""

    score: int = Field(ge=0, le=100, description="0 is not at all")
    tone: Tone = Tone.WARM
    note: str | None = None
    passages: list[Passage] = Field(default_factory=list)


GOOD = '{"score": 40, "tone": "cold", "note": null, "passages": [{"quote": "Well"}]}'


def objects(node: Any) -> list[dict[str, Any]]:
    """Every object of a schema."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    here = [node] if isinstance(node, dict) and node.get("type") == "object" else []
    return here + [found for value in below for found in objects(value)]


def test_a_schema_stays_in_the_subset_that_all_obey() -> None:
    schema = strict_schema(Verdict)
    assert schema["required"] == ["score", "tone", "note", "passages"]
    assert schema["properties"]["score"] == {"type": "integer", "description": "0 is not at all"}
    assert schema["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert len(objects(schema)) == 2
    for one in objects(schema):
        assert one["additionalProperties"] is False
        assert one["required"] == list(one["properties"])
    for word in ("maximum", "maxLength", "default", "title"):
        assert word not in str(schema)


class Free(BaseModel):
    shares: dict[str, float]


class Anything(BaseModel):
    value: Any


class Pair(BaseModel):
    both: tuple[int, str]


@pytest.mark.parametrize(
    ("form", "said"),
    [(Free, "Free.shares: providers want fields"), (Anything, "Anything.value: any value"), (Pair, "Pair.both: providers want lists")],
)  # fmt: skip
def test_a_form_that_no_provider_obeys_is_refused(form: type[BaseModel], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        strict_schema(form)


@pytest.mark.parametrize(
    ("text", "finish", "said"),
    [
        ('{"score": 101}', "stop", "does not fit Verdict: score: less_than_equal"),
        ('{"score": 1, "tone": "blue"}', "stop", "does not fit Verdict: tone: enum"),
        ("I would say 40.", "stop", "does not fit Verdict: the answer: json_invalid"),
        ('{"score": 4', "length", "the answer was cut: raise max_tokens"),
        ("I will not judge.", "refusal", "the model refused"),
        ("", "content_filter", "ended by content_filter"),
    ],
)
def test_what_does_not_fit_is_a_failure_that_quotes_nothing(text: str, finish: FinishReason, said: str) -> None:
    read = read_object(Reply(text, finish, n_attempts=2), Verdict)
    assert isinstance(read, Failure)
    assert said in read.reason
    assert (read.kind, read.n_attempts) == ("bad_response", 2)
    assert not text or text not in read.reason


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"```\n{GOOD}```\n"])
def test_what_fits_is_read(text: str) -> None:
    read = read_object(Reply(text, "stop"), Verdict)
    assert isinstance(read, Verdict)
    assert (read.score, read.tone, read.passages[0].quote) == (40, Tone.COLD, "Well")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_objects_come_from_both_providers(provider: str) -> None:
    with FaultServer([Step(content=reply(GOOD)), Step(content=reply("no"))]) as server:
        url = server.url if provider == "anthropic" else server.openai_url
        model = APIClientFactory.create_client(f"{provider}/m", "key", base_url=url, options={"concurrency": 1})
        good, bad = objects_of(model, ("one", "two"), Verdict, Sampling())
    assert isinstance(good, Verdict)
    assert isinstance(bad, Failure)
    body = server.calls[0].json
    sent = body["output_config"]["format"] if provider == "anthropic" else body["response_format"]["json_schema"]
    assert sent["schema"] == strict_schema(Verdict)
    assert provider == "anthropic" or sent["strict"] is True


def test_a_schema_changes_the_key_and_its_absence_does_not() -> None:
    plain = Request((Message("user", "Why?"),))
    formed = Request(plain.messages, schema=strict_schema(Verdict))
    assert request_key({}, Sampling(), plain) != request_key({}, Sampling(), formed)
