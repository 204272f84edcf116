"""Training: what it refuses, what it records, and that a killed run goes on where it was."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peft import PeftConfig

from mapper_assets.training.prepare_base import BaseModelError
from mapper_assets.training.profiles import BASES, BUDGETS
from mapper_assets.training.session import Lines
from mapper_assets.training.train_lora import (
    RECORD,
    Training,
    TrainingError,
    TrainLora,
    last_checkpoint,
    read_record,
    read_rows,
    train,
)
from mapper_domain import prompt
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file
from mapper_model.tokens import Tokens

NOWHERE = "0" * 64


@pytest.fixture
def workspace(base_model: Path, tmp_path: Path) -> Layout:
    """A fresh artefact root with the real base model and a dataset of two dozen rows named `rows`."""
    layout = Layout(tmp_path)
    layout.base_model("x").parent.mkdir()
    layout.base_model(base_model.name).symlink_to(base_model)
    rows = [
        {"instruction": prompt.instruction("d", f"{name}_{n}"), "response": prompt.answer([label])}
        for n in range(8)
        for name, label in (("mail", "PII.Contact.Email"), ("insult", "HARM.SPEECH.Insult"), ("ok", "OTHER.Safe"))
    ]
    layout.dataset("x").parent.mkdir()
    layout.dataset("rows").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return layout


def script(layout: Layout) -> list[str]:
    arguments = ["--artifacts", str(layout.root), "--dataset", "rows", "--profile", "tiny", "--threads", "1"]
    return [sys.executable, "-m", "mapper_assets.training.train_lora", *arguments]


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_checkpoint_to_the_same_adapter_and_mends_its_record(workspace: Layout) -> None:
    whole = train(TrainLora(artifacts=workspace.root, dataset="rows", profile="tiny", threads=1), Lines())
    killed = subprocess.Popen(script(workspace), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(workspace.checkpoints.glob("*/checkpoint-2/trainer_state.json")):
        assert killed.poll() is None, "the training ended before it could be killed"
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    (workspace.adapter(whole.adapter_sha256) / RECORD).write_text('{"from": "another version"}')
    again = subprocess.run(script(workspace), capture_output=True, text=True, check=True)
    resumed = read_record(workspace.adapter(whole.adapter_sha256))
    assert "Resuming from checkpoint-" in again.stdout
    assert f"Adapter {whole.adapter_sha256[:16]} after 6 steps" in again.stdout
    assert resumed.steps == BUDGETS["tiny"].steps
    assert list(workspace.checkpoints.iterdir()) == []


@pytest.mark.slow
def test_the_record_holds_everything_that_made_the_adapter(tiny_adapter: Path, base_model: Path) -> None:
    made = read_record(tiny_adapter)
    assert made.adapter_sha256 == tiny_adapter.name == sha256_file(tiny_adapter / "adapter_model.safetensors")
    assert made.base_model.sha256 == json.loads((base_model / "source.json").read_text())["sha256"]
    assert sha256_file(Layout(base_model.parents[1]).dataset(made.dataset_sha256)) == made.dataset_sha256
    assert (made.budget, made.base, made.steps) == (BUDGETS["tiny"], BASES[base_model.name], BUDGETS["tiny"].steps)
    assert [point.step for point in made.loss_curve] == list(range(1, made.steps + 1))
    assert made.loss_curve[-1].loss < made.loss_curve[0].loss
    assert made.loss_curve[-1].seconds == made.seconds > 0
    assert {"torch", "transformers", "peft", "trl"} <= set(made.libraries)
    assert Training.model_validate_json(made.model_dump_json()) == made


@pytest.mark.slow
def test_the_adapter_is_a_standard_peft_folder_that_names_no_path(tiny_adapter: Path) -> None:
    config = PeftConfig.from_pretrained(str(tiny_adapter))
    assert (config.peft_type, config.r, config.lora_alpha) == ("LORA", 16, 32)
    assert config.base_model_name_or_path == "smollm2-135m-instruct"
    assert "/" not in (tiny_adapter / "README.md").read_text().replace("smollm2", "")
    assert "not the original weights" in (tiny_adapter / "README.md").read_text()


def test_a_half_written_checkpoint_is_removed_and_the_one_before_is_used(tmp_path: Path) -> None:
    for step in (2, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    (tmp_path / "checkpoint-12").mkdir()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert not (tmp_path / "checkpoint-12").exists()
    assert last_checkpoint(tmp_path, before=10) == tmp_path / "checkpoint-2", "its last step would be taken twice"


def test_without_a_checkpoint_training_starts_anew(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "never trained") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": NOWHERE}, "no dataset"),
        ({"base": "gpt-5"}, "llama-3-8b-instruct"),
        ({"profile": "enormous"}, "default, full, tiny"),
    ],
    ids=["dataset", "base", "profile"],
)
def test_what_is_missing_is_named(workspace: Layout, change: dict[str, str], message: str) -> None:
    parameters = TrainLora(artifacts=workspace.root, dataset="rows").model_copy(update=change)
    with pytest.raises(TrainingError, match=message):
        train(parameters, Lines())


def test_an_unprepared_base_model_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="prepare_base"):
        train(TrainLora(artifacts=tmp_path, dataset="rows"), Lines())


def test_all_bad_rows_are_reported_at_once_and_none_is_cut(base_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    long = json.dumps({"instruction": "word " * 300, "response": "x"})
    file.write_text(f'{{"instruction": "a", "response": "b"}}\n{{"instruction": 1}}\n{long}\nnot json\n')
    with pytest.raises(TrainingError, match=r"line 2 .*; line 3 has 30\d tokens, at most 256 fit; line 4 "):
        read_rows(file, Tokens(base_model), 256)


def test_an_adapter_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"training\.json"):
        read_record(tmp_path)
