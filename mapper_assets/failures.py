"""How errors raised on purpose reach a person through Dagster: their message, without a stack trace or a retry."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from mapper_domain.errors import MapperError


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn a `MapperError` into a failed step that is not retried: the same input would fail again."""
    try:
        yield
    except MapperError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
