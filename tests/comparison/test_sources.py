"""Data frames, lists and files of the same records give the same table."""

from __future__ import annotations

import datetime
import os
import threading
from pathlib import Path
from typing import Any

import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest

from diptych.comparison.config import CompareConfig
from diptych.comparison.manifest import build_manifest
from diptych.comparison.sources import load_arm
from diptych.data import Responses
from diptych.errors import DataError, RecordError
from tests.helpers.records import array, csv, jsonl, records, write

ROWS = records(12, answer="Zeile {i}\n„é“ 😀", reward=0.25, note="n{i}")


def load(source: Any) -> Responses:
    return load_arm(source, arm="a", prompt_field=None, response_field=None, threads=1)


def sources(folder: Path) -> dict[str, Any]:
    write(folder, {name: data for ending in ("", ".gz") for name, data in
                   ((f"x.jsonl{ending}", jsonl(ROWS)), (f"x.json{ending}", array(ROWS)))})  # fmt: skip
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "x.parquet")
    made: dict[str, Any] = {path.name: path for path in folder.iterdir()}
    made["text path"] = str(folder / "x.jsonl")
    made["list"], made["tuple"] = ROWS, tuple(ROWS)
    made["pandas"], made["polars"] = pandas.DataFrame(ROWS), polars.DataFrame(ROWS)
    made["pandas, odd index"] = pandas.DataFrame(ROWS, index=[7] * len(ROWS))
    made["pandas, arrow"] = pandas.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow")
    return made


def test_every_kind_of_source_gives_the_same_rows(tmp_path: Path) -> None:
    tables = {name: load(source) for name, source in sources(tmp_path).items()}
    assert len(tables) == 12
    for name, found in tables.items():
        assert found.rows == tables["list"].rows, name
        assert [type(v) for v in found[0].meta.values()] == [float, str], name


def test_csv_gives_the_same_but_for_the_type_of_numbers(tmp_path: Path) -> None:
    write(tmp_path, {"x.csv": csv(ROWS), "x.csv.gz": csv(ROWS)})
    for name in ("x.csv", "x.csv.gz"):
        found, wanted = load(tmp_path / name), load(ROWS)
        assert [row.as_json() | {"meta": 0} for row in found] == [row.as_json() | {"meta": 0} for row in wanted]
        assert {row.meta["reward"] for row in found} == {"0.25"}


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
def test_a_missing_value_of_a_frame_is_null(frame: Any) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": "1", "response": ".", "reward": 0.5},
        {"prompt": "2", "response": ".", "reward": None},
    ]
    assert [row.meta["reward"] for row in load(frame(rows))] == [0.5, None]
    rows[1]["response"] = None
    with pytest.raises(RecordError, match="data frame a: row 2: field 'response' is null, expected text"):
        load(frame(rows))


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
def test_dates_of_a_frame_become_text(frame: Any) -> None:
    found = load(frame([{"prompt": "1", "response": ".", "at": datetime.datetime(2026, 1, 2)}]))
    assert found[0].meta["at"] == "2026-01-02 00:00:00"
    assert "2026-01-02" in found.to_jsonl()


def test_a_table_of_responses_is_taken_as_it_is() -> None:
    table = load(ROWS)
    assert load(table) is table


@pytest.mark.parametrize("source", [5, None, {"prompt": "?"}, [1, 2], b"x", iter([])])
def test_anything_else_is_refused_by_its_kind(source: Any) -> None:
    with pytest.raises(DataError, match=f"cannot read responses from {type(source).__name__}. Give a file name"):
        load(source)


@pytest.mark.parametrize(
    "source", [[], pandas.DataFrame(), polars.DataFrame(), pandas.DataFrame({"prompt": [], "response": []})]
)
def test_no_rows_is_refused(source: Any) -> None:
    with pytest.raises(DataError, match="has no rows"):
        load(source)


@pytest.mark.parametrize("name", ["openai/gpt-4o", "anthropic/x@1", "hf/org/model", "vllm/m", "openrouter/a/b"])
def test_the_name_of_a_model_gets_a_hint(name: str) -> None:
    with pytest.raises(DataError, match="no such file.*looks like the name of a model. Generate its responses first"):
        load(name)


def test_the_hash_of_a_file_is_that_of_its_bytes_wherever_it_lies(tmp_path: Path) -> None:
    import hashlib

    write(tmp_path, {"x.jsonl": jsonl(ROWS), "sub/y.jsonl": jsonl(ROWS), "z.jsonl": jsonl(ROWS[1:])})
    names = [tmp_path / name for name in ("x.jsonl", "sub/y.jsonl", "z.jsonl")]
    manifests = [build_manifest((name, name), (load(name), load(name)), CompareConfig()) for name in names]
    assert manifests[0]["inputs"][0]["sha256"] == hashlib.sha256(names[0].read_bytes()).hexdigest()
    identities = [manifest["identity"] for manifest in manifests]
    assert identities[0] == identities[1] != identities[2]
    assert build_manifest((names[0],) * 2, (load(names[0]),) * 2, CompareConfig(seed=1))["identity"] != identities[0]


def test_the_hash_of_a_pipe_is_that_of_what_came_through_it(tmp_path: Path) -> None:
    """A pipe can be read only once: hashing it a second time would give every input the hash of nothing."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    identities = []
    for rows in (ROWS, ROWS[1:], ROWS):
        writer = threading.Thread(target=fifo.write_bytes, args=(jsonl(rows),))
        writer.start()
        table = load(fifo)
        writer.join()
        identities.append(build_manifest((fifo, rows), (table, table), CompareConfig())["identity"])
    assert identities[0] == identities[2] != identities[1]
