"""The compiled kernels. Import them through the one Python file that owns each kernel, never from here."""

from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

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

_Rejects = tuple[list[int], list[int], list[str], list[bytes | None]]

__version__: str

def hash_rows(domain: str, columns: list[list[str]], threads: int) -> NDArray[np.uint8]:
    """BLAKE3 digest of each row of text fields.

    Parameters
    ----------
    domain : names what is hashed and the version of the layout; equal rows in two domains differ
    columns : k >= 1 lists of n strings
    threads : >= 1; the result is the same for every value

    Returns
    -------
    uint8, shape (n, 32)

    Raises
    ------
    ShapeError
        If the columns differ in length, there is none, or a string holds a lone surrogate.
    ConfigError
        If ``threads`` is below 1.
    """

def read_file(path: str) -> bytes:
    """All bytes of a file; gzip and zstandard are recognised by their first bytes and decompressed whole.

    Raises
    ------
    FileNotFoundError, PermissionError, IsADirectoryError
        As ``open`` does.
    RecordError
        If the compressed stream is cut short, has a wrong checksum or trailing garbage, or expands beyond both
        1 GiB and 200 times its size (line 0).
    """

def parse_jsonl(
    data: bytes, path: str, on_bad_line: Literal["error", "skip"], max_line_bytes: int, threads: int
) -> tuple[list[dict[str, Any]], NDArray[np.int64], _Rejects, tuple[int, int, bool]]:
    """Parse JSON lines strictly: one object a line, RFC 8259.

    Parameters
    ----------
    data : the file's bytes, decompressed
    path : only for messages
    on_bad_line : ``"error"`` raises at the first bad line, ``"skip"`` collects it
    max_line_bytes : a longer line is a bad line
    threads : >= 1; the result is the same for every value

    Returns
    -------
    records : the objects, key order kept
    lines : int64 (n,), the physical line of each record, counted from 1
    rejects : lines, byte columns, reasons and bytes of the skipped lines; None for the bytes of one that is too long
    counts : physical lines, blank ones among them, and whether a byte order mark at the start was dropped

    Raises
    ------
    RecordError
        At the first bad line, with line and byte column (0 if the line is too long); at line 0 if the file is
        UTF-16 or UTF-32.
    ConfigError
        If ``on_bad_line`` is another word, or ``max_line_bytes`` or ``threads`` is below 1.
    """

@final
class JsonlReader:
    """The fields ``keys`` of a file of JSON lines, window by window, read and parsed ahead of the caller.

    Lines are refused as by ``parse_jsonl``, and where an object lacks a key (column 0). After an error nothing should
    be read.

    Parameters
    ----------
    path : gzip and zstandard are recognised by content and decompressed as they are read
    keys : fields to keep
    text : give offsets and bytes, not objects; a value of ``keys`` that is not a string makes a bad line
    on_bad_line, max_line_bytes, threads : as in ``parse_jsonl``

    Raises
    ------
    OSError, RecordError
        As ``read_file``; reading also as ``parse_jsonl``.

    Notes
    -----
    Peak memory: ``(2 * threads + 1) * (2 * w + 24 * f)`` bytes, where ``w`` is the larger of 1 MiB and the longest line
    (``max_line_bytes`` at most) and ``f`` the wanted fields in ``w``, and what ``read`` gives.
    """

    def __new__(
        cls,
        path: str,
        keys: list[str],
        text: bool,
        on_bad_line: Literal["error", "skip"],
        max_line_bytes: int,
        threads: int,
    ) -> JsonlReader: ...
    @property
    def unlocked_s(self) -> float:
        """Seconds that ``read`` has spent without the interpreter's lock."""

    def read(
        self,
    ) -> tuple[list[Any], NDArray[np.int64], _Rejects, tuple[int, int, bool]] | None:
        """The next lines; None at the end.

        Returns
        -------
        columns : of each key a list, in which texts of up to 32 bytes that repeat are one object; or, where ``text``,
            int64 offsets and uint8 bytes
        lines, rejects, counts : as of ``parse_jsonl``, for these lines
        """

@final
class Store:
    """Vectors on disk by (space, digest): append-only segment files, SQLite as the truth."""

    def __new__(cls, path: str, *, read_only: bool = False) -> Store: ...
    def put(self, space: str, keys: NDArray[np.uint8], vectors: NDArray[np.float32]) -> int:
        """Store rows that are not there yet, durably, all or nothing; return how many were new.

        Parameters
        ----------
        space : everything that changes a vector, as one string (a fingerprint)
        keys : uint8, shape (n, 32)
        vectors : float32, shape (n, d), finite; d must be that of the space
        """

    def get(
        self,
        space: str,
        keys: NDArray[np.uint8],
        dim: int,
        threads: int = 1,
        *,
        out: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Vectors of shape (n, dim) and which were found; rows not found are zero.

        Parameters
        ----------
        space : the fingerprint that the vectors were put under
        keys : uint8, shape (n, 32)
        dim : width of the space's vectors
        threads : the result is the same for every value; a second starts at 4,096 rows
        out : float32, shape (n, dim), C-contiguous: filled and returned instead of a new array; rows not found are left
        """

    def keys(self, space: str) -> NDArray[np.uint8]:
        """Every key of a space, uint8 (n, 32), in order of commit; none if there is no such space.

        Parameters
        ----------
        space : the fingerprint that the vectors were put under
        """

    def stats(self) -> list[tuple[str, int, int, int]]:
        """(space, dim, rows, bytes) of each space, in order of creation."""

    def gc(
        self, spaces: list[str] | None, before: int | None, most_bytes: int | None, *, dry_run: bool = False
    ) -> tuple[list[tuple[str, int, int, int]], int, int]:
        """Remove rows: (space, dim, rows, bytes) of what went, then how many files no row lay in, and their bytes.

        Parameters
        ----------
        spaces : only rows of these; all of them where no other limit is set
        before : rows put in before this time, in seconds since 1970
        most_bytes : the oldest rows, until the vectors of the rest take no more
        dry_run : remove nothing, give the same answer
        """

    def verify(self) -> list[str]:
        """Read every row and check it; one sentence per fault, empty when all is well."""

def contingency(
    labels_a: NDArray[np.int32], labels_b: NDArray[np.int32], n_a: int, n_b: int, threads: int
) -> NDArray[np.int64]:
    """Count items by pair of labels: int64, shape (n_a, n_b). A label of -1 (noise) is not counted.

    Raises
    ------
    ShapeError
        If the lengths differ, or a label is below -1 or not below its ``n``.
    """

def assign(cost: NDArray[np.float64], maximize: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Optimal assignment of rows to columns (Jonker & Volgenant 1987; Crouse 2016): rows ascending, and their columns.

    Of columns that are equally near a row, a free one is taken first, then the lowest index.

    Raises
    ------
    ShapeError
        If a cost is not finite.
    """

def cluster_sums(
    labels: NDArray[np.int32], vectors: NDArray[np.float32], n: int, threads: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums of the vectors of each cluster, float64 (n, d), in the order of the rows; and counts, int64 (n,).

    A label of -1 (noise) is left out. The result is the same for every value of ``threads``.

    Raises
    ------
    ShapeError
        If there is not one row for every label, a label is below -1 or not below ``n``, a value is not finite, or
        ``threads`` is 0.
    """

def mean_similarity(
    labels_a: NDArray[np.int32],
    vectors_a: NDArray[np.float32],
    labels_b: NDArray[np.int32],
    vectors_b: NDArray[np.float32],
    n_a: int,
    n_b: int,
    threads: int,
) -> NDArray[np.float64]:
    """Mean cosine similarity of all pairs of two clusters: float64 (n_a, n_b), NaN where a cluster is empty.

    A zero vector has similarity 0 with everything. Raises as ``cluster_sums``, and if the widths differ.
    """

def nearest_neighbours(
    queries: NDArray[np.float32], targets: NDArray[np.float32], k: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k targets of largest inner product with each query: indices and products, both (n, k).

    Exact: products are taken and compared in float64; largest first, equal ones by index. The result depends neither
    on ``threads`` nor on the instructions of the machine.

    Raises
    ------
    ShapeError
        If the widths differ or are 0, ``k`` is 0 or above the number of targets, a value is not finite, or
        ``threads`` is 0.
    """

def kmeans(
    rows: NDArray[np.float32],
    clusters: int,
    starts: int,
    max_iterations: int,
    tolerance: float,
    seed: int,
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.int32], float, int]:
    """Centroids (k, d), the label of each row (n,), the inertia, and the iterations over all rows.

    Starts race on a sample, Lloyd's iterations with exact distances finish; the result depends neither on ``threads``
    nor on the instructions of the machine. A label is that of ``nearest_centroids``.

    Raises
    ------
    ShapeError
        If a value is not finite, the width is 0, ``clusters`` is 0 or above the number of rows, or ``starts``,
        ``max_iterations`` or ``threads`` is 0.
    """

def nearest_centroids(
    rows: NDArray[np.float32], centroids: NDArray[np.float32], threads: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The nearest centroid of each row by Euclidean distance, of equally near ones the first; squared distances.

    Raises
    ------
    ShapeError
        If the widths differ or are 0, there is no centroid, a value is not finite, or ``threads`` is 0.
    """

def quadratic_forms(
    values: NDArray[np.float32],
    kernel: bool,
    first: NDArray[np.bool_] | None,
    seed: int,
    start: int,
    stop: int,
    threads: int,
) -> tuple[float, NDArray[np.float64]]:
    """``w' K w`` of the data and of resamples ``start`` … ``stop - 1``; or ``|X' w|^2``, the same for ``K = X X'``.

    Parameters
    ----------
    values : float32, finite: a symmetric kernel matrix K (n, n), or vectors X (n, d)
    kernel : which of the two
    first : bool (n,), who is in the first group, permuted: ``w`` is 1 over the size inside a group, with opposite
        signs; None flips signs instead, and ``w`` are the signs
    seed : resample b depends on (seed, b) alone
    start, stop : which resamples, start <= stop
    threads : >= 1; the result is the same for every value

    Returns
    -------
    observed : of the data as they are
    null : float64 (stop - start,)

    Raises
    ------
    ShapeError
        If a value is not finite, shapes disagree, ``threads`` is 0, or ``start > stop``.

    Notes
    -----
    All sums are float64. Peak memory beside input and output: about 4 kB + 8 n bytes, times 64, a thread.
    """

@final
class PermutationTest:
    """A permutation test of all measures at once, made ready; resample b serves every measure.

    Notes
    -----
    Peak memory beside the arguments, for p rows and m measures. Made ready, the larger part of: 8 p m bytes for numbers
    (16 p m for labels, if the groups differ in size or values are missing); 4 bytes for each bit set in whole numbers,
    such as the ones of an indicator; for sign flips of columns of which three fifths are 0, 16 bytes for each other
    value. To that 9 kB a measure, and 1,024 p bytes for a moment. Counting: 128 p + 4,096 m bytes (8,192 m where 16 p m
    are made ready) and 64 kB a thread, however many resamples.
    """

    @staticmethod
    def sign_flips(differences: NDArray[np.float64], seed: int, exact: bool) -> PermutationTest:
        """Sign flips of paired differences: z is ``sum(d) / sqrt(sum(d^2))``, 0 where all d are 0.

        Parameters
        ----------
        differences : float64, shape (p, m), finite; 0 for a missing pair
        seed : resample b depends on (seed, b) alone
        exact : the signs of resample b are the bits of b (set: minus); p <= 62

        Raises
        ------
        ShapeError
            If a value is not finite (names row and measure), or an exact test is too large.
        """

    @staticmethod
    def label_permutations(
        values: NDArray[np.float64], present: NDArray[np.bool_], first: NDArray[np.bool_], seed: int, exact: bool
    ) -> PermutationTest:
        """Label permutations of two unpaired groups: z is Welch's t, second minus first.

        Where a group has fewer than 2 values, or neither group any spread, it is 0 for equal means, else 1e154 with the
        sign of the difference.

        Parameters
        ----------
        values : float64, shape (p, m), finite where present
        present : bool, shape (p, m); False drops that value
        first : bool, shape (p,): who is in the first group
        seed : as in ``sign_flips``
        exact : resample b gives the smaller group (of two equal ones, that without row 0) the b-th subset of rows in
            lexicographic order; there must be fewer than 2**64

        Raises
        ------
        ShapeError
            As ``sign_flips``, and if the shapes differ.
        """

    @property
    def statistic(self) -> NDArray[np.float64]:
        """The statistic of the data as they are, float64 (m,)."""

    def count(self, start: int, stop: int, threads: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count resamples ``start`` … ``stop - 1`` that are at least as extreme as the data.

        Counts of ranges add up to those of the whole.

        Parameters
        ----------
        start, stop : start <= stop; in an exact test stop is at most the number of arrangements
        threads : >= 1; the result is the same for every value

        Returns
        -------
        exceed : int64 (m,), resamples with ``|z*| >= |z|``
        exceed_max : int64 (m,), resamples whose largest ``|z*|`` over this measure and all weaker ones is ``>= |z|``
            (Westfall & Young step-down); take a running maximum from the strongest measure down

        Raises
        ------
        ShapeError
            If ``threads`` is 0, ``start > stop``, or ``stop`` is past the last arrangement.
        """

    def null(self, start: int, stop: int, threads: int) -> NDArray[np.float64]:
        """The z* themselves, float64 (stop - start, m). Raises as ``count``, and if they do not fit in memory."""
