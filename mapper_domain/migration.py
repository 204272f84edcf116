"""From one version of the taxonomy to another: what became of each label, and of events that carry it.

A migration accounts for every label of both versions. Going forward is always possible. Going back is refused where
it would have to guess, unless the caller says what to guess.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

from pydantic import Field

from mapper_domain.errors import MigrationError
from mapper_domain.events import CanonicalEvent, EventRecord
from mapper_domain.frameworks import Frameworks
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.value import Value


class Migration(Value):
    """What became of each label between two versions.

    Attributes:
        source: version the labels come from.
        target: version they go to.
        kept: labels of the same name and meaning.
        renamed: old name to new name.
        split: old label to the labels that now share its meaning; the first is used when nothing else is known.
        merged: new label to the old labels it replaces.
        added: labels of the target that no label of the source meant.
        removed: labels of the source that have no successor; events get `OTHER.Unknown` instead.
    """

    source: str
    target: str
    kept: tuple[str, ...] = ()
    renamed: Mapping[str, str] = Field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    merged: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def successions(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every label of the source with its successors, the one used by default first; none for a removed label."""
        yield from ((label, (label,)) for label in self.kept)
        yield from ((old, (new,)) for old, new in self.renamed.items())
        yield from self.split.items()
        yield from ((old, (new,)) for new, olds in self.merged.items() for old in olds)
        yield from ((label, ()) for label in self.removed)

    @cached_property
    def successors(self) -> Mapping[str, tuple[str, ...]]:
        """Successors by label of the source."""
        return dict(self.successions())

    @cached_property
    def predecessors(self) -> Mapping[str, tuple[str, ...]]:
        """Labels of the source by label of the target; none for an added label."""
        found: dict[str, list[str]] = {label: [] for label in self.added}
        for old, news in self.successions():
            for new in news:
                found.setdefault(new, []).append(old)
        return {new: tuple(olds) for new, olds in found.items()}

    def label(self, label: str) -> str:
        """What a label becomes when nothing else is known.

        Raises:
            MigrationError: for a label the source version does not have.
        """
        try:
            return next(iter(self.successors[label]), UNKNOWN)
        except KeyError:
            raise MigrationError(f"{label!r} is not a label of taxonomy {self.source}.") from None

    def inverse(self, choices: Mapping[str, str] | None = None) -> "Migration":
        """The way back, so that every label returns to where it came from.

        Args:
            choices: for a label with no or several predecessors, the one to go back to; `OTHER.Unknown` gives it up.

        Raises:
            MigrationError: names every label whose way back would be a guess, or a choice that is not open.
        """
        given = choices or {}
        guesses = [new for new, olds in self.predecessors.items() if len(olds) != 1 and new not in given]
        if guesses:
            ways = (f"{new!r} (from {', '.join(self.predecessors[new]) or 'nothing'})" for new in sorted(guesses))
            raise MigrationError(
                f"Going back from taxonomy {self.target} to {self.source} would guess for {'; '.join(ways)}. "
                "Say what each becomes."
            )
        for new, old in given.items():
            if old not in (*self.successors, UNKNOWN) or new not in self.predecessors:
                raise MigrationError(f"{new!r} of {self.target} cannot become {old!r} of {self.source}.")
        return _assemble(self, {new: given.get(new) or olds[0] for new, olds in self.predecessors.items()})


def _assemble(forward: Migration, back: Mapping[str, str]) -> Migration:
    """A typed migration out of a table of target label to source label."""
    removed = tuple(new for new, old in back.items() if old == UNKNOWN != new)
    alive = {new: old for new, old in back.items() if new not in removed}
    together = {old: tuple(new for new, to in alive.items() if to == old) for old in alive.values()}
    single = {news[0]: old for old, news in together.items() if len(news) == 1}
    return Migration(
        source=forward.target,
        target=forward.source,
        kept=tuple(new for new, old in single.items() if new == old),
        renamed={new: old for new, old in single.items() if new != old},
        merged={old: news for old, news in together.items() if len(news) > 1},
        removed=removed,
        added=tuple(old for old in forward.successors if old not in together),
    )


def migrate_event(event: CanonicalEvent, migration: Migration) -> CanonicalEvent:
    """The event in the target version.

    Labels that became one keep the highest of their scores. `OTHER.Unknown` never stands beside a label that is
    understood, and alone it has confidence 0.0.

    Raises:
        MigrationError: for a label the source version does not have.
    """
    scores: dict[str, float] = {}
    for label in event.taxonomy:
        new = migration.label(label)
        scores[new] = max(event.scores[label], scores.get(new, 0.0))
    if len(scores) > 1:
        scores.pop(UNKNOWN, None)
    lost = tuple(scores) == (UNKNOWN,)
    return CanonicalEvent(
        taxonomy=tuple(scores),
        scores={UNKNOWN: 0.0} if lost else scores,
        confidence=0.0 if lost else event.confidence,
        notes=event.notes,
        provenance=event.provenance,
        policy_context=event.policy_context,
    )


def migrate_record(
    record: EventRecord, migration: Migration, frameworks: Frameworks, conditions: frozenset[str] = frozenset()
) -> EventRecord:
    """The stored event in the target version, with the controls its new labels are evidence for.

    Args:
        record: a stored event labelled with the migration's source version.
        migration: the way to go.
        frameworks: controls and mappings to apply afterwards.
        conditions: tenant conditions that hold, for example `tenant.scope.hipaa`.

    Raises:
        MigrationError: when the record is labelled with another version, or with a label that version does not have.
    """
    if record.versions.taxonomy != migration.source:
        raise MigrationError(
            f"Event {record.event_id} is labelled with taxonomy {record.versions.taxonomy}, not {migration.source}."
        )
    event = migrate_event(record.event, migration)
    controls = sorted({row.control for row in frameworks.evidence_for(event.taxonomy, conditions)})
    versions = record.versions.model_copy(
        update={"taxonomy": migration.target, "frameworks": frameworks.version},
    )
    return record.model_copy(update={"event": event, "controls": tuple(controls), "versions": versions})
