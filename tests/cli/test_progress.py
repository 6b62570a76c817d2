"""Progress on a stream that is no terminal: a line for what lasts, none for what takes no time."""

from __future__ import annotations

import time

import pytest

from diptych.cli.console import PlainProgress


def test_a_stage_is_told_of_where_it_lasts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    progress = PlainProgress()
    progress.start("measure", 4)
    now_s += 0.04
    progress.advance()
    progress.finish()
    assert capsys.readouterr().err == ""
    progress.start("embed", 4)
    now_s += 6.0
    progress.advance()
    now_s += 0.4
    progress.finish()
    assert capsys.readouterr().err == "embed: 25 %, 0.167 a second, about 18 s left\nembed: done in 6.4 s\n"
