"""A detector with ten thousand labels: read, mapped, listed and proposed like any other, without a question asked."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_app import REPOSITORY, App, running_app

from mapper_domain.catalog import Catalog, load
from mapper_domain.rules import AUDITED
from mapper_serving.state import rules_only

pytestmark = pytest.mark.slow
MANY = 10_000
BATCH = 1000
NAME = "ten-thousand-rules"


@pytest.fixture(scope="module")
def meant(catalog: Catalog) -> dict[str, str]:
    """What each of its labels means: all canonical labels in turn."""
    canonical = [label.name for label in catalog.taxonomy.labels]
    return {f"{NAME}.rule-{number:05}": canonical[number % len(canonical)] for number in range(MANY)}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, meant: dict[str, str]) -> Iterator[App]:
    """The service over the shipped catalogue with that detector's YAML in it; vocabularies may be as long."""
    root = tmp_path_factory.mktemp("catalogue")
    for folder in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(REPOSITORY / folder, root / folder)
    lines = [f"  {label}: {canonical}" for label, canonical in meant.items()]
    head = ["detector: " + NAME, 'version: "1"', "notes: made by a test", "maps:"]
    (root / "detectors" / f"{NAME}.yaml").write_text("\n".join([*head, *lines]) + "\n")
    folder = tmp_path_factory.mktemp("serving")
    with running_app(folder, rules_only(load(root)), root=root, proposal_limit=MANY) as running:
        yield running


def test_every_one_of_its_labels_means_what_its_yaml_says(app: App, meant: dict[str, str]) -> None:
    labels = list(meant)
    for start in range(0, MANY, BATCH):
        some = labels[start : start + BATCH]
        items = [{"detector": NAME, "output": label} for label in some]
        answer = app.http.post("/v1/map:batch", json={"items": items}, headers=app.acme)
        assert (answer.status_code, answer.json()["counts"]["accepted"]) == (200, BATCH)
        assert [item["event"]["taxonomy"] for item in answer.json()["items"]] == [[meant[label]] for label in some]
    answered = int(
        app.metric('mapper_answers_total{route="rules"}') + app.metric('mapper_answers_total{route="cache"}')
    )
    assert (answered, app.metric("mapper_unknown_total")) == (MANY, sum(m == "OTHER.Unknown" for m in meant.values()))
    app.ship()
    assert [row["taxonomy"] for row in app.events()] == [[canonical] for canonical in meant.values()]
    print(f"{answered:.0f} labels of one detector mapped and recorded, in order")


def test_it_is_listed_whole(app: App, meant: dict[str, str]) -> None:
    listed = app.http.get("/v1/detectors", headers=app.acme).json()["detectors"]
    (found,) = [detector for detector in listed if detector["name"] == NAME]
    assert {known["label"]: known["taxonomy"][0] for known in found["labels"]} == meant


@pytest.mark.parametrize(("detector", "reviewed"), [(NAME, MANY), ("somebody-elses-rules", 0)])
def test_a_vocabulary_as_long_is_answered_where_the_limit_allows_it(
    app: App, meant: dict[str, str], detector: str, reviewed: int
) -> None:
    body = {"detector": detector, "labels": [{"label": label} for label in meant]}
    answer = app.http.post("/v1/detectors:propose", json=body, headers=app.acme)
    assert answer.status_code == 200
    proposed = answer.json()["labels"]
    assert (len(proposed), sum(label["match"] in AUDITED for label in proposed)) == (MANY, reviewed)
    print(f"{len(proposed)} labels proposed, {reviewed} of them reviewed already, {len(answer.content)} bytes")


def test_a_vocabulary_too_long_for_the_usual_limit_is_refused_with_the_number_that_is_allowed(
    tmp_path: Path, catalog: Catalog, meant: dict[str, str]
) -> None:
    with running_app(tmp_path, rules_only(catalog)) as usual:
        body = json.dumps({"detector": NAME, "labels": [{"label": label} for label in meant]})
        answer = usual.http.post("/v1/detectors:propose", content=body, headers=usual.acme)
        limit = usual.settings.proposal_limit
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    detail = f"Holds {MANY} labels; send at most {limit} at once."
    assert answer.json()["errors"] == [{"pointer": "/labels", "detail": detail}]
