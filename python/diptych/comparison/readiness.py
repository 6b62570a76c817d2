"""What a run needs besides answers, looked for before anyone is asked: keys, libraries, weights."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from diptych.comparison.folder import ledgers_beside
from diptych.embeddings import encoders
from diptych.embeddings.settings import EmbedderSettings
from diptych.models.api_clients import BaseAPIClient
from diptych.models.ledger import DAMAGE, read_only
from diptych.models.requests import Model


def check_ready(ledger: Path, models: Iterable[Model], embedder: EmbedderSettings | None = None) -> None:
    """Refuse a run that would pay for answers, and then stop for want of a key or a library.

    A model of which this ledger holds answers, or one beside it, may have nothing to say any more, and is left alone;
    so is the embedder of a run that has answers.

    Parameters
    ----------
    ledger : file of the run's, which need not be there
    models : that will be asked
    embedder : that will be needed for answers that are not there yet; None for none

    Raises
    ------
    MissingExtraError
        If a library is not installed.
    ModelError
        If there is no key, or the embedder's weights cannot be loaded.
    """
    own = _models_in(ledger)
    asked = [model for model in models if isinstance(model, BaseAPIClient) and model.name not in own]
    if asked:
        beside = {name for path in ledgers_beside(ledger) for name in _models_in(path)}
        for model in asked:
            if model.name not in beside:
                model.check_ready()
    if embedder is not None and not own:
        encoders.check_ready(embedder.embedder, embedder.embedder_args)


def _models_in(path: Path) -> tuple[str, ...]:
    """Names of the models of which a ledger holds answers; none where it cannot be read. Takes no lock."""
    try:
        with closing(read_only(path)) as database:
            return tuple(name for (name,) in database.execute("SELECT DISTINCT asked FROM answers"))
    except DAMAGE:
        return ()
