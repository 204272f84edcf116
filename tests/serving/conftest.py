"""Applications in rules mode over the real catalogue."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from serving_app import App, running_app

from mapper_domain.catalog import Catalog
from mapper_serving import logs
from mapper_serving.state import Serving, rules_only

logs.configure("warning")
logging.getLogger("httpx2").setLevel("WARNING")  # the test client, which logs the URLs it asks for


@pytest.fixture(scope="session")
def rules(catalog: Catalog) -> Serving:
    """The state without a release."""
    return rules_only(catalog)


@pytest.fixture(scope="module")
def shared_app(tmp_path_factory: pytest.TempPathFactory, rules: Serving) -> Iterator[App]:
    """An application in rules mode for tests that look at answers only."""
    with running_app(tmp_path_factory.mktemp("shared"), rules) as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, rules: Serving) -> Iterator[App]:
    """An application in rules mode that remembers nothing of another one's answers."""
    with running_app(tmp_path, replace(rules)) as running:
        yield running
