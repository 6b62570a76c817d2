"""Vectors in place of tokens: those of tokens read as the tokens do, in every place, batch, and way of asking."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.errors import ConfigError, DataError, ModelError, RunError, ShapeError
from diptych.models.manager import Loaded, ModelManager
from diptych.models.prompted import PromptedModel, Row
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message, Reply, Request, Sampling, conversation
from diptych.models.soft_prompts import ABOUT, VECTORS, SoftPrompt, around, check_place, framed
from diptych.models.templates import HOLE, Around, render, render_around
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch

TEXT = "Be brief. "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "base")
    save_tiny(root / "other", seed=5)
    save_adapter(root / "base", root / "adapter")
    return root


@pytest.fixture(scope="module")
def base(folder: Path) -> Loaded:
    return ModelManager("cpu", "float32").load(str(folder / "base"))


def vectors_of(model: PromptedModel, text: str) -> np.ndarray:
    """The vectors of the tokens of a text."""
    import torch

    ids = model.loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    found: np.ndarray = model.embed(torch.tensor(ids)).detach().numpy()
    return found


@pytest.mark.parametrize("marks", ["", " <|end|> "])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    ("place", "whole"),
    [
        ("prefix", "{s}{p}"),
        ("suffix", "{p}{s}"),
        ("Please {soft}: {prompt}!", "Please {s}: {p}!"),
        ("{prompt} {soft}", "{p} {s}"),
    ],
)
def test_a_hole_filled_with_tokens_is_the_whole_conversation(
    base: Loaded, place: str, whole: str, raw: bool, marks: str
) -> None:
    """Of a tokenizer of characters; marks of the template inside a prompt stay plain text on both sides."""
    prompt = f"Why{marks}?"
    sides = around(place, base.tokenizer, conversation(prompt, "System."), raw=raw)
    tokens = tuple(base.tokenizer(TEXT, add_special_tokens=False)["input_ids"])
    expected = render(base.tokenizer, conversation(whole.format(s=TEXT, p=prompt), "System."), raw=raw).tokens
    assert (*sides.before, *tokens, *sides.after) == expected


def test_the_start_is_before_everything(base: Loaded) -> None:
    asked = conversation("Why?", None)
    assert around("start", base.tokenizer, asked, raw=False) == Around(
        (), render(base.tokenizer, asked, raw=False).tokens
    )


def test_places_that_are_none_are_refused(base: Loaded) -> None:
    for place in ("middle", "{soft}", "{prompt}", "{soft}{soft}{prompt}", f"{{soft}}{HOLE}{{prompt}}"):
        with pytest.raises(ConfigError, match="give start, prefix, suffix, or a text with"):
            check_place(place)
    with pytest.raises(DataError, match="2 places"):
        render_around(base.tokenizer, [Message("user", framed("prefix", f"a{HOLE}b"))], raw=False)


def test_states_under_vectors_of_tokens_are_those_under_the_tokens(base: Loaded) -> None:
    import torch

    model = PromptedModel(base)
    vectors = torch.from_numpy(vectors_of(model, TEXT))
    ids = base.tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    rows = [
        Row(Around((5, 6), (7,)), (8, 9, 10)),
        Row(Around((), (20, 21, 22, 23)), (30,)),
        Row(Around((9,), ()), (4, 4)),
    ]
    found = model.states(rows, vectors).split([3, 1, 2])
    each = model.states(rows, vectors.expand(3, *vectors.shape)).split([3, 1, 2])
    for row, states, same in zip(rows, found, each, strict=True):
        whole = torch.tensor([[*row.around.before, *ids, *row.around.after, *row.tokens]])
        expected = model.parts.body(whole, torch.ones_like(whole))[0, -len(row.tokens) - 1 : -1]
        torch.testing.assert_close(states, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(same, states, rtol=1e-5, atol=1e-5)


def test_gradients_reach_the_vectors_and_nothing_else(base: Loaded) -> None:
    import torch

    model = PromptedModel(base)
    vectors = torch.zeros(2, base.width, requires_grad=True)
    model.states([Row(Around((5,), (6,)), (7, 8))], vectors).square().sum().backward()
    assert vectors.grad is not None and float(vectors.grad.abs().min()) > 0
    with base.active() as torch_model:
        assert not any(one.requires_grad or one.grad is not None for one in torch_model.parameters())


def test_the_nearest_token_of_a_tokens_vector_is_the_token(base: Loaded) -> None:
    import torch

    model = PromptedModel(base)
    wanted = torch.tensor([7, 3, 99])
    found = model.nearest(model.embed(wanted) + 1e-3)
    assert found.tokens.tolist() == wanted.tolist() and float(found.distances.max()) < 0.05


def test_what_cannot_be_scored_is_refused(base: Loaded) -> None:
    model = PromptedModel(base)
    with pytest.raises(DataError, match="text 1: nothing comes before it"):
        model.check([Row(Around((1,), ()), (2,)), Row(Around((), ()), (2,))], 0)
    with pytest.raises(DataError, match="text 0: 513 tokens with its prompt and 11 vectors; 512 go into hf/base"):
        model.check([Row(Around((1,) * 500, (2,)), (3,))], 11)


REFUSED = "hf/other: no gradient comes back through its weights.*without quantisation"


def test_a_model_that_no_gradient_comes_back_through_is_refused(folder: Path) -> None:
    loaded = ModelManager("cpu", "float32").load(str(folder / "other"))
    with loaded.active() as model:
        for layer in model.model.layers:
            layer.forward = lambda hidden, *a, whole=layer.forward, **k: whole(hidden.detach(), *a, **k)
    with pytest.raises(ModelError, match=REFUSED):
        PromptedModel(loaded)


def test_a_model_quantised_for_answers_alone_is_refused(folder: Path) -> None:
    """Eight-bit weights and activations, by torchao; no gradient goes through these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torchao = pytest.importorskip("torchao.quantization")
        loaded = ModelManager("cpu", "float32").load(str(folder / "other"))
        with loaded.active() as model:
            torchao.quantize_(model, torchao.Int8DynamicActivationInt8WeightConfig())
        with pytest.raises(ModelError, match=REFUSED):
            PromptedModel(loaded)


def test_saved_and_loaded_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(3, width)).astype(np.float32) for width in (8, 6))
    models = ({"name": "hf/a", "identity": {"x": 1}}, {"name": "hf/b", "identity": {"x": 2}})
    for vectors in ((a,), (a, b)):
        place = tmp_path / str(len(vectors))
        prompt = SoftPrompt(vectors, "Please {soft}: {prompt}", models, {"step": 3})
        prompt.save(place)
        again = SoftPrompt.load(place)
        assert (again.place, again.models, again.details) == (prompt.place, models, {"step": 3})
        assert all((x == y).all() for x, y in zip(again.vectors, vectors, strict=True))
        assert again.digest == prompt.digest != SoftPrompt(vectors, "prefix").digest
        with pytest.raises(RunError, match="not empty"):
            prompt.save(place)
    assert again.of_model({"x": 2}) is again.vectors[1] and again.of_model({"x": 3}) is None
    assert SoftPrompt((a,)).of_model({"x": 3}) is a


def test_damaged_files_are_refused_with_their_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        SoftPrompt.load(tmp_path / "none")
    for name, content in (
        (VECTORS, b"\x08\0\0\0\0\0\0\0{}"),
        (VECTORS, b"nonsense"),
        (ABOUT, b"{"),
        (ABOUT, b'{"schema": 9}'),
    ):
        place = tmp_path / f"{name}{len(content)}"
        SoftPrompt((np.ones((2, 4), np.float32),)).save(place)
        (place / name).write_bytes(content)
        with pytest.raises(ModelError, match=name.replace(".", r"\.") if name == ABOUT else "soft_prompt"):
            SoftPrompt.load(place)


def test_vectors_that_are_none_are_refused() -> None:
    cases: list[tuple[Any, str]] = [
        ((), "shapes"), ((np.zeros((0, 4), np.float32),), "shapes"), ((np.zeros(4, np.float32),), "shapes"),
        ((np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32)), "shapes"),
        ((np.zeros((2, 4)),), "float64"), ((np.full((2, 4), np.nan, np.float32),), "finite"),
    ]  # fmt: skip
    for vectors, said in cases:
        with pytest.raises(ShapeError, match=said):
            SoftPrompt(vectors)


def texts(folder: Path, prompts: list[str], **options: object) -> list[str]:
    model = HFModel.open(str(folder / "base"), {"device": "cpu", **options})
    found: dict[int, object] = {}
    asked = [Request(conversation(prompt, None), draw) for prompt in prompts for draw in range(2)]
    model.answer(asked, Sampling(max_tokens=12), found.__setitem__)
    replies = [found[number] for number in range(len(asked))]
    assert all(isinstance(reply, Reply) for reply in replies), replies
    return [reply.text for reply in replies if isinstance(reply, Reply)]


def test_a_model_asked_under_vectors_of_tokens_answers_as_under_the_tokens(
    folder: Path, base: Loaded, tmp_path: Path
) -> None:
    """Drawn, one by one and in batches of unlike lengths."""
    SoftPrompt((vectors_of(PromptedModel(base), TEXT),), "Say {soft}{prompt}").save(tmp_path / "soft")
    prompts = ["Why?", "How is it that it is?", "a"]
    soft = [texts(folder, prompts, soft_prompt=str(tmp_path / "soft"), batch_size=size) for size in (1, 6)]
    assert soft[0] == soft[1] and len(set(soft[0])) > 3
    plain, bare = (texts(folder, [form + prompt for prompt in prompts], batch_size=1) for form in (f"Say {TEXT}", ""))
    seeds_differ = [len(one) for one in (plain, bare)]
    assert seeds_differ == [6, 6] and bare != soft[0]


def test_greedy_answers_are_the_same(folder: Path, base: Loaded, tmp_path: Path) -> None:
    SoftPrompt((vectors_of(PromptedModel(base), TEXT),), "prefix").save(tmp_path / "soft")
    answers = []
    for prompt, options in (("Why?", {"soft_prompt": str(tmp_path / "soft")}), (f"{TEXT}Why?", {})):
        model = HFModel.open(str(folder / "base"), {"device": "cpu", **options})
        found: dict[int, object] = {}
        model.answer([Request(conversation(prompt, None))], Sampling(max_tokens=20, temperature=0), found.__setitem__)
        answers.append(found[0])
    assert isinstance(answers[0], Reply) and isinstance(answers[1], Reply)
    assert answers[0].text == answers[1].text and answers[0].usage == answers[1].usage
    assert "{10 vectors}" in answers[0].details["prompt"]


def test_a_soft_prompt_is_part_of_who_answers_and_must_fit(folder: Path, tmp_path: Path) -> None:
    wide, narrow = (SoftPrompt((np.zeros((2, width), np.float32),)) for width in (96, 8))
    wide.save(tmp_path / "wide")
    narrow.save(tmp_path / "narrow")
    plain, soft = (
        HFModel.open(str(folder / "base"), options) for options in ({}, {"soft_prompt": str(tmp_path / "wide")})
    )
    assert plain.identity != soft.identity and "soft_prompt" not in plain.identity
    with pytest.raises(
        ModelError, match="hf/base reads vectors of width 96; the soft prompt .* with vectors of width 8"
    ):
        texts(folder, ["Why?"], soft_prompt=str(tmp_path / "narrow"))
    with pytest.raises(ModelError, match="cannot be read"):
        HFModel.open(str(folder / "base"), {"soft_prompt": str(tmp_path / "none")})
