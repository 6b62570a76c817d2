"""The report: one offline page, made from a run's documents alone.

Model text is hostile text: it reaches the page through the templates' escaping only, unprintable characters are
written out, and the page's content security policy allows nothing but its own style sheet and script.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment
    from markupsafe import Markup

    from diptych._types import Json
    from diptych.comparison.folder import Documents

SUMMARY_ROWS = 20


def render(documents: Documents, plots: Mapping[str, str] | None = None) -> str:
    """The report of a run as one HTML page without any outside reference.

    Parameters
    ----------
    documents : of a result (``result.documents()``) or of a folder (``read_run``); both give the same page
    plots : files that lie in ``plots`` beside the page, and what each shows

    Raises
    ------
    RunError
        If the documents do not fit each other.

    Examples
    --------
    >>> import diptych
    >>> a = [{"prompt": f"Question {i}?", "response": f"Yes, {i}."} for i in range(40)]
    >>> b = [{"prompt": f"Question {i}?", "response": f"Yes, I do think that it is {i}."} for i in range(40)]
    >>> render(diptych.compare(a, b).documents()).startswith("<!doctype html>")
    True
    """
    from diptych.comparison.report.view import build_view

    style, script = _own("style.css"), _own("script.js")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=build_view(documents, plots),
            style=style,
            script=script,
            style_hash=_sha256(style),
            script_hash=_sha256(script),
        )
    )


def render_arms(findings: Json, table: Json | None = None, plots: Mapping[str, str] | None = None) -> str:
    """The page that leads from several comparisons to the report of each.

    Parameters
    ----------
    findings : ``findings.json`` of the whole
    table : ``clusters.json`` of all arms together
    plots : files that lie in ``plots`` beside the page, and what each shows
    """
    from diptych.comparison.report.arms import build_arms

    style = _own("style.css")
    page = _environment().get_template("arms.html.j2")
    return page.render(view=build_arms(findings, table, plots), style=style, style_hash=_sha256(style))


def render_summary(documents: Documents) -> str:
    """The answer and the first findings as a fragment for notebooks: no style, no script.

    Parameters
    ----------
    documents : as for ``render``
    """
    from diptych.comparison.report.view import build_view

    return _environment().get_template("summary.html.j2").render(view=build_view(documents), limit=SUMMARY_ROWS)


@cache
def _environment() -> Environment:
    return page_environment(__package__)


def own_style() -> tuple[Markup, str]:
    """The style sheet of every page, and its hash for the page's content security policy."""
    style = _own("style.css")
    return style, _sha256(style)


def page_environment(package: str) -> Environment:
    """Templates that escape all that they are given.

    Parameters
    ----------
    package : whose folder ``templates`` they are in
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _own(name: str) -> Markup:
    """A file of this package, to be written unescaped. The only door past the escaping; it takes no model text."""
    from markupsafe import Markup

    return Markup((files(__package__) / "templates" / name).read_text(encoding="utf-8"))


def _sha256(block: str) -> str:
    return base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
