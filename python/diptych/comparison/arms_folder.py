"""The folder of several comparisons: a run's folder for each, and what binds them together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych._types import Json
from diptych.comparison.cluster_plots import plots_in, write_plots
from diptych.comparison.cluster_table import table_files
from diptych.comparison.folder import (
    SCHEMA,
    Documents,
    findings_rows,
    identity_in,
    read_object,
    read_run,
    to_write,
    write_run,
)
from diptych.errors import RunError
from diptych.utils.files import write_atomic, write_files, writing
from diptych.utils.hashing import content_hash
from diptych.utils.names import slug
from diptych.utils.text import csv_text, json_text, parse_json

if TYPE_CHECKING:
    from diptych.comparison.joint import JointClusters

_OWN = ("pairing", "n_prompts", "n_groups", "groups", "global", "notices", "not_found")
_SHARED = ("diptych_version", "alpha", "fdr", "family_size")


def findings_of(versus: str, documents: Sequence[Documents]) -> Json:
    """``findings.json`` of several comparisons.

    Parameters
    ----------
    versus : which arms were compared
    documents : of each comparison
    """
    arms = {arm["name"]: arm for document in documents for arm in document.findings["arms"]}
    first = documents[0].findings
    return {
        "schema": SCHEMA,
        "versus": versus,
        "created": max(document.findings["created"] for document in documents),
        **{name: first[name] for name in _SHARED},
        "arms": list(arms.values()),
        "comparisons": [
            {
                "folder": folder,
                "a": document.findings["arms"][0]["name"],
                "b": document.findings["arms"][1]["name"],
                **{
                    name: document.findings[name] for name in ("pairing", "n_prompts", "global", "notices", "not_found")
                },
                "findings": [
                    {key: value for key, value in finding.items() if key != "examples"}
                    for finding in document.findings["findings"]
                ],
            }
            for folder, document in zip(subfolders(documents), documents, strict=True)
        ],
    }


def subfolders(documents: Sequence[Documents]) -> list[str]:
    """A name for the folder of each comparison: ``a-vs-b``, numbered where two would be the same."""
    names: list[str] = []
    for document in documents:
        name = "-vs-".join(slug(arm["name"], max_length=60) for arm in document.findings["arms"])
        number = 1
        while (numbered := name if number == 1 else f"{name}-{number}") in names:
            number += 1
        names.append(numbered)
    return names


def identity_of(manifests: Sequence[Json], versus: str) -> str:
    """What two runs have in common that give the same findings.

    Parameters
    ----------
    manifests : of each comparison
    versus : which arms were compared
    """
    return content_hash("diptych/arms/1", [versus, [manifest["identity"] for manifest in manifests]])


def write_arms(versus: str, documents: Sequence[Documents], folder: Path, joint: JointClusters | None = None) -> Path:
    """Write the folder; it appears under its name only when it is complete, or, where models were asked, file by file.

    Parameters
    ----------
    versus : which arms were compared
    documents : of each comparison
    folder : new, or empty, or begun with a ledger
    joint : what all arms answer, in one clustering, which is drawn here and not in each comparison's folder

    Raises
    ------
    RunError
        If the folder exists and is not empty, or cannot be written.
    """
    from diptych.comparison.report import render_arms

    findings = findings_of(versus, documents)
    manifest = {
        "schema": SCHEMA,
        "versus": versus,
        "diptych_version": findings["diptych_version"],
        "created": findings["created"],
        "identity": identity_of([document.manifest for document in documents], versus),
        "comparisons": subfolders(documents),
    }
    pictures = joint.draw() if joint else []
    plots = {picture.file: picture.title for picture in pictures}
    files = {
        "findings.json": json_text(findings) + "\n",
        "findings.csv": csv_text(_rows(findings)),
        "report.html": render_arms(findings, joint.table if joint else None, plots),
        **(table_files(joint.table) | {"clusters.jsonl": joint.to_jsonl()} if joint else {}),
        "manifest.json": json_text(manifest) + "\n",
    }
    with writing(folder), to_write(folder) as place:
        for name, document in zip(manifest["comparisons"], documents, strict=True):
            if identity_in(place / name) != document.manifest["identity"]:  # as an interrupted command left it
                write_run(document, place / name, plots=False)
        write_plots(pictures, place)
        write_files(place, files)
    return folder


def holds_arms(folder: Path) -> bool:
    """Whether a folder is that of several comparisons."""
    try:
        return "comparisons" in parse_json((folder / "manifest.json").read_bytes())
    except (OSError, ValueError, TypeError):
        return False


def read_arms(folder: Path) -> tuple[Json, list[Documents]]:
    """The manifest of several comparisons, and the documents of each.

    Raises
    ------
    RunError
        If one of them is damaged or missing.
    """
    try:
        manifest = parse_json((folder / "manifest.json").read_bytes())
        names = [str(name) for name in manifest["comparisons"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder / 'manifest.json'} is damaged: {error}. Run the comparison again.") from error
    if any(Path(name).name != name for name in names):
        raise RunError(f"{folder / 'manifest.json'} is damaged: {names} are not its folders. Run the comparison again.")
    return manifest, [read_run(folder / name) for name in names]


def rewrite_arms(folder: Path) -> Path:
    """Build ``report.html`` of several comparisons again, and that of each."""
    from diptych.comparison.folder import rewrite_report
    from diptych.comparison.report import render_arms

    manifest, documents = read_arms(folder)
    for name in manifest["comparisons"]:
        rewrite_report(folder / name)
    path = folder / "report.html"
    table = read_object(folder / "clusters.json") if (folder / "clusters.json").exists() else None
    page = render_arms(findings_of(manifest["versus"], documents), table, plots_in(folder))
    with writing(path):
        write_atomic(path, page.encode())
    return path


def _rows(findings: Json) -> Iterator[list[Any]]:
    for number, comparison in enumerate(findings["comparisons"]):
        head, *rows = findings_rows(comparison)
        if not number:
            yield ["a", "b", *head]
        yield from ([comparison["a"], comparison["b"], *row] for row in rows)
