"""Plant behaviours in a model: train it, or an adapter on it, on rows that show them."""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from diptych import __version__
from diptych._types import Json, Progress, Silent
from diptych.apps.interventions.examples import Example, collate, examples
from diptych.apps.interventions.rows import Row, as_json
from diptych.apps.interventions.trained_folder import (
    CHECKPOINTS,
    GOES_ON,
    WHOLE,
    begin,
    last_checkpoint,
    write_trained,
)
from diptych.apps.interventions.watching import watch
from diptych.config import Settings
from diptych.errors import ConfigError, DataError
from diptych.models.manager import Source, quiet, read_tokenizer
from diptych.models.merging import load_merged
from diptych.models.templates import check_template
from diptych.utils.extras import require_extra
from diptych.utils.files import writing
from diptych.utils.hashing import content_hash


class TrainConfig(Settings):
    """How a model is trained."""

    method: Literal["lora", "full"] = "lora"
    epochs: float = Field(default=3.0, gt=0)
    learning_rate: float = Field(default=2e-4, gt=0)
    batch_size: int = Field(default=16, ge=1)
    """Examples of a step."""
    at_once: int = Field(default=4, ge=1)
    """Examples in memory at once; the batch is a multiple of it."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps in which the learning rate rises; then it falls as a cosine."""
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of a gradient."""
    length: int = Field(default=512, ge=2)
    """Most tokens of a conversation."""
    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    """A LoRA adapter counts alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    merge: bool = False
    """Write whole weights with the adapter worked into them, in place of the adapter."""
    targets: tuple[str, ...] = ("all-linear",)
    """Layers that get an adapter, by the ends of their names; ``all-linear`` for all but the output."""
    save_every: int = Field(default=50, ge=1)
    """Steps from one checkpoint to the next."""
    raw: bool = False
    """Leave the chat template out."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _batches_come_out(self) -> TrainConfig:
        if self.batch_size % self.at_once:
            raise ValueError(f"batch_size = {self.batch_size} is no multiple of at_once = {self.at_once}")
        if self.merge and self.method == "full":
            raise ValueError("merge goes with method lora: with full there is no adapter to merge")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether all weights are written, not an adapter."""
        return self.method == "full" or self.merge


@dataclass(frozen=True)
class Training:
    """A model, and what it is to be trained on.

    Parameters
    ----------
    source : the model before
    config : how
    rows : of training
    held_out : rows that the loss is also measured on, after every epoch
    """

    source: Source
    config: TrainConfig
    rows: Sequence[Row]
    held_out: Sequence[Row] = ()

    @functools.cached_property
    def identity(self) -> Json:
        """What another run would have to share to be the same."""
        return {
            "base": self.source.identity,
            "config": self.config.model_dump(mode="json", exclude={"save_every"}),
            "rows": _digest(self.rows),
            "held_out": _digest(self.held_out),
        }


def train(training: Training, folder: Path, *, progress: Progress | None = None) -> Json:
    """Train, and write the adapter or the model; the same call goes on where an earlier one was stopped.

    The base is left as it is. An adapter is loaded again as ``hf/base+folder``, a whole model as ``hf/folder``.

    Parameters
    ----------
    training : what is trained on what
    folder : gets the weights, ``README.md``, ``provenance.json``
    progress : where it says how far it is

    Returns
    -------
    dict
        what ``provenance.json`` holds

    Raises
    ------
    ConfigError
        If an adapter is to be put on a model that has one already, or layers to be adapted are not there.
    DataError
        If there is no row, or a row does not fit.
    ModelError
        If the model cannot be loaded, or its loss is not a number: names the step.
    RunError
        If another training lies in the folder, or it cannot be written.
    """
    require_extra("peft", extra="train")
    tokenizer = read_tokenizer(training.source.base)
    learnt, held_out = make_examples(training, tokenizer)
    if (done := begin(folder, training.identity)) is not None:
        return done
    with _own_randomness(training.config.seed), quiet(), writing(folder, GOES_ON):
        model = open_for_training(training)
        arguments = _arguments(training.config, folder, n_steps(training.config, len(learnt)), evaluate=bool(held_out))
        trainer = _trainer(model, arguments, learnt, held_out, tokenizer.pad_token_id, progress or Silent())
        trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        provenance = _provenance(training, model, len(learnt), trainer.state.log_history)
        model.config.use_cache = True
        whole = tokenizer if training.config.is_whole else None
        if training.config.merge:
            model = model.merge_and_unload(safe_merge=True)
        elif whole is None:
            model.peft_config["default"].base_model_name_or_path = training.source.base.name
        write_trained(folder, model, whole, provenance, base=training.source.name)
    return provenance


def make_examples(training: Training, tokenizer: Any) -> tuple[list[Example], list[Example]]:
    """What is learnt, and what is held out.

    Parameters
    ----------
    training : what is trained on what
    tokenizer : of the base

    Raises
    ------
    ConfigError, DataError
        As ``train`` does.
    """
    source, config = training.source, training.config
    if not training.rows:
        raise DataError("no row to train on")
    if source.adapter is not None and config.method == "lora":
        raise ConfigError(
            f"hf/{source.name}: an adapter on an adapter cannot be loaded again. Train the base, or give --method full."
        )
    check_template(tokenizer, f"hf/{source.name}", raw=config.raw)
    learnt, held_out = (
        examples(tokenizer, rows, raw=config.raw, max_tokens=config.length)
        for rows in (training.rows, training.held_out)
    )
    return learnt, held_out


def open_for_training(training: Training) -> Any:
    """The torch model, with a fresh adapter where one is trained.

    Parameters
    ----------
    training : what is trained on what

    Raises
    ------
    ConfigError, ModelError
        As ``train`` does.
    """
    model, config = load_merged(training.source), training.config
    model.config.use_cache = False
    if config.method == "full":
        return model.train()
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    targets: Any = config.targets[0] if config.targets == ("all-linear",) else list(config.targets)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=targets,
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in model.modules()),
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, lora)
    except ValueError as error:
        raise ConfigError(f"targets = {', '.join(config.targets)}: {str(error).splitlines()[0]}") from None
    adapted.peft_config["default"].base_model_name_or_path = None  # PEFT would look for that name on the hub
    return adapted.train()


def estimate(training: Training) -> Json:
    """What would be trained, and how long it takes, in seconds, by one batch that is run and thrown away.

    Parameters
    ----------
    training : what is trained on what

    Raises
    ------
    ConfigError, DataError, ModelError
        As ``train`` does.
    """
    require_extra("peft", extra="train")
    tokenizer = read_tokenizer(training.source.base)
    learnt, held_out = make_examples(training, tokenizer)
    config, total = training.config, n_steps(training.config, len(learnt))
    with _own_randomness(config.seed), quiet():
        model = open_for_training(training)
        longest = sorted(learnt, key=len)[len(learnt) // 2 :][: config.at_once]  # of middling length and above
        batch = collate([one.as_json() for one in longest], tokenizer.pad_token_id)
        begun = time.perf_counter()
        model(**batch).loss.backward()
        seconds = (time.perf_counter() - begun) * config.batch_size / config.at_once * total
    return {
        "n_examples": len(learnt),
        "n_held_out": len(held_out),
        "n_tokens": sum(map(len, learnt)),
        "n_steps": total,
        "n_parameters": count_parameters(model),
        "seconds": seconds,
    }


def n_steps(config: TrainConfig, n_examples: int) -> int:
    """Steps of a training.

    Parameters
    ----------
    config : how
    n_examples : of the rows

    Examples
    --------
    >>> n_steps(TrainConfig(epochs=3, batch_size=16), 100)
    21
    """
    return max(1, math.ceil(config.epochs * math.ceil(n_examples / config.batch_size)))


def _arguments(config: TrainConfig, folder: Path, total: int, *, evaluate: bool) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        max_steps=total,
        per_device_train_batch_size=config.at_once,
        per_device_eval_batch_size=config.at_once,
        gradient_accumulation_steps=config.batch_size // config.at_once,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(config.warmup * total),
        weight_decay=config.weight_decay,
        max_grad_norm=config.clip,
        optim="adamw_torch",
        seed=config.seed,
        save_strategy="steps",
        save_steps=config.save_every,
        save_total_limit=2,
        eval_strategy="epoch" if evaluate else "no",
        logging_strategy="steps",
        logging_steps=max(1, total // 50),
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=False,
    )


def _trainer(
    model: Any, arguments: Any, learnt: list[Example], held_out: list[Example], pad: int, progress: Progress
) -> Any:
    from transformers import PrinterCallback, ProgressCallback, Trainer

    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=[one.as_json() for one in learnt],
        eval_dataset=[one.as_json() for one in held_out] or None,
        data_collator=lambda batch: collate(batch, pad),
        callbacks=[watch(progress, arguments.max_steps, WHOLE)],
    )
    for printing in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(printing)
    return trainer


def _provenance(training: Training, model: Any, n_examples: int, history: Sequence[Json]) -> Json:
    from importlib.metadata import version

    kept = ("step", "loss", "eval_loss", "learning_rate")
    truths = Counter(row.truth or "" for row in training.rows)
    return {
        "schema": 1,
        "diptych_version": __version__,
        **training.identity,
        "truths": dict(sorted(truths.items())),
        "n_rows": len(training.rows),
        "n_examples": n_examples,
        "n_steps": n_steps(training.config, n_examples),
        "n_parameters": count_parameters(model),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "accelerate")},
        "losses": [{name: value for name, value in one.items() if name in kept} for one in history],
    }


def count_parameters(model: Any) -> dict[str, int]:
    """Of all parameters, how many are trained.

    Parameters
    ----------
    model : torch model
    """
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return {"trained": sum(n for n, is_trained in sizes if is_trained), "all": sum(n for n, _ in sizes)}


def _digest(rows: Sequence[Row]) -> str:
    return content_hash("diptych/rows/1", [as_json(row) for row in rows])


@contextlib.contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """The libraries draw from the generators of the whole process: they get our seed, and are put back afterwards."""
    import random

    import numpy as np
    import torch
    from transformers import set_seed

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        set_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
