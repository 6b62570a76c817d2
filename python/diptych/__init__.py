"""diptych puts language models side by side and says, with statistics that hold, how their behaviour differs.

>>> import diptych
>>> a = [{"prompt": f"Question {i}?", "response": "No."} for i in range(40)]
>>> b = [{"prompt": f"Question {i}?", "response": "No, and let me say why."} for i in range(40)]
>>> "b writes more words" in [finding.statement for finding in diptych.compare(a, b).findings]
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from diptych.clustering.pipeline import ClusteringPipeline
    from diptych.comparison.arms import Comparisons, compare_each
    from diptych.comparison.config import CompareConfig
    from diptych.comparison.findings import Example, Finding
    from diptych.comparison.generated import generate
    from diptych.comparison.result import Result
    from diptych.comparison.run import compare
    from diptych.config.base import BaseConfig
    from diptych.data.loaders import DataLoader
    from diptych.data.responses import Response, Responses
    from diptych.embeddings.cache import EmbeddingCache
    from diptych.embeddings.service import EmbeddingService
    from diptych.errors import DiptychError
    from diptych.models.api_clients import APIClientFactory, BaseAPIClient
    from diptych.models.manager import ModelManager
    from diptych.models.pairs import ModelPairManager
    from diptych.visualization.manager import VisualizationManager

_HOMES = {
    "APIClientFactory": "diptych.models.api_clients",
    "BaseAPIClient": "diptych.models.api_clients",
    "BaseConfig": "diptych.config.base",
    "ClusteringPipeline": "diptych.clustering.pipeline",
    "Comparisons": "diptych.comparison.arms",
    "CompareConfig": "diptych.comparison.config",
    "DataLoader": "diptych.data.loaders",
    "DiptychError": "diptych.errors",
    "EmbeddingCache": "diptych.embeddings.cache",
    "EmbeddingService": "diptych.embeddings.service",
    "Example": "diptych.comparison.findings",
    "Finding": "diptych.comparison.findings",
    "ModelManager": "diptych.models.manager",
    "ModelPairManager": "diptych.models.pairs",
    "Response": "diptych.data.responses",
    "Responses": "diptych.data.responses",
    "Result": "diptych.comparison.result",
    "VisualizationManager": "diptych.visualization.manager",
    "compare": "diptych.comparison.run",
    "generate": "diptych.comparison.generated",
    "compare_each": "diptych.comparison.arms",
}

__all__ = [
    "APIClientFactory",
    "BaseAPIClient",
    "BaseConfig",
    "ClusteringPipeline",
    "CompareConfig",
    "Comparisons",
    "DataLoader",
    "DiptychError",
    "EmbeddingCache",
    "EmbeddingService",
    "Example",
    "Finding",
    "ModelManager",
    "ModelPairManager",
    "Response",
    "Responses",
    "Result",
    "VisualizationManager",
    "__version__",
    "compare",
    "compare_each",
    "generate",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import diptych`` stays quick."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'diptych' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
