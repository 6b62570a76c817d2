"""The one Python door to the compiled kernels."""

from diptych._core import Store

__all__ = ["Store"]
