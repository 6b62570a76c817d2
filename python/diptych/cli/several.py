"""``diptych compare A B C …``: more than two arms, one family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from diptych._types import Json
from diptych.cli.console import note, progress_on_stderr, say
from diptych.cli.costs import describe_embedding, spent_in_words
from diptych.cli.runs import describe_pair, finding_lines, identity_in, refuse_other_run, with_command
from diptych.comparison.arms import REST, PreparedArms, Versus, analyse_arms, prepare_arms
from diptych.comparison.arms_folder import findings_of, holds_arms, identity_of, read_arms
from diptych.comparison.config import CompareConfig
from diptych.comparison.folder import free_folder
from diptych.comparison.prepare import Prepared
from diptych.errors import RunError
from diptych.models.spending import Purse
from diptych.utils.amounts import percent
from diptych.utils.files import check_new_folder
from diptych.utils.names import check_name, slug
from diptych.utils.text import json_text

_SHOWN = 5


@dataclass(frozen=True)
class Several:
    """What was asked for.

    Parameters
    ----------
    sources : files of responses, one an arm
    names : what to call them; none stands for the defaults
    versus : ``each`` or ``rest``
    config : of every comparison
    out : folder; by default a free one under ``runs``
    threads, cache_dir : as for ``diptych.compare_each``
    max_cost : US dollars that vectors may cost
    """

    sources: Sequence[str]
    names: Sequence[str]
    versus: str
    config: CompareConfig
    out: Path | None
    threads: int
    cache_dir: Path | None
    max_cost: float | None = None

    def run(self, *, dry_run: bool, as_json: bool) -> bool:
        """Compare, write the folder, print; whether there is any finding.

        Parameters
        ----------
        dry_run : only say what would be done
        as_json : whether to print ``findings.json``
        """
        check_name("--versus", self.versus, get_args(Versus))
        versus: Versus = "rest" if self.versus == "rest" else "each"
        prepared = prepare_arms(self.sources, names=self.names, versus=versus, config=self.config, threads=self.threads)
        if dry_run:
            for line in _describe(prepared.pairs, self.out, self.cache_dir):
                say(line)
            return False
        folder, findings = self._compare(prepared)
        if as_json:
            say(json_text(findings))
        else:
            for line in _lines(findings, folder):
                say(line)
        for comparison in findings["comparisons"]:
            for notice in comparison["notices"]:
                note(f"note: {comparison['a']} and {comparison['b']}: {notice}")
        return any(comparison["findings"] for comparison in findings["comparisons"])

    def _compare(self, prepared: PreparedArms) -> tuple[Path, Json]:
        """The same comparisons again read the folder that is there."""
        pairs = prepared.pairs
        identity = identity_of([pair.manifest for pair in pairs], prepared.versus)
        folder = self.out
        if folder is None:
            folder = free_folder("-vs-".join(_arms(pairs)), lambda folder: identity_in(folder) == identity)
        if holds_arms(folder):
            manifest, documents = read_arms(folder)
            there, wanted = documents[0].manifest, pairs[0].manifest
            refuse_other_run(folder, {**there, "identity": manifest["identity"]}, {**wanted, "identity": identity})
            note(f"{folder} already holds these very comparisons; nothing was computed again")
            return folder, findings_of(manifest["versus"], documents)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder} already exists and holds something else. Choose another --out, or delete it.")
        check_new_folder(folder)
        typed_now = replace(prepared, pairs=tuple(with_command(pair) for pair in pairs))
        purse = Purse(self.max_cost)
        with progress_on_stderr() as progress:
            done = analyse_arms(
                typed_now, threads=self.threads, cache_dir=self.cache_dir, progress=progress, purse=purse
            )
        if purse.spent().n_texts:
            note(f"asked: {spent_in_words(purse.spent())}")
        return done.save(folder), done.to_json()


def _arms(pairs: Sequence[Prepared]) -> list[str]:
    named = (arm.name for pair in pairs for arm in pair.table.arms)
    return [slug(name, max_length=40) for name in dict.fromkeys(named) if name != REST]


def _describe(pairs: Sequence[Prepared], out: Path | None, cache_dir: Path | None) -> Iterator[str]:
    for pair in pairs:
        yield " and ".join(arm.name for arm in pair.table.arms)
        yield from (f"  {line}" for line in describe_pair(pair))
    config = pairs[0].config
    texts = [row.response for pair in pairs for row in pair.table.rows]
    asking = list(describe_embedding(config.embedder, config.embedder_args, texts, cache_dir))
    yield from asking
    where = out or "a folder under runs"
    free = "" if asking else "; calls no model, costs nothing"
    yield f"{len(pairs)} comparisons, one family; would write {where}{free}"


def _lines(findings: Json, folder: Path) -> Iterator[str]:
    comparisons = findings["comparisons"]
    total = sum(len(comparison["findings"]) for comparison in comparisons)
    yield f"{len(comparisons)} comparisons of {len(findings['arms'])} arms, one family"
    yield f"{total} of {findings['family_size']} measures differ (false discovery rate {percent(findings['alpha'])})."
    for comparison in comparisons:
        found, a, b = comparison["findings"], comparison["a"], comparison["b"]
        yield ""
        yield f"{a} against {b}: {len(found)} differ; {comparison['n_prompts']} prompts, {comparison['pairing']}"
        yield from finding_lines(found, shown=_SHOWN)
    yield ""
    yield f"report: {folder / 'report.html'}"
