"""`python -m bench.gpu`: the training step of the Llama-3-8B-Instruct profile, on random weights of that shape.

No weights have to be had: speed and memory depend on the shape alone. The same trainer, LoRA settings, precision and
gradient checkpointing as `mapper_assets.training.train_lora`; `--shape tiny` takes the same way on any machine.

Model FLOPs utilisation is the share of the device's peak that the model's own arithmetic takes, recomputation not
counted (Chowdhery et al. 2022, PaLM, appendix B, arXiv:2204.02311): tokens per second times FLOPs per token, over the
peak. PaLM's 6N + 12*L*H*Q*T FLOPs per token hold for training every weight. With LoRA (Hu et al. 2021,
arXiv:2106.09685) the N frozen weights need no gradient of their own, so they cost 4N: 2N forward, 2N backward
through the activations. The n adapter weights cost 6n. N leaves out the input embeddings, which are looked up. Here
L is the number of layers, H of heads, Q the size of a head and T the length of a row.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from mapper_assets.training.profiles import BASES, BaseProfile, Budget
from mapper_assets.training.trainer import Compute, available, lora_trainer
from mapper_domain.value import Value

PROFILE = BASES["llama-3-8b-instruct"]
SHAPES: dict[str, dict[str, Any]] = {
    "llama-3-8b": {
        "vocab_size": 128_256,
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "max_position_embeddings": 8192,
        "rope_theta": 500_000.0,
    },
    "tiny": {
        "vocab_size": 256,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
    },
}
"""Shapes by name; the first is the one published with Meta-Llama-3-8B-Instruct."""

PEAK_TFLOPS = {"A100": 312.0, "A10": 125.0, "L40": 181.0, "L4": 121.0, "H100": 989.0, "H200": 989.0}
"""Dense bfloat16 peak by a part of the device's name, from NVIDIA's data sheets (SXM variants where they differ)."""

WARM_UP = 3


class Measured(Value):
    """What was measured.

    Attributes:
        device: its name.
        parameters: frozen weights.
        trained: weights of the LoRA layers.
        tokens_per_second: of all rows, padding-free.
        peak_bytes: most memory the device had allocated; on a CPU, most memory of this process.
        utilisation: model FLOPs utilisation, None where the device's peak is not known.
    """

    device: str
    dtype: str
    checkpointing: bool
    parameters: int
    trained: int
    tokens_per_second: float
    peak_bytes: int
    utilisation: float | None


def flops_per_token(*, frozen: int, trained: int, layers: int, hidden: int, length: int) -> float:
    """FLOPs of one token in one training step (see the formula above).

    Args:
        frozen: weights without input embeddings.
        trained: weights of the LoRA layers.
        layers: transformer layers.
        hidden: heads times the size of a head.
        length: tokens of a row.
    """
    return 4.0 * frozen + 6.0 * trained + 12.0 * layers * hidden * length


def peak_flops(device: str) -> float | None:
    """Peak of a device by name, in FLOP/s, None for one that is not known here."""
    longest_first = sorted(PEAK_TFLOPS, key=len, reverse=True)
    return next((PEAK_TFLOPS[name] * 1e12 for name in longest_first if name in device), None)


def measure(
    shape: str, *, steps: int, batch: int, length: int, peak: float | None = None, profile: BaseProfile = PROFILE
) -> Measured:
    """Train a few steps and measure those after a short warm-up.

    Args:
        shape: name of a shape.
        steps: measured steps.
        batch: rows of a step.
        length: tokens of a row; every row has as many.
        peak: FLOP/s of the device, by default what its name says.
        profile: LoRA settings.
    """
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, set_seed

    compute = available(profile)
    set_seed(0)
    config = LlamaConfig(**SHAPES[shape], pad_token_id=0, bos_token_id=1, eos_token_id=2, tie_word_embeddings=False)
    with torch.device(compute.device):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, compute.dtype))
    embeddings = model.get_input_embeddings().weight.numel()
    parameters = sum(weight.numel() for weight in model.parameters())
    budget = Budget(
        name="bench",
        lessons=None,
        sentence_steps=1,
        rows=batch,
        steps=WARM_UP + steps,
        batch_size=batch,
        checkpoint_every=10 * (WARM_UP + steps),
    )
    row = {
        "input_ids": [3 + n % (config.vocab_size - 3) for n in range(length)],
        "completion_mask": [0] * (length // 2) + [1] * (length - length // 2),
    }
    with tempfile.TemporaryDirectory() as folder:
        watch = _watch(compute)
        trainer = lora_trainer(
            model,
            _tokenizer(),
            [row] * (batch * budget.steps),
            profile.model_copy(update={"max_length": max(length, profile.max_length)}),
            budget,
            compute,
            folder=Path(folder),
            seed=0,
            callbacks=[watch],
        )
        trained = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
        trainer.train()
    device = torch.cuda.get_device_name() if compute.device == "cuda" else "cpu"
    speed = steps * batch * length / watch.seconds
    flops = flops_per_token(
        frozen=parameters - embeddings,
        trained=trained,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        length=length,
    )
    known = peak or peak_flops(device)
    return Measured(
        device=device,
        dtype=compute.dtype,
        checkpointing=compute.checkpointing,
        parameters=parameters,
        trained=trained,
        tokens_per_second=speed,
        peak_bytes=_peak_bytes(compute),
        utilisation=None if known is None else speed * flops / known,
    )


def _watch(compute: Compute) -> Any:
    """A trainer callback that knows how many seconds the steps after the warm-up took."""
    import torch
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        """Lives here because its base class is heavy to import."""

        seconds = started = 0.0

        def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if compute.device == "cuda":
                torch.cuda.synchronize()
            if state.global_step == WARM_UP:
                self.started = time.perf_counter()
            self.seconds = time.perf_counter() - self.started

    return Watch()


def _tokenizer() -> Any:
    """Just enough of a tokenizer for a trainer whose rows are token ids already."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<s>": 1, "</s>": 2}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<pad>")), pad_token="<pad>", eos_token="</s>"
    )


def _peak_bytes(compute: Compute) -> int:
    import torch

    if compute.device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=SHAPES, default="llama-3-8b")
    parser.add_argument("--steps", type=int, default=20, help="measured steps, after three that are not")
    parser.add_argument("--batch", type=int, default=8, help="rows of a step")
    parser.add_argument("--length", type=int, default=256, help="tokens of a row")
    parser.add_argument("--peak-tflops", type=float, help="peak of the device, where its name does not tell")
    options = parser.parse_args()
    peak = options.peak_tflops and options.peak_tflops * 1e12
    found = measure(options.shape, steps=options.steps, batch=options.batch, length=options.length, peak=peak)
    share = "unknown: give --peak-tflops" if found.utilisation is None else f"{found.utilisation:.1%}"
    print(
        f"{options.shape} on {found.device}, {found.dtype}, gradient checkpointing "
        f"{'on' if found.checkpointing else 'off'}, batches of {options.batch} x {options.length} tokens\n"
        f"weights                  {found.parameters:,} frozen, {found.trained:,} trained\n"
        f"tokens per second        {found.tokens_per_second:,.0f}\n"
        f"peak memory              {found.peak_bytes / 2**30:.1f} GiB\n"
        f"model FLOPs utilisation  {share}"
    )


if __name__ == "__main__":
    main()
