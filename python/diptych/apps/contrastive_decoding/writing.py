"""Does a description say what is different? A model writes texts to it, and the pair says which of both likes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from diptych._types import FloatVector, Json
from diptych.comparison.measures import Measure
from diptych.data import Response
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Failure, Message
from diptych.models.untrusted import Fence
from diptych.stats.auc import auc
from diptych.stats.multiplicity import q_values
from diptych.utils.hashing import content_hash

Scores = Callable[[Sequence[Response]], FloatVector]
"""How much likelier the second model finds each text than the first, given its prompt, in nats a token; or NaN."""
_RULE = (
    "You write short answers to prompts. Each answer must fit a description of a kind of text, and otherwise be as "
    "plain and natural as it can be."
)
_FORM = 'Answer with one JSON object and nothing else: {"texts": ["…", …]}, one text for each prompt, in their order.'


class Texts(BaseModel):
    """What the assistant writes."""

    texts: list[str]


@dataclass(frozen=True)
class Described:
    """What a measure looks for, in words.

    Parameters
    ----------
    id : of the measure
    text : the description
    sign : 1.0 where the second arm has more of it in the responses, else -1.0
    """

    id: str
    text: str
    sign: float


def describe(measure: Measure, effect: float) -> Described:
    """The description of a measure, as a model may write to it.

    Parameters
    ----------
    measure : that texts proposed
    effect : of the responses

    Examples
    --------
    >>> from diptych.comparison.lenses.phrases import phrase_measure
    >>> describe(phrase_measure("contrast", "phrase_01", "by the way"), 0.2)
    Described(id='contrast.phrase_01', text='It says “by the way”.', sign=1.0)
    """
    own = measure.definition
    label = own.get("label")
    if "phrase" in own:
        said = f"It says “{own['phrase']}”."
    elif label is not None and label["is_validated"]:
        said = f"{label['text']}."
    else:
        said = f"It is of a kind of text that is known by the words “{', '.join(own.get('keywords', ()))}”."
    return Described(measure.id, said, 1.0 if effect >= 0 else -1.0)


def check_by_writing(
    assistant: Assistant,
    confirmed: Sequence[Described],
    others: Sequence[Described],
    prompts: Sequence[Response],
    scores: Scores,
    *,
    seed: int,
) -> Json:
    """For each description that was confirmed: does the pair tell texts written to it from texts written to others?

    Parameters
    ----------
    assistant : writes, and is told no more than one description at a time
    confirmed : descriptions of what was found
    others : descriptions of what was proposed and not found
    prompts : one text is written to each; only what was asked is read
    scores : of the pair
    seed : of the run

    Returns
    -------
    dict
        ``n_others``, ``n_texts``, and under ``hypotheses``, by id, ``auc`` with ``low`` and ``high``, ``p_value``,
        ``q_value``

    Notes
    -----
    The unit is the description: texts written to one are alike, whatever it says. Under the null hypothesis the one
    that was found is no other than those that were not, so that its rank among them by the mean score of its texts, in
    the direction of the finding, gives an exact p: ``(1 + others that do as well) / (1 + others)``. It is corrected
    over the descriptions that were confirmed (Benjamini–Hochberg). The area under the curve, over texts, is a size
    and no test.
    """
    every = [*confirmed, *others]
    written = _write(assistant, every, prompts, seed=seed)
    found = {one.id: _known(scores(texts)) for one, texts in zip(every, written, strict=True)}
    usable = [one for one in others if len(found[one.id])]
    checked = {one.id: _rank(one, usable, found, seed) for one in confirmed if len(found[one.id]) and usable}
    q = q_values(np.array([entry["p_value"] for entry in checked.values()]))
    return {
        "n_others": len(usable),
        "n_texts": len(prompts),
        "hypotheses": {name: {**checked[name], "q_value": float(q[i])} for i, name in enumerate(checked)},
    }


def _rank(one: Described, others: Sequence[Described], found: dict[str, FloatVector], seed: int) -> Json:
    own = one.sign * found[one.id]
    theirs = [one.sign * found[other.id] for other in others]
    as_well = sum(float(texts.mean()) >= float(own.mean()) for texts in theirs)
    area = auc(own, np.concatenate(theirs), seed=seed)
    return {
        "auc": area.value,
        "low": area.low,
        "high": area.high,
        "p_value": (1 + as_well) / (1 + len(theirs)),
        "description": one.text,
    }


def _known(scores: FloatVector) -> FloatVector:
    return np.asarray(scores[~np.isnan(scores)])


def _write(
    assistant: Assistant, descriptions: Sequence[Described], prompts: Sequence[Response], *, seed: int
) -> list[list[Response]]:
    """Texts to each description, as responses to the prompts; none where the answer could not be read."""
    questions = [writing_question(one.text, [row.prompt for row in prompts], seed=seed) for one in descriptions]
    answers = assistant.ask_objects(questions, Texts)
    return [
        []
        if isinstance(answer, Failure)
        else [
            Response(row.prompt_id, row.prompt, text, "written", system=row.system)
            for row, text in zip(prompts, answer.texts, strict=False)
            if text.strip()
        ]
        for answer in answers
    ]


def writing_question(description: str, prompts: Sequence[str], *, seed: int) -> Question:
    """What the assistant is asked to write.

    Parameters
    ----------
    description : written by a model or made of words of models, so it is fenced off
    prompts : what the texts answer
    seed : of the run
    """
    fence = Fence.around([description, *prompts], seed=seed)
    asked = "\n".join(fence.quote(prompt, "prompt") for prompt in prompts)
    parts = ["The description:", fence.quote(description, "description"), "The prompts:", asked, _FORM]
    messages = (Message("system", f"{_RULE} {fence.rule}"), Message("user", "\n".join(parts)))
    return Question(f"write {content_hash('diptych/written/1', description)[:12]}", messages)
