"""A lexicon small enough to be read in no time, for tests that copy the reviewed files."""

from pathlib import Path


def write_lexicon(root: Path) -> Path:
    """A lexicon of one concept and one invented detector; the file of the concept is returned."""
    file = root / "taxonomy" / "lexicon" / "contact.yaml"
    (file.parent / "invented").mkdir(parents=True)
    file.write_text(
        "about: Ways to reach somebody.\n"
        "concepts:\n"
        "  - label: PII.Contact.Email\n"
        "    forms:\n"
        "      - postbox on the net\n"
    )
    (file.parent / "invented" / "veil-scan.yaml").write_text(
        'detector: veil-scan\nversion: "v1"\nkind: pii\nmaps:\n  VS_MAIL: PII.Contact.Email\n'
    )
    return file
