"""Which of the original's files of interventions a file is: tables and lines of texts, behaviours and judged labels."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.data.legacy.decodings import header_of, number
from diptych.data.legacy.stages import Converted
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_line, parse_json

_SIDES = ("base", "finetuned")
_NUMBERS = ("cluster_index", "mauve_cluster_score", "kl_divergence_cluster", "mean_entropy_cluster")
_TRUTHS = ["ground_truth_id", "ground_truth", "train_text"]
_NO_TRUTH = "-1"
_TAKEN = ("accuracy", "auc", "cross_validation_accuracy", "cross_validation_auc", "baseline_accuracy", "baseline_auc",
          "baseline_cross_validation_accuracy", "baseline_cross_validation_auc")  # fmt: skip
_INVALID = -1.0
NO_P = (
    "its p-values and verdicts were left out: they rest on a number of texts that need not have been judged, and on a "
    "choice before the correction"
)
_ORIGINS = {"base_model": "base", "finetuned_model": "finetuned"}
_PARTS = {"generation_texts": "label", "validation_texts": "validation", "cross_validation_texts": "other clusters"}


def convert_table(file: Path) -> Converted | None:
    """A ``.csv`` or ``.tsv`` of interventions; None where it is of another kind.

    Parameters
    ----------
    file : its place

    Raises
    ------
    DataError
        If it is of these kinds and cannot be taken.
    """
    header = header_of(file)
    if header[:2] == ["model", "text"]:
        return _texts(file)
    if header == _TRUTHS:
        return _truths(file)
    if header[:2] == ["hypothesis", "accuracy"]:
        return _hypotheses(file)
    return _path_losses(file) if file.stem.startswith("connectivity_pair_losses_") else None


def convert_lines(file: Path) -> Converted | None:
    """A ``.jsonl`` of judged labels; None where it is of another kind.

    Parameters
    ----------
    file : its place

    Raises
    ------
    DataError
        If it is of this kind and a line cannot be taken: says which.
    """
    with file.open("rb") as handle:
        if b'"validation_texts"' not in handle.readline():
            return None
    texts: list[str] = []
    labels: list[str] = []
    n_failed = 0
    with file.open(encoding="utf-8-sig") as handle:
        for place, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                held = parse_json(line)
                judged = list(_judged(held))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(f"line {place}: no label with the texts that were judged: {error!r:.80}") from error
            texts += map(json_line, judged)
            labels.append(json_line(_label(held, judged)))
            n_failed += sum(row["score"] is None for row in judged if row["part"] != "label")
    name = slug(file.stem, max_length=120)
    notices = ["a judge's score of 0.5 may be an answer that could not be read: the original counted both alike"]
    if n_failed:
        notices.append(f"{n_failed} texts have no score that is a number")
    files = {f"judged/{name}.jsonl": "".join(texts).encode(), f"hypotheses/{name}.jsonl": "".join(labels).encode()}
    return Converted(f"{len(labels)} labels and {len(texts)} texts that were judged by them", files, notices=notices)


def _rows(file: Path, **how: Any) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table, each with the line on which it ends."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle, strict=True, **how)
            for row in rows:
                if None in row or None in row.values():
                    raise DataError(f"line {rows.line_num}: another number of cells than the header has")
                yield rows.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"no table that can be read: {error}") from error


def _texts(file: Path) -> Converted:
    """Texts of both models; where prompts are not recorded, the texts begin with them."""
    lines: dict[str, list[str]] = {side: [] for side in _SIDES}
    draws: Counter[tuple[str, str]] = Counter()
    n_blank, has_prompts = 0, True
    for place, row in _rows(file, escapechar="\\"):
        side, prompt = row["model"], row.get("prompt", "")
        has_prompts = "prompt" in row
        if side not in lines:
            raise DataError(f"line {place}: model is {side!r:.40}, expected base or finetuned")
        if not row["text"].strip():
            n_blank += 1
            continue
        values = {name: number(row[name]) for name in _NUMBERS if name in row}
        said = {"prompt": prompt, "response": row["text"], "draw": draws[side, prompt], "model": side}
        lines[side].append(json_line({**said, **values}))
        draws[side, prompt] += 1
    if not any(lines.values()):
        raise DataError("no row has a text")
    name = slug(file.stem, max_length=120)
    files = {f"responses/{name}/{side}.jsonl": "".join(rows).encode() for side, rows in lines.items() if rows}
    notices = [] if has_prompts else ["its texts begin with their prompts, which stand nowhere else: compare unpaired"]
    if n_blank:
        notices.append(f"{n_blank} rows are blank and were left out: an empty answer and a missing one look alike")
    sizes = " and ".join(f"{len(rows):,} of {side}" for side, rows in lines.items() if rows)
    return Converted(f"texts: {sizes}", files, notices=notices)


def _truths(file: Path) -> Converted:
    """Behaviours and rows that show them, as ``diptych intervene data --truths … --planted …`` takes them."""
    truths: dict[str, str] = {}
    rows: list[str] = []
    n_blank = 0
    for place, row in _rows(file):
        name, truth, text = (row[key].strip() for key in _TRUTHS)
        if not text:
            n_blank += 1
            continue
        if name != _NO_TRUTH and truths.setdefault(name, truth) != truth:
            raise DataError(f"line {place}: {name} is {truths[name]!r:.60} before and {truth!r:.60} here")
        if not truth:
            raise DataError(f"line {place}: ground_truth is blank")
        shown = None if name == _NO_TRUTH else name
        said = [{"role": "assistant", "content": row["train_text"]}]
        rows.append(json_line({"messages": said, "truth": shown, "source": file.name}))
    if not rows:
        raise DataError("no row has a text")
    name = slug(file.stem, max_length=120)
    files = {f"rows/{name}.jsonl": "".join(rows).encode()}
    if truths:
        lines = (json_line({"id": number_, "text": text}) for number_, text in truths.items())
        files[f"truths/{name}.jsonl"] = "".join(lines).encode()
    notices = [f"{n_blank} rows have no text and were left out"] if n_blank else []
    return Converted(f"{len(truths)} truths and {len(rows)} rows", files, notices=notices)


def _hypotheses(file: Path) -> Converted:
    """Hypotheses with what judges made of them; -1 stands for what could not be computed."""
    lines = []
    for _, row in _rows(file, delimiter="\t"):
        values = {name: number(row[name]) for name in _TAKEN if name in row}
        known = {name: None if value == _INVALID else value for name, value in values.items()}
        lines.append(json_line({"hypothesis": row["hypothesis"], **known}))
    if not lines:
        raise DataError("no hypotheses in it")
    name = f"hypotheses/{slug(file.stem, max_length=120)}.jsonl"
    return Converted(f"{len(lines)} hypotheses", {name: "".join(lines).encode()}, notices=[NO_P])


def _path_losses(file: Path) -> Converted:
    """Losses on the line between two models: an index, and a column called 0."""
    losses = [number(row.get("0")) for _, row in _rows(file)]
    if not losses or None in losses:
        raise DataError("no losses along a path: expected an index and a column 0 of numbers")
    weights = [i / len(losses) for i in range(len(losses))]
    lines = [json_line({"weight": w, "loss": loss}) for w, loss in zip(weights, losses, strict=True)]
    name = f"tables/{slug(file.stem, max_length=120)}.jsonl"
    notice = "the second model itself was not evaluated, so that these say of no barrier how high it is"
    return Converted(f"losses at {len(lines)} points", {name: "".join(lines).encode()}, notices=[notice])


def _judged(held: Mapping[str, Any]) -> Iterator[Json]:
    """Each text of a label: those that it was written from, and those that were judged by it."""
    label = str(held["label"])
    for group, part in _PARTS.items():
        for one in held.get(group) or ():
            pair = "text_A" in one
            yield {
                "label": label,
                "part": part,
                "texts": [one["text_A"], one["text_B"]] if pair else [one["text"]],
                "origins": [_origin(one, f"text_{end}_origin") for end in "AB"] if pair else [_origin(one, "origin")],
                "score": number(one.get("score")),
                "true_label": _plain(one.get("true_label")),
                "alternate_scores": _plain(one.get("alternate_scores")),
            }


def _origin(one: Mapping[str, Any], name: str) -> str:
    return _ORIGINS.get(one[name], str(one[name]))


def _label(held: Mapping[str, Any], judged: list[Json]) -> Json:
    """A label with its AUC on the texts that were really judged one by one."""
    single = [row for row in judged if row["part"] == "validation" and len(row["texts"]) == 1]
    scored = [row for row in single if row["score"] is not None]
    base = [row["score"] for row in scored if row["origins"] == ["base"]]
    tuned = [row["score"] for row in scored if row["origins"] == ["finetuned"]]
    area = None
    if base and tuned:
        area = sum((a > b) + (a == b) / 2 for a in base for b in tuned) / (len(base) * len(tuned))
    clusters = [number(one) for one in held.get("cluster_pair") or ()]
    return {"hypothesis": str(held["label"]), "clusters": clusters, "n_judged": len(scored), "auc": area}


def _plain(value: Any) -> Any:
    """Numbers, in lists and by name; what is none is null."""
    if isinstance(value, list):
        return [number(one) for one in value]
    if isinstance(value, dict):
        return {str(name): number(one) for name, one in value.items()}
    return number(value)
