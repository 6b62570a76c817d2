"""A run made again from its manifest: does every file come out the same?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from diptych._types import Json, Progress
from diptych.comparison.arms_folder import holds_arms
from diptych.comparison.asked import AskedArms
from diptych.comparison.config import CompareConfig
from diptych.comparison.folder import DETERMINISTIC, LEDGER, read_run, write_run
from diptych.comparison.generated import Generation
from diptych.comparison.measures import Role
from diptych.comparison.prepare import prepare
from diptych.comparison.proposing import FILES, Proposing, read_proposing
from diptych.comparison.readers import FURTHER, AskedReaders, Reader
from diptych.comparison.run import analyse
from diptych.data.prompts import load_prompts
from diptych.embeddings.encoders import is_asked
from diptych.embeddings.service import EmbeddingService
from diptych.embeddings.settings import EmbedderSettings
from diptych.errors import RunError
from diptych.models.ledger import Ledger, copy_ledger, read_config
from diptych.models.recorded import RecordedModel
from diptych.models.requests import Sampling
from diptych.utils.files import new_folder
from diptych.utils.hashing import file_sha256, source_sha256

Outcome = Literal["same", "different", "missing", "new"]


@dataclass(frozen=True, slots=True)
class Rerun:
    """What came of a run that was made again.

    Parameters
    ----------
    outcomes : of each file that is deterministic: the same bit for bit, different, missing from the new run, or new
    changed : versions that are others than those of the run, in words
    """

    outcomes: dict[str, Outcome]
    changed: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether every file is the same."""
        return all(outcome == "same" for outcome in self.outcomes.values())


def rerun(
    run: Path, folder: Path, *, threads: int, cache_dir: Path | None = None, progress: Progress | None = None
) -> Rerun:
    """Make a run again, from its manifest, and compare it file by file. No model is asked: answers are in its ledger.

    Parameters
    ----------
    run : its folder, or the ``manifest.json`` in it; files of responses and prompts are looked up as it names them
    folder : of the new run; new, or empty
    threads : no result depends on it
    cache_dir : store of embeddings; needed where an interface was asked for them
    progress : where it says how far it is

    Raises
    ------
    RunError
        If it is no run, or an input is not there any more, or not as it was; or if vectors would have to be asked for.
    """
    made = run.parent if run.is_file() else run
    if holds_arms(made):
        raise RunError(f"{made} holds several comparisons, tested as one family; only a single one can be made again.")
    manifest = read_run(made).manifest
    config = CompareConfig.parse(manifest["config"], source=str(made / "manifest.json"))
    with new_folder(folder):
        pass
    with ExitStack() as stack:
        ledger = _ledger(manifest, made, folder, stack)
        a, b = _sources(manifest, made / LEDGER, ledger, config)
        said = manifest.get("readers", {})
        readers = AskedReaders(
            config,
            {role: recorded_reader(said[role], made / LEDGER) for role in get_args(Role) if role in said},
            panel=tuple(recorded_reader(one, made / LEDGER) for role, one in said.items() if role.startswith(FURTHER)),
        )
        texts = _proposing(made, manifest)
        prepared = prepare(a, b, config=config, threads=threads, readers=readers, proposing=texts)
        if prepared.manifest["embeddings"] != manifest.get("embeddings"):
            raise RunError(f"{config.vectors_from} no longer holds the vectors that the run was made of.")
        if prepared.vectors is None:
            refuse_to_ask(config, [row.response for row in prepared.table.rows], cache_dir)
        found = readers.on(ledger, progress=progress) if ledger is not None else None
        result = analyse(prepared, threads=threads, cache_dir=cache_dir, progress=progress, readers=found)
        documents = replace(result, manifest=manifest).documents()  # the same date and names of versions
        write_run(replace(documents, checks=read_run(made).checks), folder)
    return Rerun(compare_files(made, folder, DETERMINISTIC), changed_versions(manifest, prepared.manifest))


def _proposing(made: Path, manifest: Json) -> Proposing | None:
    """The texts in the run's folder, if they are as they were."""
    said = manifest.get("proposing")
    if said is None:
        return None
    found = read_proposing(made)
    if found is None or found.digests() != {arm: entry["sha256"] for arm, entry in said.items()}:
        raise RunError(f"{made}: {' and '.join(FILES)} are not what the run was made of.")
    return found


def recorded_reader(said: Json, ledger: Path) -> Reader:
    """A model that helped to read, as a ledger has its answers.

    Parameters
    ----------
    said : of it in the manifest
    ledger : file that holds its answers
    """
    return Reader(RecordedModel(said["model"], said["identity"], ledger))


def refuse_to_ask(settings: EmbedderSettings, texts: Sequence[str], cache_dir: Path | None) -> None:
    """Refuse to ask an interface for vectors that a run was given before.

    Parameters
    ----------
    settings : that name the embedder
    texts : of the run
    cache_dir : store of embeddings

    Raises
    ------
    RunError
        If the store lacks some.
    """
    if not is_asked(settings.embedder):
        return
    missing = EmbeddingService(cache_dir, settings.embedder, options=settings.embedder_args).missing(texts)
    if missing:
        place = "no --cache-dir was given" if cache_dir is None else str(cache_dir)
        raise RunError(
            f"vectors were asked of {settings.embedder}, and {len(missing)} texts have no vector ({place}).\n"
            "Give the --cache-dir of the run: what is asked again may come out otherwise."
        )


def _ledger(manifest: Json, made: Path, folder: Path, stack: ExitStack) -> Ledger | None:
    """A copy of the run's; None where nobody was asked."""
    is_needed = "readers" in manifest or any("generated" in entry for entry in manifest["inputs"])
    if not is_needed and not (made / LEDGER).is_file():
        return None
    copy_ledger(made / LEDGER, folder / LEDGER)
    return stack.enter_context(Ledger(folder / LEDGER, read_config(folder / LEDGER) or {}))


def _sources(manifest: Json, recorded: Path, ledger: Ledger | None, config: CompareConfig) -> tuple[Any, Any]:
    """What ``prepare`` takes: files that are as they were, answers out of the ledger."""
    entries = dict(zip("ab", manifest["inputs"], strict=True))
    sources: dict[str, Any] = {
        arm: _file(entry["source"], entry["sha256"]) for arm, entry in entries.items() if "generated" not in entry
    }
    asked = {arm: entry["generated"] for arm, entry in entries.items() if "generated" in entry}
    if asked and ledger is not None:
        generations = {arm: _generation(origin, recorded, config) for arm, origin in asked.items()}
        sources |= AskedArms(generations, recorded.parent).run(ledger)
    return sources["a"], sources["b"]


def _file(source: str, sha256: str) -> str:
    found = source_sha256(Path(source))
    if found is None:
        raise RunError(f"{source}: there is no such file. Go to the folder where the run was made, or bring it back.")
    if found != sha256:
        raise RunError(f"{source} is not what the run was made of: sha256 {sha256:.12}… then, {found:.12}… now.")
    return source


def _generation(origin: Json, ledger: Path, config: CompareConfig) -> Generation:
    said = origin["prompts"]
    prompts = load_prompts(_file(said["source"], said["sha256"]), prompt_field=config.prompt_field)
    return Generation(
        RecordedModel(origin["model"], origin["identity"], ledger),
        prompts.with_system(said["system"]),
        origin["draws"],
        Sampling.parse(origin["sampling"], source="manifest.json: sampling"),
        limit=config.limit,
        seed=config.seed,
    )


def compare_files(made: Path, again: Path, names: Iterable[str]) -> dict[str, Outcome]:
    """What came of each file.

    Parameters
    ----------
    made, again : folders of the run and of the new one
    names : of the files, those that are in neither among them
    """
    digests = ((name, file_sha256(made / name), file_sha256(again / name)) for name in names)
    return {name: _outcome(then, now) for name, then, now in digests if then is not None or now is not None}


def _outcome(then: str | None, now: str | None) -> Outcome:
    if then == now:
        return "same"
    return "missing" if now is None else "new" if then is None else "different"


def changed_versions(then: Json, now: Json) -> tuple[str, ...]:
    """Versions that are others than those of a run, in words.

    Parameters
    ----------
    then, now : manifests of the run, and of the one that was made again
    """
    return tuple(_changed(then, now))


def _changed(then: Json, now: Json) -> Iterator[str]:
    for name, version in {"diptych": then["diptych_version"], **then["versions"]}.items():
        found = {"diptych": now["diptych_version"], **now["versions"]}.get(name)
        if found != version:
            yield f"{name} was {version}, and is {found or 'not installed'}"
    for name, value in then["platform"].items():
        if now["platform"].get(name) != value and name != "torch_threads":
            yield f"{name} was {value}, and is {now['platform'].get(name)}"
    if then["package"] != now["package"]:
        yield "the code of diptych is another"
