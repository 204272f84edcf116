"""A release opened for questions about whole vocabularies, without a service: both voices, rules and trust."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mapper_domain.catalog import Catalog, load
from mapper_domain.errors import ReleaseMismatch, ReleaseMissing
from mapper_domain.ladder import Trust
from mapper_domain.layout import Layout
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.proposals import Proposal, Vocabulary, propose, unreviewed
from mapper_domain.question import Question
from mapper_domain.release import ADAPTER, RETRIEVER, read_pointer, sha256_weights, verify
from mapper_domain.rules import RuleMapper
from mapper_domain.voices import LogProbs, Opinion

CATALOG = "catalog"
PROGRESS = 50
"""Questions between two lines about progress; the adapter takes some 0.3 s for each."""


class Adapter(Protocol):
    """Reads instructions; `mapper_model.scorer.LabelScorer` is one."""

    def score(self, questions: Sequence[str]) -> Sequence[LogProbs]:
        """Natural-log probability of every label for each question."""
        ...


class Retriever(Protocol):
    """Reads questions; `mapper_model.retriever.Retriever` is one."""

    def score(self, questions: Sequence[Question]) -> Sequence[LogProbs]:
        """Natural-log probability of every label for each question."""
        ...


@dataclass(frozen=True, slots=True)
class Deployed:
    """A release, ready to be asked.

    Attributes:
        release: its id.
        catalog: the catalogue inside it, which decides what is reviewed already.
    """

    release: str
    catalog: Catalog
    trust: Trust
    adapter: Adapter
    retriever: Retriever

    def propose(self, vocabulary: Vocabulary, *, apart: bool = False, log: Callable[[str], None]) -> Proposal:
        """What it suggests for a vocabulary. Both voices are asked about every label that is not reviewed already.

        Args:
            vocabulary: the detector's labels; what kind of detector it is, the catalogue may know.
            apart: judge each label without regard to the others.
            log: told how far it is.
        """
        rules = RuleMapper(self.catalog)
        known = self.catalog.by_name.get(vocabulary.name)
        if known is not None and not vocabulary.kind:
            vocabulary = vocabulary.model_copy(update={"kind": known.kind})
        return propose(
            vocabulary,
            self._opinions(vocabulary, rules, log),
            catalog=self.catalog,
            rules=rules,
            trust=self.trust,
            release=self.release,
            apart=apart,
        )

    def _opinions(self, vocabulary: Vocabulary, rules: RuleMapper, log: Callable[[str], None]) -> list[Opinion]:
        opinions: list[Opinion] = [{} for _ in vocabulary.terms]
        questions = vocabulary.questions
        asked = unreviewed(vocabulary, rules)
        for begin in range(0, len(asked), PROGRESS):
            part = asked[begin : begin + PROGRESS]
            said = self.retriever.score([questions[i] for i in part])
            more = self.adapter.score([questions[i].instruction for i in part])
            for i, first, second in zip(part, said, more, strict=True):
                opinions[i] = {"retriever": first, "adapter": second}
            log(f"{begin + len(part)} of {len(asked)} labels asked.")
        return opinions


def serving_release(layout: Layout) -> str:
    """The id of the release that serves.

    Raises:
        ReleaseMissing: when nothing has been promoted yet.
        ReleaseCorrupt: when the pointer cannot be read.
    """
    pointer = read_pointer(layout.releases)
    if pointer is None:
        raise ReleaseMissing("There is no release yet; run retrain_job, which trains and promotes one.")
    return pointer.release


def open_release(layout: Layout, release: str, *, threads: int) -> Deployed:
    """A release, verified and loaded.

    Args:
        layout: where artefacts lie.
        release: its id.
        threads: compute threads of this process.

    Raises:
        ReleaseMissing: when it, or the base model it needs, is not there.
        ReleaseCorrupt: when a file in it differs from its manifest.
        ReleaseMismatch: when it was made for another base model or prompt.
    """
    folder = layout.releases / release
    manifest = verify(folder)
    base = layout.base_model(manifest.base_model.name)
    if not base.is_dir():
        raise ReleaseMissing(f"The base model {manifest.base_model.name} is not prepared here; prepare it.")
    if sha256_weights(base) != manifest.base_model.sha256:
        raise ReleaseMismatch(f"The base model {manifest.base_model.name} here is not the one it was trained on.")
    if manifest.prompt_version != PROMPT_VERSION:
        raise ReleaseMismatch(
            f"The release was trained on prompt {manifest.prompt_version}; this program asks with {PROMPT_VERSION}."
        )
    from mapper_model import retriever
    from mapper_model.scorer import LabelScorer

    catalog = load(folder / CATALOG)
    labels = [label.name for label in catalog.taxonomy.labels]
    return Deployed(
        release=release,
        catalog=catalog,
        trust=manifest.trust,
        adapter=LabelScorer.load(base, folder / ADAPTER, labels, threads=threads),
        retriever=retriever.Retriever.load(folder / RETRIEVER),
    )
