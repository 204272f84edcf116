"""Which detectors and labels are held out."""

import pytest

from mapper_assets.training.splits import UnknownFold, folds, plan, share
from mapper_domain.catalog import Catalog
from mapper_domain.text import normalise


def test_every_shipped_detector_is_in_exactly_one_fold(catalog: Catalog) -> None:
    listed = [name for fold in folds().folds for name in folds().detectors(fold)]
    assert sorted(listed) == sorted(catalog.by_name)


def test_there_are_five_folds_and_one_is_shipped() -> None:
    assert len(folds().folds) == 5
    assert folds().shipped in folds().folds


def test_the_shipped_fold_holds_out_detectors_of_several_kinds(catalog: Catalog) -> None:
    kinds = {catalog.detector(name).kind for name in plan(catalog).held_out}
    assert kinds >= {"moderation", "pii", "toxicity", "prompt-injection"}


@pytest.mark.parametrize(
    "kin",
    [
        {"llama-guard-2", "llama-guard-3", "mlcommons-ailuminate"},
        {"deberta-toxicity", "detoxify-unbiased", "perspective-api"},
        {"aws-comprehend-pii", "aws-bedrock-guardrails"},
        {"gitleaks", "detect-secrets"},
        {"presidio", "spacy-ner-ontonotes"},
    ],
    ids=lambda kin: min(kin),
)
def test_kin_never_straddle_folds(kin: set[str]) -> None:
    assert any(kin <= folds().detectors(fold) for fold in folds().folds)


def test_about_eight_in_a_hundred_labels_of_trained_detectors_are_held_out(catalog: Catalog) -> None:
    split = plan(catalog)
    trained = sum(len(d.maps) for d in catalog.detectors if d.name not in split.held_out)
    assert 0.06 <= len(split.unseen_labels) / trained <= 0.10
    assert not {detector for detector, _ in split.unseen_labels} & set(split.held_out)


def test_two_spellings_of_one_label_are_held_out_together(catalog: Catalog) -> None:
    split = plan(catalog)
    hidden = {(detector, normalise(label)) for detector, label in split.unseen_labels}
    for detector in catalog.detectors:
        for mapping in detector.maps:
            if (detector.name, normalise(mapping.label)) in hidden and not (mapping.ambiguous or mapping.opaque):
                assert split.split_of(detector.name, mapping.label) == "unseen_label"


def test_codes_and_disputed_labels_are_never_held_out_to_be_guessed(catalog: Catalog) -> None:
    for detector, label in plan(catalog).unseen_labels:
        mapping = catalog.detector(detector).find(label)
        assert mapping is not None
        assert not mapping.opaque
        assert not mapping.ambiguous


def test_editing_one_detector_moves_no_label_of_another(catalog: Catalog) -> None:
    edited = catalog.without(["presidio"])
    assert set(plan(edited).unseen_labels) == {
        (detector, label) for detector, label in plan(catalog).unseen_labels if detector != "presidio"
    }


def test_another_seed_holds_out_other_labels(catalog: Catalog) -> None:
    assert plan(catalog, 1).unseen_labels != plan(catalog, 2).unseen_labels


def test_another_fold_can_be_held_out(catalog: Catalog) -> None:
    assert plan(catalog, fold="secrets-and-gemini").held_out == (
        "detect-secrets",
        "gemini-safety",
        "gitleaks",
        "google-model-armor",
        "shieldgemma",
    )


def test_an_unknown_fold_is_refused_with_the_known_ones(catalog: Catalog) -> None:
    with pytest.raises(UnknownFold, match="openai-and-aws"):
        plan(catalog, fold="nowhere")


def test_shares_are_spread_evenly() -> None:
    shares = [share("even", number) for number in range(2000)]
    assert all(0 <= value < 1 for value in shares)
    assert 0.45 < sum(shares) / len(shares) < 0.55
