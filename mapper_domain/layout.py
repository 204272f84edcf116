"""Where every artefact lies below one root, so that writers and readers cannot disagree."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Places below the artefact root.

    Attributes:
        root: the artefact root, by default `artifacts/` beside the catalogue.
    """

    root: Path

    def base_model(self, name: str) -> Path:
        """A base model as safetensors with its tokenizer and `source.json`."""
        return self.root / "base_models" / name

    def dataset(self, sha256: str) -> Path:
        """A training file in the founding JSONL format, named by its content."""
        return self.root / "datasets" / f"{sha256}.jsonl"

    def adapter(self, sha256: str) -> Path:
        """A PEFT adapter folder with `training.json` beside the weights, named by the SHA-256 of its weights."""
        return self.root / "adapters" / sha256

    def retriever(self, sha256: str) -> Path:
        """A retriever folder, named by the SHA-256 of its safetensors weights."""
        return self.root / "retrievers" / sha256

    def sentences(self, sha256: str) -> Path:
        """A tuned sentence classifier, named by the SHA-256 of its recipe; may be deleted, and is then tuned again."""
        return self.root / "sentences" / sha256

    @property
    def embeddings(self) -> Path:
        """Sentence embeddings computed so far, by text; may be deleted at any time."""
        return self.root / "embeddings" / "sentences.safetensors"

    def evaluation(self, sha256: str) -> Path:
        """A folder with `scores.json`, `predictions.jsonl`, `answers.jsonl` and figures, named by its content."""
        return self.root / "evaluations" / sha256

    def cross_validation(self, sha256: str) -> Path:
        """A folder with `scores.json`, opinions and pages of a cross-validation, named by its content."""
        return self.root / "cross_validations" / sha256

    @property
    def fold_adapters(self) -> Path:
        """What adapters said about folds they never saw, one folder for each."""
        return self.root / "fold_adapters"

    @property
    def checkpoints(self) -> Path:
        """Training checkpoints, one folder per dataset and profile, for resuming after a kill."""
        return self.root / "checkpoints"

    @property
    def releases(self) -> Path:
        """Releases, their pointer and their promotions log."""
        return self.root / "releases"

    @property
    def release_cache(self) -> Path:
        """What one machine fetched of releases kept elsewhere, and what it learnt of canaries; may be deleted."""
        return self.root / "release_cache"

    @property
    def vllm(self) -> Path:
        """Logs and merged models of vLLM servers on this machine; may be deleted while none runs."""
        return self.root / "vllm"

    @property
    def outbox(self) -> Path:
        """The durable outbox of the embedded service."""
        return self.root / "outbox" / "outbox.sqlite"

    @property
    def events(self) -> Path:
        """Event segments, `tenant=<t>/day=<d>/<first_event_id>-<sha16>.parquet`."""
        return self.root / "events"

    @property
    def rejections(self) -> Path:
        """Rejection segments, laid out as events are."""
        return self.root / "rejections"

    @property
    def ledgers(self) -> Path:
        """Day ledgers as shipped, `tenant=<t>/day=<d>/ledger.json`."""
        return self.root / "ledgers"

    @property
    def manifests(self) -> Path:
        """What each tenant's day consists of, `<tenant>/<day>.json`; derived from segments, replaced when they grow."""
        return self.root / "manifests"

    @property
    def reports(self) -> Path:
        """Report bundles, `<tenant>/<yyyy>/<mm>/<dd>/r<NNNN>/`."""
        return self.root / "reports"

    @property
    def proposals(self) -> Path:
        """Proposed detector files, `<detector>.yaml`, and `tenant=<t>/<detector>.yaml` for one tenant's own words."""
        return self.root / "proposals"
