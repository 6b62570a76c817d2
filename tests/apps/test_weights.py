"""Differences of weights against numpy's own decomposition; of adapters against what was planted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from diptych.apps.interventions.weights import WeightDifference, weight_changes, weight_difference
from diptych.apps.interventions.weights_report import as_lines, write_weights
from diptych.cli.app import app
from diptych.errors import DataError
from diptych.models.manager import Source
from diptych.models.merging import load_merged
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch


def difference(before: np.ndarray, after: np.ndarray) -> WeightDifference:
    import torch

    return weight_difference("m", torch.from_numpy(before), torch.from_numpy(after))


def planted(shape: tuple[int, int], spectrum: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """A random matrix, and one that differs from it by given singular values along random directions."""
    generator = np.random.default_rng(3)
    left, right = (np.linalg.qr(generator.normal(size=(n, n)))[0][:, : len(spectrum)] for n in shape)
    before = generator.normal(size=shape)
    return before, before + (left * spectrum) @ right.T


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (16, 16)])
def test_is_what_a_full_decomposition_says(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.apps.interventions.weights._ROWS", 100)  # several parts
    before, after = np.random.default_rng(1).normal(size=(2, *shape))
    found = difference(before, after)
    left, spectrum, right = np.linalg.svd(after - before, full_matrices=False)
    np.testing.assert_allclose(found.spectrum, spectrum, rtol=1e-9)
    assert found.norm == pytest.approx(np.linalg.norm(after - before))
    assert found.relative_norm == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before))
    np.testing.assert_allclose(np.abs((found.left * left.T[:5]).sum(1)), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.abs((found.right * right[:5]).sum(1)), 1.0, rtol=1e-5)
    rebuilt = (found.left.T * found.spectrum[:5]) @ found.right
    np.testing.assert_allclose(rebuilt, (left[:, :5] * spectrum[:5]) @ right[:5], atol=1e-5)


@pytest.mark.parametrize("shape", [(256, 64), (64, 256)])
def test_an_update_of_rank_one_has_rank_one(shape: tuple[int, int]) -> None:
    found = difference(*planted(shape, [0.5]))
    assert found.effective_rank == pytest.approx(1.0, abs=1e-5)
    assert found.stable_rank == pytest.approx(1.0)
    assert found.rank_for(0.9) == 1
    assert len(found.left) == len(found.right) == 1


def test_ranks_and_shares_of_a_known_spectrum() -> None:
    found = difference(*planted((50, 30), [2.0, 2.0, 2.0, 2.0]))
    assert found.effective_rank == pytest.approx(4.0, abs=1e-4)
    assert found.stable_rank == pytest.approx(4.0)
    np.testing.assert_allclose(found.cumulative[:4], [0.25, 0.5, 0.75, 1.0])
    assert [found.rank_for(share) for share in (0.25, 0.5, 0.6, 1.0)] == [1, 2, 3, 4]


def test_nothing_changed() -> None:
    before, _ = planted((20, 10), [1.0])
    found = difference(before, before.copy())
    assert (found.norm, found.effective_rank, found.stable_rank, found.rank_for(0.9)) == (0.0, 0.0, 0.0, 0)
    assert found.cumulative.tolist() == [0.0] * 10


def test_vectors_have_a_norm_and_no_directions() -> None:
    found = difference(np.array([3.0, 4.0]), np.array([3.0, 5.0]))
    assert (found.norm, found.relative_norm, found.spectrum.tolist(), len(found.left)) == (1.0, 0.2, [1.0], 0)


def test_what_is_no_number_is_refused() -> None:
    before, after = planted((20, 10), [1.0])
    after[3, 4] = np.nan
    with pytest.raises(DataError, match=r"m: weights are not numbers"):
        difference(before, after)


def test_other_shapes_and_names_are_listed_not_guessed() -> None:
    import torch

    before = {"a": torch.zeros(2, 3), "b": torch.zeros(4), "c": torch.zeros(1)}
    after = {"a": torch.ones(2, 3), "b": torch.zeros(5), "d": torch.zeros(1)}
    found = weight_changes(before, after)
    assert [one.name for one in found.differences] == ["a"]
    assert (found.only_before, found.only_after, found.reshaped) == (("c",), ("d",), ("b",))
    with pytest.raises(DataError, match="nothing to subtract"):
        weight_changes({"a": torch.zeros(2)}, {"b": torch.zeros(2)})


def test_an_adapter_changes_what_it_was_put_on_and_by_its_rank(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "adapter")
    before, after = (
        dict(load_merged(Source.find(name)).named_parameters()) for name in (str(base), f"{base}+{adapter}")
    )
    found = weight_changes(before, after)
    assert not (found.only_before or found.only_after or found.reshaped)
    changed = {one.name for one in found.differences if one.norm > 0}
    assert changed == {f"model.layers.{i}.self_attn.{part}_proj.weight" for i in (0, 1) for part in "qv"}
    for one in found.differences:
        assert one.rank_for(0.999) == (4 if one.name in changed else 0)


def test_page_table_and_spectra_show_what_changed_and_run_nothing(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    kind = "layers.0.<script>alert(1)</script>.weight"
    before = {kind: torch.randn(8, 4), "layers.1.b.weight": torch.randn(4), "norm": torch.zeros(3)}
    after = {kind: before[kind] + 1.0, "layers.1.b.weight": before["layers.1.b.weight"], "norm": torch.ones(3)}
    changes = weight_changes(before, after)
    write_weights(tmp_path / "out", changes, {"a": {}, "b": {}}, a="<b>", b="after")
    page = (tmp_path / "out" / "weights.html").read_text()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    table = (tmp_path / "out" / "weights.csv").read_text().splitlines()
    assert table[0].startswith("matrix,shape,relative_norm")
    assert len(table) == 4
    with np.load(tmp_path / "out" / "spectra.npz") as arrays:
        assert {name.rpartition("/")[2] for name in arrays} == {"spectrum", "left", "right"}
        np.testing.assert_allclose(arrays[f"{kind}/spectrum"], [32**0.5, 0, 0, 0], atol=1e-6)
    lines = as_lines(changes)
    assert lines[0].startswith("2 of 3 matrices differ") and lines[0].endswith("\u00a0% of the norm before")


def test_the_command_says_what_an_adapter_did(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "adapter")
    ran = CliRunner().invoke(
        app, ["intervene", "weights", f"hf/{base}", f"hf/{base}+{adapter}", "--out", str(tmp_path / "w")]
    )
    assert ran.exit_code == 0, ran.output
    assert "4 of 21 matrices differ" in ran.output
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"prompt": "Question?", "response": "Answer."}\n{"prompt": "And?", "response": "So."}\n')
    more = ["--texts", str(texts), "--points", "3", "--json"]
    ran = CliRunner().invoke(
        app, ["intervene", "weights", f"hf/{base}", f"hf/{base}", "--out", str(tmp_path / "x"), *more]
    )
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["barrier"]["loss"] == pytest.approx(0.0, abs=1e-9)
    assert (tmp_path / "x" / "path.csv").read_text().splitlines()[0] == "share_of_b,loss"
    refused = CliRunner().invoke(app, ["intervene", "weights", "openai/x", f"hf/{base}", "--out", str(tmp_path / "v")])
    assert refused.exit_code == 2
    assert "give hf/" in refused.output
    assert not (tmp_path / "v").exists()
