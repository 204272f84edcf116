"""One pass over the trie gives what scoring every answer by itself gives."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from mapper_domain import prompt
from mapper_domain.catalog import Catalog
from mapper_model.scorer import LabelScorer
from mapper_model.tokens import Tokens

QUESTION = prompt.instruction("openai-moderation", "hate/threatening", kind="moderation")
LABELS = (
    "PII.Contact.Email",
    "PII.Contact.Phone",
    "PII.Identifier.SSN",
    "PII.Person.Name",
    "HARM.SPEECH.Threat",
    "HARM.SPEECH.Hate.Other",
    "HARM.SPEECH.Hate.Race",
    "HARM.VIOLENCE.Physical",
    "JAILBREAK.Attempt",
    "SECURITY.Code.Injection",
    "OTHER.Safe",
    "OTHER.Unknown",
)
BEGINNINGS = ("HARM.SPEECH.Hate", "HARM.SPEECH.Hate.Other", "HARM.SPEECH", "HARM.SPEECH.Hate.Race")


def one_by_one(model: Any, tokens: Tokens, question: str, labels: Sequence[str]) -> dict[str, float]:
    """Log-probability of each label from a plain causal pass over prompt and answer, renormalised step by step
    over the tokens with which some allowed answer goes on; shares no code with the trie."""
    asked = tokens.question(question)
    answers = [tuple(tokens.answer([label])) for label in labels]
    found = {}
    for label, answer in zip(labels, answers, strict=True):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([[*asked, *answer]])).logits[0].double()
        total = 0.0
        for step, token in enumerate(answer):
            choices = sorted({other[step] for other in answers if other[:step] == answer[:step]})
            among = logits[len(asked) + step - 1][choices].log_softmax(-1)
            total += float(among[choices.index(token)])
        found[label] = total
    return found


@pytest.fixture(scope="module")
def model(base_model: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32).eval()


@pytest.mark.parametrize("labels", [LABELS, BEGINNINGS], ids=["twelve labels", "labels that begin other labels"])
def test_scores_equal_those_of_each_answer_by_itself(base_model: Path, model: Any, labels: tuple[str, ...]) -> None:
    (scores,) = LabelScorer.load(base_model, None, labels).score([QUESTION])
    assert scores == pytest.approx(one_by_one(model, Tokens(base_model), QUESTION, labels), abs=1e-4)


@pytest.mark.slow
def test_scores_of_the_whole_taxonomy_equal_those_of_each_answer_by_itself(
    base_model: Path, model: Any, catalog: Catalog
) -> None:
    labels = sorted(catalog.taxonomy.names)
    (scores,) = LabelScorer.load(base_model, None, labels).score([QUESTION])
    assert len(scores) == 131
    assert scores == pytest.approx(one_by_one(model, Tokens(base_model), QUESTION, labels), abs=1e-4)


@pytest.mark.slow
def test_a_merged_adapter_scores_as_the_adapter_beside_its_base_does(base_model: Path, tiny_adapter: Path) -> None:
    beside = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32), tiny_adapter
    ).eval()
    (scores,) = LabelScorer.load(base_model, tiny_adapter, LABELS).score([QUESTION])
    assert scores == pytest.approx(one_by_one(beside, Tokens(base_model), QUESTION, LABELS), abs=1e-4)


@pytest.mark.slow
def test_an_adapter_changes_the_scores(base_model: Path, tiny_adapter: Path) -> None:
    (base,) = LabelScorer.load(base_model, None, LABELS).score([QUESTION])
    (adapted,) = LabelScorer.load(base_model, tiny_adapter, LABELS).score([QUESTION])
    assert max(abs(base[label] - adapted[label]) for label in LABELS) > 0.01


def test_probabilities_of_all_labels_add_up_to_one(base_model: Path, catalog: Catalog) -> None:
    scorer = LabelScorer.load(base_model, None, sorted(catalog.taxonomy.names))
    for scores in scorer.score([QUESTION, prompt.instruction("x", "qzxv-17")]):
        assert math.fsum(map(math.exp, scores.values())) == pytest.approx(1.0, abs=1e-5)


def test_each_question_is_scored_as_if_it_were_alone_whatever_it_shares_with_others(base_model: Path) -> None:
    scorer = LabelScorer.load(base_model, None, LABELS)
    questions = [
        QUESTION,
        prompt.instruction("presidio", "EMAIL_ADDRESS"),
        prompt.instruction("openai-moderation", "hate", kind="moderation"),
        QUESTION,
        prompt.instruction("presidio", "EMAIL"),
        "A question that begins like no other",
    ]
    for question, scores in zip(questions, scorer.score(questions), strict=True):
        assert scores == pytest.approx(scorer.score([question])[0], abs=1e-4)


@pytest.mark.parametrize("among", [LABELS[:1], LABELS[2:5], ("HARM.SPEECH.Hate.Race", "OTHER.Safe"), LABELS])
def test_labels_that_matter_score_as_among_all(base_model: Path, among: tuple[str, ...]) -> None:
    scorer = LabelScorer.load(base_model, None, LABELS)
    (whole,), (part,) = scorer.score([QUESTION]), scorer.score([QUESTION], [among])
    assert [part[label] for label in among] == pytest.approx([whole[label] for label in among], abs=1e-4)
    assert math.fsum(map(math.exp, part.values())) == pytest.approx(1.0, abs=1e-5)


def test_no_question_gives_no_scores(base_model: Path) -> None:
    assert LabelScorer.load(base_model, None, LABELS).score([]) == []


def test_a_single_label_is_certain(base_model: Path) -> None:
    assert LabelScorer.load(base_model, None, ["OTHER.Unknown"]).score([QUESTION]) == [{"OTHER.Unknown": 0.0}]


def test_the_plain_prefill_feeds_the_prompt_alone(base_model: Path) -> None:
    tokens = Tokens(base_model)
    assert LabelScorer.load(base_model, None, LABELS).prefill(QUESTION) == len(tokens.question(QUESTION))
