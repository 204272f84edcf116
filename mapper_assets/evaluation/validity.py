"""Makes canonical events of answers and checks them against the JSON Schema we publish, as a consumer would."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from jsonschema import Draft202012Validator
from pydantic import ValidationError

from mapper_assets.evaluation.scores import Validity
from mapper_domain.errors import MapperError
from mapper_domain.events import CanonicalEvent, PolicyContext, Provenance
from mapper_domain.ladder import Answer

SCHEMA = Path("taxonomy") / "schema.json"
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class SchemaMissing(MapperError):
    """The published event schema is not where it belongs."""


def published_schema(root: Path) -> Draft202012Validator:
    """Validator of `taxonomy/schema.json` below the catalogue root.

    Raises:
        SchemaMissing: when the file is not there or is no JSON.
    """
    try:
        return Draft202012Validator(
            json.loads((root / SCHEMA).read_text(encoding="utf-8")),
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
    except (OSError, json.JSONDecodeError) as error:
        raise SchemaMissing(f"{SCHEMA} cannot be read: {error}. Restore it from the repository.") from error


def check(answers: Iterable[tuple[str, Answer]], schema: Draft202012Validator, taxonomy: frozenset[str]) -> Validity:
    """How many answers make a valid event whose labels are all in the taxonomy.

    Args:
        answers: detector name and answer.
        schema: of the canonical event.
        taxonomy: names of all labels.
    """
    valid = [is_valid(detector, answer, schema, taxonomy) for detector, answer in answers]
    return Validity(checked=len(valid), valid=sum(valid))


def is_valid(detector: str, answer: Answer, schema: Draft202012Validator, taxonomy: frozenset[str]) -> bool:
    """Whether the answer makes an event the schema accepts, with labels of the taxonomy only."""
    try:
        event = CanonicalEvent(
            taxonomy=answer.labels,
            scores=answer.scores,
            confidence=answer.confidence,
            notes=answer.note,
            provenance=Provenance(
                detector=detector, route=answer.route, model="evaluation", tenant_id="evaluation", ts=_MOMENT
            ),
            policy_context=PolicyContext(),
        )
    except ValidationError:
        return False
    return taxonomy.issuperset(event.taxonomy) and schema.is_valid(event.model_dump(mode="json"))
