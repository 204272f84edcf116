"""Every setting of the service, read once from `MAPPER_*` environment variables. No logic here."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mapper_domain.layout import Layout
from mapper_serving.identity.tokens import Algorithm
from mapper_serving.secrets.vault import Login


class Settings(BaseSettings):
    """Settings of one service process; each has the environment variable `MAPPER_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="MAPPER_", frozen=True, extra="ignore")

    root: Path = Field(default=Path(), description="Catalogue root: holds taxonomy/, detectors/ and frameworks/.")
    artifacts: Path = Field(default=Path("artifacts"), description="Artefact root, shared with the assets.")
    keys: Path = Field(default=Path("artifacts/keys.yaml"), description="Tenants and the hashes of their API keys.")
    oidc_issuer: str = Field(default="", description="Issuer of access tokens, as in `iss`; empty: none are taken.")
    oidc_audience: str = Field(default="", description="What `aud` of an access token must name.")
    oidc_jwks: str = Field(default="", validate_default=True, description="The issuer's keys: a file or https URL.")
    oidc_algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "PS256", "ES256"), min_length=1, description="What may have signed a token; a JSON list."
    )
    oidc_tenant_claim: str = Field(default="tenant_id", description="Claim that holds the tenant id.")
    oidc_scope_claim: str = Field(default="scope", description="Claim that holds the scopes, as text or list.")
    oidc_leeway_seconds: int = Field(default=30, ge=0, le=300, description="How far the issuer's clock may differ.")
    oidc_jwks_ttl_seconds: float = Field(default=300.0, gt=0, description="How old the issuer's keys may get.")
    oidc_jwks_retry_seconds: float = Field(default=10.0, gt=0, description="Least time between two fetches of them.")
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
    workers: int = Field(default=1, ge=1, description="Processes that answer; docs/reference.md says what they share.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    unknown_detectors: Literal["refuse", "model"] = Field(
        default="model", description="What to do with a detector nobody has described: ask the model, or 404."
    )
    content_policy: Literal["hash", "refuse"] = Field(
        default="hash", description="What to do with labels and metadata that look like content: reduce, or refuse."
    )

    deadline_seconds: float = Field(default=0.5, gt=0, description="Time one /map may wait for the model.")
    batch_deadline_seconds: float = Field(default=30.0, gt=0, description="The same for a whole /map/batch.")
    proposal_deadline_seconds: float = Field(
        default=30.0, gt=0, description="Time the model gets for one vocabulary of /detectors:propose."
    )
    engine: Literal["local", "vllm"] = Field(default="local", description="What runs the adapter.")
    engine_queue: int = Field(default=64, ge=1, description="Questions that may wait for the model at once.")
    engine_threads: int = Field(default=1, ge=1, description="Compute threads of the local engine.")
    engine_socket: str = Field(
        default="", description="Socket of the engine host that holds the adapters; whoever starts workers sets it."
    )
    vllm_url: str = Field(default="", description="URL of a vLLM server that is not ours to start.")
    vllm_python: str = Field(
        default=".venv-vllm/bin/python", description="Interpreter of the environment vLLM is in, to start a server."
    )
    vllm_arguments: str = Field(default="", description="Further arguments of a server that is started here.")
    vllm_merged: bool = Field(default=False, description="Serve base model and adapter merged, without LoRA.")
    vllm_kv_gib: int = Field(default=1, ge=1, description="GiB a server on a CPU takes for keys and values.")
    vllm_memory_bytes: int = Field(
        default=0, ge=0, description="Memory that must be free to start a server; 0 estimates it from the weights."
    )
    vllm_start_seconds: float = Field(default=300.0, gt=0, description="Time a server has to come into service.")
    vllm_hang_seconds: float = Field(default=20.0, gt=0, description="Silent for so long, a server is replaced.")
    releases: str = Field(default="", description="Folder or s3://bucket/prefix with releases; empty: the artefacts'.")
    release_poll_seconds: float = Field(default=2.0, gt=0, description="How often the release pointer is read.")
    release_retry_seconds: float = Field(default=30.0, gt=0, description="When a refused release is tried again.")
    release_drain_seconds: float = Field(
        default=60.0, ge=0, description="Time requests get to let go of a release that no longer serves."
    )
    canary_window_seconds: float = Field(default=300.0, gt=0, description="How far back a canary is judged.")
    canary_least: int = Field(default=50, ge=1, description="Outputs, or questions to its model, before it is judged.")
    canary_error_rate: float = Field(default=0.01, ge=0, le=1, description="Share of outputs a canary may fail at.")
    canary_invalid_rate: float = Field(
        default=0.0, ge=0, le=1, description="Share of outputs a canary may answer against the schema."
    )
    canary_fallback_rate: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of questions a canary's model may leave to the rules.",
    )
    shadow_queue: int = Field(default=64, ge=1, description="Answered outputs that may wait for the shadow.")
    shadow_busy: int = Field(default=4, ge=0, description="Requests in flight above which the shadow waits.")
    shadow_patience_seconds: float = Field(default=1.0, ge=0, description="Time it waits before it lets an output go.")

    batch_limit: int = Field(default=1000, ge=1, description="Most items of one batch.")
    proposal_limit: int = Field(default=500, ge=1, description="Most labels of one vocabulary.")
    request_seconds: float = Field(
        default=30.0, gt=0, description="Time a client gets for the headers of a request, and again for its body."
    )
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="Longest request body.")
    max_batch_bytes: int = Field(default=8_388_608, ge=1024, description="Longest body of a batch.")
    max_output_bytes: int = Field(default=65_536, ge=64, description="Longest native detector output.")
    max_age_days: int = Field(default=92, ge=0, description="How far back `occurred_at` may lie.")
    clock_skew_seconds: int = Field(default=300, ge=0, description="How far ahead `occurred_at` may lie.")

    outbox_url: str = Field(
        default="", repr=False, description="PostgreSQL with the outbox, `postgresql://…`; empty: a SQLite file."
    )
    outbox_owner_url: str = Field(
        default="", repr=False, description="The same as the role that owns the schema, which is migrated at start."
    )
    rate_limit_key: int = Field(default=120_000, ge=0, description="Requests of one key in a window; 0: no limit.")
    rate_limit_tenant: int = Field(default=240_000, ge=0, description="The same for a tenant, whatever its keys.")
    rate_limit_ip: int = Field(default=240_000, ge=0, description="The same for an address, known or not.")
    rate_limit_seconds: int = Field(default=60, ge=1, description="The window.")

    outbox_max_events: int = Field(default=200_000, ge=1, description="Rows the outbox holds before it refuses.")
    outbox_max_bytes: int = Field(default=2_147_483_648, ge=65_536, description="Bytes the outbox file may take.")
    outbox_apart: bool = Field(default=True, description="Whether a process of its own writes the outbox.")
    ship_seconds: float = Field(default=5.0, gt=0, description="How often events are shipped to segments.")
    ship_apart: bool = Field(default=True, description="Whether a process of its own ships, at a lower priority.")
    segment_rows: int = Field(default=10_000, ge=1, description="Most rows of one segment.")
    segments: str = Field(
        default="", description="Where segments and ledgers go: a folder or `s3://bucket/prefix`; empty: the artefacts."
    )
    clickhouse_url: str = Field(
        default="", repr=False, description="ClickHouse that segments are loaded into; empty: there is none."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    drain_seconds: float = Field(
        default=0.0, ge=0, description="How long it is not ready but still answers before it stops listening."
    )
    shutdown_seconds: int = Field(default=20, ge=0, description="Time requests in flight get to finish on shutdown.")
    shutdown_ship_seconds: float = Field(default=5.0, ge=0, description="Time the last shipment gets after that.")

    @field_validator("oidc_jwks")
    @classmethod
    def _issuer_is_whole(cls, place: str, info: ValidationInfo) -> str:
        given = (place, info.data.get("oidc_issuer"), info.data.get("oidc_audience"))
        if any(given) and not all(given):
            raise ValueError("set MAPPER_OIDC_ISSUER, MAPPER_OIDC_AUDIENCE and MAPPER_OIDC_JWKS, or none of them")
        url = urlsplit(place)
        if url.scheme == "http" and url.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("keys are fetched over https, but from this machine itself")
        return place

    @property
    def layout(self) -> Layout:
        """Where every artefact lies."""
        return Layout(self.artifacts)
