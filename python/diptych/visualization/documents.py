"""Pages of text and tables from the templates of a package: one offline file each, in which no script runs."""

from __future__ import annotations

import base64
import hashlib
from typing import Any


def render_document(package: str, name: str, **values: Any) -> str:
    """The page that the templates ``NAME.html.j2`` and ``NAME.css`` of a package make; every text in it is escaped.

    Parameters
    ----------
    package : that has them in ``templates``
    name : of both
    **values : what the template shows; ``style_hash`` is there already, of the style, for a content security policy
        that allows that style and nothing else
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = pages.get_template(f"{name}.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return pages.get_template(f"{name}.html.j2").render(style_hash=digest, **values)
