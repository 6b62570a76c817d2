"""A run of approvals made again from its manifest: does every file come out the same?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from diptych._types import Json, Progress, Silent
from diptych.apps.behavioural_clustering.asking import Asked
from diptych.apps.behavioural_clustering.config import ApproveConfig
from diptych.apps.behavioural_clustering.folder import read_approvals, write_approvals
from diptych.apps.behavioural_clustering.run import ApproveRun
from diptych.comparison.folder import LEDGER
from diptych.comparison.rerun import Rerun, changed_versions, compare_files, recorded_reader, refuse_to_ask
from diptych.errors import RunError
from diptych.models.ledger import copy_ledger
from diptych.models.recorded import RecordedModel
from diptych.utils.files import new_folder


def rerun(
    run: Path, folder: Path, *, threads: int, cache_dir: Path | None = None, progress: Progress | None = None
) -> Rerun:
    """Make a run again, from its manifest, and compare it file by file. No model is asked: answers are in its ledger.

    Parameters
    ----------
    run : its folder; statements and catalogue are looked up as its manifest names them
    folder : of the new run; new, or empty
    threads : no result depends on it
    cache_dir : store of embeddings; needed where an interface was asked for them
    progress : where it says how far it is

    Raises
    ------
    RunError
        If it is no run of approvals, or statements or catalogue are not as they were; or if vectors would have to be
        asked for.
    DataError
        If a file is not there any more.
    """
    found = read_approvals(run)
    if found is None:
        raise RunError(f"{run} is not the folder of a run: it has no manifest.json. Give the --out of an approve.")
    manifest = found[0]
    config = ApproveConfig.parse(manifest["config"], source=str(run / "manifest.json"))
    recorded = run / LEDGER
    models = [Asked(RecordedModel(one["name"], one["identity"], recorded), None) for one in manifest["models"]]
    helpers = {role: recorded_reader(said, recorded) for role, said in manifest["helpers"].items()}
    prepared = ApproveRun.prepare(config, models, helpers=helpers, threads=threads)
    _refuse_others(manifest, prepared.manifest())
    refuse_to_ask(config, prepared.statements.texts, cache_dir)
    with new_folder(folder):
        pass
    copy_ledger(recorded, folder / LEDGER)
    outcome = prepared.run(folder, cache_dir=cache_dir, threads=threads, progress=progress or Silent())
    write_approvals(replace(outcome, manifest=manifest), folder)  # the same date and names of versions
    names = sorted({*_documents(run), *_documents(folder)})
    return Rerun(compare_files(run, folder, names), changed_versions(manifest, outcome.manifest))


def _refuse_others(then: Json, now: Json) -> None:
    for before, after in zip(then["inputs"], now["inputs"], strict=True):
        if before["sha256"] != after["sha256"]:
            hashes = f"hash {before['sha256']:.12}… then, {after['sha256']:.12}… now"
            raise RunError(f"{before['source']}: not what the run was made of: {hashes}. Bring the files back.")


def _documents(folder: Path) -> Iterator[str]:
    """Files that are the same for the same answers."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "manifest.json" and not path.name.startswith(LEDGER):
            yield path.relative_to(folder).as_posix()
