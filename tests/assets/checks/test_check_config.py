"""A group of reviewed files is valid unless something is wrong with it; a reviewer's mapping is never what is wrong."""

import dagster as dg
import pytest

from mapper_assets.assets.config import key_of, lexicon
from mapper_assets.catalogue import Group
from mapper_assets.checks.config import valid
from mapper_assets.resources import Sources


@pytest.fixture
def check(sources):
    """Runs the lexicon's asset and check as a run would, and returns its evaluation."""

    def run() -> dg.AssetCheckEvaluation:
        result = dg.materialize(
            [lexicon, valid(Group.LEXICON)], resources={"sources": Sources(root=str(sources))}, raise_on_error=False
        )
        (evaluation,) = result.get_asset_check_evaluations()
        assert evaluation.asset_key == key_of(Group.LEXICON)
        return evaluation

    return run


def test_a_sound_lexicon_passes_without_a_note(check):
    evaluation = check()
    assert evaluation.passed
    assert evaluation.metadata["notes"].value == 0
    assert not evaluation.description


def test_a_lexicon_that_a_reviewed_mapping_contradicts_passes_and_tells_which_form_where_and_what_to_do(check, sources):
    detector = sources / "detectors" / "deberta-toxicity.yaml"
    detector.write_text(detector.read_text() + "  postbox_on_the_net: PII.Contact.Phone\n")
    evaluation = check()
    assert evaluation.passed
    assert evaluation.metadata["notes"].value == 1
    assert evaluation.description == (
        "- Note: taxonomy/lexicon/contact.yaml:5: 'postbox on the net' means PII.Contact.Email here but "
        "PII.Contact.Phone in detectors/deberta-toxicity.yaml, so it teaches nothing. Follow the reviewed detector, "
        "describe the other meaning, or remove it."
    )


def test_a_lexicon_that_contradicts_itself_fails(check, sources):
    file = sources / "taxonomy" / "lexicon" / "contact.yaml"
    file.write_text(file.read_text() + "  - label: PII.Contact.Phone\n    forms: [postbox on the net]\n")
    evaluation = check()
    assert not evaluation.passed
    assert "PII.Contact.Phone here and PII.Contact.Email at" in evaluation.description
