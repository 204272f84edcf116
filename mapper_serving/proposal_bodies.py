"""Bodies of `POST /detectors:propose`: a detector's vocabulary."""

from pydantic import Field, ValidationError, field_validator

from mapper_domain.content import looks_private
from mapper_domain.errors import PayloadError
from mapper_domain.privacy import is_name
from mapper_domain.prompt import one_line
from mapper_domain.proposals import Term, Vocabulary
from mapper_domain.verdicts import one_label
from mapper_serving.answers import Closed
from mapper_serving.bodies import unreadable
from mapper_serving.problems import Code, FieldProblem, Refusal


def _own_words(text: str) -> str:
    """The text, unless it looks like something a detector matched: a model reads it, and answer and file repeat it."""
    if looks_private(text):
        raise ValueError("looks like a value a detector matched; send the detector's own words")
    return text


class VocabularyLabel(Closed):
    """One label a detector can emit.

    Attributes:
        label: the detector's own string, never something it matched.
        field: the part of its output the label appears in, where that matters.
        description: a one-line explanation.
    """

    label: str
    field: str | None = Field(default=None, min_length=1, max_length=64)
    description: str = Field(default="", max_length=500)

    @field_validator("label")
    @classmethod
    def _is_a_label(cls, text: str) -> str:
        try:
            return _own_words(one_label(text))
        except PayloadError as error:
            raise ValueError(str(error)) from None

    @field_validator("field", "description")
    @classmethod
    def _is_no_value(cls, text: str | None) -> str | None:
        return text and _own_words(text)


class ProposeRequest(Closed):
    """A detector's vocabulary.

    Attributes:
        detector: its name; one the catalogue has already is proposed additions to.
        kind: what it looks for, for example `pii`.
        version: the vendor's version the vocabulary was read from.
        labels: each (field, label) once.
    """

    detector: str = Field(min_length=1, max_length=64)
    kind: str = Field(default="", max_length=64)
    version: str = Field(default="", max_length=64)
    labels: tuple[VocabularyLabel, ...]

    @field_validator("detector")
    @classmethod
    def _is_a_name(cls, text: str) -> str:
        if not is_name(text):
            raise ValueError("must be the name of a detector: letters, digits and . _ - + /")
        return text

    @field_validator("kind", "version")
    @classmethod
    def _is_no_value(cls, text: str) -> str:
        return _own_words(text)

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: tuple[VocabularyLabel, ...]) -> tuple[VocabularyLabel, ...]:
        if not labels:
            raise ValueError("names no label")
        if len({(item.field, item.label) for item in labels}) < len(labels):
            raise ValueError("names a label twice for the same field")
        return labels

    @property
    def vocabulary(self) -> Vocabulary:
        """The same as the domain knows it, every text on one line."""
        terms = (
            Term(
                label=item.label,
                field=one_line(item.field or "") or None,
                description=one_line(item.description),
            )
            for item in self.labels
        )
        about = {"kind": one_line(self.kind), "version": one_line(self.version)}
        return Vocabulary(detector=self.detector, terms=tuple(terms), **about)


_DECLARED = frozenset({*ProposeRequest.model_fields, *VocabularyLabel.model_fields})


def parse_vocabulary(body: bytes, limit: int) -> ProposeRequest:
    """The body, which may hold at most `limit` labels.

    Raises:
        Refusal: `not-utf8`, `malformed-json`, or `invalid-request` with every field problem.
    """
    try:
        request = ProposeRequest.model_validate_json(body)
    except ValidationError as error:
        raise unreadable(body, error, _DECLARED) from None
    if len(request.labels) > limit:
        detail = f"Holds {len(request.labels)} labels; send at most {limit} at once."
        problem = FieldProblem(pointer="/labels", detail=detail)
        raise Refusal(Code.INVALID_REQUEST, "The body has 1 problem; see errors.", (problem,))
    return request
