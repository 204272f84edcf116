"""Applications that follow a pointer closely, and releases to point at."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from serving_app import App, running_app
from swapping import Engines, Maker

from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_serving.state import Serving

QUICK = {"release_poll_seconds": 0.05, "release_retry_seconds": 0.05}


@pytest.fixture
def made(tmp_path: Path, catalog: Catalog) -> Maker:
    """Makes releases of the shipped catalogue."""
    return Maker(Layout(tmp_path), catalog)


@pytest.fixture
def engines() -> Engines:
    """Opens fake engines, and watches them."""
    return Engines()


@pytest.fixture
def start(tmp_path: Path, rules: Serving, engines: Engines) -> Iterator[Callable[..., App]]:
    """Starts an application that looks at the pointer twenty times a second."""
    with ExitStack() as running:

        def begin(**settings: object) -> App:
            wanted = {**QUICK, **settings}
            return running.enter_context(running_app(tmp_path, rules, open_engine=engines, **wanted))

        yield begin
