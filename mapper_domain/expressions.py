"""JMESPath as catalogue files use it: checked when a file is read, evaluated with a few string functions added.

The added functions are those of the community specification's JEP-014 (https://jmespath.site/#jep-014):
`lower(text)`, `replace(text, old, new)` and `split(text, separator)`.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError, ParseError
from jmespath.functions import Functions, signature
from jmespath.parser import ParsedResult
from pydantic import AfterValidator, JsonValue

from mapper_domain.errors import PayloadError
from mapper_domain.text import nearest


class _StringFunctions(Functions):
    @signature({"types": ["string"]})
    def _func_lower(self, text: str) -> str:
        return text.lower()

    @signature({"types": ["string"]}, {"types": ["string"]}, {"types": ["string"]})
    def _func_replace(self, text: str, old: str, new: str) -> str:
        return text.replace(old, new)

    @signature({"types": ["string"]}, {"types": ["string"]})
    def _func_split(self, text: str, separator: str) -> list[str]:
        return text.split(separator)


_FUNCTIONS = _StringFunctions()
_OPTIONS = jmespath.Options(custom_functions=_FUNCTIONS)


def check_expression(text: str) -> str:
    """Return `text` if it is a JMESPath expression that calls only known functions.

    Raises:
        ValueError: naming the expression and what is wrong with it.
    """
    try:
        parsed = _compiled(text)
    except ParseError as error:
        raise ValueError(
            f"{text!r} is not a JMESPath expression: it stops making sense at column {(error.lex_position or 0) + 1}"
        ) from None
    except JMESPathError:
        raise ValueError(f"{text!r} is not a JMESPath expression") from None
    known = _FUNCTIONS.FUNCTION_TABLE
    for name in _called(parsed.parsed):
        if name not in known:
            hint = next(iter(nearest(name, known, limit=1)), None)
            raise ValueError(
                f"{text!r} calls {name}(), which does not exist" + (f"; nearest: {hint}()" if hint else "")
            )
    return text


Expression = Annotated[str, AfterValidator(check_expression)]
"""A JMESPath expression (https://jmespath.org/specification.html), for fields of value types."""


def search(expression: str, document: JsonValue) -> JsonValue:
    """What the expression finds in the document, None where there is nothing.

    Raises:
        PayloadError: when it cannot be evaluated on this document. Names the expression only:
            the library's own message quotes the document.
    """
    try:
        found: JsonValue = _compiled(expression).search(document, options=_OPTIONS)
    except (JMESPathError, RecursionError):
        raise PayloadError(f"The answer does not have the shape that {expression!r} expects.") from None
    return found


@lru_cache(maxsize=1024)
def _compiled(text: str) -> ParsedResult:
    return jmespath.compile(text)


def _called(node: Mapping[str, Any]) -> Iterator[str]:
    if node.get("type") == "function_expression":
        yield node["value"]
    for child in node.get("children", ()):
        if isinstance(child, Mapping):
            yield from _called(child)
