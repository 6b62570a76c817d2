"""Weights with noise on them, and weights rounded to few values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diptych.utils.hashing import derive_seed

_ROWS = 1 << 22
"""Numbers of a matrix that are rounded at once."""


def add_noise(model: Any, size: float, seed: int) -> None:
    """Add Gaussian noise to every matrix, ``size`` of its norm, in place: ‖noise‖ = size ‖W‖, Frobenius.

    Vectors (biases, scales of norms) stay. The noise of a matrix depends on its name and the seed alone.

    Parameters
    ----------
    model : torch model, float
    size : norm of the noise over that of the matrix
    seed : of the noise

    Examples
    --------
    >>> add_noise(torch.nn.Linear(8, 8), 0.02, seed=0)               # doctest: +SKIP
    """
    import torch

    with torch.no_grad():
        for name, weight in _matrices(model):
            generator = torch.Generator().manual_seed(derive_seed(seed, f"noise on {name}"))
            noise = torch.randn(weight.shape, generator=generator)
            weight += (noise * (size * weight.double().norm() / noise.double().norm())).to(weight.dtype)


def round_weights(model: Any, bits: int, group: int) -> None:
    """Round every matrix but those of the vocabulary to whole multiples of a scale, in place.

    Round to nearest, symmetric: a scale for each ``group`` of neighbours in a row, s = max |w| / (2^(bits−1) − 1), and
    w becomes s · round(w / s). These are the values of a weight-only quantisation; nothing runs in whole numbers.

    Parameters
    ----------
    model : torch model, float
    bits : of a weight, 2 to 8
    group : weights that share a scale; the last of a row may be fewer
    """
    import torch

    vocabulary = {id(weight) for weight in _of_vocabulary(model)}
    with torch.no_grad():
        for _, weight in _matrices(model):
            if id(weight) not in vocabulary:
                flat = weight.view(-1, weight.shape[-1])
                for some in flat.split(max(1, _ROWS // flat.shape[1])):
                    some.copy_(_rounded(some, bits, group))


def _rounded(rows: Any, bits: int, group: int) -> Any:
    import torch

    n_columns = rows.shape[1]
    padded = torch.nn.functional.pad(rows, (0, -n_columns % group)).view(rows.shape[0], -1, group)
    largest = padded.abs().amax(dim=2, keepdim=True)
    scale = torch.where(largest == 0, 1.0, largest / (2 ** (bits - 1) - 1))
    return ((padded / scale).round() * scale).view(rows.shape[0], -1)[:, :n_columns]


def _matrices(model: Any) -> Iterator[tuple[str, Any]]:
    """Weights of two dimensions or more, each once where it is tied."""
    return ((name, weight) for name, weight in model.named_parameters() if weight.ndim >= 2)


def _of_vocabulary(model: Any) -> list[Any]:
    layers = (model.get_input_embeddings(), model.get_output_embeddings())
    return [layer.weight for layer in layers if layer is not None]
