"""Surface forms where they are written, and whether they contradict each other, the taxonomy or reviewed detectors.

The checks behind `lexicon`, on uses of forms only; what a concept or a lexicon is stands there.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mapper_domain.detectors import Detector
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


def judgements(uses: Sequence[Use], taxonomy: Taxonomy, detectors: Sequence[Detector]) -> Iterator[Problem]:
    """An undescribed form agrees with the taxonomy's aliases and with what reviewed detectors made of that string."""
    aliases = {normalise(alias): label.name for label in taxonomy.labels for alias in (*label.aliases, label.name)}
    reviewed: dict[str, dict[str, str]] = defaultdict(dict)
    for detector in detectors:
        for mapping in detector.maps:
            if not mapping.opaque and not mapping.ambiguous:
                reviewed[normalise(mapping.label)].update(dict.fromkeys(mapping.taxonomy, detector.name))
    for use in uses:
        key = normalise(use.form)
        if use.description or not key:
            continue
        if aliases.get(key, use.label) != use.label:
            yield use.problem(f"means {use.label} here but is an alias of {aliases[key]}.", "Follow the taxonomy.")
        elif reviewed[key] and use.label not in reviewed[key]:
            label, name = next(iter(reviewed[key].items()))
            message = f"means {use.label} here but {label} in detectors/{name}.yaml."
            yield use.problem(message, "Follow the reviewed detector, or describe the other meaning.")
