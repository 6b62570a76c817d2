"""Requests left with a provider in batches, and fetched: by this run of the command or by the next."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Set

from diptych._types import Json, Progress
from diptych.errors import ModelError
from diptych.models.batches import BatchingClient, BatchState
from diptych.models.ledger import Ledger
from diptych.models.requests import Answer, Failure, Reply, Request, Sampling


class BatchRun:
    """Leaves requests, writes down where they are, and comes for the answers.

    What is left with a provider is in the ledger before anything else is done, so that a run that is killed while it
    waits goes on waiting when it is started again. A process that dies between a provider's yes and that line leaves a
    batch that nobody will fetch: nothing on this side can rule that out.

    Parameters
    ----------
    model : that is asked
    sampling : how answers are drawn
    ledger : knows what is with the provider
    progress : told what the provider says
    keep : takes what came of requests, by key, and puts it down
    """

    def __init__(
        self,
        model: BatchingClient,
        sampling: Sampling,
        ledger: Ledger,
        progress: Progress,
        keep: Callable[[Mapping[str, Answer]], None],
    ) -> None:
        self._model, self._sampling, self._ledger = model, sampling, ledger
        self._progress, self._keep = progress, keep

    def send(self, asked: Mapping[str, Request]) -> None:
        """Leave requests, by key, in as many batches as the provider's limits make necessary.

        Raises
        ------
        ModelError
            If the provider does not take them; what it took before is in the ledger.
        """
        for items in self._model.portions(asked, self._sampling):
            batch_id = self._model.send_batch(items)
            self._ledger.keep_batch(batch_id, self._model.name, [item["custom_id"] for item in items])
            self._progress.say(f"batch {batch_id}: {len(items):,} requests left with {self._model.provider}")

    def fetch(self, asked: Mapping[str, Request]) -> None:
        """Wait for each batch that holds any of the requests, and keep what came of those.

        Parameters
        ----------
        asked : by key; others in the same batch stay with the provider for a run that wants them

        Raises
        ------
        ModelError
            If a provider refused a batch, or does not say how far it is; the same command goes on.
        """
        for batch_id, known in self._ledger.batches(self._model.name).items():
            if wanted := {key: asked[key] for key in known if key in asked and not known[key]}:
                self._fetch(batch_id, known.keys(), wanted)

    def _fetch(self, batch_id: str, keys: Set[str], wanted: Mapping[str, Request]) -> None:
        state = self._wait(batch_id, len(keys))
        if state is not None and state.refusal:
            self._ledger.end_batch(batch_id, keys)
            raise ModelError(
                f"{self._model.name}: the provider refused batch {batch_id} ({state.refusal:.240}).\n"
                "Nothing of it was answered; the same command asks again."
            )
        if state is None:
            unknown = Failure("bad_request", f"the provider does not know batch {batch_id}; is it the same account?")
            self._keep(dict.fromkeys(wanted, unknown))
        else:
            self._keep(self._answers(batch_id, self._model.results(state), keys, wanted))
        self._ledger.end_batch(batch_id, wanted)

    def _wait(self, batch_id: str, n_requests: int) -> BatchState | None:
        said: BatchState | None = None
        while (state := self._model.batch_state(batch_id)) is not None:
            if state != said:
                self._progress.say(f"batch {batch_id}: {state.status}, {state.n_done:,} of {n_requests:,} done")
            if state.ended:
                break
            said = state
            time.sleep(self._model.poll_s)
        return state

    def _answers(
        self, batch_id: str, lines: list[Json], keys: Set[str], wanted: Mapping[str, Request]
    ) -> dict[str, Answer]:
        """By key, whatever the order of the lines; the first answer to a request is the one that counts."""
        found: dict[str, Answer] = {}
        n_foreign = n_twice = 0
        for line in lines:
            key = line["custom_id"]
            if key not in wanted:
                n_foreign += key not in keys
                continue
            answer = self._model.answer_in(line, wanted[key], self._sampling)
            n_twice += key in found
            if key not in found or (isinstance(answer, Reply) and isinstance(found[key], Failure)):
                found[key] = answer
        silent = Failure("bad_response", f"batch {batch_id} does not say what came of it")
        if n_foreign or n_twice:
            warnings.warn(
                f"batch {batch_id}: {n_twice} results came twice (the first answer was taken), "
                f"{n_foreign} belong to no request (left out)",
                stacklevel=2,
            )
        return {key: found.get(key, silent) for key in wanted}
