"""Models in memory: loaded once, shared, and let go of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Self

from diptych._types import Json
from diptych.errors import ModelError
from diptych.models.checkpoints import Checkpoint, find_checkpoint
from diptych.utils.device import Dtype, choose_device, choose_dtype
from diptych.utils.extras import require_extra


@dataclass(frozen=True)
class Source:
    """What a name stands for: weights, and an adapter on them if there is one.

    Parameters
    ----------
    base : the weights
    adapter : PEFT adapter on them
    """

    base: Checkpoint
    adapter: Checkpoint | None = None

    @classmethod
    def find(cls, name: str) -> Source:
        """``<id or folder>[@revision]``, or two of them with ``+`` between: base and adapter.

        Parameters
        ----------
        name : without ``hf/``

        Raises
        ------
        ModelError
            If there is nothing of that name, or its weights are not safetensors.
        """
        base, plus, adapter = (name, "", "") if Path(name).is_dir() else name.rpartition("+")
        if not plus:
            return cls(_find(name))
        return cls(_find(base), _find(adapter, kind="adapter"))

    @property
    def name(self) -> str:
        return self.base.name if self.adapter is None else f"{self.base.name}+{self.adapter.name}"

    @property
    def identity(self) -> Json:
        """The content of all files that are read; where they lie plays no part."""
        parts = {"base": self.base, **({} if self.adapter is None else {"adapter": self.adapter})}
        return {
            part: {"name": found.name, "revision": found.revision, "sha256": found.digest}
            for part, found in parts.items()
        }


@dataclass
class _Weights:
    """Base weights in memory, with all adapters that were put on them."""

    model: Any
    tokenizer: Any
    adapters: dict[Path, str] = field(default_factory=dict)
    n_users: int = 0
    lock: RLock = field(default_factory=RLock)
    in_use: list[str | None] = field(default_factory=list)
    """Adapters of those who use it now, the innermost last."""

    def switch(self) -> None:
        """Put on the adapter of the innermost user, and no other."""
        if not self.adapters or not self.in_use:
            return
        name = self.in_use[-1]
        if name is None:
            self.model.base_model.disable_adapter_layers()
        else:
            self.model.base_model.enable_adapter_layers()
            self.model.set_adapter(name, inference_mode=True)


class Loaded:
    """A model in memory. Use it inside ``with loaded.active() as model``.

    Parameters
    ----------
    source : where it comes from
    weights : of the base; shared
    device, dtype : where it runs, and in which precision
    """

    def __init__(self, source: Source, weights: _Weights, device: str, dtype: str) -> None:
        self.source, self.device, self.dtype = source, device, dtype
        self._weights = weights

    @classmethod
    def alone(cls, source: Source, model: Any, tokenizer: Any, device: str, dtype: str) -> Self:
        """A model that was made in memory, and that nobody shares.

        Parameters
        ----------
        source : that it was made of, an adapter included in its weights
        model, tokenizer : of torch and transformers
        device, dtype : where it runs, and in which precision
        """
        return cls(Source(source.base), _Weights(model, tokenizer), device, dtype)

    @property
    def tokenizer(self) -> Any:
        """Of the base, with padding on the left and a token for it."""
        return self._weights.tokenizer

    @property
    def n_context(self) -> int | None:
        """Most tokens of prompt and answer together; None where the model does not say."""
        return getattr(self._weights.model.config.get_text_config(), "max_position_embeddings", None)

    @property
    def defaults(self) -> Json:
        """``temperature``, ``top_p``, ``top_k`` of its own settings, where it samples by them."""
        config = self._weights.model.generation_config
        return {name: getattr(config, name) for name in ("temperature", "top_p", "top_k")} if config.do_sample else {}

    @property
    def ends(self) -> list[int]:
        """Tokens that end an answer."""
        ids = self._weights.model.generation_config.eos_token_id
        found = ids if isinstance(ids, list) else [ids]
        return sorted({token for token in [*found, self.tokenizer.eos_token_id] if token is not None})

    @property
    def n_outputs(self) -> int:
        """Rows of scores: tokens of the vocabulary, and what pads it."""
        return int(self._weights.model.get_output_embeddings().weight.shape[0])

    @property
    def width(self) -> int:
        """Of the vector of a token as the model reads it."""
        return int(self._weights.model.get_input_embeddings().weight.shape[1])

    def shares_weights(self, other: Loaded) -> bool:
        """Whether both are one model in memory, with different adapters or the same.

        Parameters
        ----------
        other : from the same manager
        """
        return self._weights is other._weights

    @contextmanager
    def active(self) -> Iterator[Any]:
        """The torch model with its own adapter on and no other; no other thread uses it meanwhile.

        Within, another model on the same weights may be active for a while.
        """
        weights, adapter = self._weights, self.source.adapter
        with weights.lock:
            weights.in_use.append(None if adapter is None else weights.adapters[adapter.folder.resolve()])
            try:
                weights.switch()
                yield weights.model
            finally:
                weights.in_use.pop()
                weights.switch()


class ModelManager:
    """Loads models, shares them, lets go of them.

    Weights are read from safetensors only, and no code that comes with a model is run.

    Parameters
    ----------
    device : ``auto``, ``cpu``, ``cuda`` or ``cuda:N``
    dtype : ``auto``, ``float32``, ``bfloat16`` or ``float16``
    device_map : how a model that is too large for one GPU is spread over several, as accelerate takes it: ``"auto"``
    quantization : a configuration of transformers, as JSON: ``{"quant_method": "bitsandbytes", "load_in_4bit": true}``

    Raises
    ------
    ConfigError
        If there is no such device.
    MissingExtraError
        Without torch, transformers, or the libraries that the other arguments take.

    Examples
    --------
    >>> with ModelManager(device="cpu") as manager:               # doctest: +SKIP
    ...     chat = manager.load("owner/chat-model@v1")
    ...     with chat.active() as model:
    ...         model.num_parameters()
    """

    def __init__(
        self,
        device: str = "auto",
        dtype: Dtype = "auto",
        *,
        device_map: str | None = None,
        quantization: Mapping[str, Any] | None = None,
    ) -> None:
        require_extra("transformers", extra="local")
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        self._device_map, self._quantization = device_map, dict(quantization or {})
        self._weights: dict[Path, _Weights] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, name: str | Source) -> Loaded:
        """A model in memory; weights that are there already are shared.

        Parameters
        ----------
        name : ``<id or folder>[@revision]``, or ``base+adapter``

        Raises
        ------
        ModelError
            If there is no such model, its weights are not safetensors or need code of their own, or the adapter does
            not fit.
        """
        source = name if isinstance(name, Source) else Source.find(name)
        place = source.base.folder.resolve()
        weights = self._weights.get(place) or self._read(source.base)
        if source.adapter is not None:
            self._put_on(weights, source.base, source.adapter)
        self._weights[place] = weights
        weights.n_users += 1
        return Loaded(source, weights, self.device, self.dtype)

    def release(self, loaded: Loaded) -> None:
        """Let go of a model; its memory is free when all that share it were released.

        Parameters
        ----------
        loaded : from `load`; not to be used any more
        """
        place = loaded.source.base.folder.resolve()
        weights = self._weights.get(place)
        if weights is not None and weights is loaded._weights:
            weights.n_users -= 1
            if weights.n_users <= 0:
                del self._weights[place]

    def close(self) -> None:
        """Let go of all."""
        self._weights.clear()

    def _read(self, base: Checkpoint) -> _Weights:
        tokenizer = read_tokenizer(base)
        with quiet(), _as_model_error(base):
            return _Weights(self._model(base), tokenizer)

    def _model(self, base: Checkpoint) -> Any:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.quantizers.auto import AutoQuantizationConfig

        more: Json = {}
        if self._quantization:
            more["quantization_config"] = AutoQuantizationConfig.from_dict(self._quantization)
        model = AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=getattr(torch, self.dtype),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            device_map=self._device_map or (self.device if self._quantization else None),
            **more,
        )
        placed = self._device_map or self._quantization
        return (model if placed else model.to(self.device)).eval()

    def _put_on(self, weights: _Weights, base: Checkpoint, adapter: Checkpoint) -> None:
        require_extra("peft", extra="local")
        from peft import PeftConfig, PeftModel

        folder = adapter.folder.resolve()
        if folder in weights.adapters:
            return
        if PeftConfig.from_pretrained(folder).is_prompt_learning:
            raise ModelError(f"hf/{base.name}+{adapter.name}: a soft prompt is no change of weights that can be put on")
        name, first = f"adapter{len(weights.adapters)}", not weights.adapters
        with weights.lock, quiet():
            try:
                if first:
                    weights.model = PeftModel.from_pretrained(weights.model, folder, name, autocast_adapter_dtype=False)
                else:
                    weights.model.load_adapter(folder, name, autocast_adapter_dtype=False)
                weights.model.eval()
            except (ValueError, RuntimeError, KeyError, OSError) as error:
                if first:
                    weights.model = self._model(base)  # layers for the adapter may be in it
                elif name in weights.model.peft_config:
                    weights.model.delete_adapter(name)
                said = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
                reason = next((line for line in said if "size mismatch" in line), said[0])
                raise ModelError(f"hf/{base.name}+{adapter.name}: the adapter does not fit: {reason}") from None
            weights.adapters[folder] = name


def read_tokenizer(base: Checkpoint) -> Any:
    """The tokenizer of a model, padding on the left, with a token for it: the end of a text where it has none.

    Parameters
    ----------
    base : the model

    Raises
    ------
    ModelError
        If there is none, or it needs code of its own.
    """
    from transformers import AutoTokenizer

    with quiet(), _as_model_error(base):
        tokenizer = AutoTokenizer.from_pretrained(
            base.folder, trust_remote_code=False, local_files_only=True, padding_side="left"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or next(iter(tokenizer.get_vocab()))
    return tokenizer


def _find(name: str, *, kind: str = "model") -> Checkpoint:
    owner, at, revision = (name, "", None) if Path(name).is_dir() else name.rpartition("@")
    return find_checkpoint(owner if at else name, revision=revision if at else None, kind=kind)


@contextmanager
def _as_model_error(base: Checkpoint) -> Iterator[None]:
    """What is raised where a checkpoint is damaged, unknown or wants code of its own, in our words."""
    from safetensors import SafetensorError

    try:
        yield
    except (
        OSError, ValueError, KeyError, RuntimeError, SafetensorError,
        AssertionError, ImportError, TypeError,  # of configurations of a quantisation
    ) as error:  # fmt: skip
        first, *_ = str(error).splitlines() or [type(error).__name__]
        raise ModelError(f"hf/{base.name} cannot be loaded: {first}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Let transformers work without bars and advice on the terminal."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of one library at another
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
