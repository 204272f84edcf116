"""Framework files: the control catalogue of one edition, at `frameworks/<key>/<edition>.yaml`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from mapper_domain.errors import Problem
from mapper_domain.frameworks import Control, Framework
from mapper_domain.parsing import NOT_EMPTY, Text, Texts, did_you_mean, parse
from mapper_domain.sources import Source
from mapper_domain.value import Value


class _ControlDocument(Value):
    summary: Text
    supported: bool = True
    supersedes: Texts = ()


def _as_control(value: Any) -> Any:
    return {"summary": value} if isinstance(value, str) else value


class _EditionDocument(Value):
    key: Text
    edition: Text
    title: Text
    status: Literal["current", "superseded"]
    source: str = ""
    notes: str = ""
    controls: Annotated[Mapping[str, Annotated[_ControlDocument, BeforeValidator(_as_control)]], NOT_EMPTY]


def parse_edition(source: Source, folder: str, stem: str, problems: list[Problem]) -> Framework | None:
    """One edition of one framework, or None; its file must lie at `frameworks/<key>/<edition>.yaml`."""
    document = parse(source, _EditionDocument, problems)
    if document is None:
        return None
    for name, written, expected in (("key", document.key, folder), ("edition", document.edition, stem)):
        if written != expected:
            message = f"does not match the place of the file, which says {expected!r}."
            problems.append(source.problem((name,), written, message, f"Move the file or write {expected!r}."))
    controls = tuple(Control(id=id_, **dict(control)) for id_, control in document.controls.items())
    head = {name: getattr(document, name) for name in ("key", "edition", "title", "status")}
    return Framework(controls=controls, **head)


def check_successions(editions: Sequence[tuple[Source, Framework]]) -> Iterator[Problem]:
    """Every `supersedes` must name a control of another edition of the same framework."""
    known = {f"{e.key}@{e.edition}:{c.id}": c for _, e in editions for c in e.controls}
    for source, edition in editions:
        for control in edition.controls:
            for index, earlier in enumerate(control.supersedes):
                if f"{edition.key}@{earlier}" not in known:
                    names = [key.partition("@")[2] for key in known if key.startswith(f"{edition.key}@")]
                    at = ("controls", control.id, "supersedes", index)
                    remedy = did_you_mean(earlier, names) or "Write edition and id, for example '2013:A.12.4.1'."
                    yield source.problem(at, earlier, "is not a control of an earlier edition.", remedy)
