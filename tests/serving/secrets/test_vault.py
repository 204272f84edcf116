"""Secrets in a real server with the Vault API: every login, rotation under way, rights, and the server's death."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from openbao_server import ROOT_TOKEN, Bao, openbao
from serving_app import App, running_app

from mapper_serving.identity import keys
from mapper_serving.identity.keyring import Keyring
from mapper_serving.secrets.opening import open_secrets
from mapper_serving.secrets.references import SecretUnavailable
from mapper_serving.secrets.store import Secrets
from mapper_serving.settings import Settings
from mapper_serving.state import Serving

REFERENCE = "vault:secret/tenants/acme#hmac_key"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """A server with one secret, a policy for it, and three ways to log in."""
    with openbao(tmp_path_factory.mktemp("openbao")) as running:
        running.put("tenants/acme", hmac_key="aa" * 32, note="other")
        running.allow("mapper", "tenants/acme")
        running.admin.sys.enable_auth_method("approle")
        running.admin.auth.approle.create_or_update_approle("mapper", token_policies=["mapper"])
        running.admin.sys.enable_auth_method("jwt", path="cluster")
        yield running


def secrets_of(bao: Bao, folder: Path, credential: str, failures: list[str] | None = None, **settings: str) -> Secrets:
    """Secrets whose credential lies in a file, read anew whenever they are asked for."""
    (folder / "credential").write_text(f"{credential}\n")
    chosen = Settings.model_validate(
        {
            "vault_address": bao.address,
            "vault_credential": f"file:{folder / 'credential'}",
            "secret_ttl_seconds": 1e-9,
            **settings,
        }
    )
    return open_secrets(chosen, (failures if failures is not None else []).append)


def approle(bao: Bao, folder: Path) -> Secrets:
    role = bao.admin.auth.approle.read_role_id("mapper")["data"]["role_id"]
    secret = bao.admin.auth.approle.generate_secret_id("mapper")["data"]["secret_id"]
    return secrets_of(bao, folder, secret, vault_login="approle", vault_role=role)


def signed(bao: Bao, folder: Path) -> Secrets:
    """As a pod logs in with the token of its service account: a role, and a token somebody trusted signed."""
    key = ECKey.generate_key("P-256")
    bao.admin.auth.jwt.configure(path="cluster", jwt_validation_pubkeys=[key.as_pem(private=False).decode()])
    bao.admin.auth.jwt.create_role(
        "mapper",
        user_claim="sub",
        allowed_redirect_uris=[],
        role_type="jwt",
        bound_audiences=["vault"],
        token_policies=["mapper"],
        path="cluster",
    )
    now = int(time.time())
    claims = {"sub": "system:serviceaccount:mapper", "aud": "vault", "iat": now, "exp": now + 600}
    return secrets_of(
        bao,
        folder,
        jwt.encode({"alg": "ES256"}, claims, key),
        vault_login="kubernetes",
        vault_login_mount="cluster",
        vault_role="mapper",
    )


def limited(bao: Bao, folder: Path) -> Secrets:
    token = bao.admin.auth.token.create(policies=["mapper"], display_name="limited")["auth"]["client_token"]
    return secrets_of(bao, folder, token)


@pytest.mark.parametrize("login", [limited, approle, signed])
def test_each_login_reads_what_its_policy_allows_and_nothing_else(
    bao: Bao, tmp_path: Path, login: Callable[[Bao, Path], Secrets]
) -> None:
    bao.put("tenants/globex", hmac_key="bb" * 32)
    secrets = login(bao, tmp_path)
    assert secrets.get("vault:secret/tenants/acme#note") == "other"
    with pytest.raises(SecretUnavailable, match=r"vault:secret/tenants/globex#hmac_key cannot be read: Forbidden\."):
        secrets.get("vault:secret/tenants/globex#hmac_key")
    assert secrets.get("vault:secret/tenants/acme#note") == "other"


def test_a_new_version_is_picked_up_live(bao: Bao, tmp_path: Path) -> None:
    secrets = approle(bao, tmp_path)
    for value in ("11" * 32, "22" * 32):
        bao.put("tenants/acme", hmac_key=value, note="other")
        assert secrets.get(REFERENCE) == value


@pytest.mark.parametrize("login", [approle, signed])
def test_a_token_that_ended_is_replaced(bao: Bao, tmp_path: Path, login: Callable[[Bao, Path], Secrets]) -> None:
    failures: list[str] = []
    secrets = login(bao, tmp_path)
    assert secrets.get("vault:secret/tenants/acme#note") == "other"
    bao.revoke_others()
    bao.put("tenants/acme", hmac_key="33" * 32, note="other")
    assert secrets.get(REFERENCE) == "33" * 32
    assert failures == []


def test_a_token_that_was_exchanged_in_its_file_is_taken(bao: Bao, tmp_path: Path) -> None:
    secrets = limited(bao, tmp_path)
    assert secrets.get("vault:secret/tenants/acme#note") == "other"
    bao.revoke_others()
    (tmp_path / "credential").write_text(ROOT_TOKEN)
    bao.put("tenants/acme", hmac_key="44" * 32, note="other")
    assert secrets.get(REFERENCE) == "44" * 32


@pytest.mark.parametrize(
    "reference",
    [
        "vault:secret/tenants/nobody#hmac_key",
        "vault:secret/tenants/acme#nothing",
        "vault:secret/deleted#field",
        "vault:nowhere/tenants/acme#hmac_key",
    ],
)
def test_what_is_not_there_is_an_error_that_names_the_reference(bao: Bao, tmp_path: Path, reference: str) -> None:
    bao.put("deleted", field="value")
    bao.admin.secrets.kv.v2.delete_latest_version_of_secret("deleted")
    with pytest.raises(SecretUnavailable, match=reference):
        secrets_of(bao, tmp_path, ROOT_TOKEN).get(reference)


@pytest.mark.parametrize("settings", [{"vault_address": ""}, {"vault_credential": "vault:secret/a#b"}])
def test_a_vault_that_cannot_be_opened_is_an_error(bao: Bao, tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(SecretUnavailable, match="MAPPER_VAULT_"):
        secrets_of(bao, tmp_path, ROOT_TOKEN, **settings).get(REFERENCE)


def test_a_tenants_hmac_key_follows_the_vault_and_outlives_it(tmp_path: Path) -> None:
    failures: list[str] = []
    with openbao(tmp_path) as bao:
        bao.put("tenants/acme", hmac_key="aa" * 32)
        stored = keys.StoredTenant(hmac_key_ref=REFERENCE)
        content, key = keys.issue(keys.KeyFile(), "acme", stored, days=None)
        keys.write(tmp_path / "keys.yaml", content)
        keyring = Keyring(tmp_path / "keys.yaml", secrets_of(bao, tmp_path, ROOT_TOKEN, failures))

        def hashed() -> str:
            keyring.refresh()
            found = keyring.find(key)
            assert found is not None
            return found.tenant.hash("a label that may not be stored")

        first = hashed()
        bao.put("tenants/acme", hmac_key="bb" * 32)
        second = hashed()
        bao.stop()
        assert first != second
        assert (hashed(), failures, keyring.problem) == (second, ["vault"], "")


def test_a_service_counts_failures_and_goes_on(bao: Bao, tmp_path: Path, rules: Serving) -> None:
    bao.put("tenants/acme", hmac_key="aa" * 32)
    (tmp_path / "token").write_text(ROOT_TOKEN)
    with running_app(
        tmp_path,
        rules,
        vault_address=bao.address,
        vault_credential=f"file:{tmp_path / 'token'}",
        secret_ttl_seconds=0.1,
    ) as app:
        stored = keys.StoredTenant(hmac_key_ref=REFERENCE)
        content, key = keys.issue(keys.read(app.settings.keys), "initech", stored, days=None)
        keys.write(app.settings.keys, content)
        assert eventually(lambda: status(app, key) == 200)
        bao.admin.secrets.kv.v2.delete_metadata_and_all_versions("tenants/acme")
        assert eventually(lambda: app.metric('mapper_secret_failures_total{source="vault"}') > 0)
        assert status(app, key) == 200
        bao.put("tenants/acme", hmac_key="aa" * 32, note="other")


def status(app: App, key: str) -> int:
    return int(app.map("presidio", "US_SSN", headers={"X-API-Key": key}).status_code)


def eventually(happened: Callable[[], bool]) -> bool:
    for _ in range(150):
        if happened():
            return True
        time.sleep(0.1)
    return False
