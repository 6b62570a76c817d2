"""More than two arms: every pair of them, or each against the rest, as one family."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

from diptych._types import Json, Progress
from diptych.comparison.config import CompareConfig, CompareOptions
from diptych.comparison.dealing import by_prompt, deal
from diptych.comparison.joint import JointClusters, cluster_together
from diptych.comparison.measures import Readers
from diptych.comparison.pairing import default_names
from diptych.comparison.prepare import Prepared, prepare_pair, read_arm
from diptych.comparison.readers import AskedReaders, readers_for
from diptych.comparison.result import Result
from diptych.comparison.run import analyse_together
from diptych.data import Response, Responses
from diptych.embeddings.service import store_for
from diptych.errors import ConfigError, DataError
from diptych.models.spending import Purse
from diptych.utils.names import check_name

if TYPE_CHECKING:
    import pandas

    from diptych.comparison.folder import Documents

Versus = Literal["each", "rest"]
REST = "the others"
MAX_ARMS = len(ascii_lowercase)


@dataclass(frozen=True)
class Comparisons:
    """What came of several comparisons that form one family.

    Parameters
    ----------
    versus : ``"each"`` compares every pair of arms, ``"rest"`` each arm with the others together
    results : of each comparison; their q-values are over the measures of all
    joint : what all arms answer, in one clustering; None without the lens ``clusters``
    """

    versus: Versus
    results: tuple[Result, ...]
    joint: JointClusters | None = None

    @cached_property
    def _documents(self) -> list[Documents]:
        return [result.documents() for result in self.results]

    def to_json(self) -> Json:
        """``findings.json`` of the whole, as an object; examples are in those of the single comparisons."""
        from diptych.comparison.arms_folder import findings_of

        return findings_of(self.versus, self._documents)

    def to_pandas(self) -> pandas.DataFrame:
        """One row per finding, with the names of both arms as columns ``a`` and ``b``.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        from diptych.utils.extras import require_extra

        require_extra("pandas", extra="frames")
        import pandas

        tables = []
        for result in self.results:
            table = result.to_pandas()
            for place, (column, arm) in enumerate(zip("ab", result.table.arms, strict=True)):
                table.insert(place, column, arm.name)
            tables.append(table)
        return pandas.concat(tables, ignore_index=True)

    def to_html(self) -> str:
        """The page that leads to the reports of all comparisons, one offline file."""
        from diptych.comparison.report import render_arms

        return render_arms(self.to_json(), self.joint.table if self.joint else None)

    def save(self, folder: str | Path) -> Path:
        """Write a folder with a run's folder for each comparison, whole or not at all, and return it.

        Raises
        ------
        RunError
            If the folder exists and is not empty, or cannot be written.
        """
        from diptych.comparison.arms_folder import write_arms

        return write_arms(self.versus, self._documents, Path(folder), self.joint)


@dataclass(frozen=True)
class PreparedArms:
    """Arms that were read, and those brought together that are compared.

    Parameters
    ----------
    versus : as in ``Comparisons``
    pairs : what is compared
    arms : every arm, as it was read
    names : of the arms
    config : of every comparison
    """

    versus: Versus
    pairs: tuple[Prepared, ...]
    arms: tuple[Responses, ...]
    names: tuple[str, ...]
    config: CompareConfig


def compare_each(
    arms: Sequence[Any],
    *,
    names: Sequence[str] | None = None,
    versus: Versus = "each",
    threads: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Unpack[CompareOptions],
) -> Comparisons:
    """Compare several arms; the measures of all comparisons form one family.

    Parameters
    ----------
    arms : at least two, each as for ``compare``
    names : what to call them; by default the models that they name, else their files
    versus : ``"each"`` compares every pair, ``"rest"`` each arm with the others together
    threads, cache_dir, ledger, progress, **settings : as for ``compare``

    Raises
    ------
    DataError
        If an input cannot be read or does not fit.
    ConfigError
        If a setting does not fit, or the names are not one for each arm.
    BudgetError, ModelError, LedgerError
        If a model that helps to read cannot be asked.

    Examples
    --------
    >>> def arm(answer):
    ...     return [{"prompt": f"Question {i}?", "response": answer} for i in range(60)]
    >>> found = compare_each([arm("Yes."), arm("Yes."), arm("No, never.")], names=["x", "y", "z"], lenses="surface")
    >>> [len(result.findings) > 0 for result in found.results]
    [False, True, True]
    """
    check_name("versus", versus, get_args(Versus))
    threads = threads or os.cpu_count() or 1
    config = CompareConfig.parse(dict(settings), source="compare_each")
    with readers_for(config) as asked:
        prepared = prepare_arms(arms, names=names, versus=versus, config=config, threads=threads, readers=asked)
        with asked.on_file(ledger, progress=progress) as readers:
            return analyse_arms(prepared, threads=threads, cache_dir=cache_dir, progress=progress, readers=readers)


def analyse_arms(
    prepared: PreparedArms,
    *,
    threads: int,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    purse: Purse | None = None,
    readers: Readers | None = None,
) -> Comparisons:
    """Propose, measure, test.

    Parameters
    ----------
    prepared : what ``prepare_arms`` gave
    threads, cache_dir, progress : as for ``compare``
    purse : pays for vectors, where an interface is asked for them
    readers : models that help to read
    """
    with store_for(cache_dir) as store:  # every arm is embedded once
        results = analyse_together(
            prepared.pairs, threads=threads, cache_dir=store, progress=progress, purse=purse, readers=readers
        )
        joint = cluster_together(
            prepared.arms,
            prepared.names,
            prepared.config,
            threads=threads,
            cache_dir=store,
            progress=progress,
            purse=purse,
            readers=readers,
        )
    return Comparisons(prepared.versus, tuple(results), joint)


def prepare_arms(
    sources: Sequence[Any],
    *,
    names: Sequence[str] | None,
    versus: Versus,
    config: CompareConfig,
    threads: int = 1,
    readers: AskedReaders | None = None,
) -> PreparedArms:
    """Read each arm once, and bring together those that are compared.

    Parameters
    ----------
    sources, names, versus : as ``arms``, ``names`` and ``versus`` of ``compare_each``
    config : of every comparison
    threads : for parsing; the result is the same for every value
    readers : models that help to read, for the manifests

    Raises
    ------
    DataError
        If an input cannot be read or does not fit; of a pair, names both.
    ConfigError
        If there are too few or too many arms, or the names are not one for each.
    """
    least = 3 if versus == "rest" else 2
    if not least <= len(sources) <= MAX_ARMS:
        raise ConfigError(f"{len(sources)} arms were given; it should be from {least} to {MAX_ARMS}")
    arms = [read_arm(source, letter, threads, config) for source, letter in zip(sources, ascii_lowercase, strict=False)]
    called = _names(arms, names)
    if versus == "rest":
        pairs = _against_the_rest(arms, called, config, readers)
    else:
        pairs = [
            _pair((arms[i], arms[j]), (sources[i], sources[j]), (called[i], called[j]), config, readers)
            for i, j in combinations(range(len(arms)), 2)
        ]
    return PreparedArms(versus, tuple(pairs), tuple(arms), tuple(called), config)


def _pair(
    arms: tuple[Responses, Responses],
    sources: tuple[Any, Any],
    names: tuple[str, str],
    config: CompareConfig,
    readers: AskedReaders | None,
) -> Prepared:
    named = config.model_copy(update={"name_a": names[0], "name_b": names[1]})
    try:
        return prepare_pair(arms, sources, config=named, readers=readers)
    except DataError as error:
        raise DataError(f"{names[0]} and {names[1]}: {error}") from error


def _names(arms: Sequence[Responses], given: Sequence[str] | None) -> Sequence[str]:
    names = list(given) if given else default_names(arms)
    if len(names) != len(arms):
        raise ConfigError(f"{len(names)} names were given for {len(arms)} arms ({', '.join(names)}); give one for each")
    if len(set(names)) < len(names):
        raise ConfigError(f"two arms have one name: {', '.join(names)}. Give each its own with --name.")
    return names


def _against_the_rest(
    arms: Sequence[Responses], names: Sequence[str], config: CompareConfig, readers: AskedReaders | None
) -> list[Prepared]:
    if REST in names:
        raise ConfigError(f"no arm can be called {REST!r} when each is compared with the others; give another --name")
    if not all(arm.has_ids for arm in arms):
        arms = [arm.by_prompt_text() for arm in arms]
    pairs = []
    for i, arm in enumerate(arms):
        rest, same = deal_rest(arm, [other for j, other in enumerate(arms) if j != i], config.seed)
        pairs.append(_pair((rest, same), (rest, same), (REST, names[i]), config, readers))
    return pairs


def deal_rest(arm: Responses, others: Sequence[Responses], seed: int) -> tuple[Responses, Responses]:
    """What the others answer, as one arm to hold against an arm; and that arm, with as many draws of each prompt.

    Of all that the others answered to a prompt, as many responses are dealt at random as the arm has itself (or, where
    the others have fewer, as they have).

    Parameters
    ----------
    arm : one of several
    others : the rest of them, with the same kind of prompt ids
    seed : of what is dealt; nothing depends on the order of the others

    Returns
    -------
    rest, arm : prompts that only one side answered are left as they are

    Raises
    ------
    DataError
        If no prompt is common.

    Notes
    -----
    A response that is dealt from the mixture of the others can be exchanged with the arm's own when the arm answers as
    that mixture does, so sign flips are exact (with several draws: when all arms are alike, for a hand that is dealt
    without putting back varies less than the mixture of arms that differ). The mean over several others could not be
    exchanged: it varies less than a single response, and is skewed another way.
    """
    own, theirs = by_prompt([arm]), by_prompt(others)
    if not own.keys() & theirs.keys():
        raise DataError(f"{arm.source}: none of its prompts was answered by the others")
    kept: list[Response] = []
    dealt: list[Response] = []
    n_cut = 0
    for prompt_id in sorted(own.keys() | theirs.keys()):
        mine, pool = own.get(prompt_id, []), theirs.get(prompt_id, [])
        n = min(len(mine), len(pool)) or max(len(mine), len(pool))
        n_cut += n < len(mine)
        kept += mine if len(mine) <= n else deal(mine, n, seed, "own")
        dealt += deal(pool, n, seed, "rest")
    source = ", ".join(sorted(other.source for other in others))
    notices = tuple(notice for other in others for notice in other.notices)
    rest = Responses(tuple(dealt), source, has_ids=arm.has_ids, notices=notices)
    if n_cut:
        cut = f"the others gave fewer responses to {n_cut} prompts of {arm.source}: as many of its own were compared"
        return rest, replace(arm, rows=tuple(kept), notices=(*arm.notices, cut))
    return rest, replace(arm, rows=tuple(kept))
