"""``diptych compare A B C …``: more than two arms, one family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from diptych._types import Json
from diptych.cli.console import note, progress_on_stderr, say, typed
from diptych.cli.costs import describe_embedding, describe_readers, spent_in_words
from diptych.cli.runs import describe_pair, finding_lines, refuse_other_run, with_command
from diptych.comparison.arms import REST, PreparedArms, Versus, analyse_arms, prepare_arms
from diptych.comparison.arms_folder import findings_of, holds_arms, identity_of, read_arms
from diptych.comparison.config import CompareConfig
from diptych.comparison.expected import Size
from diptych.comparison.folder import LEDGER, begin_folder, free_folder, identity_in
from diptych.comparison.prepare import Prepared
from diptych.comparison.readers import AskedReaders
from diptych.errors import RunError
from diptych.models.ledger import Ledger, read_config
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
    readers : models that help to read, whose ``max_cost`` is that of vectors too
    """

    sources: Sequence[str]
    names: Sequence[str]
    versus: str
    config: CompareConfig
    out: Path | None
    threads: int
    cache_dir: Path | None
    readers: AskedReaders

    def run(self, *, dry_run: bool, as_json: bool) -> bool:
        """Compare, write the folder, print; whether there is any finding.

        Parameters
        ----------
        dry_run : only say what would be done
        as_json : whether to print ``findings.json``
        """
        check_name("--versus", self.versus, get_args(Versus))
        versus: Versus = "rest" if self.versus == "rest" else "each"
        prepared = prepare_arms(
            self.sources,
            names=self.names,
            versus=versus,
            config=self.config,
            threads=self.threads,
            readers=self.readers,
        )
        if dry_run:
            for line in self._describe(prepared):
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
            folder = free_folder("-vs-".join(_arms(pairs)), lambda folder: self._is_ours(folder, identity))
        if holds_arms(folder):
            manifest, documents = read_arms(folder)
            there, wanted = documents[0].manifest, pairs[0].manifest
            refuse_other_run(folder, {**there, "identity": manifest["identity"]}, {**wanted, "identity": identity})
            note(f"{folder} already holds these very comparisons; nothing was computed again")
            return folder, findings_of(manifest["versus"], documents)
        if not (folder / LEDGER).is_file():
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise RunError(f"{folder} already exists and holds something else. Choose another --out, or delete it.")
            check_new_folder(folder)
        typed_now = replace(prepared, pairs=tuple(with_command(pair) for pair in pairs))
        with ExitStack() as stack:
            progress, ledger, found = stack.enter_context(progress_on_stderr()), None, None
            if self.readers.readers:
                self.readers.check_ready(folder / LEDGER)
                begin_folder(folder)
                ledger = stack.enter_context(Ledger(folder / LEDGER, self.readers.config, typed()))
                found = self.readers.on(ledger, progress=progress)
            purse = Purse(self.readers.max_cost, ledger)
            done = analyse_arms(
                typed_now,
                threads=self.threads,
                cache_dir=self.cache_dir,
                progress=progress,
                purse=purse,
                readers=found,
            )
            if ledger is not None or purse.spent().n_texts:
                note(f"asked: {spent_in_words(purse.spent())}")
            return done.save(folder), done.to_json()

    def _is_ours(self, folder: Path, identity: str) -> bool:
        """A run that was interrupted left only its ledger, which knows who is asked."""
        there, asked = identity_in(folder), self.readers.config
        return there == identity or (there is None and bool(asked) and read_config(folder / LEDGER) == asked)

    def _describe(self, prepared: PreparedArms) -> Iterator[str]:
        pairs, config = prepared.pairs, self.config
        for pair in pairs:
            yield " and ".join(arm.name for arm in pair.table.arms)
            yield from (f"  {line}" for line in describe_pair(pair))
        texts = [row.response for pair in pairs for row in pair.table.rows]
        asking = list(describe_embedding(config.embedder, config.embedder_args, texts, self.cache_dir))
        sizes = [Size.of(pair.table.rows) for pair in pairs]
        joint = Size.of([row for arm in prepared.arms for row in arm])
        asking += describe_readers(self.readers.expected(*sizes, joint=joint))
        yield from asking
        free = "" if asking else "; calls no model, costs nothing"
        yield f"{len(pairs)} comparisons, one family; would write {self.out or 'a folder under runs'}{free}"


def _arms(pairs: Sequence[Prepared]) -> list[str]:
    named = (arm.name for pair in pairs for arm in pair.table.arms)
    return [slug(name, max_length=40) for name in dict.fromkeys(named) if name != REST]


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
