"""What a training computes on, chosen from the profile and from what is there."""

import pytest

from mapper_assets.training.profiles import BASES
from mapper_assets.training.trainer import available, choose

SMALL, LLAMA = BASES["smollm2-135m-instruct"], BASES["llama-3-8b-instruct"]


def test_a_gpu_is_used_where_there_is_one() -> None:
    assert choose(LLAMA, cuda=True, bf16=True).device == "cuda"
    assert choose(LLAMA, cuda=False, bf16=False).device == "cpu"


def test_the_llama_profile_trains_in_bfloat16_with_gradient_checkpointing_on_a_gpu() -> None:
    compute = choose(LLAMA, cuda=True, bf16=True)
    assert (compute.dtype, compute.autocast, compute.checkpointing) == ("bfloat16", True, True)


def test_a_gpu_without_bfloat16_computes_in_float32() -> None:
    compute = choose(LLAMA, cuda=True, bf16=False)
    assert (compute.device, compute.dtype, compute.autocast) == ("cuda", "float32", False)


@pytest.mark.parametrize("cuda", [True, False])
def test_the_small_profile_stays_in_float32_everywhere(cuda: bool) -> None:
    compute = choose(SMALL, cuda=cuda, bf16=cuda)
    assert (compute.dtype, compute.autocast, compute.checkpointing) == ("float32", False, False)


def test_what_is_available_is_one_of_the_choices() -> None:
    choices = [choose(LLAMA, cuda=cuda, bf16=bf16) for cuda in (True, False) for bf16 in (True, False)]
    assert available(LLAMA) in choices
