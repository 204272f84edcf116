"""One planned day of the demo, made once."""

import pytest

from demo.plan import Day, plan
from mapper_domain.catalog import Catalog


@pytest.fixture(scope="session")
def day(catalog: Catalog) -> Day:
    return plan(catalog, "acme", "2026-11-20")
