"""Surface forms where they are written, and whether they contradict each other, the taxonomy or reviewed detectors.

The checks behind `lexicon`, on uses of forms only; what a concept or a lexicon is stands there. A contradiction of a
reviewed detector is no mistake of the detector's reviewer: the mapping is an audited fact, and the form gives way.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mapper_domain.detectors import LabelMapping
from mapper_domain.errors import Problem
from mapper_domain.sources import Location, Source
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.text import normalise, words


@dataclass(frozen=True, slots=True)
class Use:
    """One form where it is written.

    Attributes:
        source: the file.
        at: its place in the file.
        form: the form as written.
        label: the canonical label it is given for.
        description: what tells it from the same form elsewhere, empty if nothing does.
    """

    source: Source
    at: Location
    form: str
    label: str
    description: str = ""

    def problem(self, message: str, remedy: str) -> Problem:
        """A problem with this form at its place."""
        return self.source.problem(self.at, self.form, message, remedy)

    @property
    def place(self) -> str:
        """File and line, for messages about another use."""
        return f"{self.source.file}:{self.source.line(self.at)}"


def spelling(use: Use) -> Iterator[Problem]:
    """A form is its own words, so that every format can be made from it."""
    plain = " ".join(words(use.form))
    if use.form != plain:
        remedy = f"Write {plain!r}." if plain else "Write it in Latin letters."
        yield use.problem("is not lower-case words separated by single blanks.", remedy)


def meanings(uses: Sequence[Use], contrasts: Sequence[Use]) -> Iterator[Problem]:
    """A form is written once for a label, and two labels share it only if all uses but one are described."""
    by_form: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        written = by_form[normalise(use.form)]
        plain = [earlier for earlier in written if not use.description and not earlier.description]
        if same := [earlier for earlier in written if earlier.label == use.label]:
            yield use.problem(f"is already written for {use.label} at {same[0].place}.", "Keep one of them.")
        elif plain:
            message = f"means {use.label} here and {plain[0].label} at {plain[0].place}."
            yield use.problem(message, "Decide for one, or move it below `described` with words that tell them apart.")
        written.append(use)
    for contrast in contrasts:
        plain = [use for use in by_form[normalise(contrast.form)] if not use.description]
        if plain and all(use.label != contrast.label for use in plain):
            message = f"is contrasted as {contrast.label} but means {plain[0].label} at {plain[0].place}."
            yield contrast.problem(message, "Correct one of the two.")


def aliases(uses: Sequence[Use], taxonomy: Taxonomy) -> Iterator[Problem]:
    """An undescribed form agrees with the taxonomy's names and aliases."""
    known = {normalise(alias): label.name for label in taxonomy.labels for alias in (*label.aliases, label.name)}
    for use in uses:
        key = normalise(use.form)
        meant = known.get(key, use.label)
        if key and not use.description and meant != use.label:
            yield use.problem(f"means {use.label} here but is an alias of {meant}.", "Follow the taxonomy.")


Reviewed = Mapping[str, Mapping[str, str]]
"""By normal form of a label string, every canonical label it was reviewed to mean, with a detector that says so."""


def reviewed(mappings: Iterable[tuple[str, LabelMapping]]) -> Reviewed:
    """What reviewed mappings, each with its detector's name, make of label strings that speak for themselves.

    Opaque labels mean something in their detector only, and of ambiguous ones experts say different things.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for detector, mapping in mappings:
        if (key := normalise(mapping.label)) and not mapping.opaque and not mapping.ambiguous:
            found[key].update(dict.fromkeys(mapping.taxonomy, detector))
    return dict(found)


def objection(form: str, label: str, reviewed: Reviewed) -> tuple[str, str] | None:
    """What a form was reviewed to mean instead of a label, and by which detector; None unless all reviews disagree."""
    meant = reviewed.get(normalise(form), {})
    return None if label in meant else next(iter(meant.items()), None)


def overruled(uses: Iterable[Use], reviewed: Reviewed) -> Iterator[Problem]:
    """Undescribed forms that a reviewed mapping gives another meaning, so that they teach nothing."""
    for use in uses:
        if not use.description and (other := objection(use.form, use.label, reviewed)):
            label, detector = other
            message = f"means {use.label} here but {label} in detectors/{detector}.yaml, so it teaches nothing."
            yield use.problem(message, "Follow the reviewed detector, describe the other meaning, or remove it.")
