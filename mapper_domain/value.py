"""The base of every value type. Nothing else belongs here."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen, closed value: parsed once at the edge, never changed, never carrying a field nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed. What was computed from the old fields is forgotten.

        Pydantic would carry `cached_property` values along, and a changed copy would answer with the old ones.
        """
        copy = super().model_copy(update=update, deep=deep)
        for name in vars(copy).keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy
