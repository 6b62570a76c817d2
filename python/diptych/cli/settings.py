"""The settings of the method as flags, for every verb that compares; each is also ``DIPTYCH_<FLAG>``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from diptych.errors import ConfigError

INPUT = "Input"
METHOD = "Method"
OUTPUT = "Output"
PLACES = "diptych.places"
"""Of settings that a file gave; kept in the context of the command."""


def option(
    flag: str, text: str, panel: str, default: str | bool = False, *, short: str = "", least: int | None = None
) -> Any:
    """An option that is also ``DIPTYCH_<FLAG>`` in the environment.

    Parameters
    ----------
    flag : without dashes; ``yes/--no`` for a pair
    text, panel : of the help
    default : what stands there when it is not given, in words
    short : one letter with its dash
    least : that a number may be
    """
    names = [f"--{flag}", *([short] if short else [])]
    variable = "DIPTYCH_" + flag.partition("/")[0].upper().replace("-", "_")
    return typer.Option(
        *names, help=text, rich_help_panel=panel, envvar=variable, show_envvar=False, show_default=default, min=least
    )


NameA = Annotated[str | None, option("name-a", "What to call A.", INPUT, "its model, or its file")]
NameB = Annotated[str | None, option("name-b", "What to call B.", INPUT, "its model, or its file")]
PromptField = Annotated[str | None, option("prompt-field", "Field that holds the prompt.", INPUT, "recognised")]
ResponseField = Annotated[str | None, option("response-field", "Field that holds the response.", INPUT, "recognised")]
OnBadLine = Annotated[
    str | None, option("on-bad-line", "'skip' leaves out lines that are not JSON objects.", INPUT, "error")
]
MaxBad = Annotated[str | None, option("max-bad", "Lines of a file that may be left out: 5, or 0.1%.", INPUT, "0.1%")]
ScoreField = Annotated[
    list[str] | None, option("score-field", "Numeric field to test as a measure; repeat for more.", INPUT)
]
LikelihoodModels = Annotated[
    tuple[str, str] | None,
    option(
        "likelihood-models",
        "Two models on this machine, hf/A hf/B: measure which finds a response likelier.",
        INPUT,
        "A and B, if --lenses names likelihood and both are hf/…",
    ),
]
GroupField = Annotated[
    str | None,
    option(
        "group-field", "Field that names families of prompts, to be tested as wholes.", INPUT, "each prompt by itself"
    ),
]
Limit = Annotated[int | None, option("limit", "Use at most so many prompts; groups whole.", INPUT, "all")]
Lenses = Annotated[
    str | None, option("lenses", "Who proposes measures, by commas.", METHOD, "surface,phrases,clusters,regions")
]
ContrastClusters = Annotated[
    str | None,
    option(
        "contrast-clusters",
        "For the contrast's lenses: 'joint', or each side by itself and 'matched'.",
        METHOD,
        "joint",
    ),
]
Embedder = Annotated[
    str | None, option("embedder", "Turns texts into vectors: st/MODEL, st/FOLDER, openai/MODEL, …", METHOD, "lexical")
]
Embeddings = Annotated[
    str | None,
    option(
        "embeddings", "Vectors of the responses: .npz, .safetensors, .npy (rows of A, then B), a store.", METHOD, "made"
    ),
]
EmbeddingField = Annotated[
    str | None, option("embedding-field", "Field that holds the vector of the response.", METHOD, "made")
]
EmbedderArg = Annotated[
    list[str] | None,
    option("embedder-arg", "name=value for the embedder (dimensions, prefix, …); repeat for more.", METHOD),
]
Labeller = Annotated[str | None, option("labeller", "Names clusters: a model, which is asked.", METHOD, "keywords")]
Judge = Annotated[
    list[str] | None,
    option("judge", "Model that says how the two differ, and judges answers blind; repeat for more.", METHOD, "none"),
]
Claim = Annotated[
    list[str] | None,
    option("claim", "Sentence that goes on from “This answer …”, for --judge to judge; repeat for more.", METHOD),
]
JudgePairs = Annotated[
    int | None, option("judge-pairs", "Pairs of answers of each half that the judge is shown.", METHOD, "24")
]
JudgeSentences = Annotated[
    int | None, option("judge-sentences", "Differences of each half that are tested, at most.", METHOD, "10")
]
Alpha = Annotated[float | None, option("alpha", "False discovery rate.", METHOD, "0.05")]
Fdr = Annotated[str | None, option("fdr", "Correction: 'bh', or 'by', under any dependence.", METHOD, "bh")]
Resamples = Annotated[
    int | None, option("resamples", "Resamples of the test.", METHOD, "as many as the family asks for")
]
DiscoveryFraction = Annotated[
    float | None, option("discovery-fraction", "Share of prompts in the first half.", METHOD, "0.5")
]
CrossFit = Annotated[
    bool | None,
    option(
        "cross-fit/--no-cross-fit", "Let the halves change places / look at the first half only.", METHOD, "cross-fit"
    ),
]
Simultaneous = Annotated[
    bool | None,
    option("simultaneous", "Give intervals that hold for all measures together.", METHOD),
]
EquivalentWithin = Annotated[
    list[str] | None,
    option(
        "equivalent-within",
        "Margin of equivalence: 0.05, for shares; words=10; surface.words=10. Repeat for more.",
        METHOD,
    ),
]
Seed = Annotated[int | None, option("seed", "Seed of everything random.", METHOD, "0")]
ConfigFile = Annotated[Path | None, option("config", "YAML file of settings; flags go before it.", METHOD, short="-c")]
Threads = Annotated[int | None, option("threads", "Threads to use; changes no result.", METHOD, "one per processor")]
CacheDir = Annotated[Path | None, option("cache-dir", "Keep embeddings here.", METHOD, "not kept")]

_PARAMETER = {
    "score_fields": "score_field",
    "pairing": "paired",
    "embedder_args": "embedder_arg",
    "other_judges": "judge",
    "claims": "claim",
}
"""Settings whose flag has another name."""


def given_settings(context: typer.Context) -> dict[str, Any]:
    """What flags and the environment set, by the names of ``CompareConfig``."""
    from diptych.comparison.config import CompareConfig

    values = {name: context.params.get(_PARAMETER.get(name, name)) for name in CompareConfig.model_fields}
    for repeated in ("score_fields", "equivalent_within", "embedder_args", "claims"):
        values[repeated] = values[repeated] or None
    if values["pairing"] is not None:
        values["pairing"] = "paired" if values["pairing"] else "unpaired"
    judges = values["judge"] or []
    values["judge"], values["other_judges"] = (judges[0], judges[1:]) if judges else (None, None)
    if values["lenses"] is not None:
        values["lenses"] = [name.strip() for name in values["lenses"].split(",") if name.strip()]
    return {name: value for name, value in values.items() if value is not None}


def place_of(context: typer.Context, setting: str) -> str:
    """The flag, the variable or the line of a file that gave a setting, for messages."""
    parameter = _PARAMETER.get(setting, setting)
    source = context.get_parameter_source(parameter)
    if source is not None and source.name == "ENVIRONMENT":
        return f"DIPTYCH_{parameter.upper()}"
    if source is not None and source.name == "DEFAULT_MAP":
        return str(context.meta[PLACES][parameter])
    return f"--{parameter.replace('_', '-')}"


def check_threads(given: int | None) -> int:
    """A number of threads, by default one per processor.

    Raises
    ------
    ConfigError
        If it is below 1.
    """
    if given is not None and given < 1:
        raise ConfigError(f"--threads = {given}: it should be at least 1")
    return given or os.cpu_count() or 1
