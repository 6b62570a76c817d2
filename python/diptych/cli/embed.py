"""``diptych embed FILE --out vectors.npz``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say
from diptych.cli.costs import check_vectors_price, describe_embedding, spent_in_words, store_to_look_in
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option
from diptych.errors import RunError

if TYPE_CHECKING:
    from diptych.embeddings.texts import Texts


def embed(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Texts: .jsonl, .json, .csv, .parquet, or .txt with one a line.")],
    out: Annotated[Path, option("out", "File of the vectors: .npz or .safetensors.", OUTPUT)],
    field: Annotated[str | None, option("field", "Field that holds the text.", INPUT, "recognised")] = None,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    batch_size: Annotated[
        int, option("batch-size", "Texts that are embedded and kept at a time.", METHOD, "256", least=1)
    ] = 256,
    threads: flags.Threads = None,
    cache_dir: Annotated[
        Path | None, option("cache-dir", "Keep embeddings here.", METHOD, "OUT.store, until OUT is there")
    ] = None,
    max_cost: asking.MaxCost = None,
    json: Annotated[bool, option("json", "Print what was done as JSON.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be embedded and cost.", OUTPUT)] = False,
) -> None:
    """Turn the texts of a file into vectors; the same command again goes on where it stopped.

    OUT holds `vectors` (float32, one row a text, in the order of the file), `texts`, `ids` where the records have them,
    and `about`. Embedders: lexical, st/MODEL (runs here), and openai/…, openrouter/…, openai-api/…, vllm/…, which are
    asked. Every flag is also a DIPTYCH_<FLAG> environment variable.
    """
    with errors_as_messages(resumes=True):
        from diptych.embeddings.encoders import check_encoder, make_encoder
        from diptych.embeddings.files import VectorFile, check_vector_path, write_vectors
        from diptych.embeddings.service import EmbeddingService
        from diptych.embeddings.texts import load_texts
        from diptych.models.registry import parse_options
        from diptych.models.spending import Purse
        from diptych.utils.text import json_text

        name, options = embedder or "lexical", parse_options(embedder_arg or ())
        check_encoder(name, options)
        limit = asking.check_max_cost(context)
        check_vectors_price(name, options, limit)
        check_vector_path(out)
        texts = load_texts(file, field=field, threads=flags.check_threads(threads))
        store = cache_dir or out.with_name(f"{out.name}.store")
        if dry_run:
            service = EmbeddingService(store_to_look_in(store), name, options=options)
            missing = service.missing(texts.texts)
            say(f"{file}: {len(texts.texts)} texts in {texts.field!r}; {len(missing)} to embed by {name}")
            for line in describe_embedding(name, options, texts.texts, store):
                say(line)
            say(f"would write {out}")
            return
        if out.exists():
            _refuse_other(out, texts, make_encoder(name, options).fingerprint)
            say(f"{out} already holds these very vectors; nothing was computed again")
            return
        is_ours = not store.exists() or store_to_look_in(store) is not None
        purse = Purse(limit)
        with progress_on_stderr() as progress:
            service = EmbeddingService(store, name, options=options, progress=progress, purse=purse)
            vectors = service.get_embeddings(texts.texts, batch_size=batch_size)
        about = {"embedder": name, "space": service.space, "n_truncated": service.n_truncated}
        write_vectors(out, VectorFile(vectors, texts.texts, texts.ids, about))
        if cache_dir is None and is_ours:
            shutil.rmtree(store, ignore_errors=True)
        for notice in service.notices:
            note(f"note: {notice}")
        n, dim = vectors.shape
        spent = purse.spent()
        cost = {"input_tokens": spent.usage.input_tokens, "usd": None if spent.n_unpriced else spent.usd}
        done = {"out": str(out), "n_texts": n, "dim": dim, **about, **cost}
        say(json_text(done) if json else f"{out}: {n:,} vectors of {dim} dimensions by {name}")
        if spent.n_texts:
            note(f"asked now: {spent_in_words(spent)}")


def _refuse_other(out: Path, texts: Texts, space: str) -> None:
    from diptych.embeddings.files import read_vectors

    there = read_vectors(out)
    if (there.texts, there.ids, there.about.get("space")) != (texts.texts, texts.ids, space):
        raise RunError(f"{out} exists, and holds other vectors. Choose another --out, or delete it.")
