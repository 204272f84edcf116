"""The whole catalogue: taxonomy, detectors and frameworks, read once, frozen and content-hashed.

The files are read by `sources` (YAML with line numbers) and given meaning by the `parsing_…` modules and `history`,
which collect every problem instead of stopping at the first.

    python -m mapper_domain.catalog [ROOT]

checks a catalogue and prints its counts, or every problem and exits 1.
"""

import hashlib
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from mapper_domain.detectors import Detector
from mapper_domain.errors import CatalogError, Problem, UnknownDetector
from mapper_domain.frameworks import Frameworks
from mapper_domain.history import History, read_history
from mapper_domain.parsing_detectors import TYPED, parse_detector
from mapper_domain.parsing_frameworks import check_successions, parse_edition
from mapper_domain.parsing_mappings import parse_mappings
from mapper_domain.parsing_taxonomy import label_names, parse_taxonomy
from mapper_domain.sources import read
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.text import nearest
from mapper_domain.value import Value


def content_hash(value: Value | Iterable[Value]) -> str:
    """SHA-256 (hex) of the canonical JSON of parsed values, so comments and key order in YAML do not count."""
    items = value.model_dump(mode="json") if isinstance(value, Value) else [v.model_dump(mode="json") for v in value]
    text = json.dumps(items, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Catalog(Value):
    """Taxonomy, detectors and frameworks that were validated against each other.

    Attributes:
        taxonomy: the current taxonomy.
        detectors: sorted by name.
        frameworks: control catalogues and mappings.
    """

    taxonomy: Taxonomy
    detectors: tuple[Detector, ...]
    frameworks: Frameworks

    @cached_property
    def by_name(self) -> Mapping[str, Detector]:
        """Detectors by name."""
        return {detector.name: detector for detector in self.detectors}

    @cached_property
    def sha256(self) -> str:
        """Content hash of the whole catalogue."""
        return content_hash((self.taxonomy, *self.detectors, self.frameworks))

    def detector(self, name: str) -> Detector:
        """The detector of that name.

        Raises:
            UnknownDetector: with the nearest known names.
        """
        try:
            return self.by_name[name]
        except KeyError:
            raise UnknownDetector(name, nearest(name, self.by_name)) from None

    def without(self, detectors: Iterable[str]) -> "Catalog":
        """The same catalogue as if these detectors had never been described (for leave-detectors-out evaluation)."""
        hidden = frozenset(detectors)
        return self.model_copy(update={"detectors": tuple(d for d in self.detectors if d.name not in hidden)})


def load(root: Path) -> Catalog:
    """Read and validate `root/taxonomy`, `root/detectors` and `root/frameworks`.

    Raises:
        CatalogError: with every problem in every file, each with file, line, value and remedy.
    """
    problems: list[Problem] = []
    source = read(root / "taxonomy" / "taxonomy.yaml", root)
    taxonomy = parse_taxonomy(source, problems)
    labels = label_names(source)
    detectors = _detectors(root, labels, problems)
    frameworks = _frameworks(root, labels, problems)
    if taxonomy is not None:
        read_history(root, taxonomy, problems)
    if problems or taxonomy is None or frameworks is None:
        raise CatalogError(sorted(problems, key=lambda problem: (problem.file, problem.line or 0)))
    return Catalog(taxonomy=taxonomy, detectors=detectors, frameworks=frameworks)


def load_history(root: Path) -> History:
    """Earlier versions of the taxonomy below `root/taxonomy`, and the migrations between versions.

    Raises:
        CatalogError: with every problem in the taxonomy, its earlier versions and its migrations.
    """
    problems: list[Problem] = []
    taxonomy = parse_taxonomy(read(root / "taxonomy" / "taxonomy.yaml", root), problems)
    history = None if taxonomy is None else read_history(root, taxonomy, problems)
    if problems or history is None:
        raise CatalogError(problems)
    return history


def _detectors(root: Path, labels: Collection[str] | None, problems: list[Problem]) -> tuple[Detector, ...]:
    files: dict[str, str] = {}
    detectors = []
    for path in _yaml_files(root / "detectors", root, problems):
        source = read(path, root, typed=TYPED)
        if detector := parse_detector(source, path.stem, labels, problems):
            detectors.append(detector)
        name = source.text(("detector",))
        if name in files:
            message = f"is already described by {files[name]}."
            problems.append(source.problem(("detector",), name, message, "Keep one of the two files."))
        elif name:
            files[name] = source.file
    return tuple(sorted(detectors, key=lambda detector: detector.name))


def _frameworks(root: Path, labels: Collection[str] | None, problems: list[Problem]) -> Frameworks | None:
    folder = root / "frameworks"
    editions = []
    unread = set()
    for place in sorted(path for path in folder.glob("*") if path.is_dir()):
        for path in _yaml_files(place, root, problems):
            source = read(path, root)
            edition = parse_edition(source, place.name, path.stem, problems)
            if edition is None:
                unread.add(place.name)
            else:
                editions.append((source, edition))
    problems.extend(check_successions(editions))
    mappings = read(folder / "mappings.yaml", root)
    return parse_mappings(mappings, [edition for _, edition in editions], unread, labels, problems)


def _yaml_files(folder: Path, root: Path, problems: list[Problem]) -> Iterator[Path]:
    """YAML files of a folder by name; reports other files that look as if they were meant, and an empty folder."""
    name = folder.relative_to(root).as_posix()
    files = sorted(folder.glob("*.yaml"))
    if not files:
        problems.append(Problem(name, None, "", "holds no YAML file.", "Add at least one <name>.yaml."))
    for path in sorted(folder.glob("*.yml")):
        remedy = f"Rename it to {path.stem}.yaml."
        problems.append(Problem(f"{name}/{path.name}", None, "", "is not read because of its suffix.", remedy))
    yield from files


def main(root: Path) -> str:
    """One line of counts for a valid catalogue.

    Raises:
        CatalogError: with every problem.
    """
    catalog = load(root)
    labels = sum(len(detector.maps) for detector in catalog.detectors)
    return (
        f"Taxonomy {catalog.taxonomy.version}: {len(catalog.taxonomy.labels)} labels. "
        f"Detectors: {len(catalog.detectors)} with {labels} labels. "
        f"Frameworks {catalog.frameworks.version}: {len(catalog.frameworks.editions)} editions, "
        f"{len(catalog.frameworks.controls)} controls, {len(catalog.frameworks.evidence)} mapping rows. "
        f"Content {catalog.sha256[:12]}."
    )


if __name__ == "__main__":
    try:
        sys.stdout.write(main(Path(*sys.argv[1:2])) + "\n")
    except CatalogError as error:
        sys.exit(str(error))
