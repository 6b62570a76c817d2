"""The one Python door to the compiled kernels: everything else imports them from here.

Each kernel has one calling file: hashing in ``utils.hashing``, files and JSON lines in ``data.loaders``, the store
in ``embeddings.cache``, matching in ``clustering.matching``, k-means in ``clustering.algorithms``, permutation tests in
``stats.permutation``.
"""

from diptych._core import (
    JsonlReader,
    PermutationTest,
    Store,
    __version__,
    assign,
    cluster_sums,
    contingency,
    hash_rows,
    kmeans,
    mean_similarity,
    nearest_centroids,
    nearest_neighbours,
    parse_jsonl,
    quadratic_forms,
    read_file,
)

__all__ = [
    "JsonlReader",
    "PermutationTest",
    "Store",
    "__version__",
    "assign",
    "cluster_sums",
    "contingency",
    "hash_rows",
    "kmeans",
    "mean_similarity",
    "nearest_centroids",
    "nearest_neighbours",
    "parse_jsonl",
    "quadratic_forms",
    "read_file",
]
