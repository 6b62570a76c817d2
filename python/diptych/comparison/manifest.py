"""The manifest: what went in, with hashes, so that a result can be checked and repeated."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

import diptych
from diptych import __version__
from diptych._types import Json
from diptych.comparison.config import CompareConfig
from diptych.comparison.proposing import Proposing
from diptych.config import Settings
from diptych.data import Responses
from diptych.utils.hashing import content_hash, file_sha256

_CORE = ("numpy", "scipy", "scikit-learn", "pydantic")
"""Libraries whose versions are told even where the package was not installed."""


class Input(Settings):
    """One arm."""

    source: str
    """The file as it was named, or the model."""
    sha256: str
    """Of the file's bytes, as ``sha256sum`` gives it; of the rows, for data that was handed in and for answers."""
    n_responses: int
    generated: Json | None = None
    """Of a model's answers: the model with its revision and the hash of its weights, or its address; parameters,
    their seed, the file of prompts with its hash and number of rows, draws, and the models that answered."""


class Package(Settings):
    """The code that ran."""

    sha256: str
    """Of every file of the package, its compiled kernels among them."""
    core_sha256: str
    """Of the compiled kernels alone."""


class Machine(Settings):
    """Where it ran."""

    system: str
    release: str
    machine: str
    byte_order: Literal["little", "big"]
    processor: str
    n_processors: int
    torch_threads: int | None
    """None where torch was not loaded."""


class Manifest(Settings):
    """``manifest.json``. Every field must be there; none may be another."""

    schema_: Literal[1]
    diptych_version: str
    created: str
    """UTC, ISO 8601."""
    identity: str
    inputs: tuple[Input, Input]
    config: CompareConfig
    embeddings: str | None
    """sha256 of the vectors that were given, with their texts; None where an embedder made them."""
    seeds: Mapping[str, int]
    """``compare``, and ``sampling`` of each arm that was asked."""
    versions: Mapping[str, str]
    """Of Python and of every library that is installed and that diptych uses."""
    platform: Machine
    package: Package
    prices: str | None
    """Version of the tables of prices; None where they are not installed."""
    command: str | None
    """As it was typed, without keys; None from Python."""
    proposing: Mapping[str, Json] | None = None
    """By arm, texts that said what to look for: source, number and hash; not there where none did."""
    readers: Mapping[str, Json] | None = None
    """By role, models that were asked to name kinds of answers, to judge them, or to check what was found; not there
    where none was."""


def build_manifest(
    sources: Sequence[Any],
    arms: Sequence[Responses],
    config: CompareConfig,
    readers: Json | None = None,
    *,
    embeddings: str | None = None,
    proposing: Proposing | None = None,
) -> Json:
    """Inputs with hashes, settings, versions, and the identity of the run.

    Two runs of one identity give the same findings: the identity covers the content of the inputs, every setting and
    the version of diptych, not where files lie or when it ran; and what models are asked that help to read.

    Parameters
    ----------
    sources : where the arms came from
    arms : the responses
    config : every setting
    readers : of models that help to read, all that changes their answers
    embeddings : sha256 of vectors that were given
    proposing : texts that said what to look for
    """
    inputs = [
        {"source": arm.source, "sha256": _sha256(source, arm), "n_responses": len(arm)}
        | ({} if arm.origin is None else {"generated": arm.origin})
        for source, arm in zip(sources, arms, strict=True)
    ]
    settings = config.model_dump(mode="json")
    more: Json = {"embeddings": embeddings, **({"readers": readers} if readers else {})}
    identity = {"inputs": [entry["sha256"] for entry in inputs], "config": settings, **more}
    if proposing is not None:
        identity, more = {**identity, "proposing": proposing.digests()}, {**more, "proposing": proposing.as_json()}
    seeds = {"compare": config.seed, **_sampling_seeds(arms)}
    return describe_manifest(inputs, settings, identity, seeds=seeds, more=more)


def describe_manifest(
    inputs: Sequence[Json], settings: Json, identity: Json, *, seeds: Json, more: Json | None = None
) -> Json:
    """A manifest.

    Parameters
    ----------
    inputs : each with its ``source`` and ``sha256``
    settings : of the run
    identity : all that the findings depend on, besides the version of diptych
    seeds : of all that is random
    more : further entries
    """
    versions = _versions()
    return {
        "schema": 1,
        "diptych_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "identity": content_hash("diptych/run/1", {**identity, "diptych": __version__}),
        "inputs": inputs,
        "config": settings,
        "seeds": seeds,
        "versions": versions,
        "platform": _machine(),
        "package": _package(),
        "prices": versions.get("genai-prices"),
        "command": None,
        **(more or {}),
    }


def check_manifest(manifest: Json) -> None:
    """Refuse to write a manifest that lacks a field, or has one of another type.

    Parameters
    ----------
    manifest : as it would be written

    Raises
    ------
    ConfigError
        Names the field.
    """
    named = {("schema_" if name == "schema" else name): value for name, value in manifest.items()}
    Manifest.parse(named, source="manifest.json")


def _sha256(source: Any, arm: Responses) -> str:
    """Of the file's bytes, as ``sha256sum`` gives it; of the rows, for data that was handed in."""
    of_file = file_sha256(Path(source)) if isinstance(source, str | Path) else None
    return of_file or hashlib.sha256(arm.to_jsonl().encode()).hexdigest()


def _sampling_seeds(arms: Sequence[Responses]) -> dict[str, int]:
    asked = {name: arm.origin for name, arm in zip("ab", arms, strict=True) if arm.origin is not None}
    return {f"sampling of {name}": origin["sampling"]["seed"] for name, origin in asked.items()}


def _versions() -> dict[str, str]:
    wanted = requires("diptych") if _version("diptych") else _CORE
    names = sorted({re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in wanted or _CORE})
    found = {name: _version(name) for name in names}
    return {"python": platform.python_version(), **{name: one for name, one in found.items() if one is not None}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def _package() -> Json:
    """Hashes of the code that runs; a file that is changed while it runs does not change what ran."""
    folder = Path(diptych.__file__).parent
    core = next(folder.glob("_core.*.so"), None) or next(folder.glob("_core.*.pyd"))
    code = [path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".so", ".pyd")]
    whole = {path.relative_to(folder).as_posix(): file_sha256(path) for path in code}
    return {"sha256": content_hash("diptych/package/1", whole), "core_sha256": file_sha256(core)}


def _machine() -> Json:
    torch = sys.modules.get("torch")
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "processor": _processor(),
        "n_processors": os.cpu_count() or 1,
        "torch_threads": None if torch is None else int(torch.get_num_threads()),
    }


def _processor() -> str:
    """Its name, as Linux gives it, else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
