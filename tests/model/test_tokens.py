"""What is trained on is token for token what is scored."""

import json
from pathlib import Path

from mapper_assets.training.train_lora import read_rows
from mapper_domain import prompt
from mapper_model.scorer import LabelScorer
from mapper_model.tokens import Tokens

QUESTION = prompt.instruction("presidio", "US_SSN")


def test_an_answer_ends_with_the_end_token_and_reads_back(base_model: Path) -> None:
    tokens = Tokens(base_model)
    *answer, last = tokens.answer(["PII.Identifier.SSN"])
    assert last == tokens.end
    assert tokens.tokenizer.decode(answer) == '{"taxonomy":["PII.Identifier.SSN"]}'


def test_a_question_reads_back_with_nothing_before_or_after_it(base_model: Path) -> None:
    tokens = Tokens(base_model)
    assert tokens.tokenizer.decode(tokens.question(QUESTION)) == prompt.prompt(QUESTION)


def test_a_training_row_is_the_scored_prompt_followed_by_the_scored_answer(base_model: Path, tmp_path: Path) -> None:
    tokens, label = Tokens(base_model), "PII.Identifier.SSN"
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"instruction": QUESTION, "response": prompt.answer([label])}) + "\n")
    (row,) = read_rows(file, tokens, 256)
    asked = tokens.question(QUESTION)
    assert row["input_ids"] == asked + tokens.answer([label])
    assert row["completion_mask"] == [0] * len(asked) + [1] * (len(row["input_ids"]) - len(asked))


def test_the_trie_of_a_scorer_leads_through_the_answer_s_own_tokens(base_model: Path) -> None:
    labels = ["PII.Identifier.SSN", "PII.Person.Name", "OTHER.Safe"]
    trie = LabelScorer.load(base_model, None, labels).trie
    for label, path in zip(labels, trie.paths, strict=True):
        answer = Tokens(base_model).answer([label])
        for decision, child in path:
            node = trie.decisions[decision].node
            fed = [trie.tokens[ancestor] for ancestor in trie.ancestors[node]]
            assert [*fed, trie.decisions[decision].children[child]] == answer[: len(fed) + 1]
