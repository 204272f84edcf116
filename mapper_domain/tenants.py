"""The tenant id: one rule, enforced wherever one enters."""

import re
from typing import Annotated

from pydantic import AfterValidator

from mapper_domain.errors import InvalidTenant

PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def parse_tenant(text: str) -> str:
    """Return `text` if it is a valid tenant id.

    Raises:
        InvalidTenant: for anything that is not a DNS-label-like name; such names break
            partition keys and could escape a storage folder.
    """
    if not PATTERN.fullmatch(text):
        raise InvalidTenant(
            f"{text[:64]!r} is not a tenant id: use 1 to 63 of a-z, 0-9 and '-', "
            "beginning and ending with a letter or digit."
        )
    return text


def _validate(text: str) -> str:
    try:
        return parse_tenant(text)
    except InvalidTenant as error:
        raise ValueError(str(error)) from error


TenantId = Annotated[str, AfterValidator(_validate)]
"""A validated tenant id, for fields of value types."""
