"""Stages of an old run: what each pickled file holds, as responses, approvals, tables, arrays and vectors of ours."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import Json
from diptych.data.legacy.unpickling import Estimator
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_line

PROVIDERS = {"local": "hf", "openai": "openai", "anthropic": "anthropic", "openrouter": "openrouter"}
APPROVALS = {1: "approve", 0: "disapprove", -1: "no answer"}
_LONG = 40
"""An answer of so many characters is hardly given to two statements by chance."""


@dataclass(frozen=True, slots=True)
class OldVectors:
    """Vectors by the name of the model that made them.

    Parameters
    ----------
    model : as the original calls it
    texts : n of them
    vectors : float32 (n, d)
    """

    model: str
    texts: list[str]
    vectors: NDArray[np.float32]


@dataclass(slots=True)
class Converted:
    """What a file gave.

    Parameters
    ----------
    what : in words
    files : content by relative path
    vectors : to be kept in a store
    notices : what a reader should know about it
    """

    what: str
    files: dict[str, bytes] = field(default_factory=dict)
    vectors: list[OldVectors] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def convert_stage(kind: str, value: Any, name: str, config: Mapping[str, Any]) -> Converted:
    """A stage of the original in our formats.

    Parameters
    ----------
    kind : the original's name of it, such as ``all_query_results``
    value : from ``read_stage``
    name : of the stage, for names of files
    config : what it was made with; empty where that is not known

    Raises
    ------
    DataError
        If the stage cannot be taken: says why.

    Examples
    --------
    >>> rows = [{"statement": "I like tea.", "approvals": {"gpt-4": {"Bing": 1}}}]
    >>> convert_stage("approvals_statements_personas", rows, "approvals-1", {}).what
    '1 approvals'
    """
    for prefix, reason in _LEFT.items():
        if kind.startswith(prefix):
            raise DataError(reason)
    for prefix, convert in _CONVERTERS.items():
        if kind.startswith(prefix):
            try:
                return convert(value, name, config, kind)
            except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
                if isinstance(error, DataError):
                    raise
                raise DataError(f"its content has another shape than a stage {kind!r}: {error!r:.100}") from error
    raise DataError(f"{kind!r} is no stage that is known")


def _query_results(value: Any, name: str, config: Mapping[str, Any], kind: str) -> Converted:
    by_model: dict[str, list[Json]] = {}
    for one in value:
        info = one["model_info"]
        model = model_name(info.get("model_family", ""), info.get("model_name") or info["model"])
        whole = one.get("full_conversations") or [None] * len(one["inputs"])
        rows = zip(one["inputs"], one["responses"], whole, strict=True)
        by_model.setdefault(model, []).extend(_response(*row, info.get("system_message")) for row in rows)
    return _as_responses(by_model, name)


def _response(statement: Any, response: Any, conversation: Any, system: Any) -> Json:
    asked = statement
    if isinstance(conversation, str) and isinstance(response, str) and conversation.endswith(response):
        asked = conversation[: len(conversation) - len(response)] or statement
    return {"prompt": asked, "system": system or None, "response": response, "statement": statement}


def _as_responses(by_model: Mapping[str, list[Json]], name: str) -> Converted:
    done = Converted("")
    n_rows = 0
    for model, rows in by_model.items():
        kept = [row for row in rows if isinstance(row["prompt"], str) and isinstance(row["response"], str)]
        if len(kept) < len(rows):
            done.notices.append(f"{model}: {len(rows) - len(kept)} of {len(rows)} rows have no text and were left out")
        n_again = sum(
            len(row["response"]) >= _LONG and row["response"] == last["response"] and row["prompt"] != last["prompt"]
            for last, row in pairwise(kept)
        )
        if n_again:
            done.notices.append(
                f"{model}: {n_again} responses repeat the one before, word for word: the original did that when "
                "a model failed. Look at them before you trust them"
            )
        seen: Counter[str] = Counter()
        lines = []
        for row in kept:
            lines.append(json_line({**row, "draw": seen[row["prompt"]], "model": model}))
            seen[row["prompt"]] += 1
        path = _free(done.files, f"responses/{name}/{slug(model, max_length=80)}", ".jsonl")
        done.files[path] = "".join(lines).encode()
        n_rows += len(lines)
    done.what = f"{n_rows} responses of {', '.join(by_model)}"
    return done


def _joint(value: Any, name: str, config: Mapping[str, Any], kind: str) -> Converted:
    by_model: dict[str, list[Json]] = {}
    texts: list[str] = []
    halves: list[NDArray[np.float32]] = []
    for one in value:
        _, statement, response, embedding, model = (
            [one[key] for key in ("model_num", "statement", "response", "embedding", "model_name")]
            if isinstance(one, dict)
            else one
        )
        by_model.setdefault(str(model), []).append(_response(statement, response, None, None))
        row = np.asarray(embedding, dtype=np.float32)
        texts += [str(statement), str(response)]
        halves += [row[: len(row) // 2], row[len(row) // 2 :]]
    done = _as_responses(by_model, name)
    model_used = (config.get("embedding_settings") or {}).get("embedding_model")
    if model_used:
        done.vectors.append(OldVectors(str(model_used), texts, np.stack(halves)))
        done.what += f", {len(texts)} vectors of {model_used}"
    else:
        done.notices.append("its vectors were left out: no data_metadata.yaml says which model made them")
    return done


def _approvals(value: Any, name: str, config: Mapping[str, Any], kind: str) -> Converted:
    section = kind.removeprefix("approvals_statements_")
    lines = []
    for row in value:
        for model, given in row["approvals"].items():
            named = given.items() if isinstance(given, dict) else enumerate(given)
            for label, code in named:
                answer = {"section": section, "model": str(model), "label": str(label), "approval": APPROVALS[code]}
                lines.append(json_line({"statement": row["statement"], **answer}))
    notices = [
        f"from September 2024 on the original sent one system message for every label of {section!r}: unless these "
        "answers are older, its labels cannot be told apart by them"
    ]
    return Converted(f"{len(lines)} approvals", {f"approvals/{name}.jsonl": "".join(lines).encode()}, notices=notices)


def _table(value: Any, name: str, config: Mapping[str, Any], kind: str) -> Converted:
    lines = [json_line({"cells": [cell if isinstance(cell, int) else str(cell) for cell in row]}) for row in value]
    return Converted(f"a table of {len(lines)} clusters", {f"tables/{name}.jsonl": "".join(lines).encode()})


def _array(value: Any, name: str, config: Mapping[str, Any], kind: str) -> Converted:
    arrays: dict[str, Any] = {"": value}
    if isinstance(value, Estimator):
        fitted = [key for key in ("labels_", "cluster_centers_") if key in value.fields]
        arrays = {f"-{key.strip('_')}": value.fields[key] for key in fitted}
    files = {}
    for suffix, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
            raise DataError(f"it holds {type(array).__name__}, expected an array of numbers")
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
        files[f"arrays/{name}{suffix}.npy"] = buffer.getvalue()
    if not files:
        raise DataError("the clustering was never fitted: it has no labels")
    return Converted(f"{len(files)} arrays", files)


_CONVERTERS: dict[str, Callable[[Any, str, Mapping[str, Any], str], Converted]] = {
    "all_query_results": _query_results,
    "joint_embeddings": _joint,
    "approvals_statements": _approvals,
    "compile_cluster_table": _table,
    "spectral_clustering": _array,
    "chosen_clustering": _array,
    "tsne_reduction": _array,
}
_LEFT = {
    "embed_texts": "vectors without their texts; statement_embeddings.json has both",
    "combined_embeddings": "vectors without their texts; statement_embeddings.json has both",
    "hierarchical_clustering": "its merge heights were overwritten by their order; cluster anew",
    "hierarchy_approval_data": "its merge heights were overwritten by their order; cluster anew",
    "interactive_treemap": "a picture's data with labels at the wrong counts; draw it anew from the approvals",
}


def model_name(family: str, name: str) -> str:
    """``provider/model`` for a model of the original; its name alone where the family is unknown.

    Examples
    --------
    >>> model_name("local", "org/small"), model_name("", "gpt-4")
    ('hf/org/small', 'gpt-4')
    """
    provider = PROVIDERS.get(str(family), "")
    return f"{provider}/{name}" if provider else str(name)


def _free(taken: Sequence[str] | Mapping[str, Any], stem: str, suffix: str) -> str:
    number = 1
    while (path := f"{stem}{'' if number == 1 else f'-{number}'}{suffix}") in taken:
        number += 1
    return path
