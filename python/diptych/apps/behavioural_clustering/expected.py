"""What a run asks besides the models it is about, at most, before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Iterator

from diptych.apps.behavioural_clustering.config import ApproveConfig
from diptych.apps.behavioural_clustering.run import ApproveRun
from diptych.apps.behavioural_clustering.writeup import CHUNK, MERGED
from diptych.clustering import naming
from diptych.clustering.algorithms import number_of_clusters
from diptych.comparison.readers import SAMPLING, Reader
from diptych.models.prices import Estimate

_CHARACTERS_A_TOKEN = 4
_CHARACTERS_AN_ANSWER = 30
"""Of a label and what was said under it, as the writer reads them."""


def expected_helpers(run: ApproveRun) -> Iterator[tuple[Reader, Estimate]]:
    """What each model that helps to read will be asked, at most.

    Parameters
    ----------
    run : prepared
    """
    config, n = run.config, len(run.statements)
    length = sum(map(len, run.statements.texts)) / n
    k = config.n_clusters or number_of_clusters(n)
    questions = {
        "reader": [_unclear(run, length)],
        "writer": list(_parts(run, length)),
        "labeller": [(k, (naming.N_TYPICAL + naming.N_BOUNDARY + naming.N_OUTSIDE) * length)],
        "judge": [],
    }
    judge = "judge" if config.judge is not None else "labeller"
    questions[judge].append((4 * naming.N_HELD_OUT * k, length + 3 * naming.MAX_LABEL))
    yield from ((reader, reader.estimate(questions[role])) for role, reader in run.helpers.items())


def _unclear(run: ApproveRun, length: float) -> tuple[int, float]:
    """Every answer could be one."""
    config: ApproveConfig = run.config
    n = len(run.statements) * len(run.models) * len(run.catalogue.personas) * config.draws
    return n, length + len(config.question) + _CHARACTERS_A_TOKEN * config.max_tokens


def _parts(run: ApproveRun, length: float) -> Iterator[tuple[int, float]]:
    """The statements of each section in parts, and the parts brought together, if all of them disagree."""
    personas = run.catalogue.personas
    sections = [persona.section for persona in personas]
    n_parts = math.ceil(len(run.statements) / CHUNK)
    points = MERGED * _CHARACTERS_A_TOKEN * SAMPLING.max_tokens
    for section in dict.fromkeys(sections):
        answers = len(run.models) * sections.count(section) * _CHARACTERS_AN_ANSWER
        yield n_parts, CHUNK * (length + answers)
        yield _merges(n_parts), points
    yield _merges(len(set(sections))), points


def _merges(n_parts: int) -> int:
    n = 0
    while n_parts > 1:
        n_parts = math.ceil(n_parts / MERGED)
        n += n_parts
    return n
