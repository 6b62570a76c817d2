"""A training from its settings to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diptych._types import Json, Progress, Vectors
from diptych.apps.soft_prompting import folder as files
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.evaluation import held_out_summary
from diptych.apps.soft_prompting.found import nearest_text
from diptych.apps.soft_prompting.initial import initial_vectors
from diptych.apps.soft_prompting.objective import Pair, check_pair, pair_up
from diptych.apps.soft_prompting.refreshing import Refresher
from diptych.apps.soft_prompting.seeds import Seeds, gather_seeds, texts_of
from diptych.apps.soft_prompting.training import Trainer
from diptych.comparison.manifest import describe_manifest
from diptych.errors import ModelError
from diptych.models.batching import is_out_of_memory
from diptych.models.divergence import MAX_BYTES
from diptych.models.lock import Lock
from diptych.models.prompted import PromptedModel
from diptych.models.providers.hf import HFModel
from diptych.models.registry import open_local
from diptych.models.soft_prompt_files import export_peft
from diptych.models.soft_prompts import START, SoftPrompt
from diptych.utils.files import write_atomic, writing
from diptych.utils.hashing import source_sha256
from diptych.utils.text import json_lines, json_text

_CONTROL = ("control_a", "control_b")


def train(
    config: TrainConfig, folder: Path, *, options: Json | None = None, max_bytes: int = MAX_BYTES, progress: Progress
) -> Json:
    """Train a soft prompt, or go on where a training in the folder stopped.

    Parameters
    ----------
    config : of the training
    folder : of the training; made, or gone on with
    options : how models are loaded
    max_bytes : of memory for scores
    progress : where it says how far it is

    Returns
    -------
    dict
        what stands in ``summary.json``

    Raises
    ------
    ConfigError, DataError, ModelError
        If models, prompts and settings do not fit each other.
    RunError
        If another training lies in the folder, or it cannot be written.
    """
    with ExitStack() as stack:
        models = {name: open_local(source, options or {}) for name, source in _sources(config).items()}
        for model in models.values():
            stack.callback(model.close)
        return _train(config, folder, models, max_bytes, progress)


def _train(
    config: TrainConfig, folder: Path, models: Mapping[str, HFModel], max_bytes: int, progress: Progress
) -> Json:
    manifest = _manifest(config, models)
    begun = files.read_begun(folder, manifest)
    if begun is not None and (done := files.read_object(folder / files.SUMMARY)) is not None:
        progress.say(f"{folder} already holds this very training; nothing was done again")
        return done
    a, b = models["a"], models["b"]
    _check(models, config)
    seeds = begun or gather_seeds(config, a, b)
    prompted = {name: PromptedModel(model.load()) for name, model in models.items()}
    pair = _pair(models, prompted, ("a", "b"), seeds, config)
    control = None if config.control is None else _pair(models, prompted, _CONTROL, seeds, config)
    vectors = initial_vectors(
        pair.models[: 2 if config.per_model else 1], config.n_tokens, kind=config.initial, text=config.initial_text,
        seed=config.seed,
    )  # fmt: skip
    if begun is None:
        files.begin(folder, manifest, seeds)
    for notice in seeds.notices:
        progress.say(notice)
    trainer = Trainer(
        pair, control, seeds.numbers(held_out=False), seeds.numbers(held_out=True),
        config=config, vectors=vectors, max_bytes=max_bytes,
        refresher=Refresher((a, b), seeds, config) if config.refresh_every else None,
    )  # fmt: skip
    lock = Lock(folder / "training.lock", str(folder))
    try:
        _go(trainer, config, folder, progress)
        with writing(folder):
            return _finish(trainer, config, folder, (a, b), seeds, vectors, max_bytes)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise ModelError(
            f"no memory for {config.batch_size} texts at once. Give --batch-size {max(1, config.batch_size // 2)} and "
            f"--accumulation {2 * config.accumulation}, and another --out: it learns the same from smaller batches."
        ) from error
    finally:
        lock.release()


def _check(models: Mapping[str, HFModel], config: TrainConfig) -> None:
    check_pair(models["a"], models["b"], per_model=config.per_model)
    if config.control is not None:
        first, second = (models[name] for name in _CONTROL)
        check_pair(first, second, per_model=config.per_model)
        for model, own in ((models["a"], first), (models["b"], second)):
            check_pair(model, own, per_model=False)


def _go(trainer: Trainer, config: TrainConfig, folder: Path, progress: Progress) -> None:
    kept = files.load_checkpoint(folder)
    if kept is not None:
        trainer.restore(*kept)
    progress.start("train", config.n_steps)
    progress.advance(trainer.n_done)
    while not trainer.is_over:
        trainer.advance()
        if trainer.n_done % config.save_every == 0 or trainer.is_over:
            files.save_checkpoint(folder, *trainer.state())
        progress.advance()
    progress.finish()


def _finish(
    trainer: Trainer,
    config: TrainConfig,
    folder: Path,
    models: tuple[HFModel, HFModel],
    seeds: Seeds,
    initial: tuple[Vectors, ...],
    max_bytes: int,
) -> Json:
    from diptych.apps.soft_prompting.plots import draw_curves

    about = tuple({"name": one.name, "identity": one.source.identity} for one in models)
    trained = [seeds.rows[number] for number in seeds.numbers(held_out=False)]
    details = {
        "step": trainer.best.step, "objective": config.objective, "seed": config.seed,
        "trained_on": sorted({row.prompt_id for row in trained}), "trained_texts": texts_of(trained),
        "nearest": nearest_text(trainer.pair.models[0], trainer.best_vectors[0]), "spent": trainer.spent,
    }  # fmt: skip
    prompt = SoftPrompt(trainer.best_vectors, config.place, about, details)
    if not (folder / files.SOFT_PROMPT).exists():
        prompt.save(folder / files.SOFT_PROMPT)
    if config.place == START and not config.per_model and not (folder / files.PEFT).exists():
        export_peft(prompt, folder / files.PEFT, base=str(models[0].source.base.name))
    bare = pair_up(models, seeds.rows, place=None, n_vectors=0, prompted=trainer.pair.models)
    summary = {
        "schema": 1,
        "n_steps": trainer.n_done,
        "best_step": trainer.best.step,
        "stopped_early": trainer.n_done < config.n_steps,
        **held_out_summary(
            bare, trainer.pair, seeds, prompt=trainer.best_vectors, initial=initial, config=config, max_bytes=max_bytes
        ),
    }
    history = [{"kind": "step", **asdict(one)} for one in trainer.steps]
    history += [{"kind": "look", **asdict(one)} for one in trainer.looks]
    write_atomic(folder / "history.jsonl", json_lines(history).encode())
    page = draw_curves(trainer.steps, trainer.looks, summary)
    if page is not None:
        write_atomic(folder / "curves.html", page.encode())
    write_atomic(folder / files.SUMMARY, (json_text(summary) + "\n").encode())
    return summary


def _sources(config: TrainConfig) -> dict[str, str]:
    own = {"a": config.a, "b": config.b}
    return own if config.control is None else own | dict(zip(_CONTROL, config.control, strict=True))


def _pair(
    models: Mapping[str, HFModel],
    prompted: Mapping[str, PromptedModel],
    names: tuple[str, str],
    seeds: Seeds,
    config: TrainConfig,
) -> Pair:
    first, second = names
    return pair_up(
        (models[first], models[second]), seeds.rows, place=config.place, n_vectors=config.n_tokens,
        prompted=(prompted[first], prompted[second]),
    )  # fmt: skip


def _manifest(config: TrainConfig, models: Mapping[str, HFModel]) -> Json:
    inputs = [{"source": config.prompts, "sha256": source_sha256(Path(config.prompts)) or ""}]
    about = {name: {"name": model.name, "identity": model.identity} for name, model in models.items()}
    settings: dict[str, Any] = config.model_dump(mode="json")
    covered = {name: value for name, value in settings.items() if name not in ("a", "b", "control", "prompts")}
    identity = {
        "inputs": [one["sha256"] for one in inputs],
        "config": covered,
        "models": {name: one["identity"] for name, one in about.items()},
    }
    more = {"application": files.APPLICATION, "models": about}
    return describe_manifest(inputs, settings, identity, seeds={"train": config.seed}, more=more)
