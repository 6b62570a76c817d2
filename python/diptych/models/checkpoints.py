"""Weights on the disk: found, refused where loading them could run code, and known by their content."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import ModelError
from diptych.utils.extras import require_extra

_READ = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
"""What is fetched, read and hashed; nothing that could hold code."""
_NOT_READ = ("consolidated*", "original/*", "training_args*", "trainer_state*", "README*")
_PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights that is safe to load.

    Parameters
    ----------
    name : as it was asked for; of a folder only its last part
    folder : where it lies
    revision : commit of the repository that it came from; None for a folder
    """

    name: str
    folder: Path
    revision: str | None = None

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over names and contents of all files that are read: equal for equal copies, wherever they lie."""
        whole = hashlib.sha256()
        for path in _files(self.folder):
            with path.open("rb") as file:
                whole.update(f"{path.relative_to(self.folder)} ".encode())
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()


def find_checkpoint(name: str, *, revision: str | None = None, kind: str = "model") -> Checkpoint:
    """The weights of a name: of a folder, or of the hub, from where they are fetched if they are not here yet.

    Parameters
    ----------
    name : a folder, or ``owner/model`` on the Hugging Face hub
    revision : branch, tag or commit on the hub
    kind : ``model`` or ``adapter``

    Raises
    ------
    ModelError
        If there is nothing of that name, or its weights are not safetensors.
    MissingExtraError
        Without the libraries of the extra ``local``.
    """
    if Path(name).is_dir():
        found = Checkpoint(Path(name).resolve().name, Path(name))
    else:
        folder = _fetch(name, revision)
        found = Checkpoint(name, folder, folder.name)
    wanted = "adapter_config.json" if kind == "adapter" else "config.json"
    if not (found.folder / wanted).is_file():
        raise ModelError(f"hf/{name}: no {kind} is in there: it has no {wanted}")
    if not any(path.suffix == ".safetensors" for path in _files(found.folder)):
        raise ModelError(_refusal(found, kind))
    return found


def _files(folder: Path) -> list[Path]:
    paths = {path for pattern in _READ for path in folder.glob(pattern) if path.is_file()}
    return sorted(path for path in paths if not any(path.relative_to(folder).match(pattern) for pattern in _NOT_READ))


def _fetch(name: str, revision: str | None) -> Path:
    require_extra("huggingface_hub", extra="local")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=list(_READ), ignore_patterns=list(_NOT_READ))
        )
    except HFValidationError:
        raise ModelError(f"hf/{name}: no such folder, and no name of a model on the hub (owner/model)") from None
    except RepositoryNotFoundError:
        raise ModelError(f"hf/{name}: the hub has no such model, or it is private (set HF_TOKEN)") from None
    except LocalEntryNotFoundError:
        raise ModelError(f"hf/{name}: not on this machine, and the hub cannot be reached") from None
    except OSError as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        raise ModelError(f"hf/{name} cannot be fetched: {first}") from None


def _refusal(found: Checkpoint, kind: str) -> str:
    pickled = sorted(path.name for path in found.folder.iterdir() if path.suffix in _PICKLED)
    if found.revision is None and not pickled:
        return f"hf/{found.name}: no weights are in there (*.safetensors)"
    if kind == "adapter":
        return f"hf/{found.name}: {', '.join(pickled) or 'its weights'} could run code; save it as safetensors"
    source, new = found.name if found.revision else str(found.folder), f"{found.folder.name}-safe"
    return (
        f"hf/{found.name}: {', '.join(pickled) or 'its weights'}: pickled weights, which could run code when they are "
        "loaded. They were not opened. Convert them (this reads tensors and nothing else, and runs no code):\n"
        f'python -c "from transformers import AutoModelForCausalLM as M, AutoTokenizer as T; '
        f"M.from_pretrained({source!r}, use_safetensors=False, weights_only=True).save_pretrained({new!r}); "
        f'T.from_pretrained({source!r}).save_pretrained({new!r})"'
    )
