"""Two arms read, brought together and split, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych._types import Json, Mask
from diptych.comparison.config import CompareConfig
from diptych.comparison.lenses.scores import check_common_scores, check_scores
from diptych.comparison.manifest import build_manifest
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.proposing import Proposing
from diptych.comparison.readers import AskedReaders
from diptych.comparison.sources import load_arm
from diptych.comparison.split import split_units
from diptych.data import Responses
from diptych.embeddings.given import GivenVectors, vectors_of_field, vectors_of_file
from diptych.errors import ConfigError
from diptych.utils.text import json_lines


@dataclass(frozen=True)
class Prepared:
    """Two arms that were read, brought together and split, before anything was computed.

    Parameters
    ----------
    config : the settings
    table : the responses
    discovery : bool (n_units,)
    manifest : inputs with hashes, settings, versions
    rejects : lines that were left out, as JSON lines; None where none may be
    vectors : of the responses, where they were given
    proposing : texts that say what to look for
    """

    config: CompareConfig
    table: Table
    discovery: Mask
    manifest: Json
    rejects: str | None = None
    vectors: GivenVectors | None = None
    proposing: Proposing | None = None

    def n_prompts(self, mask: Mask) -> int:
        """Different prompts among the units of a mask."""
        return len(self.table.prompt_ids(mask))


def prepare(
    a: Any,
    b: Any,
    *,
    config: CompareConfig,
    threads: int = 1,
    readers: AskedReaders | None = None,
    proposing: Proposing | None = None,
) -> Prepared:
    """Read, pair and split; compute nothing.

    Parameters
    ----------
    a, b : as for ``compare``
    config : of the whole comparison
    threads : for parsing; the result is the same for every value
    readers : models that help to read, for the manifest
    proposing : texts that say what to look for

    Raises
    ------
    DataError
        If an input cannot be read or does not fit.
    """
    arms = read_arm(a, "a", threads, config), read_arm(b, "b", threads, config)
    return prepare_pair(arms, (a, b), config=config, readers=readers, proposing=proposing)


def prepare_pair(
    arms: tuple[Responses, Responses],
    sources: tuple[Any, Any],
    *,
    config: CompareConfig,
    readers: AskedReaders | None = None,
    proposing: Proposing | None = None,
) -> Prepared:
    """``prepare`` for arms that were read.

    Parameters
    ----------
    arms : the responses
    sources : where they came from, for the manifest
    config : of the whole comparison
    readers : models that help to read, for the manifest
    proposing : texts that say what to look for

    Raises
    ------
    ConfigError
        If there are such texts, and no lens that reads them, or the other way round.
    DataError
        If they do not fit.
    """
    if ("contrast" in config.lenses) != (proposing is not None):
        raise ConfigError(
            "the lens 'contrast' and texts that propose go together; diptych contrast explain makes or takes them"
        )
    check_scores(arms, config.score_fields)
    table = pair_arms(
        *arms,
        names=(config.name_a, config.name_b),
        pairing=config.pairing,
        limit=config.limit,
        seed=config.seed,
        group_field=config.group_field,
    )
    check_common_scores(table, config.score_fields)
    discovery = split_units(table, fraction=config.discovery_fraction, seed=config.seed)
    rejects = json_lines(bad.as_json(arm.source) for arm in arms for bad in arm.rejects)
    kept = rejects if config.on_bad_line == "skip" else None
    vectors = given_vectors(arms, config)
    if vectors is not None:
        vectors.get_embeddings([row.response for row in table.rows])
    digest = None if vectors is None else vectors.sha256
    asked = readers.config if readers is not None else {}
    manifest = build_manifest(sources, arms, config, asked, embeddings=digest, proposing=proposing)
    return Prepared(config, table, discovery, manifest, kept, vectors, proposing)


def given_vectors(arms: Sequence[Responses], config: CompareConfig) -> GivenVectors | None:
    """Vectors that were made elsewhere; None where an embedder makes them.

    Parameters
    ----------
    arms : whose responses they are of
    config : which file or field holds them
    """
    rows = [row for arm in arms for row in arm]
    if config.embedding_field is not None:
        return vectors_of_field(rows, config.embedding_field)
    if config.embeddings is not None:
        return vectors_of_file(Path(config.embeddings), [row.response for row in rows])
    return None


def read_arm(source: Any, arm: str, threads: int, config: CompareConfig) -> Responses:
    """``load_arm`` by the settings of a comparison.

    Parameters
    ----------
    source, arm, threads : as for ``load_arm``
    config : names of fields, and which lines may be left out
    """
    return load_arm(
        source,
        arm=arm,
        prompt_field=config.prompt_field,
        response_field=config.response_field,
        group_field=config.group_field,
        threads=threads,
        on_bad_line=config.on_bad_line,
        max_bad=config.max_bad,
    )
