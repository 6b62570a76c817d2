"""A figure as one HTML page that asks for nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from diptych.utils.text import printable
from diptych.visualization.themes import DARK

_GL = frozenset({"scattergl"})


LIBRARY = "plotly.min.js"
"""The file that several pages of one folder can share."""


def page_of(figure: Any, title: str, *, shares_library: bool = False) -> str:
    """The page, with plotly.js in it or beside it, in light or dark colours as the reader prefers.

    Texts stand as data in the page. Its content security policy lets a browser run plotly.js and the page's own script,
    and load nothing: what a hostile text might smuggle into the figure can neither run nor ask for anything.

    Parameters
    ----------
    figure : ``plotly.graph_objects.Figure``
    title : of the page, any text
    shares_library : whether plotly.js lies beside the page, in the file ``LIBRARY`` that ``library`` gives, and serves
        all pages there; else the page holds it, and can be sent alone

    Examples
    --------
    >>> from diptych.visualization.themes import figure, layout
    >>> page = page_of(figure([], layout("Nothing", height=300)), "</title> is no end")
    >>> page.startswith("<!doctype html>"), "&lt;/title&gt; is no end" in page
    (True, True)
    """
    script, style = _own("page.js"), _own("page.css")
    spec = json.loads(figure.to_json())
    data = json.dumps({"figure": spec, "dark": DARK}, ensure_ascii=True).replace("<", "\\u003c")
    uses_gl = any(trace.get("type") in _GL for trace in spec["data"])
    # no browser checks the hash of a file that a page loads from the disk
    source = "'self' file:" if shares_library else _hash(library())
    return Template(_own("page.html")).substitute(
        title=html.escape(printable(title)),
        style=style,
        data=data,
        library=f'<script src="{LIBRARY}"></script>' if shares_library else f"<script>{library()}</script>",
        script=script,
        script_sources=f"{source} {_hash(script)}" + (" 'unsafe-eval'" if uses_gl else ""),
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """A page in a folder of several, which share ``LIBRARY``.

    Parameters
    ----------
    file : its name there
    title : what it shows, any text
    page : HTML
    """

    file: str
    title: str
    page: str

    @classmethod
    def of(cls, name: str, title: str, figure: Any) -> Picture:
        """The page of a figure.

        Parameters
        ----------
        name : of the file, without its ending
        title : what it shows, any text
        figure : ``plotly.graph_objects.Figure``
        """
        return cls(f"{name}.html", title, page_of(figure, title, shares_library=True))


def files_of(pictures: Sequence[Picture]) -> dict[str, bytes]:
    """What a folder of pictures holds, by name: a page each, and what they share; nothing where there is none.

    Parameters
    ----------
    pictures : of one folder
    """
    files = {picture.file: picture.page.encode() for picture in pictures}
    return files | {LIBRARY: library().encode()} if files else {}


@cache
def library() -> str:
    """plotly.js, as pages that share it load it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@cache
def _own(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(block: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()}'"
