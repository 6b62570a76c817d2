"""The whole comparison, from two sources to a result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Unpack

from diptych._types import Progress, Silent
from diptych.comparison.analysis import Analysis, analyse_as_one_family
from diptych.comparison.config import CompareConfig, CompareOptions
from diptych.comparison.lenses import Lenses
from diptych.comparison.measures import Readers
from diptych.comparison.named_models import AskOptions, ledger_path, named_models
from diptych.comparison.prepare import Prepared, prepare
from diptych.comparison.proposing import Proposing
from diptych.comparison.readers import readers_for
from diptych.comparison.result import Result
from diptych.models.ledger import Ledger
from diptych.models.spending import Purse


def compare(
    a: Any,
    b: Any,
    *,
    threads: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    ask: AskOptions | None = None,
    proposing: tuple[Any, Any] | None = None,
    **settings: Unpack[CompareOptions],
) -> Result:
    """Compare two arms: how do their responses differ?

    Parameters
    ----------
    a, b : file of responses (.jsonl, .json, .csv, .parquet, each optionally .gz or .zst), list of dicts, pandas or
        polars data frame, or ``Responses``; or the name of a model, ``provider/model[@revision]``, which is asked first
    threads : for parsing and testing, by default one per processor; the result is the same for every value
    cache_dir : folder of the embedding store; by default nothing is kept
    ledger : file that keeps every answer of a model the moment it comes, so that the same call again asks nothing; by
        default nothing is kept
    progress : where it says how far it is
    ask : how models are asked: ``prompts``, ``draws``, ``sampling``, ``system_a``, ``system_b``, …; see ``AskOptions``
    proposing : texts for the lens ``contrast``: of either arm, as ``a`` and ``b``
    **settings : fields of ``CompareConfig``, such as ``lenses``, ``seed``, ``alpha``, ``resamples``, ``name_a``

    Returns
    -------
    Result
        ``.findings``, ``.to_pandas()``, ``.to_html()``, ``.save(folder)``

    Raises
    ------
    DataError
        If an input cannot be read or does not fit.
    ConfigError
        If a setting does not fit.
    BudgetError, ModelError, LedgerError
        If a model cannot be asked.

    Examples
    --------
    >>> a = [{"prompt": f"Question {i}?", "response": f"Yes, {i}."} for i in range(60)]
    >>> b = [{"prompt": f"Question {i}?", "response": f"Yes, I do think that it is {i}."} for i in range(60)]
    >>> result = compare(a, b, name_b="polite")
    >>> "polite writes more words" in [finding.statement for finding in result.findings]
    True
    >>> asked = compare("scripted/echo", a, ask={"sampling": {"max_tokens": 50}}, name_a="echo", name_b="plain")
    >>> "plain asks fewer questions" in [finding.statement for finding in asked.findings]
    True
    """
    threads = threads or os.cpu_count() or 1
    config = CompareConfig.parse(dict(settings), source="compare")
    texts = None if proposing is None else Proposing.load(*proposing)
    with readers_for(config) as asked, named_models((a, b), config, asked.config, ask or {}) as arms:
        if arms is None:
            prepared = prepare(a, b, config=config, threads=threads, readers=asked, proposing=texts)
            with asked.on_file(ledger, progress=progress) as readers:
                return analyse(prepared, threads=threads, cache_dir=cache_dir, progress=progress, readers=readers)
        with ledger_path(ledger) as path:
            asked.check_ready(path, [generation.model for generation in arms.generations.values()])
            with Ledger(path, arms.config) as kept:
                limits = ask or AskOptions()
                found = arms.run(
                    kept, progress=progress, max_cost=limits.get("max_cost"), max_failures=limits.get("max_failures")
                )
                prepared = prepare(
                    found.get("a", a), found.get("b", b), config=config, threads=threads, readers=asked, proposing=texts
                )
                return analyse(
                    prepared,
                    threads=threads,
                    cache_dir=cache_dir,
                    progress=progress,
                    readers=asked.on(kept, progress=progress),
                    purse=Purse(limits.get("max_cost"), kept),
                )


def analyse(
    prepared: Prepared,
    *,
    threads: int,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    lenses: Lenses | None = None,
    readers: Readers | None = None,
    purse: Purse | None = None,
    describes: bool = True,
) -> Result:
    """Propose, measure, test.

    Parameters
    ----------
    prepared : what ``prepare`` gave
    threads, cache_dir, progress : as for ``compare``
    lenses : those of an earlier comparison, where texts are the same; no result depends on it
    readers : models that help to read
    purse : pays for vectors, where an interface is asked for them
    describes : whether clusters are described, for those who look at them
    """
    [result] = analyse_together(
        [prepared],
        threads=threads,
        cache_dir=cache_dir,
        progress=progress,
        lenses=lenses,
        readers=readers,
        purse=purse,
        describes=describes,
    )
    return result


def analyse_together(
    pairs: Sequence[Prepared],
    *,
    threads: int,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    lenses: Lenses | None = None,
    readers: Readers | None = None,
    purse: Purse | None = None,
    describes: bool = True,
) -> list[Result]:
    """Several pairs of arms as one family: a result for each.

    Parameters
    ----------
    pairs : what ``prepare`` gave, under the same settings
    threads, cache_dir, progress : as for ``compare``
    lenses : those of an earlier comparison, where texts are the same; no result depends on it
    readers : models that help to read
    purse : pays for vectors, where an interface is asked for them
    describes : whether clusters are described, for those who look at them
    """
    from threadpoolctl import threadpool_limits

    shared = Lenses() if lenses is None else lenses
    with threadpool_limits(1):  # sums over several BLAS threads differ in the last digits
        return analyse_as_one_family(
            [
                Analysis(pair, shared, threads, cache_dir, progress or Silent(), readers or Readers(), purse, describes)
                for pair in pairs
            ]
        )
