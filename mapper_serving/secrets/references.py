"""What a reference to a secret looks like. Nothing is read here.

env:NAME                    an environment variable
file:/run/secrets/name      a file, without the line break at its end
vault:mount/path#field      a field of a secret in a KV version 2 engine, through the Vault API
aws-sm:name#field           a field of a JSON secret in AWS Secrets Manager, or all of it without `#field`
"""

import re
from typing import Final, Literal, get_args

from mapper_domain.errors import MapperError
from mapper_domain.value import Value

SourceName = Literal["env", "file", "vault", "aws-sm"]
SOURCES: Final[tuple[SourceName, ...]] = get_args(SourceName)
_NAMES: Final = {
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "file": re.compile(r"/[^#\0]+"),
    "vault": re.compile(r"[^/#\s]+(?:/[^/#\s]+)+"),
    "aws-sm": re.compile(r"[A-Za-z0-9/_+=.@:-]+"),
}


class SecretUnavailable(MapperError):
    """A secret has no value that could be used, or its reference cannot be read. The message names the reference."""


class Reference(Value):
    """Where a secret lies: in which source, under what name there, and in which field of what is there."""

    source: SourceName
    name: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.name}" + (f"#{self.field}" if self.field else "")


def parse(text: str) -> Reference:
    """The reference in this text.

    Raises:
        SecretUnavailable: when it is none; the text is not repeated, it may be the secret itself.
    """
    source, _, rest = text.partition(":")
    name, _, field = rest.partition("#")
    for known in SOURCES:
        if source == known and _NAMES[known].fullmatch(name) and bool(field) == _has_field(known, rest):
            return Reference(source=known, name=name, field=field)
    raise SecretUnavailable(
        "This is no reference to a secret: write env:NAME, file:/path, vault:mount/path#field or aws-sm:name#field."
    )


def _has_field(source: SourceName, rest: str) -> bool:
    """Whether a reference must have a field, by its source and by what it says."""
    return source == "vault" or (source == "aws-sm" and "#" in rest)
