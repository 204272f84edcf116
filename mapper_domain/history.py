"""Earlier versions of the taxonomy and the migrations between versions, read from `taxonomy/` and checked."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field

from mapper_domain.errors import MigrationError, Problem
from mapper_domain.migration import Migration
from mapper_domain.parsing import Text, Texts, did_you_mean, parse
from mapper_domain.parsing_taxonomy import parse_taxonomy
from mapper_domain.sources import Location, Source, read
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.value import Value


class History(Value):
    """The taxonomy's past.

    Attributes:
        versions: earlier versions, oldest first; the current one is not among them.
        migrations: every migration described.
    """

    versions: tuple[Taxonomy, ...]
    migrations: tuple[Migration, ...]

    def migration(self, source: str, target: str) -> Migration:
        """The migration between two versions.

        Raises:
            MigrationError: when nobody described it; names those that are.
        """
        for migration in self.migrations:
            if (migration.source, migration.target) == (source, target):
                return migration
        known = ", ".join(f"{m.source} to {m.target}" for m in self.migrations) or "none"
        raise MigrationError(f"No migration from taxonomy {source} to {target} is described. Described: {known}.")


class _MigrationDocument(Value):
    from_: Text = Field(alias="from")
    to: Text
    kept: Texts = ()
    renamed: Mapping[str, Text] = Field(default_factory=dict)
    split: Mapping[str, Texts] = Field(default_factory=dict)
    merged: Mapping[str, Texts] = Field(default_factory=dict)
    added: Texts = ()
    removed: Texts = ()


def read_history(root: Path, current: Taxonomy, problems: list[Problem]) -> History:
    """Earlier versions and migrations below `root/taxonomy`; problems are appended."""
    versions: dict[str, Taxonomy] = {}
    for path in sorted((root / "taxonomy" / "versions").glob("*.yaml")):
        source = read(path, root)
        taxonomy = parse_taxonomy(source, problems)
        if taxonomy is not None:
            problems.extend(_place(source, ("version",), taxonomy.version, path.stem))
            versions[taxonomy.version] = taxonomy
    known = versions | {current.version: current}
    migrations = []
    for path in sorted((root / "taxonomy" / "migrations").glob("*.yaml")):
        source = read(path, root)
        migration = _parse(source, problems)
        if migration is not None:
            problems.extend(_place(source, ("from",), f"{migration.source}-{migration.target}", path.stem))
            problems.extend(_accounts(source, migration, known))
            migrations.append(migration)
    earlier = tuple(taxonomy for version, taxonomy in sorted(versions.items()) if version != current.version)
    return History(versions=earlier, migrations=tuple(migrations))


def _parse(source: Source, problems: list[Problem]) -> Migration | None:
    document = parse(source, _MigrationDocument, problems)
    if document is None:
        return None
    changes = document.model_dump(exclude={"from_", "to"})
    return Migration(source=document.from_, target=document.to, **changes)


def _place(source: Source, at: Location, name: str, stem: str) -> Iterator[Problem]:
    if name != stem:
        message = f"does not match the file name {stem}.yaml."
        yield source.problem(at, name, message, f"Rename the file to {name}.yaml.")


def _accounts(source: Source, migration: Migration, known: Mapping[str, Taxonomy]) -> Iterator[Problem]:
    """Each label of both versions must appear exactly once on its side."""
    for key, version in (("from", migration.source), ("to", migration.target)):
        if version not in known:
            remedy = f"Keep a copy of that version as taxonomy/versions/{version}.yaml."
            yield source.problem((key,), version, "is not a version known here.", remedy)
    successions = tuple(migration.successions())
    before = Counter(old for old, _ in successions)
    after = Counter({new for _, news in successions for new in news}) + Counter(migration.added)
    for told, version, otherwise in ((before, migration.source, "removed"), (after, migration.target, "added")):
        if version in known:
            yield from _compare(source, told, known[version], otherwise)


def _compare(source: Source, told: Counter[str], taxonomy: Taxonomy, otherwise: str) -> Iterator[Problem]:
    written = _places(source)
    for label, times in told.items():
        if label not in taxonomy.names:
            message = f"is not a label of taxonomy {taxonomy.version}."
            yield source.problem(written[label], label, message, did_you_mean(label, taxonomy.names) or "Remove it.")
        elif times > 1:
            yield source.problem(written[label], label, "is accounted for more than once.", "Keep one.")
    for missing in sorted(taxonomy.names - set(told)):
        message = f"of taxonomy {taxonomy.version} is not accounted for."
        yield source.problem((), missing, message, f"Say what became of it, or list it under '{otherwise}'.")


def _places(source: Source) -> Mapping[str, Location]:
    """Where each label is written last, as a key or as a value."""
    keys = {str(place[-1]): place for place in source.lines if place}
    return keys | {text: place for place in source.lines if (text := source.text(place))}
