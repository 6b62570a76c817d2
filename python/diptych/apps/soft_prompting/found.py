"""What was found and can be tried: vectors, or words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from diptych._types import Json, Vectors
from diptych.apps.soft_prompting.objective import check_pair
from diptych.errors import ConfigError, DataError, ModelError
from diptych.models.prompted import PromptedModel
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message
from diptych.models.soft_prompt_files import find_soft_prompt
from diptych.models.soft_prompts import START, SoftPrompt, check_place, framed
from diptych.models.templates import HOLE
from diptych.utils.hashing import content_hash
from diptych.utils.text import parse_json


@dataclass(frozen=True)
class Wording:
    """Words that stand in the user's turn.

    Parameters
    ----------
    text : the words
    place : as of a soft prompt, but ``start``, which no words of a conversation reach
    models : what they were found on, as of a soft prompt
    details : how they were found

    Examples
    --------
    >>> Wording("Now!", "{prompt} {soft}").put_into((Message("user", "Why?"),))[-1].content
    'Why? Now!'
    """

    text: str
    place: str = "prefix"
    models: tuple[Json, ...] = ()
    details: Json = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that changes an answer: 64 hexadecimal digits."""
        return content_hash("diptych/wording/1", [self.place, self.text])

    def put_into(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The conversation with the words in its last turn.

        Parameters
        ----------
        messages : the conversation
        """
        *before, last = messages
        return (*before, replace(last, content=framed(self.place, last.content).replace(HOLE, self.text)))


SEARCH = "search.json"
"""What a search for words leaves."""
Form: TypeAlias = Literal["vectors", "words", "nearest tokens"]
"""What a pair reads of a prompt."""
Found: TypeAlias = SoftPrompt | Wording
"""A prompt that can be tried."""


def fitted(found: Found, models: tuple[HFModel, HFModel]) -> Found:
    """The prompt as a pair of models reads it, vectors in the order of the models.

    Parameters
    ----------
    found : the prompt
    models : that read it

    Raises
    ------
    ConfigError
        If the models cannot be told apart token by token.
    ModelError
        If it has no vectors for one of them.
    """
    if isinstance(found, Wording):
        check_pair(*models, per_model=True)
        return found
    check_pair(*models, per_model=found.is_per_model)
    vectors = [model.fitting(found) for model in models]
    return SoftPrompt(tuple(vectors), found.place) if found.is_per_model else found


def is_home(found: Found, models: tuple[HFModel, HFModel]) -> bool:
    """Whether a prompt was found on these models, in either order.

    Parameters
    ----------
    found : the prompt
    models : a pair
    """
    known = [one.get("identity") for one in found.models]
    own = [model.source.identity for model in models]
    return own in (known, known[::-1])


def form_for(found: Found, models: tuple[HFModel, HFModel]) -> tuple[Found, Form]:
    """What a pair can read of a prompt: its vectors where they have the pair's width, else the tokens nearest to them.

    Parameters
    ----------
    found : the prompt
    models : that read it; loaded, if they are not

    Raises
    ------
    ConfigError
        If the models cannot be told apart token by token.
    DataError
        If vectors do not fit, and nothing says which tokens are nearest to them.
    """
    if isinstance(found, Wording):
        return fitted(found, models), "words"
    check_pair(*models, per_model=True)
    widths = [model.load().width for model in models]
    own = [found.of_model(model.source.identity) for model in models]
    if [None if one is None else one.shape[1] for one in own] == widths:
        return fitted(found, models), "vectors"
    text = found.details.get("nearest")
    if not isinstance(text, str) or not text:
        raise DataError(
            f"{models[0].name} and {models[1].name} read vectors of width {widths[0]} and {widths[1]}, the soft prompt "
            f"has some of width {', '.join(str(one.shape[1]) for one in found.vectors)}, and does not say which tokens "
            "are nearest to them. Train it again, or leave this pair out."
        )
    place = "prefix" if found.place == START else found.place
    return fitted(Wording(text, place, found.models, found.details), models), "nearest tokens"


def nearest_text(model: PromptedModel, vectors: Vectors) -> str:
    """The tokens that lie nearest to vectors, as a text; it need not do what the vectors do.

    Parameters
    ----------
    model : whose tokens
    vectors : float32 (n, width)
    """
    import torch

    tokens = model.nearest(torch.from_numpy(vectors)).tokens.tolist()
    return str(model.loaded.tokenizer.decode(tokens, clean_up_tokenization_spaces=False))


def by_name(folders: Sequence[Path]) -> dict[str, Found]:
    """Prompts by the names of their folders, or by their whole paths where two names are alike.

    Parameters
    ----------
    folders : of trainings, of soft prompts, or of prompts made by PEFT

    Raises
    ------
    ConfigError
        If one is given twice.
    ModelError
        If one holds no prompt.
    """
    names = [folder.name for folder in folders]
    titles = names if len(set(names)) == len(names) else [str(folder) for folder in folders]
    if len(set(titles)) < len(titles):
        raise ConfigError(f"{next(title for title in titles if titles.count(title) > 1)} is given twice")
    return {title: find(folder) for title, folder in zip(titles, folders, strict=True)}


def find(folder: Path, *, which: int = 1) -> Found:
    """The prompt of a folder: a soft prompt, that of a training, one that PEFT tuned, or the best words of a search.

    Parameters
    ----------
    folder : where it lies
    which : of the prompts of a search, from 1

    Raises
    ------
    ConfigError
        If there are not so many.
    ModelError
        If there is none, or it is damaged.
    """
    path = folder / SEARCH
    if not path.is_file():
        if which > 1:
            raise ConfigError(f"--which {which}: {folder} holds no search, and one prompt")
        return find_soft_prompt(folder)
    try:
        whole = parse_json(path.read_bytes())
        prompts = [_wording(whole, one) for one in whole["prompts"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged: {error!r}. Search again, or take a copy.") from error
    if which > len(prompts):
        raise ConfigError(f"--which {which}: {path} holds {len(prompts)} prompts")
    return prompts[which - 1]


def _wording(search: Json, prompt: Json) -> Wording:
    details = {
        "trained_on": list(search["searched_on"]), "trained_texts": list(search.get("searched_texts", ())),
        "spent": int(search["spent"]), "n_tokens": len(prompt["tokens"]), "objective": str(search["objective"]),
    }  # fmt: skip
    return Wording(str(prompt["text"]), check_place(str(search["place"])), tuple(search["models"]), details)
