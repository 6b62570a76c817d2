"""``diptych cache``: what is in an embedding store, whether it is whole, the way in and out of it, and what may go."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.console import Exit, errors_as_messages, note, progress_on_stderr, say
from diptych.errors import ConfigError

app = typer.Typer(help="The store of embeddings: stats, verify, gc, export, import.", no_args_is_help=True)

_Store = Annotated[
    Path,
    typer.Option("--cache-dir", help="Folder of the store.", envvar="DIPTYCH_CACHE_DIR", show_envvar=False),
]
_Json = Annotated[bool, typer.Option("--json", help="Print the same as JSON.")]


@app.command("stats")
def stats(cache_dir: _Store, json: _Json = False) -> None:
    """Say which spaces the store holds, with rows and bytes; a space names all that changes a vector."""
    with errors_as_messages():
        from diptych.embeddings.cache import EmbeddingCache

        found = EmbeddingCache(cache_dir, read_only=True).stats()
        if json:
            say(json_module.dumps([entry._asdict() for entry in found], indent=1))
            return
        for entry in found:
            say(f"{entry.n_rows:>12,} rows x {entry.dim:<6} {entry.n_bytes / 2**20:>10,.1f} MiB  {entry.space}")
        total = sum(entry.n_bytes for entry in found) / 2**20
        say(f"{sum(entry.n_rows for entry in found):>12,} rows, {total:,.1f} MiB, {len(found)} spaces")


@app.command("verify")
def verify(cache_dir: _Store, json: _Json = False) -> None:
    """Read every vector and check it against its checksum. Exit code 1 where something is damaged."""
    with errors_as_messages():
        from diptych.embeddings.cache import EmbeddingCache

        faults = EmbeddingCache(cache_dir, read_only=True).verify()
        if json:
            say(json_module.dumps({"faults": faults}, indent=1))
        else:
            for fault in faults:
                say(fault)
            say(f"{len(faults)} faults; no damaged vector is ever served" if faults else "every vector is whole")
    if faults:
        raise typer.Exit(Exit.ERROR)


@app.command("gc")
def gc(
    cache_dir: _Store,
    space: Annotated[list[str] | None, typer.Option("--space", help="Only this space; repeat for more.")] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", help="Vectors put in longer ago than so many days.", min=0)
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", help="The oldest, until the rest takes no more: 500MB, 2GiB.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, remove nothing.")] = False,
    json: _Json = False,
) -> None:
    """Remove vectors: of spaces that no one needs, old ones, or the oldest where the store is too large.

    A space goes whole unless --older-than or --max-size is given too. Without any limit, only files that a crash left
    behind go.
    """
    with errors_as_messages():
        from diptych.embeddings.cache import EmbeddingCache

        removed = EmbeddingCache(cache_dir, read_only=dry_run).gc(
            spaces=space or None,
            older_than=None if older_than is None else timedelta(days=older_than),
            max_bytes=None if max_size is None else _bytes(max_size),
            dry_run=dry_run,
        )
        if json:
            entries = [entry._asdict() for entry in removed.spaces]
            say(json_module.dumps({**removed._asdict(), "spaces": entries, "dry_run": dry_run}, indent=1))
            return
        for entry in removed.spaces:
            say(f"{entry.n_rows:>12,} rows x {entry.dim:<6} {entry.n_bytes / 2**20:>10,.1f} MiB  {entry.space}")
        verb = "would go" if dry_run else "removed"
        files = f" and {removed.n_stray_files} stray files" if removed.n_stray_files else ""
        say(f"{removed.n_rows:>12,} rows{files}, {removed.n_bytes / 2**20:,.1f} MiB, {verb}")


@app.command("export")
def export(
    cache_dir: _Store,
    out: Annotated[Path, typer.Option("--out", help="New folder to write.")],
    space: Annotated[list[str] | None, typer.Option("--space", help="Only this space; repeat for more.")] = None,
    json: _Json = False,
) -> None:
    """Write vectors as safetensors with a table of contents in JSON lines, for another store or program."""
    with errors_as_messages():
        from diptych.embeddings.cache import EmbeddingCache
        from diptych.embeddings.exchange import export_vectors

        cache = EmbeddingCache(cache_dir, read_only=True)
        with progress_on_stderr() as progress:
            parts = export_vectors(cache, out, spaces=space or (), progress=progress)
        if json:
            say(json_module.dumps([asdict(part) for part in parts], indent=1, ensure_ascii=False))
        else:
            say(f"{sum(part.n_rows for part in parts):,} vectors in {len(parts)} files: {out}")


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="Folder of an export, or a statement_embeddings.json.")],
    cache_dir: _Store,
    json: _Json = False,
) -> None:
    """Put exported vectors, or those of the original research code, into a store.

    A text keeps the vector that it has; what cannot be taken is said, entry by entry.
    """
    with errors_as_messages():
        from diptych.embeddings.cache import EmbeddingCache
        from diptych.embeddings.exchange import import_vectors, read_export
        from diptych.embeddings.original import import_statement_embeddings, read_statement_embeddings

        # What is to be imported is checked before a store is made.
        refused: tuple[str, ...] = ()
        if source.is_dir():
            export = read_export(source)
            cache = EmbeddingCache(cache_dir)
            with progress_on_stderr() as progress:
                brought = import_vectors(cache, export, progress=progress)
        else:
            statements = read_statement_embeddings(source)
            brought, refused = import_statement_embeddings(EmbeddingCache(cache_dir), statements), statements.refused
        for sentence in refused:
            note(f"left out: {sentence}")
        if json:
            say(json_module.dumps({**asdict(brought), "refused": list(refused)}, indent=1))
        else:
            say(f"{brought.n_new:,} new vectors, {brought.n_kept:,} that were there already, {len(refused):,} left out")


def _bytes(size: str) -> int:
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        return int(TypeAdapter(ByteSize).validate_python(size))
    except ValidationError:
        msg = f"--max-size: got {size!r}; give a number of bytes with or without a unit, as in 500MB or 2GiB"
        raise ConfigError(msg) from None
