"""Builds the service's identity from its settings."""

from typing import Literal

from mapper_serving.identity.authentication import Identity
from mapper_serving.identity.jwks import KeySet
from mapper_serving.identity.keyring import Keyring
from mapper_serving.identity.tokens import Profile, Tokens
from mapper_serving.secrets.store import Secrets
from mapper_serving.settings import Settings
from mapper_serving.telemetry import Metrics


def open_identity(settings: Settings, secrets: Secrets, metrics: Metrics) -> Identity:
    """API keys, and access tokens where an issuer is set. Reads the keys file and its secrets, so it may wait."""
    keyring = Keyring(settings.keys, secrets)
    metrics.follow("mapper_keys_reload_failures", lambda: keyring.failures)
    if not settings.oidc_issuer:
        return Identity(keyring)

    def fetched(outcome: Literal["fetched", "failed"]) -> None:
        metrics.count("mapper_jwks_fetches_total", outcome)

    keys = KeySet(
        settings.oidc_jwks,
        ttl_seconds=settings.oidc_jwks_ttl_seconds,
        retry_seconds=settings.oidc_jwks_retry_seconds,
        on_fetch=fetched,
    )
    profile = Profile(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        algorithms=settings.oidc_algorithms,
        leeway_seconds=settings.oidc_leeway_seconds,
        tenant_claim=settings.oidc_tenant_claim,
        scope_claim=settings.oidc_scope_claim,
    )
    return Identity(keyring, Tokens(profile, keys, keyring.tenant))
