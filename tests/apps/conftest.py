"""What several tests of applications look at."""

from __future__ import annotations

import pytest

from tests.helpers.planted_trigger import PlantedTrigger, plant_trigger


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedTrigger:
    """Two tiny models, the second with a trigger; made in ten seconds."""
    return plant_trigger(tmp_path_factory.mktemp("planted"))
