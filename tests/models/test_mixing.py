"""Models on the line between two: both ends to the last bit, what does not fit refused, the name through the registry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diptych.errors import ConfigError, DiptychError
from diptych.models.mixing import interpolate
from diptych.models.registry import find_model, open_local
from diptych.models.requests import Message, Request, Sampling
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch

PROMPTS = ["Why?", "How many are there", "x"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    a, b = save_tiny(folder / "a"), save_tiny(folder / "b", seed=5)
    return {"a": str(a), "b": str(b), "adapted": f"{a}+{save_adapter(a, folder / 'adapter')}"}


def scores(name: str) -> Any:
    """Logits after a text."""
    import torch

    model = open_local(name, {"device": "cpu"})
    with model.load().active() as torch_model, torch.inference_mode():
        found = torch_model(torch.tensor([[5, 20, 33, 41, 7]])).logits
    model.close()
    return found


def test_the_ends_are_the_models_and_the_middle_is_neither(folders: dict[str, str]) -> None:
    import torch

    a, b = folders["a"], folders["b"]
    ends = scores(f"hf/{a}"), scores(f"hf/{b}")
    assert torch.equal(scores(f"mix/{a}~0~{b}"), ends[0]) and torch.equal(scores(f"mix/{a}~1~{b}"), ends[1])
    assert torch.equal(scores(f"mix/{b}~1~{a}"), ends[0])
    between, beyond = scores(f"mix/{a}~0.5~{b}"), scores(f"mix/{a}~-0.5~{b}")
    assert not any(torch.allclose(between, other, atol=0.1) for other in (*ends, beyond))
    torch.testing.assert_close(scores(f"mix/{a}~0.25~{b}"), scores(f"mix/{b}~0.75~{a}"), atol=1e-3, rtol=1e-3)


def test_weights_lie_on_the_line_tied_ones_once_and_whole_numbers_stay(folders: dict[str, str]) -> None:
    import torch

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, value: float, count: int) -> None:
            super().__init__()
            self.inside = torch.nn.Linear(3, 3, dtype=torch.bfloat16)
            self.out = torch.nn.Linear(3, 3, bias=False)
            self.also_out = self.out
            torch.nn.init.constant_(self.inside.weight, value)
            torch.nn.init.constant_(self.out.weight, value)
            self.register_buffer("scale", torch.tensor([value]))
            self.register_buffer("count", torch.tensor([count]))
            self.register_buffer("made", torch.tensor([value]), persistent=False)

    a, b = Net(1.0, 3), Net(3.0, 8)
    mixed = interpolate(a, b, 1.5)
    assert mixed is a and a.also_out is a.out
    assert a.out.weight.unique().tolist() == [4.0] and a.scale.tolist() == [4.0]
    assert a.inside.weight.dtype == torch.bfloat16 and a.inside.weight.float().unique().tolist() == [4.0]
    assert a.count.tolist() == [3] and a.made.tolist() == [1.0] and b.out.weight.unique().tolist() == [3.0]


def test_an_adapter_is_part_of_the_weights(folders: dict[str, str]) -> None:
    import torch

    a, adapted = folders["a"], folders["adapted"]
    torch.testing.assert_close(scores(f"mix/{a}~1~{adapted}"), scores(f"hf/{adapted}"), atol=1e-4, rtol=1e-4)
    assert torch.equal(scores(f"mix/{adapted}~1~{a}"), scores(f"hf/{a}"))


def test_a_mixture_answers_as_any_model_and_says_what_it_is(folders: dict[str, str]) -> None:
    def said(name: str) -> list[str]:
        model = find_model(name, options={"device": "cpu"}).open()
        sampling, found = Sampling(max_tokens=8, temperature=0.0), dict[int, Any]()
        model.check(sampling)
        model.answer([Request((Message("user", prompt),)) for prompt in PROMPTS], sampling, found.__setitem__)
        model.close()
        return [found[i].text for i in range(len(PROMPTS))]

    def identity(weight: str) -> str:
        return json.dumps(find_model(f"mix/{folders['a']}~{weight}~{folders['b']}").open().identity)

    assert said(f"mix/{folders['a']}~1~{folders['b']}") == said(f"hf/{folders['b']}")
    assert identity("0.5") == identity("5e-1") != identity("0.25") and folders["a"] not in identity("0.5")
    name = find_model(f"mix/{folders['a']}~0.50~{folders['b']}").open().name
    assert name == "mix/a~0.5~b" and find_model(f"mix/{folders['a']}~1~{folders['b']}").price is not None


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("mix/{a}~{b}", {}, "give two models with a number between them"),
        ("mix/{a}~half~{b}", {}, "a number between"),
        ("mix/{a}~nan~{b}", {}, "a number between"),
        ("mix/{a}~0.5~/nowhere", {}, "nowhere"),
        ("mix/{a}~0.5~{b}", {"weight": 1}, "weight"),
        ("mix/{a}~0.5~{b}", {"quantization": {"load_in_4bit": True}}, "a mixture is made without"),
    ],
)
def test_what_does_not_fit_is_named(folders: dict[str, str], name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DiptychError, match=says):
        find_model(name.format(**folders), options=options).open()


def test_unlike_models_are_refused_and_left_alone() -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    def model(**settings: Any) -> Any:
        sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
        torch.manual_seed(len(settings))
        return LlamaForCausalLM(
            LlamaConfig(**sizes, **{"num_attention_heads": 2, "num_key_value_heads": 2, **settings})
        )

    plain = model()
    before = plain.lm_head.weight.clone()
    with pytest.raises(ConfigError, match=r"k_proj.weight is \(16, 16\) and \(8, 16\)"):
        interpolate(plain, model(num_key_value_heads=1), 0.5)
    with pytest.raises(ConfigError, match=r"lm_head.weight is \(50, 16\) and none"):
        interpolate(plain, model(tie_word_embeddings=True), 0.5)
    with pytest.raises(ConfigError, match="rms_norm_eps is 1e-06 and 0.1"):
        interpolate(plain, model(rms_norm_eps=0.1), 0.5)
    assert torch.equal(plain.lm_head.weight, before)
