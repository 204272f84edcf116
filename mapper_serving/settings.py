"""Every setting of the service, read once from `MAPPER_*` environment variables. No logic here."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from mapper_domain.layout import Layout
from mapper_serving.secrets.vault import Login


class Settings(BaseSettings):
    """Settings of one service process; each has the environment variable `MAPPER_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="MAPPER_", frozen=True, extra="ignore")

    root: Path = Field(default=Path(), description="Catalogue root: holds taxonomy/, detectors/ and frameworks/.")
    artifacts: Path = Field(default=Path("artifacts"), description="Artefact root, shared with the assets.")
    keys: Path = Field(default=Path("artifacts/keys.yaml"), description="Tenants and the hashes of their API keys.")
    secret_ttl_seconds: float = Field(default=60.0, gt=0, description="How old a secret's value may get.")
    vault_address: str = Field(default="", description="URL of a server with the Vault API; empty: there is none.")
    vault_namespace: str = Field(default="", description="Namespace there, where the server has several.")
    vault_login: Login = Field(default="token", description="How to log in: token, approle, jwt or kubernetes.")
    vault_login_mount: str = Field(default="", description="Where that method is mounted, if not under its name.")
    vault_role: str = Field(default="", description="Role id of the AppRole, or role a signed token asks for.")
    vault_credential: str = Field(
        default="env:VAULT_TOKEN", description="Where token, secret id or signed token lies: env:NAME or file:/path."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    unknown_detectors: Literal["refuse", "model"] = Field(
        default="model", description="What to do with a detector nobody has described: ask the model, or 404."
    )

    deadline_seconds: float = Field(default=2.0, gt=0, description="Time one /map may wait for the model.")
    batch_deadline_seconds: float = Field(default=30.0, gt=0, description="The same for a whole /map/batch.")
    proposal_deadline_seconds: float = Field(
        default=30.0, gt=0, description="Time the model gets for one vocabulary of /detectors:propose."
    )
    engine_queue: int = Field(default=64, ge=1, description="Questions that may wait for the model at once.")
    engine_threads: int = Field(default=1, ge=1, description="Compute threads of the local engine.")
    release_poll_seconds: float = Field(default=2.0, gt=0, description="How often the release pointer is read.")
    release_retry_seconds: float = Field(default=30.0, gt=0, description="When a refused release is tried again.")

    batch_limit: int = Field(default=100, ge=1, description="Most items of one batch.")
    proposal_limit: int = Field(default=500, ge=1, description="Most labels of one vocabulary.")
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="Longest request body.")
    max_output_bytes: int = Field(default=65_536, ge=64, description="Longest native detector output.")
    max_age_days: int = Field(default=92, ge=0, description="How far back `occurred_at` may lie.")
    clock_skew_seconds: int = Field(default=300, ge=0, description="How far ahead `occurred_at` may lie.")

    outbox_max_events: int = Field(default=200_000, ge=1, description="Rows the outbox holds before it refuses.")
    outbox_max_bytes: int = Field(default=2_147_483_648, ge=65_536, description="Bytes the outbox file may take.")
    ship_seconds: float = Field(default=5.0, gt=0, description="How often events are shipped to segments.")
    segment_rows: int = Field(default=10_000, ge=1, description="Most rows of one segment.")

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    shutdown_seconds: int = Field(default=20, ge=0, description="Time requests in flight get to finish on shutdown.")

    @property
    def layout(self) -> Layout:
        """Where every artefact lies."""
        return Layout(self.artifacts)
