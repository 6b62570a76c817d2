"""Matrix products on the calling thread."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[Any]:
    """While it lasts, BLAS uses the calling thread alone.

    Its other threads spin for a while after a product, and take a processor from whatever comes next: of small products
    before a kernel on two threads, that cost more than the second thread had gained.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread():
    ...     float(np.ones(3) @ np.ones(3))
    3.0
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    """Finding the libraries takes milliseconds, so it is done once, after NumPy has loaded its own."""
    import numpy as np
    from threadpoolctl import ThreadpoolController

    assert np.__version__
    return ThreadpoolController()
