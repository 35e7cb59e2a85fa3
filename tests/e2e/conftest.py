"""What several end-to-end tests need and is slow to make: once a session. And the order of the files."""

from pathlib import Path

import pytest

from tests.e2e.rendered_chart import Helm, find_helm

HERE = Path(__file__).parent
LONG = (
    *("test_real_core.py", "api/test_controller_routes_real.py", "test_start_command.py"),
    *("api/test_controller_interrupted.py", "api/test_controller_faults.py"),
    *("test_demo_simulator.py", "test_hostile_readers.py", "test_deadly_lengths.py", "test_demo_core.py"),
    *("test_cluster_lifecycle.py", "test_alert_rules.py", "api/test_prometheus.py", "test_scalers_restarted.py"),
    *("api/test_docs_manifests.py", "api/test_two_clusters.py", "test_docs_site.py", "test_backtest.py"),
    *("test_router_faults.py", "test_page_reading.py", "test_gate_limits.py", "test_core_command_line.py"),
)
"""Files that take half a minute or more: they come first, so that at the end no worker is left alone with one."""
_PLACES = {HERE / name: place for place, name in enumerate(LONG)}
assert all(path.is_file() for path in _PLACES), "one was renamed"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long first, as they are listed."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(_PLACES)))


@pytest.fixture(scope="session")
def helm() -> Helm:
    return find_helm()
