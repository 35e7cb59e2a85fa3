"""What several end-to-end tests need and is slow to make: once a session."""

import pytest

from tests.e2e.rendered_chart import Helm, find_helm


@pytest.fixture(scope="session")
def helm() -> Helm:
    return find_helm()
