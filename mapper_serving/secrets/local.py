"""Secrets of the process and the machine: environment variables and files."""

import os
from pathlib import Path

from mapper_serving.secrets.references import Reference, SecretUnavailable


def read_environment(reference: Reference) -> str:
    """The value of a variable; one that is set to nothing counts as not set."""
    value = os.environ.get(reference.name, "")
    if not value:
        raise SecretUnavailable(f"The environment variable of {reference} is not set.")
    return value


def read_file(reference: Reference) -> str:
    """The content of a file without the line break that editors and mounts put at its end."""
    try:
        value = Path(reference.name).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnavailable(f"{reference} cannot be read: {type(error).__name__}.") from None
    if not value:
        raise SecretUnavailable(f"{reference} is empty.")
    return value
