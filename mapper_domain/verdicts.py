"""Text answers that open with a verdict: `safe`, `unsafe` and codes on the next line, `Yes, because ...`."""

import re

from pydantic import Field

from mapper_domain.errors import PayloadError
from mapper_domain.value import Value

MAX_LABEL = 256
"""Longest label, in characters; the longest in the shipped vocabularies has 52."""

_TAG = re.compile(r"</?[a-z_]{1,32}>", re.IGNORECASE)
_THOUGHT = re.compile(r"</think>", re.IGNORECASE)
_UNFINISHED = re.compile(r"<think>", re.IGNORECASE)
_AROUND_ITEM = " \t[]{}()\"'"
_OPENING = re.compile(r"(?P<word>[^\W\d_]+)(?=\s*$|\s*\n|[,.:;!])")


class Verdict(Value):
    """The grammar of such an answer.

    The verdict is the first word, markup such as `<score>` aside, and only where a line break, punctuation or
    the end follows it: `No` and `No, it is harmless` are verdicts, `No Hate Speech` is the name of a policy. What
    the model thought aloud before it (`<think> ... </think>`) is dropped.

    Attributes:
        positive: words that say something was found, spelt as labels, for example `unsafe`. Case does not count.
        negative: words that say nothing was found.
        codes: separates the codes on the lines after a positive verdict; None where none follow.
        element: name of the markup element that lists what was found, as `categories` in
            `<categories>[violence, profanity]</categories>`; None where answers have none.
    """

    positive: tuple[str, ...] = Field(min_length=1)
    negative: tuple[str, ...] = Field(min_length=1)
    codes: str | None = Field(default=None, min_length=1)
    element: str | None = Field(default=None, pattern=r"^[a-z_]{1,32}$")

    def is_bare(self, labels: tuple[str, ...]) -> bool:
        """Whether these labels of an answer are its positive verdict alone, so that nothing says what was found."""
        return len(labels) == 1 and labels[0] in self.positive

    def read(self, text: str) -> tuple[str, ...] | None:
        """Labels in an answer: none after a negative verdict, None where the text opens with no verdict.

        A positive verdict without codes gives the verdict itself.
        """
        thought = [found.end() for found in _THOUGHT.finditer(text)]
        spoken = text[thought[-1] :] if thought else text
        if _UNFINISHED.search(spoken):
            return None
        if self.element is not None:
            spoken, listed = self._element(spoken)
            if listed or (listed is not None and not _TAG.sub(" ", spoken).strip()):
                return listed
        plain = _TAG.sub(" ", spoken).strip()
        opening = _OPENING.match(plain)
        if opening is None:
            return None
        word = opening["word"].casefold()
        if word in {negative.casefold() for negative in self.negative}:
            return ()
        for positive in self.positive:
            if word == positive.casefold():
                return self._codes(plain[opening.end() :].partition("\n")[2]) or (positive,)
        return None

    def _element(self, text: str) -> tuple[str, tuple[str, ...] | None]:
        """The text without the element, and what the element lists; None where there is no such element."""
        found = re.search(rf"<{self.element}>(.*?)(?:</{self.element}>|$)", text, re.IGNORECASE | re.DOTALL)
        if found is None:
            return text, None
        items = (item.strip(_AROUND_ITEM) for line in found[1].splitlines() for item in line.split(","))
        nothing = {negative.casefold() for negative in self.negative} | {"none"}
        return (
            text[: found.start()] + text[found.end() :],
            tuple(item for item in items if item and item.casefold() not in nothing),
        )

    def _codes(self, rest: str) -> tuple[str, ...]:
        if self.codes is None:
            return ()
        return tuple(code.strip() for line in rest.splitlines() for code in line.split(self.codes) if code.strip())


def one_label(text: str) -> str:
    """The text as a label.

    Raises:
        PayloadError: when it is empty, has several lines or is longer than any label, so that prose is never
            taken for a label. Never quotes it.
    """
    label = text.strip()
    if not label:
        raise PayloadError("The answer is empty; a detector that found nothing says so, for example with [] or 'safe'.")
    if "\n" in label or "\r" in label or len(label) > MAX_LABEL:
        raise PayloadError(
            f"A text of {len(label)} characters in {len(label.splitlines())} lines is no label: "
            f"a label is one line of at most {MAX_LABEL} characters."
        )
    return label
