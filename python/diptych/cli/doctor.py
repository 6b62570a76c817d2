"""``diptych doctor``."""

from __future__ import annotations

import json as json_module
import os
import platform
import shutil
from typing import Annotated, Any

import typer

from diptych import __version__
from diptych.cli.console import Exit, errors_as_messages, say

_CORE = (
    "numpy",
    "scipy",
    "scikit-learn",
    "pydantic",
    "pyyaml",
    "structlog",
    "typer",
    "rich",
    "jinja2",
    "threadpoolctl",
)
_OPTIONAL = {"pandas": "frames", "polars": "frames", "pyarrow": "parquet", "sentence-transformers": "local"}
_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "HF_TOKEN")


def doctor(json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False) -> None:
    """Say what is installed, which keys are set (never their values), and which devices there are."""
    with errors_as_messages():
        found = _examine()
    if json:
        say(json_module.dumps(found, indent=1))
    else:
        for title, entries in found.items():
            say(title)
            for name, value in entries.items():
                say(f"  {name:<20} {value}")
    if not all(found["kernels"].values()):
        raise typer.Exit(Exit.ERROR)


def _examine() -> dict[str, dict[str, Any]]:
    return {
        "diptych": {"version": __version__, "python": platform.python_version(), "platform": platform.platform()},
        "kernels": _kernels(),
        "libraries": {name: _version(name) or "missing" for name in _CORE},
        "optional": {
            name: _version(name) or f"not installed: pip install 'diptych[{extra}]'"
            for name, extra in _OPTIONAL.items()
        },
        "keys": {name: "set" if os.environ.get(name) else "not set" for name in _KEYS},
        "devices": {"processors": os.cpu_count(), "nvidia": "found" if shutil.which("nvidia-smi") else "not found"},
    }


def _kernels() -> dict[str, Any]:
    """Each kernel does a small job with a known answer."""
    import numpy as np

    from diptych import _native
    from diptych.utils.hashing import hash_texts

    exceed, _ = _native.PermutationTest.sign_flips(np.ones((4, 1)), 0, True).count(0, 16, 1)
    rows, _, _, _ = _native.parse_jsonl(b'{"a": 1}\n', "doctor", "error", 100, 1)
    labels = np.array([0, 1], np.int32)
    return {
        "version matches": _native.__version__ == __version__,
        "hash": hash_texts("doctor", ["a"]).shape == (1, 32),
        "jsonl": rows == [{"a": 1}],
        "matching": _native.contingency(labels, labels, 2, 2, 1).tolist() == [[1, 0], [0, 1]],
        "permutation": exceed.tolist() == [2],
    }


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
