"""Sentence-transformers models as encoders: ``st/all-MiniLM-L6-v2``, or ``st/`` and a local folder."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Inputs, Vectors
from diptych.errors import ModelError
from diptych.utils.extras import require_extra

_TEXTS = 1024
"""That are split into tokens at a time."""
_LIBRARIES = ("sentence-transformers", "transformers", "torch")


class SentenceEncoder:
    """A trained model that puts texts of like meaning near each other.

    Parameters
    ----------
    model : name on the hub, or a folder

    Raises
    ------
    MissingExtraError
        If sentence-transformers is not installed.
    ModelError
        If there is no such model, or it brings code: its weights are not safetensors, or it has modules of its own.

    Notes
    -----
    Texts beyond the model's ``max_seq_length`` are cut there, and counted by `inputs_of`. The last bits of a
    vector depend on the texts that share its batch (2e-7), so a stored vector is never computed again.
    """

    def __init__(self, model: str) -> None:
        require_extra("sentence_transformers", extra="local")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        shows_bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            self._model: Any = SentenceTransformer(
                model,
                trust_remote_code=False,
                local_files_only=Path(model).is_dir(),
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError) as error:
            first, *_ = str(error).splitlines() or [type(error).__name__]
            raise ModelError(
                f"st/{model} cannot be loaded: {first}\n"
                "Give st/ and a model's name on the hub, or the folder of one that is here; weights as safetensors."
            ) from error
        finally:
            if shows_bars:
                logging.enable_progress_bar()
        self._model.eval()

    @functools.cached_property
    def dim(self) -> int:
        return int(self._model.get_embedding_dimension())

    @functools.cached_property
    def fingerprint(self) -> str:
        """The content of the model, not its name or place: two copies share their vectors."""
        digest = hashlib.sha256(str(self._model).encode())
        digest.update(self._model.tokenizer.backend_tokenizer.to_str().encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().numpy().tobytes())
        versions = " ".join(f"{library}={version(library)}" for library in _LIBRARIES)
        return f"st/1 sha256={digest.hexdigest()} {versions}"

    def inputs_of(self, texts: Sequence[str]) -> Inputs:
        """The texts as they are, with the number of those that have more tokens than the model looks at."""
        limit = self._model.max_seq_length
        n_truncated = 0
        for start in range(0, len(texts) if limit else 0, _TEXTS):
            part = list(texts[start : start + _TEXTS])
            tokens = self._model.tokenizer(part, truncation=False, padding=False, verbose=False)["input_ids"]
            n_truncated += sum(len(ids) > limit for ids in tokens)
        return Inputs(list(texts), n_truncated, f"{limit} tokens")

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, float32 (n, dim)."""
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        rows = self._model.encode(
            list(texts), batch_size=32, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.ascontiguousarray(rows, dtype=np.float32)


@functools.lru_cache(maxsize=2)
def load_sentence_encoder(model: str) -> SentenceEncoder:
    """The encoder of a model, loaded once a process.

    Parameters
    ----------
    model : as for ``SentenceEncoder``
    """
    return SentenceEncoder(model)
