"""Each group of reviewed files has two hashes, and its own problems."""

import pytest

from mapper_assets.catalogue import Group, content_sha256, files_sha256, judge
from mapper_domain.errors import CatalogError


@pytest.fixture
def detector(sources):
    return sources / "detectors" / "deberta-toxicity.yaml"


def hashes(root, group=Group.DETECTORS):
    return files_sha256(root, group), content_sha256(root, group)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda text: text + "# reviewed\n", id="a comment"),
        pytest.param(lambda text: text.replace("  toxic:", "\n  toxic:", 1), id="a blank line"),
        pytest.param(lambda text: text.replace('version: "v1"', "version: v1"), id="quotes"),
        pytest.param(lambda text: "\n".join(reversed_maps(text)) + "\n", id="another order"),
    ],
)
def test_an_edit_without_meaning_changes_the_bytes_only(sources, detector, edit):
    files, content = hashes(sources)
    detector.write_text(edit(detector.read_text()))
    assert hashes(sources)[0] != files
    assert hashes(sources)[1] == content


def reversed_maps(text):
    head, maps = text.split("maps:\n")
    return [*head.splitlines(), "maps:", *reversed([line for line in maps.splitlines() if line.strip()])]


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda text: text + "  very_rude: HARM.SPEECH.Toxicity\n", id="a new label"),
        pytest.param(lambda text: text.replace("HARM.SPEECH.Threat", "HARM.SPEECH.Insult"), id="another meaning"),
        pytest.param(lambda text: text + ": [\n", id="broken"),
    ],
)
def test_an_edit_with_meaning_changes_both(sources, detector, edit):
    files, content = hashes(sources)
    detector.write_text(edit(detector.read_text()))
    assert hashes(sources)[0] != files
    assert hashes(sources)[1] != content


def test_a_file_more_or_a_file_renamed_is_a_change(sources, detector):
    before = hashes(sources)
    detector.rename(detector.with_name("other.yaml"))
    assert hashes(sources)[0] != before[0]
    assert hashes(sources)[1] != before[1]


def test_groups_do_not_share_changes(sources, detector):
    before = {group: files_sha256(sources, group) for group in Group}
    detector.write_text(detector.read_text() + "# x\n")
    after = {group: files_sha256(sources, group) for group in Group}
    assert {group for group in Group if before[group] != after[group]} == {Group.DETECTORS}


def test_every_problem_is_told_to_the_group_whose_file_it_is_in(sources, detector):
    detector.write_text(detector.read_text() + "  a: HARM.Nothing\n  b: PII.Nothing\n")
    assert [problem.value for problem in judge(sources, Group.DETECTORS).problems] == ["HARM.Nothing", "PII.Nothing"]
    assert judge(sources, Group.TAXONOMY).problems == ()
    assert judge(sources, Group.FRAMEWORKS).problems == ()


def test_the_lexicon_is_a_group_of_its_own_although_it_lies_within_the_taxonomy(sources):
    lexicon = set(Group.LEXICON.files(sources))
    assert {path.name for path in lexicon} == {"contact.yaml", "veil-scan.yaml"}
    assert not lexicon & set(Group.TAXONOMY.files(sources))


def test_problems_of_the_lexicon_are_told_to_the_lexicon(sources):
    file = sources / "taxonomy" / "lexicon" / "contact.yaml"
    file.write_text(file.read_text().replace("PII.Contact.Email", "PII.Contact.Emial"))
    assert [problem.value for problem in judge(sources, Group.LEXICON).problems] == ["PII.Contact.Emial"]
    assert judge(sources, Group.TAXONOMY).problems == ()


def test_a_lexicon_cannot_be_judged_against_a_broken_catalogue(sources, detector):
    detector.write_text(detector.read_text() + "  a: HARM.Nothing\n")
    with pytest.raises(CatalogError, match=r"HARM\.Nothing"):
        judge(sources, Group.LEXICON)


def test_a_form_that_a_reviewed_mapping_overrules_is_a_note_on_the_lexicon_and_a_problem_of_nobody(sources, detector):
    detector.write_text(detector.read_text() + "  postbox_on_the_net: PII.Contact.Phone\n")
    found = judge(sources, Group.LEXICON)
    assert found.problems == judge(sources, Group.DETECTORS).problems == ()
    assert [(note.file, note.line, note.value) for note in found.notes] == [
        ("taxonomy/lexicon/contact.yaml", 5, "postbox on the net")
    ]
