"""What a trial says of answers: by position, by tokens, by words and lengths, by kinds; and its page with hostile text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych._types import Silent
from diptych.apps.soft_prompting.analysis import Words, analyse, places, swaps, words_shared
from diptych.apps.soft_prompting.conditions import Condition
from diptych.apps.soft_prompting.differing import kinds_of
from diptych.apps.soft_prompting.found import Wording
from diptych.apps.soft_prompting.sequences import Asking, Said, Traced
from diptych.apps.soft_prompting.trial import TrialOptions, try_prompt
from diptych.data.prompts import Prompt, as_prompts
from diptych.models.divergence import Divergences
from diptych.models.local import Written
from diptych.models.registry import open_local
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny


def traced(prompt_id: str, text: str, tops: Sequence[tuple[int, int]], js: float = 0.1, draw: int = 0) -> Traced:
    """An answer whose models find those tokens the likeliest."""
    n = len(tops)
    a, b = np.array(tops, np.int64).reshape(n, 2).T
    flat = np.full(n, js)
    own = Divergences(flat, flat, flat, flat, flat, -flat, -flat, a == b, flat)
    return Traced(Said(Prompt(prompt_id, f"{prompt_id}?"), draw, Written(text, "stop", (0,) * n)), own, a, b)


def condition(a: Sequence[Traced], b: Sequence[Traced]) -> Condition:
    nothing: Any = None
    return Condition((a, b), (np.zeros(1), np.zeros(1)), 0.0, nothing)


def test_positions_and_tokens_of_disagreement_are_counted() -> None:
    a = [traced("p", "x y", [(1, 1), (2, 3)], js=0.2), traced("q", "x", [(2, 3)], js=0.4)]
    b = [traced("p", "x", [(4, 5)]), traced("q", "z z z", [(1, 1), (1, 1), (2, 3)])]
    found = places([*a, *b])
    assert [(one.position, one.n_texts, one.disagreement) for one in found] == [(1, 4, 0.5), (2, 2, 0.5), (3, 1, 1.0)]
    assert found[0].js == pytest.approx((0.2 + 0.4 + 0.1 + 0.1) / 4)
    first, second = swaps([*a, *b], lambda tokens: f"<{tokens[0]}>")
    assert (first.a, first.b, first.n, first.n_prompts) == ("<2>", "<3>", 3, 2)
    assert first.js == pytest.approx((0.2 + 0.4 + 0.1) / 3) and (second.a, second.n) == ("<4>", 1)
    assert len(swaps([*a, *b], str, most=1)) == 1
    whole = analyse(condition(a, b), str, seed=0)
    assert whole.disagreement == pytest.approx(((0.5 + 1.0) / 2 + (1.0 + 1 / 3) / 2) / 2)
    assert (whole.length.a, whole.length.b, whole.length.difference.mean) == (1.5, 2.0, 0.5)


def test_words_are_shared_between_models_and_within_each() -> None:
    a = [traced("p", "red apple", [(1, 1)]), traced("p", "red pear", [(1, 1)], draw=1)]
    b = [traced("p", "Red apple", [(1, 1)]), traced("p", "sea", [(1, 1)], draw=1)]
    found = words_shared(a, b)
    assert found == Words(0.5, 1 / 3, 0.0)
    assert words_shared(a[:1], b[:1]).within_a is None


def test_planted_kinds_of_difference_are_found_with_their_words() -> None:
    """In half of the prompts the second model warns, in half it praises; pairs that are alike are no kind."""
    rng = np.random.default_rng(0)
    words = ["table", "river", "window", "garden", "letter", "music", "paper", "stone"]
    a, b = [], []
    for i in range(40):
        body = " ".join(rng.choice(words, 4))
        more = ("Warning dangerous careful hazard. ", "Wonderful splendid marvellous praise. ")[i % 2]
        a.append(traced(f"p{i:02}", body, [(1, 1)], js=0.3))
        b.append(traced(f"p{i:02}", more + body if i < 20 else body, [(1, 2)], js=0.3 if i < 20 else 0.0))
    found = kinds_of(condition(a, b), seed=0)
    assert sum(kind.n for kind in found) == 20
    assert all(len({int(name[1:]) % 2 for name in kind.prompt_ids}) == 1 for kind in found)
    said = [" ".join(kind.words_b) for kind in found]
    assert any("warning" in text or "hazard" in text for text in said) and any(
        "splendid" in text or "praise" in text for text in said
    )
    assert kinds_of(condition(a[20:], b[20:]), seed=0) == []


HOSTILE = '</p></style><script>alert("x")</script><img src=http://x.example onerror=alert(1)> \u202e {{ 7*7 }}'


@needs_torch
@pytest.mark.timeout(240)
def test_the_page_shows_hostile_text_as_text(tmp_path: Path) -> None:
    save_tiny(tmp_path / "base")
    save_adapter(tmp_path / "base", tmp_path / "adapter")
    names = str(tmp_path / "base"), f"{tmp_path / 'base'}+{tmp_path / 'adapter'}"
    a, b = (open_local(f"hf/{name}", {"device": "cpu"}) for name in names)
    prompts = as_prompts([f"{HOSTILE} {i}" for i in range(9)])
    options = TrialOptions(Asking(max_tokens=6, draws=2))
    try_prompt(Wording("Be brief. "), (a, b), prompts, tmp_path / "out", options=options, progress=Silent())
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;script&gt;alert(" in page and "<script" not in page and "<img" not in page and "{{ 7*7 }}" in page
    assert "\u202e" not in page and "default-src &#39;none&#39;" not in page and "default-src 'none'" in page
    assert page.count("<details") == 9
    plots = {path.name for path in (tmp_path / "out" / "plots").iterdir()}
    assert plots == {"position.html", "prompts.html", "plotly.min.js"}
