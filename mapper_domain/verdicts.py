"""Text answers that open with a verdict: `safe`, `unsafe` and codes on the next line, `Yes, because ...`."""

import re

from pydantic import Field

from mapper_domain.errors import PayloadError
from mapper_domain.value import Value

MAX_LABEL = 256
"""Longest label, in characters; the longest in the shipped vocabularies has 52."""

_TAG = re.compile(r"</?[a-z_]{1,32}>", re.IGNORECASE)
_OPENING = re.compile(r"(?P<word>[^\W\d_]+)(?=\s*$|\s*\n|[,.:;!])")


class Verdict(Value):
    """The grammar of such an answer.

    The verdict is the first word, markup such as `<score>` aside, and only where a line break, punctuation or
    the end follows it: `No` and `No, it is harmless` are verdicts, `No Hate Speech` is the name of a policy.

    Attributes:
        positive: words that say something was found, spelt as labels, for example `unsafe`. Case does not count.
        negative: words that say nothing was found.
        codes: separates the codes on the lines after a positive verdict; None where none follow.
    """

    positive: tuple[str, ...] = Field(min_length=1)
    negative: tuple[str, ...] = Field(min_length=1)
    codes: str | None = Field(default=None, min_length=1)

    def read(self, text: str) -> tuple[str, ...] | None:
        """Labels in an answer: none after a negative verdict, None where the text opens with no verdict.

        A positive verdict without codes gives the verdict itself.
        """
        plain = _TAG.sub(" ", text).strip()
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
