"""What is in service: taxonomy, detectors and releases, the same for every tenant, and cheap to ask again."""

import pytest
from serving_app import App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog
from mapper_serving.listings import DetectorList, ReleaseList, TaxonomyAnswer
from mapper_serving.state import Serving


def test_the_taxonomy_has_every_label_of_the_catalogue(shared_app: App, rules: Serving) -> None:
    answer = TaxonomyAnswer.model_validate_json(shared_app.http.get("/v1/taxonomy", headers=shared_app.acme).content)
    assert answer.labels == rules.catalog.taxonomy.labels
    assert (answer.version, answer.version_info) == (rules.catalog.taxonomy.version, rules.versions)


def test_a_detector_says_what_an_event_would_say_of_its_labels(shared_app: App, rules: Serving) -> None:
    answer = DetectorList.model_validate_json(shared_app.http.get("/v1/detectors", headers=shared_app.acme).content)
    assert [detector.name for detector in answer.detectors] == sorted(rules.catalog.by_name)
    (presidio,) = (detector for detector in answer.detectors if detector.name == "presidio")
    for known in presidio.labels[:5]:
        assert shared_app.map("presidio", known.label).json()["taxonomy"] == list(known.taxonomy)


@pytest.mark.parametrize("path", ["/v1/taxonomy", "/v1/detectors"])
def test_who_has_it_already_is_told_so(shared_app: App, path: str) -> None:
    tag = shared_app.http.get(path, headers=shared_app.acme).headers["ETag"]
    again = shared_app.http.get(path, headers={**shared_app.acme, "If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    other = shared_app.http.get(path, headers={**shared_app.acme, "If-None-Match": '"another"'})
    assert other.status_code == 200


def test_without_a_release_the_rules_are_what_serves(shared_app: App) -> None:
    answer = ReleaseList.model_validate_json(shared_app.http.get("/v1/releases", headers=shared_app.acme).content)
    (release,) = answer.releases
    assert (release.role, release.mode, release.share, release.versions.release) == ("stable", "rules", 1.0, "rules")
    assert answer.refused == ""


def test_a_release_is_named(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> None:
    scorer = FakeScorer([label.name for label in catalog.taxonomy.labels])
    with running_app(tmp_path_factory.mktemp("release"), with_model(catalog, scorer)) as app:
        answer = ReleaseList.model_validate_json(app.http.get("/v1/releases", headers=app.acme).content)
        assert [(release.mode, release.versions.release) for release in answer.releases] == [
            ("model", "0123456789abcdef")
        ]


@pytest.mark.parametrize("path", ["/v1/taxonomy", "/v1/detectors", "/v1/releases"])
def test_any_key_may_ask_and_nobody_else(shared_app: App, path: str) -> None:
    assert shared_app.http.get(path, headers=shared_app.globex).status_code == 200
    assert shared_app.http.get(path).status_code == 401
    assert shared_app.http.get(path, headers={**shared_app.acme, "X-Tenant": "globex"}).status_code == 403
