"""Which of the original's files of soft prompts a file is, and what is taken of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.data.legacy.decodings import number
from diptych.data.legacy.results import array_file
from diptych.data.legacy.soft_results import UNTRAINED, convert_results, plain
from diptych.data.legacy.soft_settings import convert_experiment, convert_registry, is_experiment, is_registry
from diptych.data.legacy.stages import Converted
from diptych.data.legacy.unpickling import read_torch
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_line

_RESULTS = (b'"best_divergence"', b'"kl_divergence"', b'"total_steps"')
_RECORDS = (
    ("analysis_report.json", b'"divergence_patterns"', "an analysis"),
    ("metadata.json", b'"run_id"', "a record of a run"),
    ("*.meta.json", b'"global_step"', "a record of a checkpoint"),
    ("metrics_*.json", b'"step"', "numbers of a step"),
    ("experiment_summary.json", b"{", "a record of an experiment"),
)
"""Small files: their names, what stands in their first bytes, and what they are."""
_NOISE = "its vectors are the noise that they began as: no gradient ever reached a soft prompt of the original"
_SAID = {"generation_1": "a", "generation_2": "b", "generation": "a"}


def convert_json(file: Path, head: bytes) -> Converted | None:
    """A ``.json`` of soft prompts; None where it is of another kind.

    Parameters
    ----------
    file : its place
    head : its first bytes

    Raises
    ------
    DataError
        If it is of these kinds and cannot be taken.
    """
    is_results = file.stem == "results" or file.stem.startswith("results_pair_")
    if is_results and any(key in head for key in _RESULTS):
        return convert_results(file)
    what = next((what for name, key, what in _RECORDS if fnmatch(file.name, name) and key in head), None)
    return _record(_parse(file), file, what) if what is not None else None


def convert_yaml(value: Mapping[str, Any], file: Path) -> Converted | None:
    """A ``.yaml`` of soft prompts; None where it is of another kind.

    Parameters
    ----------
    value : that it holds
    file : its place

    Raises
    ------
    DataError
        If it is of these kinds and cannot be taken.
    """
    if is_experiment(value):
        return convert_experiment(value, file.parent.name if file.stem == "config" else file.stem)
    if is_registry(value):
        return convert_registry(value)
    if {"arguments", "results"} <= value.keys():
        return _record(dict(value), file, "a record of comparisons")
    return None


def convert_torch(file: Path) -> Converted:
    """A ``.pt``: a checkpoint, or texts of both models.

    Parameters
    ----------
    file : its place

    Raises
    ------
    DataError
        If it is damaged, asks for more than plain data, or is of another kind.
    """
    value = read_torch(file)
    if isinstance(value, dict) and isinstance(value.get("soft_prompt"), dict):
        return _checkpoint(value, file)
    if isinstance(value, list) and value and all(isinstance(one, dict) and "prompt" in one for one in value):
        return _texts(value, file)
    raise DataError("neither a checkpoint of a soft prompt nor texts of models: nothing of it is taken")


def _checkpoint(value: Json, file: Path) -> Converted:
    vectors = value["soft_prompt"].get("embeddings")
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2:
        raise DataError("a checkpoint without a table of vectors")
    name = _name(file)
    about = {
        key: plain(value[key]) for key in ("global_step", "best_divergence", "timestamp", "config") if key in value
    }
    files = {
        f"arrays/{name}.npy": array_file(vectors, len(vectors)),
        f"tables/{name}.jsonl": json_line(about).encode(),
    }
    return Converted(f"{len(vectors)} vectors of width {vectors.shape[1]}", files, notices=[_NOISE])


def _texts(rows: list[Json], file: Path) -> Converted:
    """Answers of both models to each prompt; several to one prompt are draws of it."""
    lines: dict[str, list[str]] = {}
    draws: dict[tuple[str, str], int] = {}
    n_blank = 0
    for row in rows:
        metrics = {str(name): _measured(one) for name, one in dict(row.get("metrics") or {}).items()}
        for key, side in _SAID.items():
            said = row.get(key)
            if key not in row:
                continue
            if not isinstance(said, str) or not said.strip():
                n_blank += 1
                continue
            draw = draws.get((side, row["prompt"]), 0)
            draws[side, row["prompt"]] = draw + 1
            lines.setdefault(side, []).append(
                json_line({"prompt": str(row["prompt"]), "response": said, "draw": draw, **metrics})
            )
    if not lines:
        raise DataError("no row has a text")
    name = _name(file)
    files = {f"responses/{name}/{side}.jsonl": "".join(rows).encode() for side, rows in lines.items()}
    notices = [f"{n_blank} texts are blank and were left out"] if n_blank else []
    notices.append("its divergences compare positions after different texts, and are no measure of the models")
    sizes = " and ".join(f"{len(rows)} of {side}" for side, rows in lines.items())
    return Converted(f"texts: {sizes}", files, notices=notices)


def _measured(value: Any) -> Any:
    return plain(value) if isinstance(value, dict | str) else number(value)


def _parse(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}") from error


def _record(value: Any, file: Path, what: str) -> Converted:
    if not isinstance(value, dict):
        raise DataError(f"{what}: expected an object, got {type(value).__name__}")
    notices = [UNTRAINED] if what == "an analysis" else []
    return Converted(what, {f"tables/{_name(file)}.jsonl": json_line(plain(value)).encode()}, notices=notices)


def _name(file: Path) -> str:
    """By the folder as well: files of many runs have one name."""
    return slug(f"{file.parent.name}-{file.stem}", max_length=120)
