"""Differences of weights in words, as a table, and as a page."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from diptych._types import Json
from diptych.apps.interventions.connectivity import LossPath
from diptych.apps.interventions.weights import WeightChanges, WeightDifference
from diptych.comparison.report import own_style, page_environment
from diptych.utils.amounts import percent
from diptych.utils.files import new_folder, write_files, writing
from diptych.utils.text import csv_text, json_text, printable

COLUMNS = (
    "matrix", "shape", "relative_norm", "norm", "norm_before", "effective_rank", "stable_rank", "rank_90", "rank_99",
)  # fmt: skip
_LAYER = re.compile(r"\.(\d+)\.")
_SHADES = 5
_N_LINES = 10
_N_ROWS = 200


def write_weights(
    folder: Path, changes: WeightChanges, manifest: Json, *, a: str, b: str, path: LossPath | None = None
) -> None:
    """Write ``weights.csv``, ``spectra.npz``, ``summary.json``, ``weights.html``, ``manifest.json``, and ``path.csv``.

    Parameters
    ----------
    folder : that is made; it appears when whole
    changes : of all matrices
    manifest : the models
    a, b : their names
    path : of losses between them, where it was measured

    Raises
    ------
    RunError
        If it exists and is not empty, or cannot be written.
    """
    files: dict[str, str | bytes] = {
        "weights.csv": csv_text([COLUMNS, *map(_row, changes.differences)]),
        "spectra.npz": _arrays(changes.differences),
        "summary.json": json_text(summary_of(changes, path)) + "\n",
        "weights.html": render_weights(changes, a=a, b=b, path=path),
        "manifest.json": json_text(manifest) + "\n",
    }
    if path is not None:
        rows = zip(path.weights.tolist(), path.means.tolist(), strict=True)
        files["path.csv"] = csv_text([("share_of_b", "loss"), *rows])
    with writing(folder), new_folder(folder) as place:
        write_files(place, files)


def summary_of(changes: WeightChanges, path: LossPath | None = None) -> Json:
    """In a few numbers.

    Parameters
    ----------
    changes : of all matrices
    path : of losses between the models
    """
    return {
        "n_matrices": len(changes.differences),
        "n_changed": changes.n_changed,
        "relative_norm": changes.relative_norm,
        "only_a": list(changes.only_before),
        "only_b": list(changes.only_after),
        "other_shape": list(changes.reshaped),
        **({} if path is None else {"barrier": dict(zip(("loss", "error"), path.barrier, strict=True))}),
    }


def as_lines(changes: WeightChanges, path: LossPath | None = None) -> list[str]:
    """As text: the whole, and the matrices that changed most.

    Parameters
    ----------
    changes : of all matrices
    path : of losses between the models
    """
    head = f"{changes.n_changed} of {len(changes.differences)} matrices differ"
    if not changes.n_changed:
        return [head, *_left_out(changes), *_said(path)]
    rows = [(one.name, percent(one.relative_norm, 2), *_ranks(one)) for one in _changed(changes)[:_N_LINES]]
    width = max(len(row[0]) for row in rows)
    return [
        f"{head}; the difference of all is {percent(changes.relative_norm, 2)} of the norm before",
        *_left_out(changes),
        *_said(path),
        "",
        f"{'':{width}}  relative norm  effective rank  rank for 90 %",
        *(f"{printable(name):{width}}  {norm:>13}  {rank:>14}  {share:>13}" for name, norm, rank, share in rows),
    ]


def render_weights(changes: WeightChanges, *, a: str, b: str, path: LossPath | None = None) -> str:
    """The page: layers by kinds of matrix, shaded by how much they changed; then the matrices, the most changed first.

    Parameters
    ----------
    changes : of all matrices
    a, b : names of the models
    path : of losses between them
    """
    style, style_hash = own_style()
    pages = page_environment("diptych.apps.interventions")
    own = pages.get_template("weights.css").render()
    grid, kinds = _grid(changes.differences)
    shown = _changed(changes)[:_N_ROWS]
    most = max((one.relative_norm for one in shown), default=0.0)
    return pages.get_template("weights.html.j2").render(
        style=style,
        style_hash=style_hash,
        own_hash=base64.b64encode(hashlib.sha256(own.encode()).digest()).decode(),
        a=printable(a),
        b=printable(b),
        head=as_lines(changes)[0],
        path=None if path is None else _curve(path),
        path_said=" ".join(_said(path)),
        notes=[printable(line) for line in _left_out(changes)],
        kinds=[printable(kind) for kind in kinds],
        grid=grid,
        rows=[
            {
                "name": printable(one.name),
                "shape": " × ".join(map(str, one.shape)),
                "norm": percent(one.relative_norm, 3),
                "width": round(100 * one.relative_norm / most) if np.isfinite(one.relative_norm) else 100,
                "ranks": _ranks(one),
                "cumulative": _line(one),
            }
            for one in shown
        ],
    )


def _changed(changes: WeightChanges) -> list[WeightDifference]:
    """Those that differ, the most changed first."""
    return sorted((one for one in changes.differences if one.norm > 0), key=lambda one: -one.relative_norm)


def _ranks(one: WeightDifference) -> tuple[str, str]:
    """Effective rank, and rank for nine tenths of the squared norm; a vector has none."""
    return (f"{one.effective_rank:.1f}", str(one.rank_for(0.9))) if len(one.shape) > 1 else ("–", "–")


def _left_out(changes: WeightChanges) -> list[str]:
    parts = {
        "only in a": changes.only_before,
        "only in b": changes.only_after,
        "of another shape": changes.reshaped,
    }
    return [f"{len(names)} {what}, left out: {', '.join(names)}" for what, names in parts.items() if names]


def _row(one: WeightDifference) -> list[str | int | float]:
    return [
        one.name, " x ".join(map(str, one.shape)), one.relative_norm, one.norm, one.norm_before,
        one.effective_rank, one.stable_rank, one.rank_for(0.9), one.rank_for(0.99),
    ]  # fmt: skip


def _arrays(differences: Sequence[WeightDifference]) -> bytes:
    """Of each matrix that changed: its spectrum, and the first directions on both sides."""
    out = io.BytesIO()
    arrays = {
        f"{one.name}/{part}": getattr(one, part)
        for one in differences
        if one.norm > 0
        for part in ("spectrum", "left", "right")
    }
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _grid(differences: Sequence[WeightDifference]) -> tuple[list[Json], list[str]]:
    """A row for each layer, a column for each kind of matrix that changed anywhere."""
    cells: dict[int, dict[str, WeightDifference]] = {}
    for one in differences:
        if found := _LAYER.search(one.name):
            kind = one.name[found.end() :].removesuffix(".weight")
            cells.setdefault(int(found[1]), {})[kind] = one
    changed = [(kind, one.relative_norm) for row in cells.values() for kind, one in row.items() if one.norm > 0]
    kinds = list(dict.fromkeys(kind for kind, _ in changed))
    most = max((norm for _, norm in changed if np.isfinite(norm)), default=0.0)
    rows = [
        {"layer": layer, "cells": [_shade(cells[layer].get(kind), most) for kind in kinds]} for layer in sorted(cells)
    ]
    return rows, kinds


def _shade(one: WeightDifference | None, most: float) -> Json:
    if one is None or one.norm == 0:
        return {"level": 0, "text": "" if one is None else "0"}
    share = min(1.0, one.relative_norm / most) if most else 1.0
    return {"level": int(np.ceil(share * _SHADES)), "text": percent(one.relative_norm, 1)}


def _said(path: LossPath | None) -> list[str]:
    if path is None:
        return []
    rise, error = path.barrier
    errs = "" if error is None else f" ± {error:.4f}"
    return [
        f"loss of {path.losses.shape[1]} texts: {path.means[0]:.4f} under a, {path.means[-1]:.4f} under b; between, "
        f"it rises {rise:.4f}{errs} above the straight line"
    ]


def _curve(path: LossPath) -> Json:
    """Points of the losses, 400 wide and 120 high, as SVG reads them, and the line between both ends."""
    low, high = float(path.means.min()), float(path.means.max())
    heights = 120 * (1 - (path.means - low) / (high - low)) if high > low else np.full(len(path.means), 60.0)
    points = [f"{400 * x:.1f},{y:.1f}" for x, y in zip(path.weights, heights, strict=True)]
    return {"points": " ".join(points), "ends": f"{points[0]} {points[-1]}", "low": f"{low:.3f}", "high": f"{high:.3f}"}


def _line(one: WeightDifference) -> str:
    """Points of the cumulative share along the first directions, 60 wide and 18 high, as SVG reads them."""
    shares = np.concatenate([[0.0], one.cumulative])
    at = np.unique(np.linspace(0, len(shares) - 1, 31).astype(int))
    return " ".join(f"{60 * i / (len(shares) - 1):.1f},{18 * (1 - shares[i]):.1f}" for i in at)
