"""A model with its adapter worked into its weights."""

from __future__ import annotations

from typing import Any

from diptych.errors import ModelError
from diptych.models.manager import ModelManager, Source, quiet
from diptych.utils.device import Dtype


def load_merged(source: Source, *, dtype: Dtype = "float32") -> Any:
    """A torch model on the processor whose weights nobody else uses; what an adapter adds is part of them.

    Parameters
    ----------
    source : of the weights, and of an adapter if there is one
    dtype : in which the sum is taken and kept

    Raises
    ------
    ModelError
        If it cannot be loaded, or weights are held as codes of a quantisation, which nothing can be added to.
    """
    with ModelManager("cpu", dtype) as manager:
        loaded = manager.load(source)
        with loaded.active() as model, quiet():
            merged = model if source.adapter is None else model.merge_and_unload(safe_merge=True)
    for weight_name, weight in merged.named_parameters():
        if not weight.is_floating_point():
            raise ModelError(f"hf/{source.name}: {weight_name} is quantised ({weight.dtype}): codes, not weights")
    # a checkpoint may still name the quantisation that it was read from; its weights are plain numbers now
    for mark in ("hf_quantizer", "is_quantized", "quantization_method"):
        vars(merged).pop(mark, None)
    vars(merged.config).pop("quantization_config", None)
    return merged
