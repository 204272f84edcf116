"""The lexicon: the words the world uses for every canonical label, and invented detectors to learn from.

Knowledge written by hand under `taxonomy/lexicon/`, checked here against the taxonomy and the shipped detectors.
How forms are spelt in training rows belongs to the training package. Nothing at run time reads the lexicon: a form
is a lesson for the model, never a rule.

    python -m mapper_domain.lexicon [ROOT]

checks it and prints its counts and a note on every form that a reviewed detector overrules, or every problem and
exits 1.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from mapper_domain.detectors import Detector
from mapper_domain.errors import CatalogError, Problem
from mapper_domain.forms import Use, aliases, meanings, overruled, reviewed, spelling
from mapper_domain.parsing import Text, Texts, did_you_mean, parse
from mapper_domain.parsing_detectors import TYPED, parse_detector
from mapper_domain.parsing_taxonomy import parse_taxonomy
from mapper_domain.sources import Source, read
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.text import normalise
from mapper_domain.value import Value


class Concept(Value):
    """Surface forms of one canonical label that belong together; a label may have several concepts.

    Attributes:
        label: the canonical label all forms mean.
        why: what decides against siblings, empty where none competes.
        forms: lower-case words separated by single blanks.
        described: forms that are opaque or ambiguous alone, with the line a vendor would explain them by.
        contrasts: near misses, with the sibling each of them means instead.
        descriptions: one-line explanations of labels that mean this, as vendors write them.
        names: proper names, of vendors or countries for example, that mean the label together with an ending.
        endings: what follows each of the names.
    """

    label: Text
    why: str = ""
    forms: Texts = ()
    described: Mapping[str, Text] = Field(default_factory=dict)
    contrasts: Mapping[str, Text] = Field(default_factory=dict)
    descriptions: Texts = ()
    names: Texts = ()
    endings: Texts = ()


class Lexicon(Value):
    """All concepts in file order, and the invented detectors sorted by name.

    The same form may mean two labels only where descriptions tell the meanings apart; at most one of them, the usual
    meaning, goes without.
    """

    concepts: tuple[Concept, ...]
    detectors: tuple[Detector, ...]

    @cached_property
    def ambiguous(self) -> frozenset[str]:
        """Normalised forms with several meanings; a described one teaches nothing without its words."""
        meanings: dict[str, set[str]] = defaultdict(set)
        for concept in self.concepts:
            for form in (*concept.forms, *concept.described):
                meanings[normalise(form)].add(concept.label)
        return frozenset(form for form, labels in meanings.items() if len(labels) > 1)

    @cached_property
    def crossed(self) -> Mapping[str, str]:
        """Every name with every ending, and what it means; a form written out keeps its own meaning."""
        written = {normalise(form) for c in self.concepts for form in (*c.forms, *c.described, *c.contrasts)}
        return {
            form: concept.label
            for concept in self.concepts
            for form in (f"{name} {ending}" for name in concept.names for ending in concept.endings)
            if normalise(form) not in written
        }

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Forms by canonical label, described ones included."""
        total: Counter[str] = Counter()
        for concept in self.concepts:
            total[concept.label] += len(concept.forms) + len(concept.described)
        return total


class Examined(NamedTuple):
    """A sound lexicon, and its forms and contrasts that a reviewed detector maps to another label.

    Those stay in the lexicon: which of them teach nothing depends on which detectors a learner knows.
    """

    lexicon: Lexicon
    overruled: tuple[Problem, ...]


class _Topic(Value):
    about: Text
    concepts: tuple[Concept, ...] = Field(min_length=1)


def load(root: Path, taxonomy: Taxonomy, detectors: Sequence[Detector]) -> Lexicon:
    """Read and check `root/taxonomy/lexicon`. The result does not depend on what labels the detectors map to.

    Args:
        root: the catalogue root.
        taxonomy: what labels may be.
        detectors: the shipped detectors, whose names no invented detector may have.

    Raises:
        CatalogError: with every problem in every file, each with file, line, value and remedy.
    """
    return examine(root, taxonomy, detectors).lexicon


def examine(root: Path, taxonomy: Taxonomy, detectors: Sequence[Detector]) -> Examined:
    """Read and check `root/taxonomy/lexicon`, and compare it with the reviewed mappings of the detectors.

    Args:
        root: the catalogue root.
        taxonomy: what labels may be.
        detectors: the shipped detectors; what was reviewed counts more than the lexicon.

    Raises:
        CatalogError: with every problem in every file, each with file, line, value and remedy.
    """
    problems: list[Problem] = []
    examined = _read(root, taxonomy, detectors, problems)
    if problems:
        raise CatalogError(_sorted(problems))
    return examined


def _read(root: Path, taxonomy: Taxonomy, detectors: Sequence[Detector], problems: list[Problem]) -> Examined:
    folder = root / "taxonomy" / "lexicon"
    concepts: list[Concept] = []
    uses: list[Use] = []
    contrasts: list[Use] = []
    crossed: list[Use] = []
    files = sorted(folder.glob("*.yaml"))
    if not files:
        problems.append(Problem("taxonomy/lexicon", None, "", "holds no YAML file.", "Add at least one <topic>.yaml."))
    for path in files:
        source = read(path, root)
        if topic := parse(source, _Topic, problems):
            concepts.extend(topic.concepts)
            for index, concept in enumerate(topic.concepts):
                problems.extend(_labels(source, index, concept, taxonomy))
                uses.extend(_uses(source, index, concept))
                crossed.extend(_crossed(source, index, concept))
                contrasts.extend(
                    Use(source, ("concepts", index, "contrasts", form), form, label)
                    for form, label in concept.contrasts.items()
                )
    for use in (*uses, *contrasts, *crossed):
        problems.extend(spelling(use))
    problems.extend(meanings(crossed, ()))
    problems.extend(meanings(uses, contrasts))
    problems.extend(aliases(uses, taxonomy))
    invented = tuple(_invented(folder / "invented", root, taxonomy, detectors, problems))
    known = reviewed((detector.name, mapping) for detector in detectors for mapping in detector.maps)
    return Examined(
        Lexicon(concepts=tuple(concepts), detectors=invented),
        tuple(_sorted(overruled((*uses, *contrasts), known))),
    )


def _uses(source: Source, index: int, concept: Concept) -> Iterator[Use]:
    for position, form in enumerate(concept.forms):
        yield Use(source, ("concepts", index, "forms", position), form, concept.label)
    for form, description in concept.described.items():
        yield Use(source, ("concepts", index, "described", form), form, concept.label, description)


def _crossed(source: Source, index: int, concept: Concept) -> Iterator[Use]:
    for position, name in enumerate(concept.names):
        for ending in concept.endings:
            yield Use(source, ("concepts", index, "names", position), f"{name} {ending}", concept.label)


def _labels(source: Source, index: int, concept: Concept, taxonomy: Taxonomy) -> Iterator[Problem]:
    named = {("label",): concept.label} | {("contrasts", form): label for form, label in concept.contrasts.items()}
    for at, label in named.items():
        if label not in taxonomy.names:
            remedy = did_you_mean(label, taxonomy.names) or "Add it to the taxonomy first."
            yield source.problem(("concepts", index, *at), label, "is not a label of the taxonomy.", remedy)
    if not (concept.forms or concept.described or concept.descriptions or concept.names):
        yield source.problem(("concepts", index), concept.label, "has no form.", "Add `forms` or `described`.")
    if bool(concept.names) != bool(concept.endings):
        yield source.problem(
            ("concepts", index), concept.label, "has names without endings, or endings without names.", "Give both."
        )


def _invented(
    folder: Path, root: Path, taxonomy: Taxonomy, detectors: Iterable[Detector], problems: list[Problem]
) -> Iterator[Detector]:
    real = {detector.name for detector in detectors}
    for path in sorted(folder.glob("*.yaml")):
        source = read(path, root, typed=TYPED)
        detector = parse_detector(source, path.stem, taxonomy.names, problems)
        if detector is not None and detector.name in real:
            message = f"is a real detector, described by detectors/{detector.name}.yaml."
            problems.append(source.problem(("detector",), detector.name, message, "Invent another name."))
        elif detector is not None:
            yield detector


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0))


def main(root: Path) -> str:
    """One line of counts for a valid lexicon, and one for each form that a reviewed detector overrules.

    Raises:
        CatalogError: with every problem of the lexicon, the taxonomy and the shipped detectors.
    """
    problems: list[Problem] = []
    taxonomy = parse_taxonomy(read(root / "taxonomy" / "taxonomy.yaml", root), problems)
    if taxonomy is None:
        raise CatalogError(_sorted(problems))
    files = [(path, read(path, root, typed=TYPED)) for path in sorted((root / "detectors").glob("*.yaml"))]
    parsed = [parse_detector(source, path.stem, taxonomy.names, problems) for path, source in files]
    lexicon, notes = _read(root, taxonomy, [detector for detector in parsed if detector is not None], problems)
    if problems:
        raise CatalogError(_sorted(problems))
    native = sum(len(detector.maps) for detector in lexicon.detectors)
    descriptions = sum(len(concept.descriptions) for concept in lexicon.concepts)
    counts = (
        f"{sum(lexicon.counts.values())} forms, {len(lexicon.crossed)} names with an ending and {descriptions} "
        f"descriptions in {len(lexicon.concepts)} concepts for {len(lexicon.counts)} labels. "
        f"{len(lexicon.detectors)} invented detectors with {native} labels."
    )
    return "\n".join((counts, *(f"Note: {note}" for note in notes)))


if __name__ == "__main__":
    try:
        sys.stdout.write(main(Path(*sys.argv[1:2])) + "\n")
    except CatalogError as error:
        sys.exit(str(error))
