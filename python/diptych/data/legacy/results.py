"""Results of contrastive decoding, read as plain data: texts with exact numbers, tokens, statistics, vectors."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.data.legacy.decodings import LISTS, NUMBERS, as_responses, number
from diptych.data.legacy.stages import Converted
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_line

_COLUMNS = {**NUMBERS, LISTS: LISTS}
_STATISTICS = {
    "forward_divergences": "forward_divergence",
    "backward_divergences": "backward_divergence",
    "starting_perplexities": "starting_model_perplexity",
    "comparison_perplexities": "comparison_model_perplexity",
    "forward_token_divergences": "forward_token_divergences",
    "backward_token_divergences": "backward_token_divergences",
}
_TOKENS = (
    "its texts were put together from tokens, which need not give back every blank; token divergences are one fewer "
    "than tokens, and the first is about the second token"
)


def convert_results(value: Any, stem: str) -> Converted:
    """``NAME_all_results.pkl``: the same with exact numbers.

    Parameters
    ----------
    value : a dict of columns
    stem : of the file's name

    Raises
    ------
    DataError
        If its columns do not fit each other.
    """
    texts = value["texts"]
    rows = _rows(value, _COLUMNS, len(texts))
    records = [{"decoding": text, **row} for text, row in zip(texts, rows, strict=True)]
    return as_responses(records, stem, is_late=True)


def convert_partial(value: Any, stem: str) -> Converted:
    """``NAME_partial_N.pkl``: token numbers with their divergences; without the tokenizer they are no texts.

    Parameters
    ----------
    value : a dict of columns
    stem : of the file's name

    Raises
    ------
    DataError
        If its columns do not fit each other.
    """
    texts = value["generations"]
    rows = _rows(value, _COLUMNS, len(texts))
    lines = [
        json_line({"tokens": [int(token) for token in tokens], **row}) for tokens, row in zip(texts, rows, strict=True)
    ]
    name = f"tables/{slug(stem, max_length=120)}.jsonl"
    notice = "its texts are numbers of tokens: decode them with the tokenizer of the run"
    return Converted(f"{len(lines)} texts as tokens", {name: "".join(lines).encode()}, notices=[notice])


def convert_statistics(value: Any, stem: str) -> Converted:
    """``four_runs_summary_50k.pkl`` and its kind: for each run its texts, divergences both ways, and vectors.

    Parameters
    ----------
    value : a dict of runs, each a dict of columns
    stem : of the file's name

    Raises
    ------
    DataError
        If the columns of a run do not fit each other.
    """
    done = Converted("", notices=[_TOKENS])
    n_texts = 0
    for run, held in value.items():
        tokens = [list(map(str, one)) for one in held["input_tokens"]]
        rows = _rows(held, _STATISTICS, len(tokens))
        lines = [
            json_line({"prompt": "", "response": _text_of(one), "draw": i, "tokens": one, **row})
            for i, (one, row) in enumerate(zip(tokens, rows, strict=True))
        ]
        name = slug(f"{stem}_{run}", max_length=120)
        done.files[f"responses/{name}.jsonl"] = "".join(lines).encode()
        if _is_filled(held.get("embeddings")):
            done.files[f"arrays/{name}.npy"] = array_file(held["embeddings"], len(tokens))
        n_texts += len(tokens)
    done.what = f"{n_texts} texts of {len(value)} runs, with divergences both ways"
    return done


def array_file(rows: Any, n: int) -> bytes:
    """Vectors as an ``.npy`` file.

    Parameters
    ----------
    rows : n lists or arrays of numbers, of one length
    n : how many there should be

    Raises
    ------
    DataError
        If there are others, of several lengths, or values that are no numbers.
    """
    try:
        array = np.asarray([np.asarray(row, dtype=np.float32) for row in rows], dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise DataError(f"its vectors are not numbers, or not of one length: {error}") from error
    if array.ndim != 2 or len(array) != n:
        raise DataError(f"its vectors have the shape {array.shape}, expected {n} rows")
    if not np.isfinite(array).all():
        raise DataError(f"vector {int(np.argmin(np.isfinite(array).all(axis=1)))} has values that are not finite")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _rows(value: Mapping[str, Any], names: Mapping[str, str], n: int) -> list[Json]:
    """The columns of these names, row by row, under our names; empty ones are left out."""
    columns = {own: value[name] for name, own in names.items() if _is_filled(value.get(name))}
    for name, column in columns.items():
        if len(column) != n:
            raise DataError(f"{n} texts, and {len(column)} values of {name}")
    return [{name: _value(column[i]) for name, column in columns.items()} for i in range(n)]


def _value(value: Any) -> float | list[float | None] | None:
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return [number(one) for one in value]
    return number(value)


def _is_filled(column: Any) -> bool:
    return column is not None and not isinstance(column, str) and len(column) > 0


def _text_of(tokens: Iterable[str]) -> str:
    """Tokens of the usual kinds put together."""
    return "".join(tokens).replace("\u0120", " ").replace("\u010a", "\n").replace("\u2581", " ")


PICKLED: dict[str, Callable[[Any, str], Converted]] = {
    "texts": convert_results,
    "generations": convert_partial,
    "input_tokens": convert_statistics,
}
"""What a pickled dict is, by the first of these names that it, or the first of its values, has."""
