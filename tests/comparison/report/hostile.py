"""Texts that try to leave their place on a page, and what reads a page as a browser would."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from typing import Any

_RUN = "document.title='OWNED'"

HOSTILE = (
    # elements and handlers
    f"<script>{_RUN}</script>",
    f"<SCRIPT SRC=//evil.example/x.js>{_RUN}</SCRIPT>",
    f"</script><script>{_RUN}</script>",
    f"</style><script>{_RUN}</script>",
    f"</title><script>{_RUN}</script>",
    f"</textarea><script>{_RUN}</script>",
    f"--><script>{_RUN}</script><!--",
    f"]]><script>{_RUN}</script>",
    f"<![CDATA[<script>{_RUN}</script>]]>",
    f'<img src=x onerror="{_RUN}">',
    f"<img src=x onerror={_RUN}//",
    f"<svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    "<svg><use href='data:image/svg+xml,<svg/>#x'/></svg>",
    f"<math><mtext><style><img src onerror={_RUN}></style></mtext></math>",
    f"<details open ontoggle={_RUN}>",
    f"<body onload={_RUN}>",
    f"<input autofocus onfocus={_RUN}>",
    f"<video><source onerror={_RUN}></video>",
    f"<iframe src=\"javascript:parent.{_RUN}\"></iframe>",
    f"<iframe srcdoc='<script>parent.{_RUN}</script>'></iframe>",
    "<object data=https://evil.example/></object>",
    "<embed src=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>*{display:none}</style>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<meta http-equiv=Content-Security-Policy content=\"script-src *\">",
    "<form action=https://evil.example/><button>x</button></form>",
    f"<a href=\"javascript:{_RUN}\">x</a>",
    f"<a href='data:text/html,<script>{_RUN}</script>'>x</a>",
    f"<template><script>{_RUN}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={_RUN}>'>",
    "<plaintext>",
    "<xmp>",
    "<!--",
    "<!doctype html>",
    "<?php echo 1 ?>",
    "</div></section></main></body></html>",
    "</summary></details></li></ol>",
    "<mark>not evidence</mark>",
    # attributes
    f'" onmouseover="{_RUN}" x="',
    f"' onmouseover='{_RUN}' x='",
    f"` onmouseover=`{_RUN}`",
    '"><b id="broken">',
    "'><b id='broken'>",
    "x style=display:none",
    f"javascript:{_RUN}",
    f"data:text/html,<script>{_RUN}</script>",
    # entities
    f"&lt;script&gt;{_RUN}&lt;/script&gt;",
    "&amp;lt;b&amp;gt;",
    f"&#60;img src=x onerror={_RUN}&#62;",
    "&quot;&apos;&#0;&notin;&",
    # template languages
    "{{ 7 * 7 }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% for i in range(9) %}x{% endfor %}",
    "{# gone #}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "%s %(name)s {0} {name!r}",
    # characters that turn, hide or end
    "left \u202eright to left\u202c again",
    "isolate \u2066 never closed",
    "arabic letter mark \u061c here",
    "hidden \u200b\u200d\u2060\ufeff joiners",
    "soft\u00adhyphen",
    "tags \U000e0041\U000e0042\U000e007f",
    "\u05e9\u05dc\u05d5\u05dd <b>\u0645\u0631\u062d\u0628\u0627</b>",
    "ansi \x1b[31mred\x1b[0m \x1b]0;title\x07",
    "nul \x00 bell \x07 delete \x7f next line \x85",
    "carriage\rreturn",
    "windows\r\nlines",
    "line \u2028 and paragraph \u2029 separators",
    "not a character \ufffe \uffff, replaced \ufffd",
    "zalgo z\u0351\u0363\u036d\u030e\u0346a\u034a\u0350\u0312",
    "=cmd|' /C calc'!A1",
    "\\\\evil.example\\share",
    "' OR 1=1; --",
    "a" * 3000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 emoji",
)  # fmt: skip

_MARKUP = dict.fromkeys("<>&\"'`{}%$#=;!/\\:()[]|", "x")


def harmless(value: Any) -> Any:
    """The same documents with every character of markup and every unprintable one replaced by a letter."""
    if isinstance(value, str):
        return "".join(_MARKUP.get(char, char) if char.isprintable() or char == "\n" else "x" for char in value)
    if isinstance(value, dict):
        return {key: harmless(item) for key, item in value.items()}
    return [harmless(item) for item in value] if isinstance(value, list | tuple) else value


class Page(HTMLParser):
    """A parsed page: its elements with the names of their attributes, its links, its text, its inline blocks."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.blocks: dict[str, list[str]] = {"style": [], "script": [], "title": []}
        self._open: list[str] = []
        self._text: list[str] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        return "".join(self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[(tag, *(name for name, _ in attrs))] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("style", "script"):
            self.blocks[self._open[-1]].append(data)
        else:
            self._text.append(data)
        if self._open and self._open[-1] == "title" and "svg" not in self._open:
            self.blocks["title"].append(data)

    def handle_comment(self, data: str) -> None:
        self.elements[("comment",)] += 1

    def handle_pi(self, data: str) -> None:
        self.elements[("processing instruction",)] += 1

    def unknown_decl(self, data: str) -> None:
        self.elements[("declaration",)] += 1
