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
from diptych.errors import ConfigError
from diptych.utils.secrets import find_key

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
_EXTRAS = {
    "frames": ("pandas",),
    "parquet": ("pyarrow",),
    "exchange": ("ijson", "safetensors"),
    "local": ("torch", "transformers", "accelerate", "peft", "sentence-transformers"),
    "api": ("openai", "anthropic", "tenacity", "anyio", "genai-prices"),
    "plots": ("plotly", "kaleido"),
    "balanced": ("k-means-constrained",),
    "umap": ("umap-learn",),
}
"""What each extra installs; a library that several install stands with the first, `train` has no other than `local`."""
_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY")


def doctor(json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False) -> None:
    """Say what is installed, which keys are set (never their values), and which devices there are."""
    with errors_as_messages():
        found = _examine()
    if json:
        say(json_module.dumps(found, indent=1))
    else:
        width = max(len(name) for entries in found.values() for name in entries)
        for title, entries in found.items():
            say(title)
            for name, value in entries.items():
                say(f"  {name:<{width}} {value}")
    if not all(found["kernels"].values()):
        raise typer.Exit(Exit.ERROR)


def _examine() -> dict[str, dict[str, Any]]:
    return {
        "diptych": {"version": __version__, "python": platform.python_version(), "platform": platform.platform()},
        "kernels": _kernels(),
        "libraries": {name: _version(name) or "missing" for name in _CORE},
        "optional": {
            name: _version(name) or f"not installed: pip install 'diptych[{extra}]'"
            for extra, names in _EXTRAS.items()
            for name in names
        }
        | {"polars": _version("polars") or "not installed: pip install polars"},
        "keys": {name: _key(name) for name in _KEYS} | {"HF_TOKEN": "set" if os.environ.get("HF_TOKEN") else "not set"},
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


def _key(name: str) -> str:
    """As a model that is asked would find it: in the environment, else in the file ``.env``."""
    try:
        found = find_key(name)
    except ConfigError as error:
        return f"unusable: {error}"
    return "not set" if found is None else "set" if os.environ.get(name, "").strip() else "set in .env"


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
