"""Where a model runs, and in which precision."""

from __future__ import annotations

import re
from typing import Literal

from diptych.errors import ConfigError
from diptych.utils.extras import require_extra

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


def choose_device(name: str = "auto") -> str:
    """The device of a name, if it is here.

    Parameters
    ----------
    name : ``auto`` (the first GPU if there is one, else the processor), ``cpu``, ``cuda`` or ``cuda:N``

    Returns
    -------
    str
        ``cpu`` or ``cuda:N``

    Raises
    ------
    ConfigError
        If there is no such device.
    MissingExtraError
        Without torch.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ConfigError(f"device = {name!r}: give auto, cpu, cuda or cuda:N")
    require_extra("torch", extra="local")
    import torch

    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not n_gpus):
        return "cpu"
    number = int(name.partition(":")[2] or 0)
    if number >= n_gpus:
        raise ConfigError(f"device = {name!r}: {n_gpus or 'no'} GPUs are here. Give auto or cpu.")
    return f"cuda:{number}"


def choose_dtype(name: Dtype, device: str) -> str:
    """The precision of weights and activations.

    Parameters
    ----------
    name : ``auto`` is float32 on a processor, where answers then depend on no other; on a GPU bfloat16 if it has that,
        else float16
    device : as `choose_device` gives it

    Returns
    -------
    str
        ``float32``, ``bfloat16`` or ``float16``
    """
    if name != "auto":
        return name
    if device == "cpu":
        return "float32"
    import torch

    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
