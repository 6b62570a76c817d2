"""Two files of clusters of the same items, matched: what ``diptych match`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.clustering.matching import ClusterMatch, match_clusters
from diptych.data.assignments import Assignments
from diptych.errors import DataError


@dataclass(frozen=True)
class MatchedFiles:
    """Which cluster of the one file is which of the other.

    Parameters
    ----------
    match : over the items that are in both files
    first, second : the files
    only_first, only_second : items that are in one of them alone
    """

    match: ClusterMatch
    first: Assignments
    second: Assignments
    only_first: int
    only_second: int

    def as_json(self) -> Json:
        """Everything, with the names that the files give."""
        match = self.match
        numbers: Any = zip(match.pairs.tolist(), match.overlap, match.jaccard, match.p_value, strict=True)
        return {
            "schema": 1,
            "a": self.first.source,
            "b": self.second.source,
            "n_common": len(self.first.keys) - self.only_first,
            "n_only_a": self.only_first,
            "n_only_b": self.only_second,
            "n_clustered_in_both": match.n_common,
            "n_agreeing": match.n_agreeing,
            "adjusted_rand": match.adjusted_rand,
            "p_value": match.p_total,
            "pairs": [
                {
                    "a": self.first.names[a],
                    "b": self.second.names[b],
                    "n_shared": int(n),
                    "jaccard": float(j),
                    "p_value": float(p),
                }
                for (a, b), n, j, p in numbers
            ],
            "unmatched_a": [self.first.names[c] for c in match.unmatched_1],
            "unmatched_b": [self.second.names[c] for c in match.unmatched_2],
        }


def match_files(
    first: Assignments, second: Assignments, *, n_resamples: int = 999, seed: int = 0, threads: int = 1
) -> MatchedFiles:
    """Match the clusters of two files over the items that both have.

    Parameters
    ----------
    first, second : the files
    n_resamples, seed, threads : as in ``match_clusters``

    Raises
    ------
    DataError
        If other fields tell their items apart, or they have no item in common.
    """
    if first.key_fields != second.key_fields:
        raise DataError(
            f"items are told apart by {', '.join(first.key_fields)} in {first.source}, by "
            f"{', '.join(second.key_fields)} in {second.source}. Name fields that both have with --by."
        )
    place = {key: row for row, key in enumerate(second.keys)}
    rows = np.array([(row, place[key]) for row, key in enumerate(first.keys) if key in place], np.int64).reshape(-1, 2)
    if not len(rows):
        raise DataError(
            f"{first.source} and {second.source} have no item in common, told apart by {', '.join(first.key_fields)}. "
            "Clusters are matched over the same items; with --by fewer fields must agree."
        )
    match = match_clusters(
        np.ascontiguousarray(first.labels[rows[:, 0]]),
        np.ascontiguousarray(second.labels[rows[:, 1]]),
        n_resamples=n_resamples,
        seed=seed,
        threads=threads,
    )
    return MatchedFiles(match, first, second, len(first.keys) - len(rows), len(second.keys) - len(rows))
