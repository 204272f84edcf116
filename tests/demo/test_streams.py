import json
import random

import pytest

from demo.streams import STREAMS, UNDESCRIBED, UNSEEN, answers, unseen_answers
from mapper_domain.catalog import Catalog
from mapper_domain.payloads import findings


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_answers_read_by_the_detectors_own_yaml(catalog: Catalog, name: str) -> None:
    detector = catalog.detector(name)
    outputs = answers(detector, random.Random(1), ["jane@example.org"], 60)
    found = [findings(json.loads(json.dumps(output)), detector.native) for output in outputs]
    assert any(found)
    assert any(not part for part in found)
    assert all(detector.find(finding.label) for part in found for finding in part)


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_same_seed_gives_the_same_answers(catalog: Catalog, name: str) -> None:
    detector = catalog.detector(name)
    one, other = (answers(detector, random.Random(7), ["x@example.org"], 5) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("name", "label"), [(name, label) for name, labels in UNSEEN.items() for label in labels])
def test_unseen_labels_are_in_no_yaml_of_their_detector(catalog: Catalog, name: str, label: str) -> None:
    assert catalog.detector(name).find(label) is None


def test_unseen_labels_reach_the_mapper_through_native_answers(catalog: Catalog) -> None:
    sent = unseen_answers(catalog, random.Random(1), ["x@example.org"])
    found = {finding.label for name, output in sent for finding in findings(output, catalog.detector(name).native)}
    assert found == {label for labels in UNSEEN.values() for label in labels}


def test_one_detector_has_no_yaml(catalog: Catalog) -> None:
    assert UNDESCRIBED not in catalog.by_name


def test_answers_that_quote_text_quote_invented_values_only(catalog: Catalog) -> None:
    quoting = answers(catalog.detector("gitleaks"), random.Random(1), ["the-invented-value"], 40)
    assert "the-invented-value" in json.dumps(quoting)
    assert "the-invented-value" not in str([findings(item, catalog.detector("gitleaks").native) for item in quoting])
