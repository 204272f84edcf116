"""Secrets in a KV version 2 engine, through the Vault API of HashiCorp Vault or OpenBao."""

import threading
from collections.abc import Callable
from typing import Any, Literal

from mapper_serving.secrets.references import Reference, SecretUnavailable

Login = Literal["token", "approle", "jwt", "kubernetes"]
TIMEOUT_SECONDS = 5


class Vault:
    """Reads fields of secrets; logs in when it has no token yet, and again when its token is refused.

    Certificates are checked against the system's authorities, or those `VAULT_CACERT` names.

    Args:
        address: URL of the server.
        login: with a `token` as it is, an AppRole's secret id, or a signed token (`jwt`, `kubernetes`).
        credential: reads that token or secret id; asked at every login, so it may change meanwhile.
        role: the AppRole's role id, or the role a signed token asks for.
        mount: where the login method is mounted, if not under its own name.
        namespace: namespace on the server, or empty.
    """

    def __init__(
        self,
        address: str,
        *,
        login: Login,
        credential: Callable[[], str],
        role: str = "",
        mount: str = "",
        namespace: str = "",
    ) -> None:
        self._address = address
        self._login = login
        self._credential = credential
        self._role = role
        self._mount = mount or login
        self._namespace = namespace
        self._client: Any = None
        self._one_at_a_time = threading.Lock()

    def __call__(self, reference: Reference) -> str:
        """The field's value, of the newest version.

        Raises:
            SecretUnavailable: whatever the reason; never in the server's words, which may quote the request.
        """
        import requests
        from hvac.exceptions import VaultError

        with self._one_at_a_time:
            try:
                value = self._read(reference).get(reference.field)
            except (VaultError, requests.RequestException, LookupError, TypeError, AttributeError) as error:
                raise SecretUnavailable(f"{reference} cannot be read: {type(error).__name__}.") from None
        if not isinstance(value, str) or not value:
            raise SecretUnavailable(f"{reference}: the secret has no such field, or no text in it.")
        return value

    def _read(self, reference: Reference) -> dict[str, object]:
        from hvac.exceptions import Forbidden

        if self._client is not None:
            try:
                return self._fetch(reference)
            except Forbidden:  # what an expired token looks like
                self._client = None
        self._client = self._connect()
        return self._fetch(reference)

    def _fetch(self, reference: Reference) -> dict[str, object]:
        mount, _, path = reference.name.partition("/")
        found = self._client.secrets.kv.v2.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)
        return dict(found["data"]["data"])

    def _connect(self) -> Any:
        import hvac

        secret = self._credential()
        client = hvac.Client(self._address, token="", namespace=self._namespace or None, timeout=TIMEOUT_SECONDS)
        if self._login == "token":
            client.token = secret
        elif self._login == "approle":
            client.auth.approle.login(self._role, secret, mount_point=self._mount)
        else:
            client.auth.jwt.jwt_login(self._role, secret, path=self._mount)
        return client
