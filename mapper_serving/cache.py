"""Answers that need no model: the catalogue's, computed at promotion, and what the model has said since. No disk here.

A cache belongs to one release. Two spellings of a label share an entry where they share an answer: the audited rules
call `us-ssn` what they call `USSsn`, and a model is not asked again about words it has answered already.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from cachetools import LRUCache

from mapper_domain import ladder
from mapper_domain.ladder import Answer, Trust
from mapper_domain.rules import RuleHit, RuleMapper
from mapper_domain.text import normalise, words

REMEMBERED: Final = 20_000

LabelKey = tuple[str, str | None, str]
"""Detector, field and label, each as written."""

Source = Literal["known", "spelling", "remembered"]
"""Where an answer comes from: the label is in the catalogue, is spelt otherwise there, or was answered before."""

_PLAIN = re.compile(r"[0-9A-Za-z _./:-]+")
"""Labels in which only words count; elsewhere a sign may matter (`C++`, `<18`) or a letter is none of ours."""


class Key(NamedTuple):
    """What a model's answer depends on within one release.

    Attributes:
        detector: its name.
        version: of the detector, as sent or as its YAML has it.
        field: the part of its output the label is in.
        spelling: words of the label, without case and separators, where nothing else counts; else the label. Joined,
            the words would say less: `the rapist` is no `therapist`.
        description: of the label, where somebody gave one.
    """

    detector: str
    version: str
    field: str | None
    spelling: tuple[str, ...]
    description: str = ""


def spelling(label: str) -> tuple[str, ...]:
    """What two labels have in common that are the same question to a model."""
    return words(label) if _PLAIN.fullmatch(label) else (label,)


class Cache:
    """Answers by label, for one release."""

    def __init__(self, rules: RuleMapper, known: Mapping[LabelKey, Answer], trust: Trust) -> None:
        """A cache that holds every label of the catalogue and every spelling that is one of them for sure.

        Args:
            rules: of the release's catalogue.
            known: answers computed at promotion; a label without one gets what the rules say.
            trust: of the release.
        """
        exact = {key: self._ruled(hit, trust) for key, hit in rules.vocabulary.items()}
        self._known: Mapping[LabelKey, Answer] = {**exact, **known}
        self._spellings = {key: self._ruled(hit, trust) for key, hit in rules.spellings.items()}
        self._remembered: LRUCache[Key, Answer] = LRUCache(REMEMBERED)

    def __len__(self) -> int:
        return len(self._known)

    def known(self, detector: str, field: str | None, label: str) -> Answer | None:
        """The answer to a label of the detector's YAML, written as it is there."""
        found = self._known.get((detector, field, label))
        return self._known.get((detector, None, label)) if found is None and field is not None else found

    def find(self, key: Key, label: str) -> tuple[Answer, Source] | None:
        """The answer to another spelling of such a label, or to a question that was answered before."""
        spelt = self._spellings.get((key.detector, normalise(label)))
        if spelt is not None:
            return spelt, "spelling"
        remembered = self._remembered.get(key)
        return None if remembered is None else (remembered, "remembered")

    def remember(self, key: Key, answer: Answer) -> None:
        """Keep an answer; the one that was not asked for longest goes."""
        self._remembered[key] = answer

    @staticmethod
    def _ruled(hit: RuleHit, trust: Trust) -> Answer:
        return ladder.decide(hit, None, trust=trust)
