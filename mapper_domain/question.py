"""What a mapper is asked about one native label: the same for training, evaluation and serving."""

from mapper_domain import prompt
from mapper_domain.value import Value


class Question(Value):
    """A native label and what is known about where it comes from.

    Attributes:
        detector: the detector's name.
        label: its own label string.
        kind: what the detector looks for, for example `pii`; empty when nobody said.
        field: the part of its output the label appears in.
        description: a one-line explanation of the label, where somebody gave one.
    """

    detector: str
    label: str
    kind: str = ""
    field: str | None = None
    description: str = ""

    @property
    def brief(self) -> "Question":
        """The same without its kind and description, for a model that failed on more."""
        return self.model_copy(update={"kind": "", "description": ""})

    @property
    def instruction(self) -> str:
        """The same as the language model reads it."""
        return prompt.instruction(
            self.detector, self.label, kind=self.kind, field=self.field, description=self.description
        )
