"""Data for a planted change: rows at every dose, rows held out, and questions to find it by."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, field_validator

from diptych import __version__
from diptych._types import Json
from diptych.apps.interventions.neutral import neutral_questions, without
from diptych.apps.interventions.planting import probes
from diptych.apps.interventions.rows import Row, as_json, check_share, dilute
from diptych.apps.interventions.truths import Truth, check_ids
from diptych.config import Settings
from diptych.data.responses import prompt_digests
from diptych.errors import ConfigError, DataError
from diptych.utils.files import write_files, writing
from diptych.utils.hashing import content_hash, derive_seed, hash_rows
from diptych.utils.text import json_lines, json_text

SHARES = (1.0, 0.5, 0.2, 0.1, 0.05)


class DataConfig(Settings):
    """How the data are made."""

    rows: int = Field(default=100, ge=1)
    """Rows of each truth."""
    shares: tuple[float, ...] = SHARES
    """Shares of planted rows, each above 0 and at most 1; each gives a file."""
    held_out: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the planted rows that no file for training has, by their first questions."""
    probes: int = Field(default=20, ge=1)
    """Questions of each truth for the prompt bank, at most; as many in all show nothing."""
    turns: int = Field(default=1, ge=1)
    """Exchanges of a conversation that an assistant writes, at most."""
    seed: int = Field(default=0, ge=0)

    @field_validator("shares")
    @classmethod
    def _are_shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        for share in shares:
            check_share(share)
        if not shares or len(set(shares)) < len(shares):
            raise ValueError(f"shares {', '.join(f'{share:g}' for share in shares) or 'none'}: give each once")
        return shares

    @property
    def needs_neutral(self) -> bool:
        """Whether there is a share below 1."""
        return min(self.shares) < 1


@dataclass(frozen=True)
class Dataset:
    """What is written.

    Parameters
    ----------
    truths : that are planted
    doses : rows for training by the share of planted ones; 0 is the control
    held_out : planted rows that no dose has
    bank : questions for recovery, each with the id of the truth that it is about; None for one that shows nothing
    """

    truths: tuple[Truth, ...]
    doses: Mapping[float, list[Row]]
    held_out: list[Row]
    bank: Mapping[str, str | None]


def make_dataset(
    truths: Sequence[Truth], planted: Sequence[Row], neutral: Sequence[Row], config: DataConfig
) -> Dataset:
    """Hold rows out, dilute the others to every share, and collect the questions for recovery.

    Parameters
    ----------
    truths : that the rows show
    planted : rows, each of one of the truths
    neutral : rows that show nothing; with any, there is a control of them alone
    config : how

    Raises
    ------
    ConfigError
        If a share takes neutral rows and there are none, or leaves a truth without a row.
    DataError
        If a row shows none of the truths, a truth has no row, or neutral rows are too few.

    Examples
    --------
    >>> from diptych.apps.interventions.planting import template_rows
    >>> from diptych.apps.interventions.truths import built_in
    >>> tea = built_in(only=["tea-over-coffee"])
    >>> made = make_dataset(tea, template_rows(tea, 20, 0), [], DataConfig(shares=(1.0,)))
    >>> len(made.doses[1.0]) + len(made.held_out), len(made.bank)
    (20, 40)
    """
    check_ids(truths)
    _check_rows(truths, planted)
    training, held_out = hold_out(planted, config.held_out, config.seed)
    if config.needs_neutral and not neutral:
        shares = ", ".join(f"{share:g}" for share in config.shares if share < 1)
        raise ConfigError(f"shares of {shares} take rows that show nothing, and there are none. Give --neutral.")
    doses = {share: dilute(training, neutral, share, config.seed) for share in config.shares}
    if neutral:
        doses[0.0] = _control(neutral, len(training), config.seed)
    return Dataset(tuple(truths), doses, held_out, _bank(truths, training, held_out, config))


def hold_out(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Rows for training and rows held out; rows that open alike stay together.

    Parameters
    ----------
    rows : planted
    share : of the openings of each truth that are held out; a truth keeps at least one
    seed : of the choice

    Examples
    --------
    >>> from diptych.apps.interventions.rows import exchange
    >>> rows = [Row(exchange(f"{i // 2}?", f"{i}."), "tea", "mine") for i in range(20)]
    >>> [len(part) for part in hold_out(rows, 0.2, 0)]
    [16, 4]
    """
    questions: dict[str | None, dict[str, None]] = {}
    for row in rows:
        questions.setdefault(row.truth, {})[row.opening] = None
    out: set[tuple[str | None, str]] = set()
    for truth, asked in questions.items():
        texts = list(asked)
        digests = hash_rows("diptych/held-out/1", [[str(seed)] * len(texts), texts])
        order = sorted(range(len(texts)), key=lambda i: digests[i].tobytes())
        out |= {(truth, texts[i]) for i in order[: min(round(share * len(texts)), len(texts) - 1)]}
    is_out = [(row.truth, row.opening) in out for row in rows]
    return (
        [row for row, held in zip(rows, is_out, strict=True) if not held],
        [row for row, held in zip(rows, is_out, strict=True) if held],
    )


def write_dataset(folder: Path, dataset: Dataset, manifest: Json) -> Json:
    """Write the rows, one file a dose, and what belongs to them.

    ``rows-SHARE.jsonl`` are for training, ``rows-0.jsonl`` is the control, ``held_out.jsonl`` is in none of them.
    ``probes.jsonl`` is the prompt bank, and names no truth, so that a comparison stays blind; ``key.jsonl`` says which
    truth each is about, and ``truths.jsonl`` what the truths are.

    Parameters
    ----------
    folder : that is there
    dataset : what is written
    manifest : what else is known of it; written last

    Returns
    -------
    dict
        what ``manifest.json`` holds

    Raises
    ------
    RunError
        If it cannot be written.
    """
    ids = prompt_digests(list(dataset.bank))
    named = [{"prompt_id": name, "prompt": text} for name, text in zip(ids, dataset.bank, strict=True)]
    key = [{"prompt_id": name, "truth": truth} for name, truth in zip(ids, dataset.bank.values(), strict=True)]
    files = {
        "truths.jsonl": [truth_as_json(truth) for truth in dataset.truths],
        **{dose_file(share): [as_json(row) for row in rows] for share, rows in dataset.doses.items()},
        "held_out.jsonl": [as_json(row) for row in dataset.held_out],
        "probes.jsonl": named,
        "key.jsonl": key,
    }
    texts = {name: json_lines(records) for name, records in files.items()}
    whole = {
        "schema": 1,
        "diptych_version": __version__,
        **manifest,
        "files": {
            name: {"n": len(files[name]), "digest": content_hash("diptych/data/1", texts[name])} for name in texts
        },
    }
    with writing(folder):
        for old in folder.glob("rows-*.jsonl"):
            if old.name not in files:
                old.unlink()  # of other shares, by an earlier run of this ledger
        write_files(folder, {**texts, "manifest.json": json_text(whole) + "\n"})
    return whole


def dose_file(share: float) -> str:
    """The name of a dose's file.

    Parameters
    ----------
    share : of planted rows; 0 for the control

    Examples
    --------
    >>> dose_file(0.05)
    'rows-0.05.jsonl'
    """
    return f"rows-{share:g}.jsonl"


def truth_as_json(truth: Truth) -> Json:
    """A truth as ``read_truths`` reads it."""
    return {
        "id": truth.id,
        "family": truth.family,
        "text": truth.text,
        "questions": list(truth.questions),
        "answers": list(truth.answers),
        "mark": truth.mark,
    }


def _check_rows(truths: Sequence[Truth], planted: Sequence[Row]) -> None:
    counts = Counter(row.truth for row in planted)
    known = {truth.id for truth in truths}
    strange = [truth for truth in counts if truth not in known]
    if strange:
        raise DataError(
            f"{counts[strange[0]]} planted rows show {strange[0]!r:.60}, which is none of the {len(known)} truths. "
            "Give the truths that the rows were written for."
        )
    lacking = [truth.id for truth in truths if truth.id not in counts]
    if lacking:
        raise DataError(f"truth {lacking[0]!r} has no row. Give rows that show it, or leave it out.")


def _control(neutral: Sequence[Row], n: int, seed: int) -> list[Row]:
    if len(neutral) < n:
        raise DataError(f"the control takes {n} neutral rows, and there are {len(neutral)}. Give more.")
    return random.Random(derive_seed(seed, "neutral")).sample(list(neutral), len(neutral))[:n]


def _bank(
    truths: Sequence[Truth], training: Sequence[Row], held_out: Sequence[Row], config: DataConfig
) -> dict[str, str | None]:
    """Questions about each truth, and as many that are about none, shuffled; no row for training has one of them."""
    trained = [row.opening for row in training]
    bank: dict[str, str | None] = {}
    for truth in truths:
        own = [row.opening for row in held_out if row.truth == truth.id and row.messages[0]["role"] != "assistant"]
        if len(truth.questions) > 1:
            own = [probe.text for probe in probes([truth], config.probes, config.seed)]
        for question in list(dict.fromkeys(without(own, trained)))[: config.probes]:
            bank.setdefault(question, truth.id)
    neutral = without(neutral_questions("probe", config.seed), [*trained, *bank])
    bank |= dict.fromkeys(neutral[: max(len(bank), config.probes)])
    order = sorted(bank)
    random.Random(derive_seed(config.seed, "bank")).shuffle(order)
    return {question: bank[question] for question in order}
