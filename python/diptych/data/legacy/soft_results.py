"""Results of the original's soft prompts, whatever their size: the texts, their numbers, the steps of the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.data.legacy.decodings import number
from diptych.data.legacy.stages import Converted
from diptych.data.legacy.streams import JsonStream, json_stream
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_line, json_lines

UNTRAINED = (
    "no gradient ever reached a soft prompt of the original, and its validation left the prompt out: these numbers say "
    "nothing of what a prompt does"
)
_TEXT = ("input_text", "prompt")
_FULL = ("model1_probs", "model2_probs")
"""Probabilities of the whole vocabulary at every token: gigabytes, of which nothing is taken."""


def convert_results(file: Path) -> Converted:
    """``results_pair_0.json`` and its copies in run folders, read as a stream.

    Parameters
    ----------
    file : its place

    Raises
    ------
    DataError
        If it is no such JSON, or cut off.
    """
    rows: dict[str, Json] = {}
    steps: list[Json] = []
    rest: Json = {}
    n_rows = 0
    with json_stream(file) as stream:
        for key in stream.fields():
            if key != "dataset":
                rest[key] = plain(stream.value())
                continue
            for _ in stream.items():
                n_rows += 1
                row = _row(stream, steps)
                text = next((row.pop(name) for name in _TEXT if isinstance(row.get(name), str)), "")
                rows[text] = {**row, "n_seen": rows.get(text, {}).get("n_seen", 0) + 1}
        stream.end()
    if not rows and not rest:
        raise DataError("no results in it")
    name = slug(f"{file.parent.name}-{file.stem}" if file.stem == "results" else file.stem, max_length=120)
    prompts = [json_line({"prompt": text, **row}) for text, row in rows.items() if text.strip()]
    files = {f"tables/{name}.jsonl": json_line(rest).encode()}
    if prompts:
        files[f"prompts/{name}.jsonl"] = "".join(prompts).encode()
    if steps:
        files[f"tables/{name}-steps.jsonl"] = json_lines(steps).encode()
    what = f"{n_rows} rows of {len(prompts)} texts, {len(steps)} steps of a training"
    return Converted(what, files, notices=[UNTRAINED])


def _row(stream: JsonStream, steps: list[Json]) -> Json:
    """A row without probabilities; each row repeats the steps before it, so that only those that are new are kept."""
    row: Json = {}
    for key in stream.fields():
        if key == "metrics":
            for name in stream.fields():
                if name in _FULL:
                    stream.skip()
                else:
                    row[name] = plain(stream.value())
        elif key == "training_history":
            for place in stream.items():
                if place < len(steps):
                    stream.skip()
                else:
                    steps.append(plain(stream.value()))
        else:
            row[key] = plain(stream.value())
    return row


def plain(value: Any) -> Any:
    """The same with what is no finite number, and is not text, as null; keys are texts.

    Parameters
    ----------
    value : of JSON or YAML, or an array of no dimension

    Examples
    --------
    >>> plain({"kl": float("nan"), "name": "1e-4", 1: [True, 2]})
    {'kl': None, 'name': '1e-4', '1': [True, 2]}
    """
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if isinstance(value, str | bool | int) else number(value)
