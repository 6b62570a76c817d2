"""``hf/<id or folder>[@revision]`` and ``hf/base+adapter``: weights on this machine."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import Field

from diptych._types import Json, Vectors
from diptych.config import Settings
from diptych.errors import DataError, ModelError
from diptych.models.local import Job, Limits, Written, write_texts
from diptych.models.manager import Loaded, ModelManager, Source, read_tokenizer
from diptych.models.requests import Answer, Deliver, Failure, Message, Reply, Request, Sampling, Usage, draw_seed
from diptych.models.sampling import Draw
from diptych.models.soft_prompt_files import find_soft_prompt
from diptych.models.soft_prompts import SoftPrompt
from diptych.models.templates import Prompt, check_template, render
from diptych.utils.device import Dtype, choose_device, choose_dtype
from diptych.utils.extras import require_extra


class LocalOptions(Settings):
    """How weights are loaded and run."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    dtype: Dtype = "auto"
    device_map: Literal["auto", "balanced", "sequential"] | None = None
    """How a model is spread over several GPUs."""
    quantization: Json = Field(default_factory=dict)
    """A quantisation configuration of transformers."""
    batch_size: int = Field(default=32, ge=1)
    """Texts at once; halved when memory runs out. Answers do not depend on it in float32 on a processor."""
    raw: bool = False
    """Let the model go on with each prompt as it is, without a chat template."""
    soft_prompt: str | None = None
    """Folder of a soft prompt that stands in every conversation, at its place: a training's, or PEFT's."""

    @property
    def concurrency(self) -> int:
        """Requests that are under way at once."""
        return self.batch_size


class HFModel:
    """Weights in memory as a model that answers. Implements the protocol `Model`; weights are read when first asked.

    Parameters
    ----------
    source : the weights
    options : how they are run
    """

    def __init__(self, source: Source, options: LocalOptions) -> None:
        require_extra("transformers", extra="local")
        self.source, self.options = source, options
        self._device = choose_device(options.device)
        self._dtype = choose_dtype(options.dtype, self._device)
        self._loaded: Loaded | None = None
        self._soft_prompt = None if options.soft_prompt is None else find_soft_prompt(options.soft_prompt)

    @classmethod
    def open(cls, name: str, options: Mapping[str, Any]) -> Self:
        """The model of a name; its files are found and checked, and not loaded yet.

        Parameters
        ----------
        name : what follows ``hf/``
        options : settings of `LocalOptions`

        Raises
        ------
        ConfigError
            If an option does not fit.
        MissingExtraError
            Without torch and transformers.
        ModelError
            If there is no such model, or its weights are not safetensors.
        """
        checked = LocalOptions.parse(options, source="hf options")
        require_extra("torch", extra="local")
        return cls(Source.find(name), checked)

    @property
    def name(self) -> str:
        return f"hf/{self.source.name}"

    @functools.cached_property
    def identity(self) -> Json:
        """The content of the weights, and how they are run; not where they lie, nor the size of batches."""
        ran = {"device": self._device.partition(":")[0], "dtype": self._dtype, "raw": self.options.raw}
        soft = {} if self._soft_prompt is None else {"soft_prompt": self._soft_prompt.digest}
        return {"provider": "hf", **self.source.identity, **ran, "quantization": self.options.quantization, **soft}

    def check(self, sampling: Sampling) -> None:
        """Refuse a model without a chat template, unless it is to go on with texts; ``sampling`` is taken in full.

        Raises
        ------
        ConfigError
            Says what to do instead.
        """
        check_template(self._tokenizer, self.name, raw=self.options.raw)

    def close(self) -> None:
        """Let go of the weights, unless another model shares them."""
        if self._loaded is not None:
            _manager(*self._settings).release(self._loaded)
            self._loaded = None

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        """As the protocol says: ``requests`` in batches, drawn by ``sampling``, each handed to ``deliver``.

        A schema is not obeyed, which a warning says: the answer must be checked, as `models.structured` does.
        """
        if any(request.schema is not None for request in requests):
            warnings.warn(
                f"{self.name} cannot be held to a form: what the question says of it is all that the model knows, "
                "and an answer that does not fit counts as a failure",
                stacklevel=2,
            )
        for index, answer in self._answers(requests, sampling):
            deliver(index, answer)

    def load(self) -> Loaded:
        """The weights in memory: to score texts, or to look inside."""
        if self._loaded is None:
            self._loaded = _manager(*self._settings).load(self.source)
        return self._loaded

    def _answers(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        self.check(sampling)
        prompts: dict[int, Prompt] = {}
        loaded = self.load()
        for index, request in enumerate(requests):
            try:
                prompt = self._render(request.messages)
            except DataError as error:
                yield index, Failure("bad_request", str(error))
                continue
            n_all = len(prompt.tokens) + sampling.max_tokens
            if not prompt.tokens:
                yield index, Failure("bad_request", "the prompt is empty")
            elif loaded.n_context is not None and n_all > loaded.n_context:
                yield index, Failure("context_length", _too_long(prompt, sampling, loaded.n_context))
            else:
                prompts[index] = prompt
        draw = Draw.of(sampling, loaded.defaults)
        asked = {index: requests[index] for index in prompts}
        for index, written in self._texts(asked, prompts, draw, sampling):
            if written is None:
                yield index, Failure("memory", f"no memory for a prompt of {len(prompts[index].tokens)} tokens alone")
            else:
                yield index, self._reply(prompts[index], written, draw, draw_seed(sampling, requests[index]), sampling)

    def _texts(
        self, asked: Mapping[int, Request], prompts: Mapping[int, Prompt], draw: Draw, sampling: Sampling
    ) -> Iterator[tuple[int, Written | None]]:
        """The answers to requests by number, in the order in which they are there."""
        order = list(asked)
        jobs = [Job(prompts[index].tokens, draw_seed(sampling, asked[index]), prompts[index].hole) for index in order]
        limits = Limits(sampling.max_tokens, sampling.stop)
        for number, written in write_texts(
            self.load(), jobs, draw, limits, batch_size=self.options.batch_size, vectors=self._vectors()
        ):
            yield order[number], written

    def _render(self, messages: Sequence[Message]) -> Prompt:
        if self._soft_prompt is None:
            return render(self._tokenizer, messages, raw=self.options.raw)
        return self._soft_prompt.render(self._tokenizer, messages, raw=self.options.raw)

    def fitting(self, soft: SoftPrompt) -> Vectors:
        """The vectors of a soft prompt that this model reads, float32 (n_tokens, width).

        Parameters
        ----------
        soft : the prompt

        Raises
        ------
        ModelError
            If it has none for this model.
        """
        width = self.load().width
        vectors = soft.of_model(self.source.identity)
        if vectors is None or vectors.shape[1] != width:
            trained = " and ".join(str(one["name"]) for one in soft.models) or "another model"
            widths = ", ".join(str(one.shape[1]) for one in soft.vectors)
            raise ModelError(
                f"{self.name} reads vectors of width {width}; the soft prompt was trained for {trained}, with vectors "
                f"of width {widths}. Train one for this model."
            )
        return vectors

    def _vectors(self) -> Vectors | None:
        return None if self._soft_prompt is None else self.fitting(self._soft_prompt)

    def _reply(self, prompt: Prompt, written: Written, draw: Draw, seed: int, sampling: Sampling) -> Reply:
        return Reply(
            written.text,
            written.finish_reason,
            Usage(len(prompt.tokens), written.n_tokens),
            model=self.name,
            sent={**asdict(draw), "max_new_tokens": sampling.max_tokens, "stop": list(sampling.stop), "seed": seed},
            details={"prompt": prompt.text},
        )

    @functools.cached_property
    def _tokenizer(self) -> Any:
        return read_tokenizer(self.source.base)

    @property
    def _settings(self) -> tuple[str, Dtype, str | None, str]:
        options = self.options
        quantization = json.dumps(options.quantization, sort_keys=True)
        return self._device, options.dtype, options.device_map, quantization


@functools.cache
def _manager(device: str, dtype: Dtype, device_map: str | None, quantization: str) -> ModelManager:
    """One for all models that are run alike: a base and its adapters share their weights."""
    return ModelManager(device, dtype, device_map=device_map, quantization=json.loads(quantization))


def _too_long(prompt: Prompt, sampling: Sampling, n_context: int) -> str:
    asked = f"{len(prompt.tokens):,} tokens, and {sampling.max_tokens:,} for the answer (max_tokens)"
    return f"the prompt has {asked}; the model takes {n_context:,} in all"
