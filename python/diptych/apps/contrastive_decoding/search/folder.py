"""What a search leaves on the disk, beside its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from diptych._types import Json
from diptych.apps.contrastive_decoding.search.page import render_search
from diptych.apps.contrastive_decoding.search.pair import Measured
from diptych.apps.contrastive_decoding.search.run import Outcome
from diptych.apps.contrastive_decoding.search.summary import candidate_as_json, kept_as_json, summarise
from diptych.data.responses import prompt_digests
from diptych.utils.files import write_files, writing
from diptych.utils.text import json_lines, json_text

PAGE = "prompts.html"


def write_search(folder: Path, outcome: Outcome) -> Json:
    """Write ``prompts.jsonl``, the texts of both models, what led there, the page, and ``manifest.json`` last.

    Parameters
    ----------
    folder : of the run; files of an earlier, shorter search of the same are replaced
    outcome : of the search

    Returns
    -------
    dict
        what ``summary.json`` holds

    Raises
    ------
    RunError
        If it cannot be written.
    """
    summary, searched = summarise(outcome), outcome.searched
    fresh = [one.fresh for one in outcome.kept]
    files = {
        "prompts.jsonl": json_lines(kept_as_json(one) for one in outcome.kept),
        "candidates.jsonl": json_lines(candidate_as_json(one) for one in (*searched.seeds, *searched.found)),
        "a.jsonl": json_lines(_responses(fresh, 0, outcome.manifest)),
        "b.jsonl": json_lines(_responses(fresh, 1, outcome.manifest)),
        "rounds.jsonl": json_lines(searched.rounds),
        "interactions.jsonl": json_lines(outcome.interactions),
        "summary.json": json_text(summary) + "\n",
        PAGE: render_search(outcome, summary),
        "manifest.json": json_text(outcome.manifest) + "\n",
    }
    with writing(folder):
        write_files(folder, files)
    return summary


def _responses(measured: list[Measured], side: int, manifest: Json) -> Iterator[Json]:
    """Fresh texts of one model, as ``diptych compare`` takes them."""
    for one in measured:
        for drawn in one.drawn:
            reply = drawn.replies[side]
            yield {
                "prompt_id": prompt_digests([one.prompt])[0],
                "prompt": one.prompt,
                "system": manifest["config"]["system"],
                "draw": drawn.draw,
                "response": reply.text,
                "finish_reason": reply.finish_reason,
                "model": manifest["ab"[side]],
            }
