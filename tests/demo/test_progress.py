import pytest

from demo.progress import readable

RUN = "0b0ecf4e-1f5c-4d5d-9f5e-2f2f2f2f2f2f"
STEP = f"2026-11-23 06:50:00 +0000 - dagster - DEBUG - retrain_job - {RUN} - 77 - training__dataset - "
TOLD = f"2026-11-23 06:50:00 +0000 - dagster - INFO - retrain_job - {RUN} - "


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"{STEP}STEP_START - Started.", None),
        (f"{STEP}ASSET_MATERIALIZATION - Materialized value training dataset.", "training/dataset: made"),
        (
            f"{STEP}ASSET_CHECK_EVALUATION - Asset check 'balanced' on 'training/dataset' did not pass.",
            "Asset check balanced on training/dataset did not pass",
        ),
        (
            f"{STEP}ASSET_CHECK_EVALUATION - Asset check 'f1' on 'evaluation/x' passed. Description: 'long story.'",
            "Asset check f1 on evaluation/x passed",
        ),
        ("## 2026-11-20|acme\n", "2026-11-20|acme"),
        (f"{STEP}STEP_FAILURE - It broke.", "training/dataset: FAILED"),
        (f"{STEP}LOADED_INPUT - Loaded.", None),
        (f"{TOLD}training__lora_adapter - step 5/40", "training/lora_adapter - step 5/40"),
        (f"\x1b[34m{TOLD}hello\x1b[0m", "hello"),
        ("UserWarning: something else", None),
    ],
)
def test_log_lines_become_progress(line: str, shown: str | None) -> None:
    assert readable(line) == shown
