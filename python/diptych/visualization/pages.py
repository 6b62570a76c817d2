"""A figure as one HTML page that asks for nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from diptych.utils.text import printable
from diptych.visualization.themes import DARK

_GL = frozenset({"scattergl"})


def page_of(figure: Any, title: str) -> str:
    """The page, with plotly.js in it, in light or dark colours as the reader prefers.

    Texts stand as data in the page. Its content security policy lets a browser run plotly.js and the page's own script,
    and load nothing: what a hostile text might smuggle into the figure can neither run nor ask for anything.

    Parameters
    ----------
    figure : ``plotly.graph_objects.Figure``
    title : of the page, any text

    Examples
    --------
    >>> from diptych.visualization.themes import figure, layout
    >>> page = page_of(figure([], layout("Nothing", height=300)), "</title> is no end")
    >>> page.startswith("<!doctype html>"), "&lt;/title&gt; is no end" in page
    (True, True)
    """
    from plotly.offline import get_plotlyjs

    library, script, style = get_plotlyjs(), _own("page.js"), _own("page.css")
    spec = json.loads(figure.to_json())
    data = json.dumps({"figure": spec, "dark": DARK}, ensure_ascii=True).replace("<", "\\u003c")
    uses_gl = any(trace.get("type") in _GL for trace in spec["data"])
    return Template(_own("page.html")).substitute(
        title=html.escape(printable(title)),
        style=style,
        data=data,
        library=library,
        script=script,
        script_sources=f"{_hash(library)} {_hash(script)}" + (" 'unsafe-eval'" if uses_gl else ""),
    )


@cache
def _own(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(block: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()}'"
