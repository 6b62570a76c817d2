"""Models between two others, and beyond them: weights on the straight line through both."""

from __future__ import annotations

from typing import Any

from diptych.errors import ConfigError

_NOT_OF_THE_FUNCTION = {
    "_name_or_path", "architectures", "bos_token_id", "dtype", "eos_token_id", "max_length", "pad_token_id",
    "transformers_version", "use_cache",
}  # fmt: skip
"""Settings that may differ: they say where weights lie, how they are kept and where texts end."""


def interpolate(a: Any, b: Any, weight: float) -> Any:
    """The first model, its weights moved towards the second's: ``a + weight (b - a)``, in place.

    Computed in float32 or better and rounded once. Weights that are tied stay so. Buffers of whole numbers, and those
    that are no part of a checkpoint, stay a's.

    Parameters
    ----------
    a : torch model, which is changed
    b : torch model, which is not
    weight : 0 leaves a's weights, 1 gives b's, both to the last bit; below 0 and above 1 it goes beyond

    Returns
    -------
    the model ``a``

    Raises
    ------
    ConfigError
        If the models are built differently: names the first weight or setting, and what both have there. Nothing was
        changed then.

    Notes
    -----
    Wortsman et al. (2022), Robust fine-tuning of zero-shot models (WiSE-FT), arXiv 2109.01903, for weights from 0 to 1;
    Ilharco et al. (2023), Editing models with task arithmetic, arXiv 2212.04089, for those outside.

    Examples
    --------
    >>> import torch                                                                          # doctest: +SKIP
    >>> a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)                                   # doctest: +SKIP
    >>> bool((interpolate(a, b, 1.0).weight == b.weight).all())                               # doctest: +SKIP
    True
    """
    import torch

    own, other = _tensors(a), _tensors(b)
    _check(own, other)
    _check_settings(a, b)
    with torch.no_grad():
        for name, tensor in own.items():
            if tensor.is_floating_point():
                wide = torch.promote_types(tensor.dtype, torch.float32)
                tensor.copy_(torch.lerp(tensor.to(wide), other[name].to(tensor.device, wide), weight))
    return a


def _tensors(model: Any) -> dict[str, Any]:
    """Weights, those that are tied once, and buffers that are kept in checkpoints."""
    kept = model.state_dict().keys()
    buffers = {name: buffer for name, buffer in model.named_buffers() if name in kept}
    return {**dict(model.named_parameters()), **buffers}


def _check(own: dict[str, Any], other: dict[str, Any]) -> None:
    for name in sorted(own.keys() | other.keys()):
        shapes = [tuple(each[name].shape) if name in each else None for each in (own, other)]
        if shapes[0] != shapes[1]:
            said = " and ".join("none" if shape is None else str(shape) for shape in shapes)
            raise ConfigError(f"the models are built differently: {name} is {said}. Only like weights can be mixed.")


def _check_settings(a: Any, b: Any) -> None:
    configs = [getattr(model, "config", None) for model in (a, b)]
    own, other = ({} if config is None else config.to_dict() for config in configs)
    for name in sorted((own.keys() | other.keys()) - _NOT_OF_THE_FUNCTION):
        if own.get(name) != other.get(name):
            raise ConfigError(
                f"the models are built differently: {name} is {own.get(name)!r} and {other.get(name)!r}. "
                "Only models that compute alike can be mixed."
            )
