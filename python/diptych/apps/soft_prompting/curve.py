"""What more vectors bring: a training for each number of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diptych._types import Json, Progress
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.plots import draw_by_tokens
from diptych.apps.soft_prompting.run import train
from diptych.models.divergence import MAX_BYTES
from diptych.utils.files import write_files, writing
from diptych.utils.text import json_text


def train_each(
    config: TrainConfig,
    counts: Sequence[int],
    folder: Path,
    *,
    options: Json | None = None,
    max_bytes: int = MAX_BYTES,
    progress: Progress,
) -> dict[int, Json]:
    """Train a soft prompt of each of some lengths; the summary of each.

    Parameters
    ----------
    config : of the trainings, but for the number of vectors
    counts : numbers of vectors; of several, each gets a folder ``tokens-N``, and a curve is drawn
    folder : of the training, or of all
    options, max_bytes, progress : as for ``train``
    """
    if len(counts) == 1:
        only = config.model_copy(update={"n_tokens": counts[0]})
        return {counts[0]: train(only, folder, options=options, max_bytes=max_bytes, progress=progress)}
    found = {}
    for n in counts:
        own = config.model_copy(update={"n_tokens": n})
        found[n] = train(own, folder / f"tokens-{n}", options=options, max_bytes=max_bytes, progress=progress)
    files = {"by_tokens.json": json_text({str(n): one for n, one in found.items()}) + "\n"}
    page = draw_by_tokens(found)
    if page is not None:
        files["by_tokens.html"] = page
    with writing(folder):
        write_files(folder, files)
    return found
