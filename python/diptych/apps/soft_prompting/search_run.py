"""A search for words from its settings to a folder."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path

from diptych._types import Json, Progress
from diptych.apps.soft_prompting import folder as files
from diptych.apps.soft_prompting.ablation import ablate
from diptych.apps.soft_prompting.evolution import Evolution
from diptych.apps.soft_prompting.helper import Helper
from diptych.apps.soft_prompting.optimiser import Optimiser
from diptych.apps.soft_prompting.ready import Origin, Ready, make_ready, opened
from diptych.apps.soft_prompting.rescoring import baselines, projected, rescored
from diptych.apps.soft_prompting.search import Search
from diptych.apps.soft_prompting.search_config import SearchConfig
from diptych.apps.soft_prompting.search_plots import search_plots
from diptych.apps.soft_prompting.seeds import texts_of
from diptych.comparison.folder import LEDGER
from diptych.comparison.manifest import describe_manifest
from diptych.comparison.readiness import check_ready
from diptych.errors import ConfigError, ModelError
from diptych.models.batching import is_out_of_memory
from diptych.models.divergence import MAX_BYTES
from diptych.models.lock import Lock
from diptych.models.providers.hf import HFModel
from diptych.utils.files import write_files, writing
from diptych.utils.hashing import source_sha256
from diptych.utils.text import json_lines, json_text

SEARCH, ARCHIVE, HISTORY, LOCK = "search.json", "archive.jsonl", "history.jsonl", "search.lock"
INTERACTIONS = "interactions.jsonl"
WHAT = "search"


def run_search(
    config: SearchConfig,
    folder: Path,
    *,
    origin: Origin | None = None,
    helper: Helper | None = None,
    options: Json | None = None,
    max_bytes: int = MAX_BYTES,
    progress: Progress,
) -> Json:
    """Search for words, or go on where a search in the folder stopped.

    Parameters
    ----------
    config : of the search
    folder : of the search; made, or gone on with
    origin : a soft prompt to start from; None for none
    helper : the assistant that the settings name
    options : how models are loaded
    max_bytes : of memory for scores
    progress : where it says how far it is

    Returns
    -------
    dict
        what stands in ``search.json``

    Raises
    ------
    ConfigError, DataError, ModelError
        If models, prompts and settings do not fit each other.
    RunError
        If another search lies in the folder, or it cannot be written.
    BudgetError
        If the assistant's answers cost more than they may; what was answered is kept.
    """
    if (config.assistant is None) != (helper is None):
        raise ConfigError(f"assistant = {config.assistant}: the settings and the call should both name one, or none")
    with ExitStack() as stack:
        models = opened(config, options, stack)
        manifest = _manifest(config, models, origin, helper)
        begun = files.read_begun(folder, manifest, what=WHAT)
        if begun is not None and (done := files.read_object(folder / SEARCH)) is not None:
            progress.say(f"{folder} already holds this very search; nothing was done again")
            return done
        if begun is not None:
            stack.callback(Lock(folder / LOCK, str(folder)).release)
        if helper is not None:
            check_ready(folder / LEDGER, [helper.reader.model])
        ready = make_ready(config, models, begun, origin=origin, max_bytes=max_bytes)
        for notice in ready.seeds.notices:
            progress.say(notice)
        progress.start("search", config.budget)
        try:
            if begun is None:
                ready.search.advance()  # what cannot be searched is refused before there is a folder
                files.begin(folder, manifest, ready.seeds)
                stack.callback(Lock(folder / LOCK, str(folder)).release)
            if helper is not None:
                helper.join(ready.search.optimiser, folder, stack, seed=config.seed)
            _go(ready.search, folder, progress)
            with writing(folder):
                return _finish(ready, folder, progress)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise ModelError(
                f"no memory for {config.batch_size} texts at once. Give --batch-size {max(1, config.batch_size // 2)} "
                "and another --out: it finds the same, but for what rounding changes."
            ) from error


def _go(search: Search, folder: Path, progress: Progress) -> None:
    """From the state of the folder, or from the first round, to the end."""
    kept = files.load_checkpoint(folder)
    if kept is not None:
        search.load(kept[0])
    told = 0
    is_on = search.n_rounds > 0 or search.advance()
    while is_on:
        progress.advance(search.target.spent - told)
        told = search.target.spent
        files.save_checkpoint(folder, search.state(), {"n_done": search.n_rounds})
        is_on = search.advance()
    progress.finish()


def _finish(ready: Ready, folder: Path, progress: Progress) -> Json:
    config, search = ready.config, ready.search
    search.target.budget, spent = None, search.spent[-1]
    entries = search.archive.chosen(config.n_prompts)
    if not entries:
        raise ConfigError(
            f"none of the words that {config.optimiser} came to in {search.n_rounds:,} rounds can be read back as the "
            "same tokens. Set filter_ids to false, or another place, such as '{prompt} {soft}'."
        )
    held, ablations = ready.held, []
    searched = [ready.seeds.rows[number] for number in search.target.numbers]
    progress.start("measure", 2 * len(entries))
    for one in entries:
        ablations.append(ablate(search.target, one.candidate))
        progress.advance()
    found = {
        "schema": 1,
        "optimiser": config.optimiser,
        "objective": config.objective,
        "place": config.place,
        "models": [{"name": model.name, "identity": model.source.identity} for model in ready.models],
        "budget": config.budget,
        "spent": spent,
        "n_rounds": search.n_rounds,
        "relaxed": _finite(search.optimiser.relaxed),
        "searched_on": [row.prompt_id for row in searched],
        "searched_texts": texts_of(searched),
        **baselines(held),
        **_soft(ready),
        "prompts": rescored(held, entries, ablations, progress=progress),
    }
    progress.finish()
    text = search.target.text
    archive = [
        {"text": text(one.candidate.tokens), "tokens": list(one.candidate.tokens), "value": one.candidate.value,
         "fluency": one.fluency}
        for one in search.archive.entries
    ]  # fmt: skip
    rounds = zip(search.spent, search.best, strict=True)
    history = [{"round": i + 1, "spent": spent, "best": _finite(best)} for i, (spent, best) in enumerate(rounds)]
    write_files(folder, {
        **search_plots(history, archive, found),
        ARCHIVE: json_lines(archive),
        HISTORY: json_lines(history),
        **_interactions(search.optimiser),
        SEARCH: json_text(found) + "\n",
    })  # fmt: skip
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _interactions(optimiser: Optimiser) -> dict[str, str]:
    """What an assistant was asked, and what it said."""
    if not isinstance(optimiser, Evolution) or optimiser.rewriter is None:
        return {}
    return {INTERACTIONS: json_lines(optimiser.rewriter.interview.interactions)}


def _soft(ready: Ready) -> Json:
    if ready.origin is None:
        return {}
    tokens = ready.origin.tokens(ready.search.target).tolist()
    return {"soft": projected(ready.held, ready.origin.soft.vectors, tokens)}


def _manifest(
    config: SearchConfig, models: tuple[HFModel, HFModel], origin: Origin | None, helper: Helper | None
) -> Json:
    inputs = [{"source": config.prompts, "sha256": source_sha256(Path(config.prompts)) or ""}]
    about = {name: {"name": model.name, "identity": model.identity} for name, model in zip("ab", models, strict=True)}
    settings = config.model_dump(mode="json")
    covered = {name: value for name, value in settings.items() if name not in ("a", "b", "assistant", "prompts")}
    covered["optimiser_settings"] = config.settings.model_dump(mode="json")
    identity: Json = {
        "inputs": [inputs[0]["sha256"]], "config": covered,
        "models": {name: one["identity"] for name, one in about.items()},
        "assistant": None if helper is None else helper.reader.config,
    }  # fmt: skip
    more: Json = {"application": "softprompt search", "models": about}
    if origin is not None:
        identity["soft_prompt"] = more["soft_prompt"] = origin.soft.digest
    return describe_manifest(inputs, settings, identity, seeds={"search": config.seed}, more=more)
