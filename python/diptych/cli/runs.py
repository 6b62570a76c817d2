"""A comparison into its folder, and its findings onto the screen: shared by the verbs that compare."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from diptych._types import Json, Progress
from diptych.cli.console import note, say, typed
from diptych.cli.costs import describe_embedding, describe_readers, spent_in_words
from diptych.comparison.config import CompareConfig
from diptych.comparison.expected import Size
from diptych.comparison.folder import (
    LEDGER,
    Documents,
    begin_folder,
    free_folder,
    free_place,
    identity_in,
    read_run,
    write_run,
)
from diptych.comparison.lenses import make_lens
from diptych.comparison.measures import Readers
from diptych.comparison.prepare import Prepared
from diptych.comparison.readers import AskedReaders
from diptych.comparison.report.format import equivalence, interval_of, probability, scale_for
from diptych.comparison.result import Result
from diptych.comparison.run import analyse
from diptych.config.loader import read_yaml
from diptych.embeddings.encoders import is_asked
from diptych.errors import RunError
from diptych.models.ledger import Ledger, read_config
from diptych.models.spending import Purse
from diptych.utils.amounts import percent
from diptych.utils.files import check_new_folder
from diptych.utils.names import slug
from diptych.utils.text import json_text

Check = Callable[[Result, Readers], Json | None]
"""Checks what was found, with the models that help to read."""
_SHOWN = 20
_LENS_OF = {"score_fields": "scores", "likelihood_models": "likelihood", "judge": "judge", "claims": "claims"}
_TOGETHER = {"lenses", "labeller", "other_judges", *_LENS_OF}
"""Settings that are checked together, so that none of a file is judged by itself."""
"""Settings that ask for a lens."""


def make_config(
    path: Path | None, given: Mapping[str, Any], places: Mapping[str, str], *, besides: Collection[str] = ()
) -> CompareConfig:
    """Settings from a YAML file with flags on top; naming score fields, two models or a judge asks for their lens.

    Parameters
    ----------
    path : YAML file, if there is one
    given : settings from flags and the environment
    places : flag or variable of each of those, for messages
    besides : settings in the file that are none of the comparison

    Raises
    ------
    ConfigError
        If a setting is unknown or does not fit; a flag does not hide a mistake in the file.
    """
    values, lines = read_yaml(path) if path is not None else ({}, {})
    values = {name: value for name, value in values.items() if name not in besides}
    for name in values.keys() & given.keys() - _TOGETHER:
        _parse({name: values[name]}, lines)
    merged = {**values, **given}
    asked_for = [lens for name, lens in _LENS_OF.items() if merged.get(name)]
    if asked_for and "lenses" not in merged:
        merged["lenses"] = [*CompareConfig().lenses, *asked_for]
    return _parse(merged, {**lines, **places})


def _parse(values: Mapping[str, Any], places: Mapping[str, str]) -> CompareConfig:
    return CompareConfig.parse(values, source="settings", places=places)


def run_comparison(
    prepared: Prepared,
    out: Path | None,
    *,
    threads: int,
    cache_dir: Path | None,
    progress: Progress,
    fork: bool = False,
    readers: AskedReaders | None = None,
    ledger: Ledger | None = None,
    check: Check | None = None,
) -> tuple[Path, Documents]:
    """Compare and write the run's folder; the same comparison again reads the folder that is there.

    Parameters
    ----------
    prepared : the arms
    out : folder; by default a free one under ``runs``
    threads, cache_dir, progress : as for ``diptych.compare``
    fork : whether a run that lies there and is another is left alone, and this one made beside it
    readers : models that help to read
    ledger : of the run, where it is open already
    check : looks once more at what was found

    Raises
    ------
    RunError
        If the folder holds another run; names the settings that differ.
    """
    folder = out if out is not None else _folder_of(prepared)
    if fork:
        folder = free_place(
            folder, lambda place: _is_begun(place) or identity_in(place) == prepared.manifest["identity"]
        )
    if _holds_run(folder):
        documents = read_run(folder)
        refuse_other_run(folder, documents.manifest, prepared.manifest)
        note(f"{folder} already holds this very comparison; nothing was computed again")
        return folder, documents
    if not (folder / LEDGER).is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder} already exists and is not a run. Choose another --out, or delete it.")
        check_new_folder(folder)
    with ExitStack() as stack:
        asked = _asked_of(prepared)
        if asked is not None and ledger is None:
            if readers is not None:
                readers.check_ready(folder / LEDGER)
            begin_folder(folder)
            ledger = stack.enter_context(Ledger(folder / LEDGER, asked, typed()))
        found = readers.on(ledger, progress=progress) if readers and readers.readers and ledger else None
        result = analyse(
            with_command(prepared),
            threads=threads,
            cache_dir=cache_dir,
            progress=progress,
            readers=found,
            purse=Purse(readers.max_cost if readers else None, ledger),
        )
        documents = result.documents()
        if check is not None:
            documents = replace(documents, checks=check(result, found or Readers()))
        write_run(documents, folder)
        if ledger is not None:
            note(f"asked in all: {spent_in_words(ledger.spent())}")
        return folder, documents


def _asked_of(prepared: Prepared) -> Json | None:
    """What is asked besides arms: models that help to read, or vectors; None for neither."""
    readers: Json | None = prepared.manifest.get("readers")
    vectors = prepared.vectors is None and is_asked(prepared.config.embedder)
    return readers or ({"embedder": prepared.config.embedder} if vectors else None)


def with_command(prepared: Prepared) -> Prepared:
    """The same, ``prepared``, with the command that is running in its manifest."""
    return replace(prepared, manifest={**prepared.manifest, "command": typed()})


def _is_begun(folder: Path) -> bool:
    """Whether models were asked there for a comparison that is yet to be made."""
    return (folder / LEDGER).is_file() and not _holds_run(folder)


def _holds_run(folder: Path) -> bool:
    try:
        return (folder / "manifest.json").exists()
    except OSError as error:
        raise RunError(f"{folder}: {error.strerror}. Choose another --out.") from error


def _folder_of(prepared: Prepared) -> Path:
    """A run that was interrupted left only its ledger, which knows what is asked."""
    a, b = (slug(arm.name, max_length=60) for arm in prepared.table.arms)
    identity, asked = prepared.manifest["identity"], _asked_of(prepared)

    def is_ours(folder: Path) -> bool:
        there = identity_in(folder)
        return there == identity or (there is None and asked is not None and read_config(folder / LEDGER) == asked)

    return free_folder(f"{a}-vs-{b}", is_ours)


def refuse_other_run(folder: Path, there: Json, wanted: Json) -> None:
    """Refuse to take a run for another.

    Parameters
    ----------
    folder : where it lies
    there, wanted : the manifests

    Raises
    ------
    RunError
        If their identities differ; names what does.
    """
    if there["identity"] == wanted["identity"]:
        return
    changed = [
        f"{key}: {there['config'].get(key)!r} there, {value!r} now"
        for key, value in wanted["config"].items()
        if there["config"].get(key) != value
    ]
    if [entry["sha256"] for entry in there["inputs"]] != [entry["sha256"] for entry in wanted["inputs"]]:
        changed.insert(0, "other input files")
    if there.get("embeddings") != wanted.get("embeddings"):
        changed.append("other vectors")
    if any(there.get(role) != wanted.get(role) for role in ("models", "helpers", "readers")):
        changed.append("other models")
    if there["diptych_version"] != wanted["diptych_version"]:
        changed.append(f"diptych {there['diptych_version']} there, {wanted['diptych_version']} now")
    raise RunError(
        f"{folder} already holds another run ({'; '.join(changed) or 'damaged manifest'}).\n"
        "Choose another --out; compare and approve with --fork make a new run beside it."
    )


def describe_plan(prepared: Prepared, out: Path | None, cache_dir: Path | None, readers: AskedReaders) -> Iterator[str]:
    """What a comparison would do, for ``--dry-run``.

    Parameters
    ----------
    prepared : the arms
    out : folder; by default that of a run by these names
    cache_dir : of embeddings
    readers : models that help to read
    """
    yield from describe_pair(prepared)
    asking = list(_describe_vectors(prepared, cache_dir))
    asking += describe_readers(readers.expected(Size.of(prepared.table.rows)))
    yield from asking
    yield f"would write {out or _folder_of(prepared)}" + ("" if asking else "; calls no model, costs nothing")


def _describe_vectors(prepared: Prepared, cache_dir: Path | None) -> Iterator[str]:
    if prepared.vectors is None:
        config = prepared.config
        texts = [row.response for row in prepared.table.rows]
        yield from describe_embedding(config.embedder, config.embedder_args, texts, cache_dir)


def describe_pair(prepared: Prepared) -> Iterator[str]:
    """What would be compared, and how."""
    table, config = prepared.table, prepared.config
    for arm in table.arms:
        yield f"{arm.name}: {arm.n_responses} responses from {arm.source}"
    yield f"{in_groups(table.n_prompts, table.n_groups(), table.group_field)}, {table.pairing}"
    yield from (f"note: {notice}" for notice in table.notices)
    yield from _describe_split(prepared)
    resamples = config.resamples or "as many as the family asks for"
    lenses = ", ".join(config.lenses)
    yield f"lenses {lenses}; vectors by {config.vectors_from}; resamples: {resamples}; seed {config.seed}"


def _describe_split(prepared: Prepared) -> Iterator[str]:
    config = prepared.config
    seeing = [name for name in config.lenses if not make_lens(name).blinded]
    if seeing:
        first, second = prepared.n_prompts(prepared.discovery), prepared.n_prompts(~prepared.discovery)
        turn = "each looked at for a test on the other" if config.cross_fit else "one looked at, the other tested on"
        whole = ", groups kept whole" if prepared.table.is_grouped else ""
        yield f"{', '.join(seeing)}: halves of {first} and {second} prompts{whole}, {turn}"
    if len(seeing) < len(config.lenses):
        yield f"{', '.join(name for name in config.lenses if name not in seeing)}: tested on all prompts"


def in_groups(n_prompts: int, n_groups: int | None, field: str | None) -> str:
    """How many prompts, and in how many groups, where groups are the units.

    Examples
    --------
    >>> in_groups(240, 24, "topic"), in_groups(240, None, None)
    ("240 prompts in 24 groups by 'topic'", '240 prompts')
    """
    return f"{n_prompts} prompts" + ("" if n_groups is None else f" in {n_groups} groups by {field!r}")


def print_findings(documents: Documents, folder: Path, *, as_json: bool) -> None:
    """Findings to stdout, as JSON or as lines for people."""
    findings = documents.findings
    if as_json:
        say(json_text(findings))
        return
    a, b = findings["arms"]
    found, family = findings["findings"], findings["family_size"]
    prompts = in_groups(findings["n_prompts"], findings.get("n_groups"), findings.get("groups", {}).get("field"))
    say(f"{a['name']} against {b['name']}: {prompts}, {findings['pairing']}")
    say(f"{len(found)} of {family} measures differ (false discovery rate {percent(findings['alpha'])}).")
    whole = f"As a whole: {findings['global']['statistic']}, p {probability(findings['global']['p_value']).text}"
    say(whole + (", prompts and all." if findings["pairing"] == "unpaired" else "."))
    if found:
        say()
    for line in finding_lines(found, shown=_SHOWN):
        say(line)
    if not found:
        detectable = findings["not_found"]["minimum_detectable_effect"]["median_share"]
        if detectable is not None:
            change = f"{100 * detectable:.0f} points in a typical share of responses"
            say(f"A change of {change} would have been found four times out of five.")
    for judged in findings["equivalent"]:
        say(f"{equivalence(judged)}.")
    say()
    say(f"report: {folder / 'report.html'}")


def finding_lines(found: Sequence[Json], *, shown: int) -> Iterator[str]:
    """The strongest findings, two lines each, and how many more there are.

    Parameters
    ----------
    found : strongest first
    shown : at most so many
    """
    for finding in found[:shown]:
        yield f"  {finding['statement']}"
        yield f"      {_numbers(finding)}"
    if len(found) > shown:
        yield f"  … and {len(found) - shown} more in the report"


def _numbers(finding: Json) -> str:
    """``−142 words [−152, −133]   317 to 175   q 0.0005``."""
    shown = interval_of(finding)
    scale = scale_for(finding["unit"], shown.low, shown.high, (finding["mean_a"], finding["mean_b"]))
    interval = f"[{scale.difference(shown.low).text}, {scale.difference(shown.high).text}]"
    means = f"{scale.mean(finding['mean_a']).text} to {scale.mean(finding['mean_b']).text}"
    effect = f"{scale.difference(finding['effect']).text} {scale.difference_unit}"
    return f"{effect} {interval}   {means}   q {probability(finding['q_value']).text}"
