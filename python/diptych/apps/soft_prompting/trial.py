"""A soft prompt put to the test: what both models say under it and without it, and what of that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import FloatVector, Json, Progress
from diptych.apps.soft_prompting.evaluation import as_tensors, by_prompt, gain_of, noise_floor
from diptych.apps.soft_prompting.objective import Measure, check_pair
from diptych.apps.soft_prompting.sequences import Said, Sides, sequence_kl
from diptych.comparison.folder import writing
from diptych.comparison.manifest import describe_manifest
from diptych.comparison.result import Result
from diptych.comparison.run import compare
from diptych.data.prompts import Prompt, Prompts
from diptych.errors import DataError
from diptych.models.divergence import MAX_BYTES
from diptych.models.prompted import PromptedModel
from diptych.models.providers.hf import HFModel
from diptych.models.soft_prompts import SoftPrompt
from diptych.utils.files import check_new_folder, new_folder, write_files
from diptych.utils.text import json_line, json_text

N_LEAST = 8
"""Prompts; of fewer nothing can be said."""
WITH, WITHOUT = "with", "without"


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """How a soft prompt is tried.

    Parameters
    ----------
    draws : answers of each model to each prompt
    max_tokens : longest answer
    batch_size : texts at once
    max_bytes : of memory for scores
    threads : of the comparison; changes no result
    seed : of answers and tests
    """

    draws: int = 1
    max_tokens: int = 64
    batch_size: int = 8
    max_bytes: int = MAX_BYTES
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Condition:
    """What was said and measured with the prompt, or without.

    Parameters
    ----------
    said : answers of the first and of the second model
    kl : float64 (prompts,) each, divergence of the second model's answers from the first's, and the other way round
    floor : what a model seems to be away from itself, a token
    compared : their comparison
    """

    said: tuple[Sequence[Said], Sequence[Said]]
    kl: tuple[FloatVector, FloatVector]
    floor: float
    compared: Result


def usable(prompts: Prompts, soft: SoftPrompt) -> list[Prompt]:
    """The prompts that a soft prompt was not trained on.

    Parameters
    ----------
    prompts : all
    soft : knows what it was trained on

    Raises
    ------
    DataError
        If too few are left.
    """
    seen = set(soft.details.get("trained_on", ()))
    left = [prompt for prompt in prompts.rows if prompt.prompt_id not in seen]
    if len(left) < N_LEAST:
        raise DataError(
            f"{prompts.source}: {len(left)} of {len(prompts)} prompts were not trained on; at least {N_LEAST} are "
            "needed. Give prompts that are new to the soft prompt."
        )
    return left


def try_prompt(
    soft: SoftPrompt,
    models: tuple[HFModel, HFModel],
    prompts: Prompts,
    folder: Path,
    *,
    options: TrialOptions,
    progress: Progress,
) -> Json:
    """Have both models answer with the soft prompt and without it, measure, compare, and write a folder.

    Parameters
    ----------
    soft : the prompt
    models : that it is for, or others that read vectors of its width
    prompts : that are answered; those it was trained on are left out
    folder : that is made
    options : how it is tried
    progress : where it says how far it is

    Returns
    -------
    dict
        what stands in ``summary.json``

    Raises
    ------
    ConfigError, DataError, ModelError
        If models and prompts do not fit.
    RunError
        If the folder exists and is not empty, or cannot be written.
    """
    check_new_folder(folder)
    used = usable(prompts, soft)
    check_pair(*models, per_model=soft.is_per_model)
    vectors = soft_vectors(soft, models)
    prompted = PromptedModel(models[0].load()), PromptedModel(models[1].load())
    found: dict[str, Condition] = {}
    for name, own in ((WITH, vectors), (WITHOUT, None)):
        progress.start(f"answers {name} it", 2 * len(used) * options.draws)
        found[name] = _condition(Sides(models, prompted, own), used, options, progress)
        progress.finish()
    summary = _summary(found, options)
    summary["n_left_out"] = len(prompts) - len(used)
    manifest = _manifest(soft, models, prompts, options)
    _write(folder, found, used, summary, manifest)
    return summary


def soft_vectors(soft: SoftPrompt, models: tuple[HFModel, HFModel]) -> SoftPrompt:
    """The soft prompt, with the vectors in the order of the models.

    Parameters
    ----------
    soft : the prompt
    models : that read it

    Raises
    ------
    ModelError
        If it has none for one of them.
    """
    if not soft.is_per_model:
        for model in models:
            model.fitting(soft)
        return soft
    return SoftPrompt(tuple(model.fitting(soft) for model in models), soft.place)


def _condition(sides: Sides, prompts: Sequence[Prompt], options: TrialOptions, progress: Progress) -> Condition:
    said, kl, floor = [], [], 0.0
    for side in (0, 1):
        own = sides.say(side, prompts, draws=options.draws, max_tokens=options.max_tokens, seed=options.seed)
        pair = sides.pair(own)
        vectors = as_tensors(pair, _arrays(sides))
        sums = sequence_kl(pair, vectors, side, batch_size=options.batch_size, max_bytes=options.max_bytes)
        kl.append(by_prompt(sums, [one.prompt.prompt_id for one in own]))
        measure = Measure("kl_ab", max_bytes=options.max_bytes)
        some = range(min(len(own), options.batch_size))
        floor = max(floor, noise_floor(pair, some, _arrays(sides), measure, batch_size=options.batch_size))
        said.append(own)
        progress.advance(len(own))
    a, b = ([one.as_row() for one in own] for own in said)
    names = [model.name for model in sides.models]
    compared = compare(
        a, b, threads=options.threads, seed=options.seed,
        name_a=names[0], name_b=names[1] if names[1] != names[0] else f"{names[1]} again",
    )  # fmt: skip
    return Condition((said[0], said[1]), (kl[0], kl[1]), floor, compared)


def _arrays(sides: Sides) -> tuple[Any, ...]:
    if sides.soft is not None:
        return sides.soft.vectors
    return tuple(np.zeros((0, model.load().width), np.float32) for model in sides.models)


def _summary(found: Mapping[str, Condition], options: TrialOptions) -> Json:
    kl = {}
    for number, name in enumerate(("kl_ab", "kl_ba")):
        under, bare = (found[which].kl[number] for which in (WITH, WITHOUT))
        kl[name] = {
            WITH: float(under.mean()), WITHOUT: float(bare.mean()),
            "gain": asdict(gain_of(bare, under, seed=options.seed)),
        }  # fmt: skip
    return {
        "schema": 1,
        "n_prompts": len(found[WITH].kl[0]),
        "sequence": kl,
        "noise_floor_a_token": {name: one.floor for name, one in found.items()},
        "findings": {name: [finding.statement for finding in one.compared.findings] for name, one in found.items()},
        "n_tested": {name: len(one.compared.tested) for name, one in found.items()},
    }


def _manifest(soft: SoftPrompt, models: tuple[HFModel, HFModel], prompts: Prompts, options: TrialOptions) -> Json:
    about = {side: {"name": model.name, "identity": model.identity} for side, model in zip("ab", models, strict=True)}
    settings = {name: value for name, value in asdict(options).items() if name not in ("threads", "max_bytes")}
    inputs = [{"source": prompts.source, "sha256": prompts.digest}]
    identity = {"soft_prompt": soft.digest, "models": about, "config": settings, "inputs": [prompts.digest]}
    more = {"application": "softprompt evaluate", "models": about, "soft_prompt": soft.digest}
    return describe_manifest(inputs, settings, identity, seeds={"answers": options.seed}, more=more)


def _write(
    folder: Path, found: Mapping[str, Condition], prompts: Sequence[Prompt], summary: Json, manifest: Json
) -> None:
    ids = sorted({prompt.prompt_id for prompt in prompts})
    text = {prompt.prompt_id: prompt.text for prompt in prompts}
    rows = []
    for i, prompt_id in enumerate(ids):
        kl = {name: {"kl_ab": float(one.kl[0][i]), "kl_ba": float(one.kl[1][i])} for name, one in found.items()}
        rows.append({"prompt_id": prompt_id, "prompt": text[prompt_id], **kl})
    files = {
        "prompts.jsonl": "".join(map(json_line, rows)),
        "summary.json": json_text(summary) + "\n",
        "manifest.json": json_text(manifest) + "\n",
    }
    with writing(folder), new_folder(folder) as place:
        for name, one in found.items():
            one.compared.save(place / name)
        write_files(place, files)
