"""`python -m bench`: every ratio in one run, as a Markdown table. Compare ratios; times depend on the machine."""

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import scorer, serving
from bench.table import Row, render
from mapper_domain.layout import Layout

PAGE = """# Benchmarks

`make bench-serving` measured this on {when} and wrote it here. Machine: {cores} cores ({machine}), Python {python},
the client on the same cores, load average {load:.1f} before the run. Compare the ratios: both sides of each were
measured in this run, in turns. HTTP figures are medians of {runs} runs of {requests:,} requests, after one that is not
counted; those of the model are of {questions} questions.

{table}
The echo is a bare FastAPI application that answers with the body it was sent, under the same server with one worker.
A known label is answered from the release's cache; its event is on disk, in an SQLite outbox with `synchronous=FULL`,
before the answer leaves. An unseen label is one of the catalogue behind `x-`, so that no reviewed mapping answers it;
each detector was asked about once before, so that what its prompts begin with is computed already. A plain prefill is
one forward pass over the whole prompt with the same weights in the same thread, without scoring anything.
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="catalogue root")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="where models and releases are")
    parser.add_argument("--base", default="smollm2-135m-instruct", help="base model profile")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each server; medians are printed")
    parser.add_argument("--requests", type=int, default=5000, help="requests of one run")
    parser.add_argument("--questions", type=int, default=66, help="questions put to the model")
    parser.add_argument("--write", type=Path, help="page to write the table to")
    options = parser.parse_args()
    layout = Layout(options.artifacts)
    base, voices = layout.base_model(options.base), scorer.voices(layout)
    load = os.getloadavg()[0]
    rows: list[Row] = serving.measure(options.root, runs=options.runs, total=options.requests)
    if base.is_dir() and voices is not None:
        rows += scorer.measure(options.root, base, voices, runs=options.questions)
    else:
        sys.stderr.write("The model was not measured: there is no release and no retriever; run `make demo` first.\n")
    table = render(rows)
    print(table)
    if options.write is not None:
        page = PAGE.format(
            when=datetime.now(UTC).date().isoformat(),
            cores=os.cpu_count(),
            machine=platform.machine(),
            python=platform.python_version(),
            load=load,
            runs=options.runs,
            requests=options.requests,
            questions=options.questions,
            table=table,
        )
        options.write.write_text(page)


if __name__ == "__main__":
    main()
