"""A prompt put to the test: what both models say under it and without it, and what of that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from diptych._types import Json, Progress
from diptych.apps.soft_prompting.analysis import analyse
from diptych.apps.soft_prompting.baselines import Baseline, Ground, set_beside
from diptych.apps.soft_prompting.conditions import Condition, observe
from diptych.apps.soft_prompting.differing import kinds_of
from diptych.apps.soft_prompting.evaluation import gain_of
from diptych.apps.soft_prompting.found import Found, fitted
from diptych.apps.soft_prompting.sequences import Asking, Sides
from diptych.apps.soft_prompting.specificity import specificity
from diptych.apps.soft_prompting.transfer import Cell, check_pairs, transfer
from diptych.apps.soft_prompting.trial_folder import write_trial
from diptych.apps.soft_prompting.tried import WITH, WITHOUT, Tried
from diptych.comparison.manifest import describe_manifest
from diptych.data.prompts import Prompt, Prompts
from diptych.data.responses import prompt_digests
from diptych.errors import DataError
from diptych.models.prompted import PromptedModel
from diptych.models.providers.hf import HFModel
from diptych.utils.files import check_new_folder

N_LEAST = 8
"""Prompts; of fewer nothing can be said."""


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """What is done with a prompt.

    Parameters
    ----------
    asking : how answers are drawn and scored
    ground : what baselines get; None for no baselines
    unrelated : pairs of names, ``hf/…``, that the prompt was not made for
    loading : how models are loaded
    threads : of the comparison; changes no result
    """

    asking: Asking = field(default_factory=Asking)
    ground: Ground | None = None
    unrelated: Sequence[tuple[str, str]] = ()
    loading: Json | None = None
    threads: int = 1


def usable(prompts: Prompts, found: Sequence[Found]) -> list[Prompt]:
    """The prompts that none was made on, by id and by text.

    Parameters
    ----------
    prompts : all
    found : each knows what it was made on

    Raises
    ------
    DataError
        If too few are left.
    """
    seen = {name for one in found for key in ("trained_on", "trained_texts") for name in one.details.get(key, ())}
    digests = prompt_digests([prompt.text for prompt in prompts.rows])
    left = [
        prompt for prompt, digest in zip(prompts.rows, digests, strict=True) if not {prompt.prompt_id, digest} & seen
    ]
    if len(left) < N_LEAST:
        raise DataError(
            f"{prompts.source}: {len(left)} of {len(prompts)} prompts were not trained on; at least {N_LEAST} are "
            "needed. Give prompts that are new to the soft prompt."
        )
    return left


def try_prompt(
    found: Found,
    models: tuple[HFModel, HFModel],
    prompts: Prompts,
    folder: Path,
    *,
    options: TrialOptions,
    progress: Progress,
) -> Json:
    """Have both models answer under the prompt and without it, measure, compare, and write a folder.

    Parameters
    ----------
    found : the prompt
    models : that it is for, or others that can read it
    prompts : that are answered; those it was made on are left out
    folder : that is made
    options : what is done
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
    used = usable(prompts, [found])
    check_pairs([found], options.unrelated, options.loading or {})
    tried, beside = _try(found, models, used, options, progress)
    summary = _summary(tried.conditions, options.asking.seed) | {"n_left_out": len(prompts) - len(used)}
    if options.ground is not None:
        rows = [one.as_json() for one in beside]
        summary["baselines"] = {"budget": options.ground.budget, "rows": rows}
    if options.unrelated:
        for model in models:
            model.close()
        summary["unrelated"] = _unrelated(found, tried.conditions, used, options, progress)
    write_trial(folder, tried, summary, _manifest(found, models, prompts, options))
    return summary


def _try(
    found: Found,
    models: tuple[HFModel, HFModel],
    used: Sequence[Prompt],
    options: TrialOptions,
    progress: Progress,
) -> tuple[Tried, list[Baseline]]:
    own, asking = fitted(found, models), options.asking
    sides = Sides(models, (PromptedModel(models[0].load()), PromptedModel(models[1].load())))
    conditions = {}
    for name, under in ((WITH, sides.under(own)), (WITHOUT, sides)):
        progress.start(f"answers {name} it", 2 * len(used) * asking.draws)
        conditions[name] = observe(under, used, asking, threads=options.threads, progress=progress)
        progress.finish()
    tokenizer = models[0].load().tokenizer
    analyses = {name: analyse(one, tokenizer.decode, seed=asking.seed) for name, one in conditions.items()}
    kinds = kinds_of(conditions[WITH], seed=asking.seed, threads=options.threads)
    beside = []
    if options.ground is not None:
        beside = set_beside(sides, conditions[WITH].apart, used, options.ground, asking, progress=progress)
    return Tried(used, conditions, analyses, kinds, tokenizer, (models[0].name, models[1].name)), beside


def _summary(found: Mapping[str, Condition], seed: int) -> Json:
    kl = {}
    for number, name in enumerate(("kl_ab", "kl_ba")):
        under, bare = (found[which].kl[number] for which in (WITH, WITHOUT))
        kl[name] = {
            WITH: float(under.mean()),
            WITHOUT: float(bare.mean()),
            "gain": asdict(gain_of(bare, under, seed=seed)),
            "a_token": {which: found[which].kl_a_token(number) for which in (WITH, WITHOUT)},
        }
    return {
        "schema": 2,
        "n_prompts": len(found[WITH].kl[0]),
        "apart": {name: float(one.apart.mean()) for name, one in found.items()},
        "sequence": kl,
        "noise_floor_a_token": {name: one.floor for name, one in found.items()},
        "findings": {name: one.findings for name, one in found.items()},
        "global": {name: one.global_test for name, one in found.items()},
        "n_tested": {name: len(one.compared.tested) for name, one in found.items()},
    }


def _unrelated(
    found: Found, conditions: Mapping[str, Condition], used: Sequence[Prompt], options: TrialOptions, progress: Progress
) -> Json:
    matrix = transfer(
        {"prompt": found}, options.unrelated, used,
        options=options.loading or {}, asking=options.asking, progress=progress,
    )  # fmt: skip
    own = conditions[WITH].apart - conditions[WITHOUT].apart
    judged = specificity(own, np.stack(matrix.gains), seed=options.asking.seed)
    return {"pairs": [_told(cell) for cell in matrix.cells], "specificity": judged.as_json()}


def _told(cell: Cell) -> Json:
    return {name: value for name, value in cell.as_json().items() if name not in ("prompt", "is_home")}


def _manifest(found: Found, models: tuple[HFModel, HFModel], prompts: Prompts, options: TrialOptions) -> Json:
    about = {side: {"name": model.name, "identity": model.identity} for side, model in zip("ab", models, strict=True)}
    settings = {name: value for name, value in asdict(options.asking).items() if name != "max_bytes"}
    settings["budget"] = None if options.ground is None else options.ground.budget
    settings["unrelated"] = [list(pair) for pair in options.unrelated]
    inputs = [{"source": prompts.source, "sha256": prompts.digest}]
    identity = {"prompt": found.digest, "models": about, "config": settings, "inputs": [prompts.digest]}
    more = {"application": "softprompt evaluate", "models": about, "prompt": found.digest}
    return describe_manifest(inputs, settings, identity, seeds={"answers": options.asking.seed}, more=more)
