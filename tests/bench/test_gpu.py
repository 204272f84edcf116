"""The measurement of the Llama-3 training step: its arithmetic, and the whole way on a shape any machine can hold."""

import pytest

from bench.gpu import PEAK_TFLOPS, PROFILE, SHAPES, flops_per_token, measure, peak_flops


def test_frozen_weights_cost_four_and_trained_ones_six_operations_a_token() -> None:
    assert flops_per_token(frozen=100, trained=10, layers=0, hidden=0, length=0) == 460


def test_attention_costs_what_palm_s_formula_says() -> None:
    assert flops_per_token(frozen=0, trained=0, layers=2, hidden=8, length=16) == 12 * 2 * 8 * 16


def test_the_shape_is_that_of_llama_3_8b() -> None:
    shape = SHAPES["llama-3-8b"]
    width, inner, vocabulary = shape["hidden_size"], shape["intermediate_size"], shape["vocab_size"]
    head = width // shape["num_attention_heads"]
    attention = 2 * width * width + 2 * width * head * shape["num_key_value_heads"]
    layer = attention + 3 * width * inner + 2 * width
    assert shape["num_hidden_layers"] * layer + 2 * vocabulary * width + width == 8_030_261_248


@pytest.mark.parametrize(
    ("device", "tflops"), [("NVIDIA H200", 989), ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA L4", 121), ("cpu", None)]
)
def test_the_peak_is_known_by_the_device_s_name(device: str, tflops: int | None) -> None:
    assert peak_flops(device) == (None if tflops is None else tflops * 1e12)


def test_longer_names_are_found_before_those_they_begin_with() -> None:
    assert peak_flops("NVIDIA A10G") == PEAK_TFLOPS["A10"] * 1e12
    assert peak_flops("NVIDIA L40S") == PEAK_TFLOPS["L40"] * 1e12


@pytest.mark.slow
def test_a_tiny_shape_takes_the_same_way_through_the_llama_profile() -> None:
    found = measure("tiny", steps=2, batch=2, length=16, peak=1e12)
    assert found.checkpointing
    assert found.dtype == PROFILE.dtype
    assert found.trained == 2 * PROFILE.rank * ((64 + 64) + 2 * (64 + 32))
    assert found.tokens_per_second > 0
    assert found.utilisation is not None
    assert 0 < found.utilisation < 1
