"""Values as strict, versioned JSON documents: sorted keys, two blanks, no NaN, one line feed at the end (RFC 8259)."""

import json
from typing import TypeVar

from pydantic import BaseModel

Document = TypeVar("Document", bound=BaseModel)


def write(value: BaseModel) -> bytes:
    """The value as UTF-8 JSON; the same value always gives the same bytes.

    Raises:
        ValueError: when a number is not finite; JSON has no word for it.
    """
    document = value.model_dump(mode="json")
    return (json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read(content: bytes, kind: type[Document]) -> Document:
    """The value a document holds.

    Raises:
        pydantic.ValidationError: when a field is missing, unknown, or of another type or version.
    """
    return kind.model_validate_json(content)
