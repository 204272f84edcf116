import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mapper_domain.catalog import Catalog, load
from mapper_domain.errors import DetectorFailed, PayloadError
from mapper_domain.payloads import MAX_FINDINGS, SCORED_LABELS, Finding, Part, Payload, findings
from mapper_domain.verdicts import Verdict

ROOT = Path(__file__).parents[2]
ANSWERS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("native_answers.yaml").read_text(encoding="utf-8")
)
CASES = [
    pytest.param(name, case, id=f"{name}-{number}")
    for name, cases in ANSWERS.items()
    for number, case in enumerate(cases)
]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@cache
def shipped() -> Catalog:
    return load(ROOT)


def payload_of(name: str) -> Payload:
    return shipped().detector(name).native


def expected(item: str | list[Any]) -> tuple[str, float | None]:
    return (item, None) if isinstance(item, str) else (item[0], pytest.approx(item[1]))


def test_every_shipped_detector_has_documented_answers_with_and_without_a_finding_and_one_that_is_no_answer() -> None:
    assert set(ANSWERS) == set(shipped().by_name)
    for name, cases in ANSWERS.items():
        kinds = {"refused" if isinstance(case["found"], str) else bool(case["found"]) for case in cases}
        assert kinds == {"refused", True, False}, name


@pytest.mark.parametrize(("name", "case"), [case for case in CASES if isinstance(case.values[1]["found"], list)])
def test_documented_answer_gives_its_findings(name: str, case: dict[str, Any]) -> None:
    found = findings(case["output"], payload_of(name))
    assert [(finding.label, finding.score) for finding in found] == [
        (label, score if score is not None else found[place].score)
        for place, (label, score) in enumerate(map(expected, case["found"]))
    ]


@pytest.mark.parametrize(("name", "case"), [case for case in CASES if isinstance(case.values[1]["found"], list)])
def test_labels_found_are_in_the_detectors_vocabulary(name: str, case: dict[str, Any]) -> None:
    detector = shipped().detector(name)
    found = {finding.label for finding in findings(case["output"], payload_of(name))}
    assert {label for label in found if detector.find(label) is None} == set(case.get("unlisted", ()))


@pytest.mark.parametrize(("name", "case"), [case for case in CASES if isinstance(case.values[1]["found"], str)])
def test_what_is_no_answer_is_an_error_and_never_safe(name: str, case: dict[str, Any]) -> None:
    with pytest.raises(PayloadError) as caught:
        findings(case["output"], payload_of(name))
    assert isinstance(caught.value, DetectorFailed) == (case["found"] == "failed")
    assert "MATCHED" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("name", "case"), [case for case in CASES if isinstance(case.values[1]["found"], list)])
def test_matched_text_does_not_pass_the_door(name: str, case: dict[str, Any]) -> None:
    assert "MATCHED" not in "".join(finding.model_dump_json() for finding in findings(case["output"], payload_of(name)))


@pytest.mark.parametrize("name", sorted(ANSWERS))
@settings(max_examples=25)
@given(output=JSON)
def test_no_answer_breaks_the_reader(name: str, output: Any) -> None:
    """Any JSON gives findings or a PayloadError, nothing else."""
    try:
        found = findings(output, payload_of(name))
    except PayloadError:
        return
    assert all(isinstance(finding, Finding) for finding in found)


def test_a_score_larger_than_a_double_holds_is_refused() -> None:
    with pytest.raises(PayloadError, match="too large"):
        findings([{"label": "toxic", "score": 10**400}], SCORED_LABELS)


@pytest.mark.parametrize("payload", [None, SCORED_LABELS, Payload()])
def test_plain_text_is_one_label(payload: Payload | None) -> None:
    assert findings("S1", payload) == (Finding(label="S1"),)


@pytest.mark.parametrize("text", ["", "   ", "two\nlines", "x" * 300])
def test_prose_is_never_taken_for_a_label(text: str) -> None:
    with pytest.raises(PayloadError):
        findings(text, None)


def test_json_in_a_text_is_read_as_json() -> None:
    assert findings('[{"label": "toxic", "score": 0.9}]', SCORED_LABELS) == (Finding(label="toxic", score=0.9),)


def test_json_that_was_cut_is_an_error() -> None:
    with pytest.raises(PayloadError, match="was it cut"):
        findings('[{"label": "tox', SCORED_LABELS)


def test_detector_without_yaml_may_describe_its_labels() -> None:
    output = [{"label": "x", "score": 0.2, "field": "input", "description": "what it means"}, "y"]
    assert findings(output, None) == (
        Finding(label="x", score=0.2, field="input", description="what it means"),
        Finding(label="y"),
    )


@pytest.mark.parametrize(
    "output",
    [
        {},
        7,
        {"label": 3},
        {"label": "x", "score": 40},
        {"label": "x", "text": "secret"},
        {"label": "x", "description": ["secret"]},
        {"label": "x", "description": "secret" * 100},
        {"label": "x", "field": "secret" * 20},
    ],
)
def test_detector_without_yaml_sends_nothing_else(output: Any) -> None:
    with pytest.raises(PayloadError) as caught:
        findings(output, None)
    assert "secret" not in str(caught.value)


def test_detector_without_yaml_that_found_nothing_ran() -> None:
    assert findings([], None) == ()


def test_repeated_labels_are_one_finding_with_the_greatest_score() -> None:
    output = [{"label": "a", "score": 0.6}, {"label": "b", "score": 0.9}, {"label": "a", "score": 0.8}]
    assert findings(output, SCORED_LABELS) == (Finding(label="a", score=0.8), Finding(label="b", score=0.9))


def test_answers_are_bounded() -> None:
    output = [{"label": f"label-{number}", "score": 0.9} for number in range(MAX_FINDINGS + 1)]
    assert len(findings(output[:-1], SCORED_LABELS)) == MAX_FINDINGS
    with pytest.raises(PayloadError, match="1000"):
        findings(output, SCORED_LABELS)


def test_same_label_in_two_fields_stays_two_findings() -> None:
    payload = Payload(
        parts=(Part(find="input", field="input", label="@"), Part(find="reply", field="reply", label="@"))
    )
    found = findings({"input": ["toxic"], "reply": ["toxic"]}, payload)
    assert [(finding.field, finding.label) for finding in found] == [("input", "toxic"), ("reply", "toxic")]


@pytest.mark.parametrize(("score", "sureness"), [(0.0, [1.0]), (0.69, [0.31]), (0.7, []), (1.0, [])])
def test_where_low_is_the_finding_a_low_score_is_a_sure_one(score: float, sureness: list[float]) -> None:
    part = Part(find="[]", label="name", score="score", threshold=0.7, polarity="low")
    found = findings([{"name": "GROUNDING", "score": score}], Payload(parts=(part,)))
    assert [finding.score for finding in found] == pytest.approx(sureness)


@pytest.mark.parametrize(
    ("severity", "is_finding"), [("NONE", False), ("LOW", False), ("HIGH", True), ("A_NEW_WORD", True)]
)
def test_a_severity_nobody_has_seen_is_not_benign(severity: str, is_finding: bool) -> None:
    scale = {"at": "severity", "scale": ["NONE", "LOW", "HIGH"], "benign": "LOW"}
    payload = Payload.model_validate({"parts": [{"find": "[]", "label": "name", "severity": scale}]})
    assert bool(findings([{"name": "hate", "severity": severity}], payload)) is is_finding


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"parts": [{"find": "a[", "label": "b"}]}, "'a\\[' is not a JMESPath expression"),
        ({"parts": [{"find": "lenght(a)", "label": "b"}]}, r"lenght\(\), which does not exist; nearest: length\(\)"),
        ({"parts": [{"find": "a"}]}, "needs either label, or flags and/or scores"),
        ({"parts": [{"find": "a", "label": "b", "flags": "c"}]}, "needs either label, or flags and/or scores"),
        ({"parts": [{"find": "a", "flags": "c", "separator": ","}]}, "belong to label"),
        ({"parts": [{"find": "a", "scores": "c"}]}, "scores without flags need a threshold"),
        ({"parts": [{"find": "a", "label": "b", "threshold": 0.5}]}, "threshold needs score"),
        ({"parts": [{"find": "a", "label": "b", "polarity": "low"}]}, "polarity low needs"),
        ({"parts": [{"find": "a", "label": "b", "answer": "c"}]}, "needs the payload's text grammar"),
        ({"parts": [{"find": "a", "label": "b", "severity": {"at": "s", "benign": "X"}}]}, "is not on the scale"),
        ({"parts": [{"find": "a", "label": "b", "severity": {"at": "s", "benign": 0, "scale": ["X"]}}]}, "must be one"),
        ({"found": "a"}, "Extra inputs are not permitted"),
    ],
)
def test_payload_that_cannot_work_is_refused_with_its_reason(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Payload.model_validate(document)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("safe", ()),
        (" SAFE \n", ()),
        ("unsafe\nS1, S10", ("S1", "S10")),
        ("unsafe\nS1\nS2", ("S1", "S2")),
        ("Unsafe.", ("unsafe",)),
        ("<score> unsafe </score>", ("unsafe",)),
        ("safety first", None),
        ("safe mode on", None),
        ("S1", None),
        ("", None),
    ],
)
def test_verdict_is_the_first_word_where_nothing_continues_it(text: str, labels: tuple[str, ...] | None) -> None:
    assert Verdict(positive=("unsafe",), negative=("safe",), codes=",").read(text) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("<think>unsafe, I thought</think> safe", ()),
        ("I thought aloud</think>\n<score> unsafe </score>", ("unsafe",)),
        ("<think>safe", None),
        ("<found>[S1, 'S2']</found>", ("S1", "S2")),
        ("<FOUND>S1\nS2</FOUND>", ("S1", "S2")),
        ("unsafe <found>S1</found>", ("S1",)),
        ("unsafe <found>[]</found>", ("unsafe",)),
        ("<found>none</found>", ()),
        ("<found>S1", ("S1",)),
        ("prose <found></found>", None),
    ],
)
def test_what_was_thought_aloud_is_dropped_and_an_element_lists_what_was_found(
    text: str, labels: tuple[str, ...] | None
) -> None:
    assert Verdict(positive=("unsafe",), negative=("safe",), element="found").read(text) == labels


def test_a_text_of_named_lines_is_read_by_the_parts() -> None:
    payload = Payload(lines="=", parts=(Part(find="[kind][?@]", label="@"),))
    assert findings("Kind = spam\nother = MATCHED\nprose", payload) == (Finding(label="spam"),)
    assert findings("spam", payload) == (Finding(label="spam"),)


def test_the_guides_example_gives_the_findings_it_names() -> None:
    guide = (ROOT / "docs" / "catalogue" / "native-answers.md").read_text(encoding="utf-8")
    declared, answer = (re.search(rf"```{kind}\n(.*?)```", guide, re.DOTALL) for kind in ("yaml", "json"))
    assert declared is not None
    assert answer is not None
    payload = Payload.model_validate(yaml.safe_load(declared[1])["payload"])
    found = findings(json.loads(answer[1]), payload)
    assert [(finding.label, finding.score) for finding in found] == [
        ("violence", 0.91),
        ("answer", pytest.approx(0.8)),
        ("hate", None),
        ("leak", None),
    ]
