"""The ledger: what was kept stays, one process writes, another run is refused."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from diptych.errors import LedgerError, RunError
from diptych.models.ledger import Asked, Ledger, read_config
from diptych.models.lock import holder_of
from diptych.models.recorded import RecordedModel
from diptych.models.requests import Failure, Message, Reply, Request, Sampling, Usage
from diptych.models.standing import read_standing
from tests.helpers.cli import environment
from tests.helpers.namespace import on_small_disk

CONFIG = {"model": "scripted/echo", "sampling": {"temperature": None, "seed": 0}}
REPLY = Reply("Yes.", "length", Usage(3, 1), "echo-2", "id-1", {"max_tokens": 1}, 2, {"host": "h"})


def asked(key: str = "k", draw: int = 0) -> Asked:
    return Asked(key, "scripted/echo", "p", draw)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_an_answer_comes_back_as_it_was(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), REPLY, 0.5)
        assert ledger.replies(["k", "other"]) == {"k": REPLY}
    with Ledger(path, CONFIG) as ledger:
        assert ledger.replies(["k"]) == {"k": REPLY}
        spent = ledger.spent()
    assert (spent.n_answers, spent.usage, spent.usd, spent.n_unpriced) == (1, Usage(3, 1), 0.5, 0)
    assert [file.name for file in path.parent.iterdir()] == ["ledger.sqlite"]


def test_many_keys_are_looked_up_at_once(path: Path) -> None:
    keys = [f"k{n}" for n in range(1234)]
    with Ledger(path, CONFIG) as ledger:
        for key in keys[::7]:
            ledger.keep(asked(key), Reply(key, "stop"))
        assert {key: reply.text for key, reply in ledger.replies(keys).items()} == {key: key for key in keys[::7]}


def test_the_first_answer_to_a_request_stays(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), REPLY)
        ledger.keep(asked(), Reply("No.", "stop"))
        assert ledger.replies(["k"])["k"].text == "Yes."


def test_an_answer_whose_price_is_unknown_is_counted_as_such(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked("a"), Reply("A", "stop", Usage(None, None)))
        ledger.keep(asked("b"), Reply("B", "stop", Usage(1, 2)), 0.25)
        spent = ledger.spent()
    assert (spent.usd, spent.n_unpriced, spent.usage) == (0.25, 1, Usage(1, 2))


def test_failures_are_rows_with_a_reason_and_no_answer(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), Failure("timeout", "no reply in 3 s", 4))
        assert ledger.replies(["k"]) == {}
        assert ledger.spent().n_answers == 0
    rows = (
        sqlite3.connect(path).execute("SELECT key, prompt_id, draw, kind, reason, n_attempts FROM failures").fetchall()
    )
    assert rows == [("k", "p", 0, "timeout", "no reply in 3 s", 4)]


@pytest.mark.parametrize("text", ["", "\x00a", "\ud83d\ude00", "é\u2028", "x" * 100_000])
def test_texts_of_every_kind_are_kept(path: Path, text: str) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), Reply(text, "stop"))
        assert ledger.replies(["k"])["k"].text == text.encode("utf-16", "surrogatepass").decode("utf-16")


def test_half_a_surrogate_pair_is_replaced(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), Reply("a\ud83dz", "stop", details={"why": "\udc00"}))
        kept = ledger.replies(["k"])["k"]
    assert (kept.text, kept.details) == ("a\ufffdz", {"why": "\ufffd"})


def test_another_run_is_refused_with_every_difference(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), Reply("a", "stop"))
    other = {"model": "scripted/other", "sampling": {"temperature": 0.5, "seed": 0}, "draws": 2}
    with pytest.raises(RunError, match="another run") as caught:
        Ledger(path, other)
    said = str(caught.value)
    assert "model: 'scripted/echo' there, 'scripted/other' now" in said
    assert "sampling.temperature: None there, 0.5 now" in said
    assert "draws: None there, 2 now" in said
    assert "seed" not in said
    Ledger(path, CONFIG).close()


def test_a_run_of_which_nothing_came_gives_way_to_another(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.expect("a", "scripted/echo", ["k"])
    other = {**CONFIG, "model": "scripted/other"}
    Ledger(path, other).close()
    assert read_config(path) == other
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM wanted").fetchone() == (0,)
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), Failure("bad_request", "no"))
    with pytest.raises(RunError, match="another run"):
        Ledger(path, other)


def test_the_order_of_settings_is_no_difference(path: Path) -> None:
    Ledger(path, CONFIG).close()
    Ledger(path, dict(reversed(CONFIG.items()))).close()


def test_what_a_ledger_is_for_can_be_read_while_it_is_written(path: Path) -> None:
    assert read_config(path) is None
    with Ledger(path, CONFIG):
        assert read_config(path) == CONFIG
    assert read_config(path) == CONFIG
    path.write_bytes(b"no database")
    assert read_config(path) is None


HOLD = """
import json, sys
from pathlib import Path
from diptych.models.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), json.loads(sys.argv[2]))
print("open", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), json.dumps(CONFIG)],
        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_second_process_is_told_who_is_active_and_a_dead_one_is_succeeded(path: Path) -> None:
    process = hold(path)
    with process:
        with pytest.raises(LedgerError, match=rf"is in use: process {process.pid} on \S+ has had it since \d{{4}}-"):
            Ledger(path, CONFIG)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert path.with_name("ledger.sqlite.lock").exists(), "it had no time to remove its lock"
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked(), REPLY)


def test_one_process_cannot_open_it_twice(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        with pytest.raises(LedgerError, match=f"process {os.getpid()} "):
            Ledger(path, CONFIG)
        ledger.keep(asked(), REPLY)


@pytest.mark.parametrize("content", [b"this is no database, but long enough to look at" * 30, b"SQLite format 3\0"])
def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_was(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        Ledger(path, CONFIG)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["ledger.sqlite"]


def test_another_database_is_refused(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE things (a)")
    other.close()
    with pytest.raises(LedgerError, match="Is it a ledger of diptych"):
        Ledger(path, CONFIG)


def test_a_newer_ledger_is_refused(path: Path) -> None:
    Ledger(path, CONFIG).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = '3' WHERE name = 'schema'")
    database.close()
    with pytest.raises(LedgerError, match="format 3, this diptych reads 2"):
        Ledger(path, CONFIG)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be written: No such file or directory"):
        Ledger(tmp_path / "none" / "ledger.sqlite", CONFIG)


FULL = """
import json, subprocess, sys
from pathlib import Path
from diptych.errors import LedgerError
from diptych.models.ledger import Asked, Ledger
from diptych.models.requests import Reply

disk = Path(sys.argv[1])
path, kept, said = disk / "ledger.sqlite", [], ""
(disk / "ballast").write_bytes(bytes(200_000))
with Ledger(path, {}) as ledger:
    try:
        for n in range(1000):
            ledger.keep(Asked(str(n), "m", "p", 0), Reply(f"{n} " * 1000, "stop"))
            kept.append(str(n))
    except LedgerError as error:
        said = str(error)
(disk / "ballast").unlink()
with Ledger(path, {}) as ledger:
    there = sorted(ledger.replies([str(n) for n in range(1000)]), key=int)
    ledger.keep(Asked("more", "m", "p", 0), Reply("more", "stop"))
    whole = {reply.text[:2] for reply in ledger.replies(["more"]).values()}
print(json.dumps({"kept": kept, "there": there, "said": said, "more": list(whole)}))
"""


def test_a_full_disk_is_said_and_what_was_kept_is_whole(tmp_path: Path) -> None:
    """On a real disk of half a megabyte, mounted where only this process sees it."""
    found = json.loads(on_small_disk(FULL, tmp_path / "disk", "512k"))
    assert "full" in found["said"] and "Free some space" in found["said"]
    assert 10 < len(found["kept"]) < 1000
    assert found["there"] == found["kept"]
    assert found["more"] == ["mo"]


def test_answers_that_are_kept_together_are_kept_all_or_none(path: Path) -> None:
    with Ledger(path, CONFIG) as ledger:
        ledger.keep_all([(asked("a"), Reply("A", "stop"), 1.0), (asked("f"), Failure("server", "no"), None),
                         (asked("b"), Reply("B", "stop"), 2.0)])  # fmt: skip
        ledger.keep_all([])
        unfit = Reply("C", "stop", Usage(2**70, 1))
        with pytest.raises(OverflowError):
            ledger.keep_all([(asked("d"), Reply("D", "stop"), 1.0), (asked("c"), unfit, 1.0)])
        assert sorted(ledger.replies(["a", "b", "c", "d", "f"])) == ["a", "b"]
        ledger.keep(asked("d"), Reply("D", "stop"))
    assert sqlite3.connect(path).execute("SELECT count(*) FROM failures").fetchone() == (1,)


def test_answers_are_taken_over_from_another_run_at_no_cost(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with Ledger(other, {"another": "run"}) as ledger:
        for key in ("a", "b"):
            ledger.keep(asked(key), REPLY, 2.0)
    with Ledger(path, CONFIG) as ledger:
        ledger.keep(asked("c"), REPLY, 1.0)
        assert ledger.take_over(other, ["a", "none"]) == 1
        assert ledger.replies(["a", "b", "c"]) == {"a": REPLY, "c": REPLY}
        assert (ledger.spent().usd, ledger.spent().n_unpriced) == (1.0, 0)
        other.write_bytes(b"damaged")
        assert ledger.take_over(other, ["b"]) == 0
        assert ledger.take_over(tmp_path / "none.sqlite", ["b"]) == 0
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize("there", [b"CREATE TABLE meta", b"config_hash", b"schema"])
@pytest.mark.parametrize("byte", [0x92, ord("x")])
def test_a_byte_that_a_disk_has_changed_is_a_damaged_ledger(path: Path, there: bytes, byte: int) -> None:
    Ledger(path, CONFIG).close()
    whole = bytearray(path.read_bytes())
    whole[whole.index(there) + 4] = byte
    path.write_bytes(whole)
    with pytest.raises(LedgerError, match=path.name):
        Ledger(path, CONFIG)
    if there != b"config_hash" or byte == 0x92:
        with pytest.raises(LedgerError, match=path.name):
            read_standing(path)


def test_answers_of_a_ledger_that_is_empty_are_damage_too(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(LedgerError, match="no such table"):
        RecordedModel("m", {}, path).answer([Request((Message("user", "Why?"),))], Sampling(), lambda *_: None)


def test_looking_who_holds_a_lock_keeps_nobody_out(path: Path) -> None:
    lock = path.with_name("ledger.sqlite.lock")
    assert holder_of(lock) is None
    with Ledger(path, CONFIG):
        holder = holder_of(lock)
    assert holder is not None and (holder.pid, holder.alive) == (os.getpid(), True)
    assert holder_of(lock) is None
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            holder_of(lock)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(100):
            Ledger(path, CONFIG).close()
    finally:
        done.set()
        looking.join()
