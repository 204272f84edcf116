"""From a YAML source to a validated document, with every problem turned into words for the person who wrote it.

The documents of each kind, and what they mean together, live in `parsing_taxonomy`, `parsing_detectors`,
`parsing_frameworks`, `parsing_mappings` and `history`. What a document says of another file (a label, a control) is
checked while it is validated, against the context given to `parse`, so that one bad line hides no other.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from mapper_domain.errors import Problem
from mapper_domain.sources import Location, Source
from mapper_domain.text import nearest
from mapper_domain.value import Value

Document = TypeVar("Document", bound=Value)
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Text that is there."""


def one_or_many(value: Any) -> Any:
    """A single text as a list of one; anything else as it is."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(one_or_many)]
"""A list of texts; one may be written without the list."""

NOT_EMPTY = Field(min_length=1)

_KEY = "[key]"  # pydantic's mark for an error of a key and not of its value
_MAPPING = "must be a mapping of keys to values."
_WORDS = {
    "missing": "is missing.",
    "extra_forbidden": "is not a key that belongs here.",
    "string_type": "must be text.",
    "string_too_short": "must not be empty.",
    "too_short": "must not be empty.",
    "model_type": _MAPPING,
    "mapping_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": "must be a list.",
    "list_type": "must be a list.",
    "bool_parsing": "must be true or false.",
    "bool_type": "must be true or false.",
    "float_parsing": "must be a number.",
    "float_type": "must be a number.",
}


def wrong(message: str, remedy: str = "", *, value: str = "") -> PydanticCustomError:
    """An error for a validator of a document to raise.

    Args:
        message: what is wrong with the value.
        remedy: what to do.
        value: the offending part, where the value as written is more than that.
    """
    return PydanticCustomError("wrong", "{message}", {"message": message, "remedy": remedy, "value": value})


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy naming the most similar known name, empty when nothing is near."""
    similar = nearest(name, sorted(known), limit=1)
    return f"Did you mean {similar[0]!r}?" if similar else ""


def parse(
    source: Source, document: type[Document], problems: list[Problem], context: Mapping[str, Any] | None = None
) -> Document | None:
    """The document in a source, or None when it does not fit; problems of YAML and of shape are appended.

    Args:
        source: the file.
        document: the model it must fit.
        problems: collects.
        context: what the model's validators may look up.
    """
    problems.extend(source.problems)
    if source.value is None:
        return None
    try:
        return document.model_validate(source.value, context=context)
    except ValidationError as error:
        found = error.errors(include_url=False)
        broken = {problem.line for problem in source.problems}
        problems.extend(
            _explain(source, document, details)
            for details in found
            if source.line(details["loc"]) not in broken and not _follows(details, found)
        )
        return None


def _follows(details: ErrorDetails, found: Iterable[ErrorDetails]) -> bool:
    """Whether a list is called too short only because its items are wrong, which is said already."""
    place = details["loc"]
    inside = (other["loc"] for other in found if len(other["loc"]) > len(place))
    return details["type"] == "too_short" and any(loc[: len(place)] == place for loc in inside)


def _explain(source: Source, document: type[BaseModel], details: ErrorDetails) -> Problem:
    location: Location = tuple(part for part in details["loc"] if part != _KEY)
    kind, context = details["type"], details.get("ctx", {})
    name = str(location[-1]) if location else ""
    if kind == "missing":
        return source.problem(location, name, _WORDS[kind], f"Add it: `{name}: …`.")
    if kind == "extra_forbidden":
        return source.problem(
            location, name, _WORDS[kind], did_you_mean(name, _keys(document, location)) or "Remove it."
        )
    written = "" if _KEY in details["loc"] else source.text(location)
    value = written or next((part for part in reversed(location) if isinstance(part, str)), "")
    if kind == "wrong":
        return source.problem(location, context["value"] or value, context["message"], context["remedy"])
    if kind == "literal_error":
        return source.problem(location, value, f"is not one of {context['expected']}.", "Use one of them.")
    said = details["msg"].removeprefix("Value error, ").replace("Input should", "should").rstrip(".")
    return source.problem(location, value, _WORDS.get(kind, f"{said}."))


def _keys(document: type[BaseModel], location: Location) -> Collection[str]:
    """Keys known at the place of an unknown one: those of the model found by following the location's names."""
    model = document
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        model = next(_models(field.annotation), model) if field else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)
