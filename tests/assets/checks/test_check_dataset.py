"""Each check of the training file passes on good rows and finds what it is there to find."""

import json

import pytest

from mapper_assets.checks.dataset import balance_problems, label_problems, leak_problems, row_problems
from mapper_assets.training.dataset import Example
from mapper_assets.training.golden import GoldenCase
from mapper_domain import prompt


def row(detector="d", label="toxic", answer=("HARM.A",), **question):
    return Example(instruction=prompt.instruction(detector, label, **question), response=prompt.answer(answer))


def case(detector="d", label="toxic", field=None, kind=""):
    return GoldenCase(
        id="1",
        detector=detector,
        label=label,
        field=field,
        kind=kind,
        expected=("HARM.A",),
        relation="any",
        split="seen",
        gated=True,
    )


def test_rows_as_written_are_valid():
    assert row_problems([row().model_dump_json()]) == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("{", id="not JSON"),
        pytest.param(json.dumps({"instruction": "x"}), id="no response"),
        pytest.param(json.dumps({"instruction": "x", "response": "HARM.A"}), id="response is not JSON"),
        pytest.param(json.dumps({"instruction": "x", "response": '{"taxonomy":[]}'}), id="no label"),
        pytest.param(json.dumps({"instruction": "x", "response": '{"taxonomy": ["HARM.A"]}'}), id="other format"),
        pytest.param(
            json.dumps({"instruction": "x", "response": '{"taxonomy":["HARM.A"],"confidence":0.9}'}), id="more keys"
        ),
        pytest.param(json.dumps({"instruction": "x", "response": prompt.answer(["A"]), "extra": 1}), id="more columns"),
    ],
)
def test_a_line_in_another_format_is_found_by_its_number(line):
    assert row_problems([row().model_dump_json(), line]) == ["Line 2 is not an instruction and an answer."]


def test_labels_that_do_not_exist_and_labels_nobody_teaches_are_both_found():
    problems = label_problems([row(answer=("HARM.A",)), row(answer=("HARM.X",))], {"HARM.A", "HARM.B"})
    assert problems == ["HARM.X is not in the taxonomy, but in 1 answers.", "No row teaches HARM.B."]


@pytest.mark.parametrize(("times", "problems"), [(10, 0), (11, 1)])
def test_a_label_may_have_a_tenth_of_the_rows_and_no_more(times, problems):
    rows = [row(answer=("HARM.A",))] * times + [row(answer=(f"OTHER.{n}",)) for n in range(100 - times)]
    assert len(balance_problems(rows)) == problems


@pytest.mark.parametrize(
    ("trained", "leaks"),
    [
        pytest.param(row(label="TOXIC"), False, id="another spelling"),
        pytest.param(row(detector="e"), False, id="another detector"),
        pytest.param(row(field="category"), False, id="another field"),
        pytest.param(row(), True, id="the same question"),
        pytest.param(row(kind="moderation"), True, id="the same with the kind"),
        pytest.param(row(description="Rude."), True, id="the same with a meaning"),
        pytest.param(row(kind="moderation", description="Rude."), True, id="the same with both"),
    ],
)
def test_a_golden_case_may_not_be_trained_on_in_any_dress(trained, leaks):
    assert bool(leak_problems([trained], [case()], {"moderation"}, ())) is leaks


@pytest.mark.parametrize(
    ("detector", "leaks"), [("held", True), ("held-2", False), ("unheld", False)], ids=["itself", "longer", "contained"]
)
@pytest.mark.parametrize("kind", ["", "pii"])
def test_no_row_may_name_a_held_out_detector(detector, kind, leaks):
    assert bool(leak_problems([row(detector=detector, kind=kind)], [], (), ["held"])) is leaks
