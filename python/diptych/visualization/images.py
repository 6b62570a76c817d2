"""A figure as a picture file, drawn by kaleido in a Chrome or Chromium of this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from diptych._types import Json
from diptych.errors import RunError
from diptych.utils.extras import require_extra
from diptych.utils.files import write_atomic

ImageFormat = Literal["png", "svg"]

_WIDTH, _SCALE = 1200, 2
_TIMEOUT_S = 90.0


def missing_for_images() -> str:
    """What this machine lacks to make images, in a sentence; nothing when it has all.

    Examples
    --------
    >>> isinstance(missing_for_images(), str)
    True
    """
    if find_spec("kaleido") is None:
        return "no images: kaleido is not installed. Run: pip install 'diptych[plots]'"
    if _browser() is None:
        return "no images: no Chrome or Chromium was found. Install one, or name it in BROWSER_PATH."
    return ""


def write_images(fig: Any, paths: Sequence[Path]) -> None:
    """Write pictures of the figure as it is before anyone touches a menu.

    Parameters
    ----------
    fig : ``plotly.graph_objects.Figure``
    paths : of files that end in ``.png``, which are 2,400 pixels wide, or ``.svg``; each appears whole or not at all

    Raises
    ------
    MissingExtraError
        Without kaleido.
    RunError
        If no browser is found, or it fails.
    """
    require_extra("kaleido", extra="plots")
    if missing := missing_for_images():
        raise RunError(missing)
    import kaleido

    still = fig.to_dict()
    still["layout"].pop("updatemenus", None)
    with tempfile.TemporaryDirectory() as folder:
        drawn = [Path(folder) / path.name for path in paths]
        jobs = [{"fig": still, "path": path, "opts": _options(path, fig.layout.height)} for path in drawn]
        try:
            kaleido.write_fig_from_object_sync(jobs, kopts={"mathjax": False, "timeout": _TIMEOUT_S})
        except Exception as error:
            raise RunError(f"{paths[0].stem} could not be drawn by {_browser()}: {error}") from error
        for path, picture in zip(paths, drawn, strict=True):
            write_atomic(path, picture.read_bytes())


def _options(path: Path, height: int | None) -> Json:
    kind = path.suffix.removeprefix(".")
    return {"format": kind, "width": _WIDTH, "height": height, "scale": _SCALE if kind == "png" else 1}


def _browser() -> str | None:
    from choreographer.browsers.chromium import Chromium

    found: str | None = Chromium.find_browser(skip_local=False)
    return found
