"""Builds the service's secrets from its settings. Servers are asked when the first secret in them is."""

from collections.abc import Callable

from mapper_serving.secrets.aws import SecretsManager
from mapper_serving.secrets.local import read_environment, read_file
from mapper_serving.secrets.references import Reference, SecretUnavailable, SourceName, parse
from mapper_serving.secrets.store import Secrets, Source
from mapper_serving.secrets.vault import Vault
from mapper_serving.settings import Settings


def open_secrets(settings: Settings, on_failure: Callable[[SourceName], None] = lambda _source: None) -> Secrets:
    """Secrets of every source; `on_failure` hears of each read that failed."""
    return Secrets(
        {
            "env": read_environment,
            "file": read_file,
            "vault": _vault(settings),
            "aws-sm": SecretsManager(),
        },
        ttl_seconds=settings.secret_ttl_seconds,
        on_failure=on_failure,
    )


def _vault(settings: Settings) -> Source:
    if not settings.vault_address:
        return _no_vault
    return Vault(
        settings.vault_address,
        login=settings.vault_login,
        credential=lambda: _near(settings.vault_credential),
        role=settings.vault_role,
        mount=settings.vault_login_mount,
        namespace=settings.vault_namespace,
    )


def _no_vault(reference: Reference) -> str:
    raise SecretUnavailable(f"{reference} cannot be read: set MAPPER_VAULT_ADDRESS.")


def _near(text: str) -> str:
    """The credential that opens the Vault, which cannot lie in it."""
    reference = parse(text)
    if reference.source == "env":
        return read_environment(reference)
    if reference.source == "file":
        return read_file(reference)
    raise SecretUnavailable("MAPPER_VAULT_CREDENTIAL must be env:NAME or file:/path.")
