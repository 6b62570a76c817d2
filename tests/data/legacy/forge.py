"""Files as the original research code left them, small, and some that nobody should open with a plain unpickler."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.data.legacy.survey import Found

STATEMENTS = ["I like tea.", "I fear the sea.", "I like tea."]
PERSONAS = {"Google Chat": "You are Google.", "Bing Chat": "You are Bing."}


def lines(found: Found, name: str) -> list[Any]:
    """The rows of a file that was made, which are JSON to the letter."""
    return [json.loads(line, parse_constant=pytest.fail) for line in found.files[name].decode().splitlines()]


class Planted:
    """Makes a folder when it is unpickled by what trusts it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (os.fspath(self.target),)


class Foreign:
    """Pickled under the name of a class of another library, with fields."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def under_another_name(value: Any, module: str, name: str) -> bytes:
    """A `Foreign`, pickled; protocol 3 names its class on two lines, which are put in place of ours."""
    ours = f"c{Foreign.__module__}\nForeign\n".encode()
    data = pickle.dumps(value, protocol=3)
    assert ours in data
    return data.replace(ours, f"c{module}\n{name}\n".encode())


def results(statements: Sequence[str] = STATEMENTS) -> Any:
    """A stage ``all_query_results`` of two models."""
    made = []
    for model in (("openai", "gpt-4"), ("local", "org/small")):
        responses = [f"{model[1]} says {i}." for i in range(len(statements))]
        asked = [f'React to "{text}":\n' for text in statements]
        made.append(
            {
                "model_info": {"model_family": model[0], "model_name": model[1], "system_message": "Be an AI."},
                "inputs": list(statements),
                "responses": responses,
                "full_conversations": [ask + say for ask, say in zip(asked, responses, strict=True)],
            }
        )
    return made


def write_stage(base: Path, kind: str, stage: str, value: Any) -> Path:
    path = base / "saved_data" / kind / f"{stage}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=4))
    return path


def whole_run(base: Path) -> Path:
    """A ``data`` folder with one of everything."""
    joint = [
        {
            "model_num": m,
            "statement": text,
            "response": f"{m} on {text}",
            "embedding": [float(i + 1), 2.0, float(m + 1), 4.0],
            "model_name": f"gpt-{m}",
        }
        for m in range(2)
        for i, text in enumerate(STATEMENTS[:2])
    ]
    approvals = [
        {"approvals": {"gpt-4": {"Bing Chat": 1, "Google Chat": -1}}, "statement": STATEMENTS[0]},
        {"approvals": {"gpt-4": {"Bing Chat": 0, "Google Chat": 1}}, "statement": STATEMENTS[1]},
    ]
    write_stage(base, "all_query_results", "aaa", results())
    write_stage(base, "joint_embeddings_all_llms", "bbb", joint)
    write_stage(base, "approvals_statements_personas", "ccc", approvals)
    write_stage(base, "tsne_reduction", "ddd", np.arange(6, dtype=np.float32).reshape(3, 2))
    write_stage(base, "spectral_clustering", "eee", np.array([0, 1, 1], np.int32))
    fitted = Foreign(labels_=np.array([1, 0], np.int32), cluster_centers_=np.asfortranarray(np.eye(2)), n_clusters=2)
    write_stage(base, "chosen_clustering", "fff", under_another_name(fitted, "sklearn.cluster._kmeans", "KMeans"))
    rows = [["0", 7, "49.4%", "50.6%", "tea", "sea", "both"]]
    write_stage(base, "compile_cluster_table_model_comparisons", "ggg", rows)
    write_stage(base, "hierarchical_clustering_personas", "hhh", {"gpt-4": (np.eye(2), ["1 : tea"], [[1]], [[1]], 2)})
    metadata = base / "metadata"
    metadata.mkdir()
    (metadata / "data_metadata.yaml").write_text(
        "joint_embeddings_all_llms:\n  bbb:\n    file_path: elsewhere/bbb.pkl\n    config:\n"
        "      model_settings:\n        models:\n        - !!python/tuple\n          - openai\n          - gpt-4\n"
        "      embedding_settings: {embedding_model: text-embedding-ada-002}\n"
    )
    (metadata / "run_metadata.yaml").write_text(
        "run_0:\n  model_names: [gpt-4]\n  n_statements: 3\n  data_file_ids: {all_query_results: aaa}\n"
    )
    (base / "prompts").mkdir()
    awareness = {"Unaware": "You do <X>."}
    (base / "prompts" / "approval_prompts.json").write_text(json.dumps({"personas": PERSONAS, "awareness": awareness}))
    (base / "config.yaml").write_text(
        "default:\n  random_state: 42\n  model_settings: {temperature: 0.01, models: [[openai, gpt-4]]}\n"
        "  data_settings: {datasets: [all], n_statements: 5000}\n"
        "  prompt_settings: {approval_prompt_template: 'Yes or no: {statement}'}\n"
        "  plot_settings: {hide_plots: [all]}\n"
        "  embedding_settings: {embedding_model: text-embedding-ada-002}\n"
        "quick:\n  data_settings: {n_statements: 60}\n  model_settings: {models: [[local, org/small]]}\n"
    )
    cache = {
        f"{text}_ada": {"statement": text, "embedding": [i + 1.0, 2.0], "embedding_model": "text-embedding-ada-002"}
        for i, text in enumerate(STATEMENTS[:2])
    }
    (base / "statement_embeddings.json").write_text(json.dumps(cache))
    tables = base / "results" / "tables"
    tables.mkdir(parents=True)
    (tables / "cluster_results_table.csv").write_text("ID,N,gpt-4,Inputs Themes\n0,7,49.4%,=tea\n")
    (tables / "notes.txt").write_text("mine")
    return base
