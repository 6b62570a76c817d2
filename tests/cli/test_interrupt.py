"""Ctrl-C: exit code 130, the command to start again, and no trace on disk."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import diptych.cli
from tests.helpers.cli import command, environment, listing
from tests.helpers.records import jsonl, records, write


def test_interrupting_a_run_exits_130_and_leaves_no_folder(tmp_path: Path) -> None:
    """The signal is sent once stderr shows that the work has begun; what is left would take far longer."""
    rows = records(1200, answer="Yes, {i} is so; " + "it was said of {i} " * 20)
    other = [{**row, "response": f"No. {row['response'][i % 40 :]}"} for i, row in enumerate(rows)]
    write(tmp_path, {"a.jsonl": jsonl(rows), "b.jsonl": jsonl(other)})
    before = listing(tmp_path)
    process = subprocess.Popen(
        command("compare", "a.jsonl", "b.jsonl", "--resamples", "900000000", "--out", "deep/er/run"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("embed: ")
        process.send_signal(signal.SIGINT)
        printed, rest = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert printed == ""
    assert "interrupted" in rest
    assert "diptych compare a.jsonl b.jsonl --resamples 900000000 --out deep/er/run" in rest
    assert "Traceback" not in rest
    assert listing(tmp_path) == before


def test_interrupting_while_the_command_is_loaded_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupts:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "diptych.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "diptych.cli.app", raising=False)
    monkeypatch.delattr(diptych.cli, "app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupts(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        diptych.cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted before anything was begun\n"
