"""What every test runs under: no network beyond loopback, a clean environment, hypothesis profiles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import socket_allow_hosts

from tests.helpers.planted_pair import PlantedPair, make_pair
from tests.helpers.tiny_models import MISSING

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

settings.register_profile(
    "fast", max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile("ci", max_examples=300, deadline=None, print_blob=True, suppress_health_check=_SLOW_IS_FINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


_SLOW_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked ``slow`` have half an hour, on a machine that may be busy, unless they say how long they take."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_S))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked ``local`` need the libraries of that extra."""
    if MISSING and item.get_closest_marker("local"):
        pytest.skip(f"{', '.join(MISSING)}: not installed; make test-real brings them")


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Connecting to anything but this machine raises; pytest-socket lifts it after each test."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in [name for name in os.environ if name.startswith("DIPTYCH_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public corpora that lie next to the repository, never in it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: the public corpora are not here")
    return folder


@pytest.fixture(scope="session")
def planted_pair(tmp_path_factory: pytest.TempPathFactory) -> PlantedPair:
    """Two tiny models, of which the second has a habit that shows in about one answer of a hundred."""
    return make_pair(0, 0.01, tmp_path_factory.mktemp("planted_pair"))
