"""From a YAML source to a validated document, with every problem turned into words for the person who wrote it.

The documents of each kind, and what they mean together, live in `parsing_taxonomy`, `parsing_detectors`,
`parsing_frameworks`, `parsing_mappings` and `history`.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from mapper_domain.errors import Problem
from mapper_domain.sources import Location, Source
from mapper_domain.text import nearest
from mapper_domain.value import Value

Document = TypeVar("Document", bound=Value)
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Text that is there."""

_WORDS = {
    "missing": "is missing.",
    "extra_forbidden": "is not a key that belongs here.",
    "string_type": "must be text.",
    "string_too_short": "must not be empty.",
    "model_type": "must be a mapping of keys to values.",
    "mapping_type": "must be a mapping of keys to values.",
    "dict_type": "must be a mapping of keys to values.",
    "tuple_type": "must be a list.",
    "list_type": "must be a list.",
    "too_short": "must not be empty.",
    "bool_parsing": "must be true or false.",
    "bool_type": "must be true or false.",
    "float_parsing": "must be a number.",
    "float_type": "must be a number.",
}


def one_or_many(value: Any) -> Any:
    """A single text as a list of one; anything else as it is."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(one_or_many)]
"""A list of texts; one may be written without the list."""


def parse(source: Source, document: type[Document], problems: list[Problem]) -> Document | None:
    """The document in a source, or None when it does not fit; problems of YAML and of shape are appended."""
    problems.extend(source.problems)
    if source.value is None:
        return None
    try:
        return document.model_validate(source.value)
    except ValidationError as error:
        problems.extend(_explain(source, document, details) for details in error.errors(include_url=False))
        return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy naming the most similar known name, empty when nothing is near."""
    similar = nearest(name, sorted(known), limit=1)
    return f"Did you mean {similar[0]!r}?" if similar else ""


def _explain(source: Source, document: type[BaseModel], details: ErrorDetails) -> Problem:
    location: Location = details["loc"]
    kind = details["type"]
    message = _WORDS.get(kind, f"{details['msg'].removeprefix('Value error, ').rstrip('.')}.")
    if kind in ("missing", "extra_forbidden"):
        name = str(location[-1])
        remedy = f"Add it: `{name}: …`." if kind == "missing" else did_you_mean(name, _keys(document, location))
        return source.problem(location, name, message, remedy or "Remove it.")
    written = source.text(location)
    if kind == "literal_error":
        return source.problem(location, written, f"is not one of {details['ctx']['expected']}.", "Use one of them.")
    where = str(location[-1]) if location and not written else written
    return source.problem(location, where, message)


def _keys(document: type[BaseModel], location: Location) -> Collection[str]:
    """Keys known at the place of an unknown one: the model found by following the location's names."""
    model = document
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = next(_models(field.annotation), None) if field else None
        model = inner or model
    return [name.rstrip("_") for name in model.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)
