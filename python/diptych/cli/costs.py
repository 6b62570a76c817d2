"""What asking takes, and what it took, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.utils.amounts import counted

if TYPE_CHECKING:
    from diptych.comparison.generated import Generation
    from diptych.comparison.readers import Reader
    from diptych.models.prices import Estimate
    from diptych.models.requests import Model
    from diptych.models.spending import Spent

_SECONDS_A_TOKEN = 0.02


def describe(generation: Generation, missing: Estimate) -> Iterator[str]:
    """What asking will take, for ``--dry-run``."""
    n_prompts, draws = len(generation.asked), generation.draws
    total = n_prompts * draws
    left = f"{missing.n_requests:,} of {counted(total, 'request')} to ask"
    yield f"{generation.model.name}: {counted(n_prompts, 'prompt')}, {counted(draws, 'answer')} each: {left}"
    yield from describe_takes(generation.model, generation.sampling.max_tokens, missing)


def describe_readers(expected: Iterable[tuple[Reader, Estimate]]) -> Iterator[str]:
    """What models that help to read will take, for ``--dry-run``; nothing has been proposed yet, so it is a bound.

    Parameters
    ----------
    expected : of each, what it is asked at most
    """
    from diptych.comparison.readers import SAMPLING

    for reader, most in expected:
        yield f"{reader.model.name}, to read: at most {most.n_requests:,} requests; what the ledger holds is not asked"
        yield from describe_takes(reader.model, SAMPLING.max_tokens, most)


def describe_takes(model: Model, max_tokens: int, missing: Estimate) -> Iterator[str]:
    """Tokens, price and time of requests.

    Parameters
    ----------
    model : that is asked
    max_tokens : of an answer
    missing : what is still to be asked
    """
    yield f"tokens: about {missing.input_tokens:,} in, at most {missing.max_output_tokens:,} out"
    yield f"price: {'unknown' if missing.max_usd is None else f'at most about {dollars(missing.max_usd)}'}"
    if getattr(model, "batched", False):
        yield "time: within 24 hours, in batches"
        return
    at_once, seconds = at_once_of(model), most_seconds(model, max_tokens, missing)
    yield f"time: at most about {duration(seconds)}, at {1 / _SECONDS_A_TOKEN:.0f} tokens a second, {at_once} at once"


def at_once_of(model: Model) -> int:
    """Requests to a model that are out at once."""
    return int(getattr(getattr(model, "options", model), "concurrency", 1))


def most_seconds(model: Model, max_tokens: int, missing: Estimate) -> float:
    """How long it takes to ask what is missing, if every answer is as long as it may be.

    Parameters
    ----------
    model : that is asked
    max_tokens : of an answer
    missing : how many requests
    """
    return missing.n_requests * (1 + _SECONDS_A_TOKEN * max_tokens) / at_once_of(model)


def describe_embedding(
    embedder: str, options: Mapping[str, Any], texts: Sequence[str], cache_dir: Path | None
) -> Iterator[str]:
    """What asking for vectors will take, for ``--dry-run``; nothing where nothing is asked.

    Parameters
    ----------
    embedder, options : that turns texts into vectors
    texts : any number
    cache_dir : of vectors that need not be asked for
    """
    from diptych.embeddings.encoders import is_asked
    from diptych.embeddings.interfaces import estimate_embedding
    from diptych.embeddings.service import EmbeddingService

    if is_asked(embedder):
        left = EmbeddingService(store_to_look_in(cache_dir), embedder, options=options).missing(texts)
        missing = estimate_embedding(embedder, options, left)
        price = "unknown" if missing.max_usd is None else f"about {dollars(missing.max_usd)}"
        yield f"{embedder}: {missing.n_requests} texts to send, about {missing.input_tokens:,} tokens; price: {price}"


def describe_later_embedding(embedder: str, options: Mapping[str, Any], n_texts: int, max_tokens: int) -> Iterator[str]:
    """The same for answers that are yet to come.

    Parameters
    ----------
    embedder, options : that turns texts into vectors
    n_texts : at most
    max_tokens : of each, at most
    """
    from diptych.embeddings.encoders import is_asked
    from diptych.embeddings.interfaces import price_texts

    if is_asked(embedder):
        most = price_texts(embedder, options, n_texts, n_texts * max_tokens)
        price = "unknown" if most.max_usd is None else f"at most about {dollars(most.max_usd)}"
        yield f"{embedder}: at most {n_texts:,} texts to send, about {most.input_tokens:,} tokens; price: {price}"


def store_to_look_in(cache_dir: Path | None) -> Path | None:
    """A store of embeddings that is there already: what is only planned makes none."""
    return cache_dir if cache_dir is not None and (cache_dir / "index.sqlite").is_file() else None


def spent_in_words(spent: Spent) -> str:
    """What answers and vectors took, for people.

    Parameters
    ----------
    spent : sums; a price is told where that of every request is known

    Examples
    --------
    >>> from diptych.models.requests import Usage
    >>> from diptych.models.spending import Spent
    >>> spent_in_words(Spent(20, Usage(1000, 40), 0.5))
    '20 answers; 1,000 tokens in, 40 out; price 0.5 US dollars'
    """
    what = counted(spent.n_answers, "answer") if spent.n_answers or not spent.n_texts else ""
    vectors = f"vectors of {counted(spent.n_texts, 'text')}" if spent.n_texts else ""
    n_in, n_out = ("unknown" if n is None else f"{n:,}" for n in (spent.usage.input_tokens, spent.usage.output_tokens))
    out = f", {n_out} out" if spent.n_answers else ""
    price = "unknown" if spent.n_unpriced else dollars(spent.usd)
    return f"{' and '.join(filter(None, (what, vectors)))}; {n_in} tokens in{out}; price {price}"


def check_vectors_price(embedder: str, options: Mapping[str, Any], max_cost: float | None) -> None:
    """Refuse a limit that cannot be kept, before anything is asked.

    Parameters
    ----------
    embedder, options : that turns texts into vectors
    max_cost : US dollars; None for any amount

    Raises
    ------
    ConfigError
        If an interface is asked for vectors, and its price is not known.
    """
    from diptych.embeddings.encoders import is_asked
    from diptych.embeddings.interfaces import InterfaceEncoder

    if max_cost is not None and is_asked(embedder):
        InterfaceEncoder.open(embedder, options).budget(max_cost)


def dollars(usd: float) -> str:
    """A price in words.

    Examples
    --------
    >>> dollars(0.00012), dollars(12.5), dollars(0)
    ('0.00012 US dollars', '12.50 US dollars', '0 US dollars')
    """
    text = f"{usd:,.2f}" if usd >= 1 else f"{usd:.2g}"
    return f"{text} US dollars"


def duration(seconds: float) -> str:
    """A time in words.

    Examples
    --------
    >>> duration(20), duration(1800), duration(9000)
    ('20 s', '30 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
