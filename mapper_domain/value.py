"""The base of every value type. Nothing else belongs here."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen, closed value: parsed once at the edge, never changed, never carrying a field nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")
