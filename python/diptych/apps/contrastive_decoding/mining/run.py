"""Mining: tokens and texts that one model wants more than the other. What comes of it proposes, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diptych._types import Json, Progress
from diptych.apps.contrastive_decoding.mining.ranking import Apart, RankedText, apart, rank
from diptych.apps.contrastive_decoding.mining.tokens import ENOUGH_PROMPTS, LEAST_PROMPTS, Token, halve, measure
from diptych.apps.contrastive_decoding.scoring import ScoredText, check_pair, score_responses
from diptych.apps.contrastive_decoding.terms import Term, by_likelier, compare_terms
from diptych.data import Response
from diptych.errors import DataError
from diptych.models.divergence import MAX_BYTES, Divergences
from diptych.models.divergence_summary import summarise
from diptych.models.fingerprint import Gauge, Scout
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Sampling
from diptych.models.sampling import Draw

ALL_TOKENS = 10**9
"""As ``top_k``: more than any vocabulary has, so that a model's own setting, which may be less, does not count."""
GIVEN = "given"
"""Who wrote texts that come from a file."""
N_TOKENS = 50


@dataclass(frozen=True)
class MineConfig:
    """What is looked for, and how.

    Parameters
    ----------
    n_tokens : that are chosen by the probability they gain, and as many by the places where they are wanted
    seed : of the halves and of the bootstrap
    batch_size : texts at once
    max_bytes : of memory for scores, beside the models
    """

    n_tokens: int = N_TOKENS
    seed: int = 0
    batch_size: int = 8
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True)
class Mined:
    """What came of it.

    Parameters
    ----------
    a, b : names of the models
    tokens : that b wants more, those that gain most first
    ranked : texts, those that b likes most by token first
    apart : how far each model is from the other in what it writes, by writer; none where that cannot be said
    terms : in which texts of a and of b differ; of given texts, those likelier under either
    n_prompts : in the half that tokens were chosen on, and in the other
    notices : what a reader should know
    """

    a: str
    b: str
    tokens: Sequence[Token]
    ranked: Sequence[RankedText]
    apart: Mapping[str, Apart]
    terms: Sequence[Term]
    n_prompts: tuple[int, int]
    notices: Sequence[str] = field(default=())

    def liked_by(self, side: str) -> list[RankedText]:
        """Texts that one model finds likelier than the other does, the most so first.

        Parameters
        ----------
        side : ``"a"`` or ``"b"``
        """
        if side == "b":
            return [one for one in self.ranked if one.per_token > 0]
        return [one for one in reversed(self.ranked) if one.per_token < 0]

    @property
    def statistics(self) -> dict[str, Json]:
        """Divergences by writer in a few lines each; prompts are the units of their errors."""
        found: dict[str, dict[str, list[Divergences]]] = {}
        for one in self.ranked:
            row = one.scored.response
            found.setdefault(row.arm, {}).setdefault(row.prompt_id, []).append(one.scored.divergences)
        return {
            writer: {
                **summarise([Divergences.join(parts) for parts in by_prompt.values()]),
                "n_texts": sum(map(len, by_prompt.values())),
                "n_prompts": len(by_prompt),
            }
            for writer, by_prompt in sorted(found.items())
        }


def is_natural(model: HFModel, sampling: Sampling) -> bool:
    """Whether texts are drawn from the model's own distribution, nothing cut and nothing sharpened.

    Parameters
    ----------
    model : whose own settings count where ``sampling`` leaves something open
    sampling : of the run
    """
    draw, loaded = Draw.of(sampling, model.load().defaults), model.load()
    return draw.temperature == 1 and draw.top_p == 1 and not 0 < draw.top_k < loaded.n_outputs


def mine(
    a: HFModel,
    b: HFModel,
    rows: Sequence[Response],
    config: MineConfig | None = None,
    *,
    natural: bool = False,
    progress: Progress | None = None,
) -> Mined:
    """Find the tokens and the texts that b wants more than a.

    Tokens are chosen on half of the prompts and measured on the other half, with intervals that hold for all of them.

    Parameters
    ----------
    a, b : models with one vocabulary
    rows : texts; the arm of each says who wrote it: ``a``, ``b``, or ``GIVEN``
    config : what is looked for; None for the defaults
    natural : whether the writers drew them from their own distributions, so that they estimate divergences
    progress : where it says how far it is

    Raises
    ------
    ConfigError
        If the models cannot be put side by side.
    DataError
        If there are fewer than four prompts, no text has a token, or a text is longer than a model takes.
    ModelError
        If scores are not numbers.
    """
    settings = config or MineConfig()
    check_pair(a, b)
    chosen_on = halve([row.prompt_id for row in rows], settings.seed)
    n_prompts = len({row.prompt_id for row in rows})
    if n_prompts < LEAST_PROMPTS:
        raise DataError(f"{n_prompts} prompts: at least {LEAST_PROMPTS} are needed, half to choose on, half to measure")
    halves = [[row for row in rows if (row.prompt_id in chosen_on) == first] for first in (True, False)]
    loaded = a.load()
    n_vocabulary = min(len(loaded.tokenizer), loaded.n_outputs)
    common = {"batch_size": settings.batch_size, "max_bytes": settings.max_bytes, "ends": natural, "progress": progress}
    scout = Scout(n_vocabulary)
    scored = score_responses(a, b, halves[0], onlooker=scout, **common)  # type: ignore[arg-type]
    numbers = scout.choose(settings.n_tokens)
    gauge = Gauge(numbers, n_vocabulary, len(halves[1]))
    scored += score_responses(a, b, halves[1], onlooker=gauge, **common)  # type: ignore[arg-type]
    if not (scout.tally.n_places and gauge.n_places.any()):
        raise DataError("half of the texts have no token that could be scored: nothing can be chosen and measured")
    names = [loaded.tokenizer.decode([number]) for number in numbers]
    ids = [row.prompt_id for row in halves[1]]
    sizes = len(chosen_on), n_prompts - len(chosen_on)
    return Mined(
        a=a.name,
        b=b.name,
        tokens=measure(gauge, numbers, names, ids, settings.seed),
        ranked=rank(scored),
        apart=_apart(scored, settings.seed) if natural else {},
        terms=_terms(scored),
        n_prompts=sizes,
        notices=_notices(scored, sizes, natural),
    )


def _apart(scored: Sequence[ScoredText], seed: int) -> dict[str, Apart]:
    by_writer = {writer: [one for one in scored if one.response.arm == writer] for writer in ("a", "b")}
    return {writer: apart(own, writer, seed=seed) for writer, own in by_writer.items() if _n_prompts(own) > 1}


def _n_prompts(scored: Sequence[ScoredText]) -> int:
    return len({one.response.prompt_id for one in scored})


def _terms(scored: Sequence[ScoredText]) -> list[Term]:
    """By writer; given texts by the model that finds them likelier."""
    given = [one for one in scored if one.response.arm == GIVEN]
    a, b = by_likelier(given) if given else ([one for one in scored if one.response.arm == arm] for arm in ("a", "b"))
    return compare_terms([one.response.response for one in a], [one.response.response for one in b])


def _notices(scored: Sequence[ScoredText], n_prompts: tuple[int, int], natural: bool) -> list[str]:
    found = []
    if n_prompts[1] < ENOUGH_PROMPTS:
        found.append(f"intervals of tokens rest on {n_prompts[1]} prompts: they are rough")
    n_empty = sum(not len(one.divergences) for one in scored)
    if n_empty:
        found.append(f"{n_empty} of {len(scored)} texts have no token, and are left out")
    if not natural and any(one.response.arm != GIVEN for one in scored):
        found.append(
            "the texts were not drawn at temperature 1 from all tokens: how far the models are "
            "apart cannot be told from them, only how they differ along them"
        )
    return found
