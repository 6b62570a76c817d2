"""The manifest: what went in, with hashes, so that a result can be checked and repeated."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from diptych import __version__
from diptych._types import Json
from diptych.comparison.config import CompareConfig
from diptych.data import Responses
from diptych.utils.hashing import content_hash

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pydantic")


def build_manifest(sources: Sequence[Any], arms: Sequence[Responses], config: CompareConfig) -> Json:
    """Inputs with hashes, settings, versions, and the identity of the run.

    Two runs of one identity give the same findings: the identity covers the content of the inputs, every setting and
    the version of diptych, not where files lie or when it ran.
    """
    inputs = [
        {"source": arm.source, "sha256": _sha256(source, arm), "n_responses": len(arm)}
        | ({} if arm.origin is None else {"generated": arm.origin})
        for source, arm in zip(sources, arms, strict=True)
    ]
    settings = config.model_dump(mode="json")
    identity = {"inputs": [entry["sha256"] for entry in inputs], "config": settings, "diptych": __version__}
    return {
        "schema": 1,
        "diptych_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "identity": content_hash("diptych/run/1", identity),
        "inputs": inputs,
        "config": settings,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "platform": {"system": platform.system(), "machine": platform.machine(), "byte_order": sys.byteorder},
    }


def _sha256(source: Any, arm: Responses) -> str:
    """Of the file's bytes, as ``sha256sum`` gives it; of the rows, for data that was handed in."""
    if isinstance(source, str | Path) and Path(source).is_file():  # a pipe can be read only once
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(arm.to_jsonl().encode()).hexdigest()
