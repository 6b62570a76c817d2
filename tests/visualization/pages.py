"""Pages in a headless Chromium, opened as files."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

HOSTILE = (
    '<b>bold</b><a href="javascript:alert(1)">x</a></script><script>document.title="OWNED"</script>'
    "$x^2$&lt;%{x}<img src=//evil.example/x onerror=document.title='OWNED'>\x1b\u202e"
)

needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")


@dataclass(frozen=True)
class Seen:
    """What a page became, and what the browser's console said."""

    dom: str
    console: list[str]

    @property
    def title(self) -> str:
        (title,) = re.findall(r"<title>(.*?)</title>", self.dom[: self.dom.index("<style")], re.DOTALL)
        return unescape(title)

    @property
    def texts(self) -> list[str]:
        """What stands in the figure."""
        drawn = self.dom[self.dom.index('<main id="figure"') : self.dom.index('<script type="application/json"')]
        parts = re.findall(r"<text[^>]*>(.*?)</text>", drawn, re.DOTALL)
        return [unescape(re.sub(r"<[^>]*>", "", part)) for part in parts]


def browse(page: Path, *options: str) -> Seen:
    """Open a page and let its scripts run."""
    command = ["chromium", "--headless=new", "--no-sandbox", "--enable-unsafe-swiftshader", "--enable-logging=stderr"]
    command += ["--v=0", f"--user-data-dir={page.parent / 'profile'}", "--window-size=1200,900", *options]
    done = subprocess.run(
        [*command, "--virtual-time-budget=3000", "--dump-dom", page.as_uri()],
        capture_output=True,
        check=True,
        timeout=110,
        encoding="utf-8",
    )
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "GL Driver Message" not in line]
    return Seen(done.stdout, said)
