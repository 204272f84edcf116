"""`python -m bench`: every ratio in one run, as a Markdown table. Compare ratios; times depend on the machine."""

import argparse
from pathlib import Path

from bench import scorer, serving
from mapper_domain.layout import Layout

HEADER = ("| measured | ours | plain | ratio |", "|---|---:|---:|---:|")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="catalogue root")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="where the base model is")
    parser.add_argument("--base", default="smollm2-135m-instruct", help="base model profile")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each server; medians are printed")
    parser.add_argument("--requests", type=int, default=5000, help="requests of one run")
    parser.add_argument("--questions", type=int, default=30, help="questions put to the scorer")
    options = parser.parse_args()
    base = Layout(options.artifacts).base_model(options.base)
    if not base.is_dir():
        parser.error(f"there is no base model at {base}; run `python -m mapper_assets.training.prepare_base` first")
    print(*HEADER, sep="\n", flush=True)
    for row in serving.measure(options.root, runs=options.runs, total=options.requests):
        print(row, flush=True)
    for row in scorer.measure(options.root, base, runs=options.questions):
        print(row, flush=True)
    print(
        f"\nMedians of {options.runs} interleaved runs of {options.requests} requests at concurrency "
        f"{serving.CONCURRENCY}, client on the same machine.\n"
        "Plain: a bare FastAPI echo of the same body; a prefill of the same prompt."
    )


if __name__ == "__main__":
    main()
