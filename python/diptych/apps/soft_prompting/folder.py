"""The folder of a training: what it is for, where it stands, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych._types import Json, Vectors
from diptych.apps.soft_prompting.seeds import Seed, Seeds
from diptych.errors import RunError
from diptych.models.requests import Message
from diptych.models.soft_prompts import read_tensors
from diptych.utils.files import new_folder, write_atomic, writing
from diptych.utils.text import json_lines, json_text, parse_json

MANIFEST, SEEDS, CHECKPOINT, SUMMARY = "manifest.json", "seeds.jsonl", "checkpoint.json", "summary.json"
APPLICATION = "softprompt train"
"""What the manifest of a training calls it."""
SOFT_PROMPT, PEFT = "soft_prompt", "peft"


@dataclass(frozen=True)
class Begun:
    """A training that was begun.

    Parameters
    ----------
    manifest : what it is for
    seeds : its texts
    """

    manifest: Json
    seeds: Seeds


def begin(folder: Path, manifest: Json, seeds: Seeds) -> None:
    """Make the folder, with what it is for and the texts that are used.

    Parameters
    ----------
    folder : that is made
    manifest : settings and models
    seeds : the texts

    Raises
    ------
    RunError
        If it exists and is not empty, or cannot be made.
    """
    rows = json_lines(_as_json(row) for row in seeds.rows)
    with writing(folder), new_folder(folder) as place:
        write_atomic(place / SEEDS, rows.encode())
        write_atomic(place / MANIFEST, (json_text(manifest | {"seeds_file": seeds.origin}) + "\n").encode())


def read_begun(folder: Path, manifest: Json, *, what: str = "training") -> Seeds | None:
    """The texts of a training, or of a search, that was begun here; None where nothing was.

    Parameters
    ----------
    folder : of the training
    manifest : of the one that is wanted
    what : it is, in a word

    Raises
    ------
    RunError
        If another lies there: says in what they differ.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is no folder. Choose another --out.")
    if not folder.exists() or not any(folder.iterdir()):
        return None
    begun = read_texts(folder, what=what, remedy="Choose another --out.")
    if begun.manifest.get("identity") != manifest["identity"]:
        raise RunError(f"{folder} holds another {what}: {_difference(begun.manifest, manifest)}. Choose another --out.")
    return begun.seeds


def read_texts(folder: Path, *, what: str = "training", remedy: str = "Give the folder of one.") -> Begun:
    """What a training, or a search, was for, and its texts.

    Parameters
    ----------
    folder : of the training
    what : it is, in a word
    remedy : what to do if it is none

    Raises
    ------
    RunError
        If there is none, or it is damaged.
    """
    try:
        manifest = parse_json((folder / MANIFEST).read_bytes())
        rows = [parse_json(line) for line in (folder / SEEDS).read_text(encoding="utf-8").split("\n") if line]
        return Begun(manifest, Seeds(tuple(_from_json(row) for row in rows), manifest["seeds_file"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder} holds no {what} that can go on: {error}. {remedy}") from error


def read_seeds(folder: Path) -> Seeds | None:
    """The texts that a prompt was found on; None where the folder has none.

    Parameters
    ----------
    folder : of a training or a search

    Raises
    ------
    RunError
        If they are damaged.
    """
    try:
        lines = (folder / SEEDS).read_text(encoding="utf-8").split("\n")
        return Seeds(tuple(_from_json(parse_json(line)) for line in lines if line), {"source": str(folder / SEEDS)})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder / SEEDS} is damaged: {error!r}. Take a copy, or leave --baselines out.") from error


def save_checkpoint(folder: Path, arrays: Mapping[str, Vectors], rest: Json) -> None:
    """Write where a training stands; until all of it is on the disk, the checkpoint before it holds.

    Parameters
    ----------
    folder : of the training
    arrays, rest : of ``Trainer.state``
    """
    from safetensors.numpy import save

    name = f"checkpoint-{rest['n_done']}.safetensors"
    with writing(folder):
        write_atomic(folder / name, save(dict(arrays)))
        write_atomic(folder / CHECKPOINT, (json_text({"tensors": name, **rest}) + "\n").encode())
    for other in folder.glob("checkpoint-*.safetensors"):
        if other.name != name:
            other.unlink()


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], Json] | None:
    """Where a training stands; None where it has no checkpoint yet.

    Parameters
    ----------
    folder : of the training

    Raises
    ------
    RunError
        If it is damaged.
    """
    rest = read_object(folder / CHECKPOINT)
    if rest is None:
        return None
    name = str(rest.pop("tensors", ""))
    if not name or not isinstance(rest.get("n_done"), int):
        raise RunError(f"{folder / CHECKPOINT} is damaged: no tensors. Choose another --out, or delete the folder.")
    return read_tensors(folder / name), rest


def read_object(path: Path) -> Json | None:
    """The JSON object of a file; None where there is no file.

    Parameters
    ----------
    path : of the file

    Raises
    ------
    RunError
        If it cannot be read, or holds no object.
    """
    try:
        found = parse_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}. Choose another --out, or delete the folder.") from error
    if not isinstance(found, dict):
        raise RunError(f"{path} is damaged: {type(found).__name__}. Choose another --out, or delete the folder.")
    return found


def _difference(kept: Json, wanted: Json) -> str:
    """The first thing in which two manifests differ, with both values."""
    for part in ("config", "models"):
        one, other = kept.get(part), wanted[part]
        if one == other:
            continue
        if not isinstance(one, dict):
            return f"its {part} are others"
        name = next(name for name in {**one, **other} if one.get(name) != other.get(name))
        if part == "models":
            was, now = (of.get(name, {}).get("name", "not there") for of in (one, other))
            return f"model {name} was {was} and is {now}, with other weights"
        return f"{name} was {one.get(name)!r} and is {other.get(name)!r}"
    return f"diptych was {kept.get('diptych_version')} and is {wanted['diptych_version']}, or the prompts are others"


def _as_json(row: Seed) -> Json:
    messages = [{"role": message.role, "content": message.content} for message in row.messages]
    return {
        "prompt_id": row.prompt_id, "messages": messages, "tokens": list(row.tokens), "is_held_out": row.is_held_out,
    }  # fmt: skip


def _from_json(row: Json) -> Seed:
    messages = tuple(Message(one["role"], one["content"]) for one in row["messages"])
    return Seed(row["prompt_id"], messages, tuple(row["tokens"]), row["is_held_out"])
