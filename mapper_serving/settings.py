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
