"""`python -m mapper_model.merging BASE ADAPTER TARGET`: a base model folder with an adapter merged into its weights.

For servers that run a merged model faster than one with an adapter beside it. A program of its own, because its memory
goes back to the system with its end.
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Write the merged model with its tokenizer, in fp32.

    Args:
        base: folder with safetensors and tokenizer.
        adapter: PEFT adapter folder.
        target: existing folder.
    """
    from peft import PeftModel

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(target)
    AutoTokenizer.from_pretrained(base).save_pretrained(target)


def main() -> None:
    """Merge what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m mapper_model.merging", description=__doc__)
    for name in ("base", "adapter", "target"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    merge(options.base, options.adapter, options.target)


if __name__ == "__main__":
    main()
