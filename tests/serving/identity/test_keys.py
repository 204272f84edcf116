"""Who is asking: the key decides, and nothing else in a request can."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mapper_serving.identity.keyring import Keyring
from mapper_serving.identity.keys import KeysUnreadable, StoredTenant
from serving_app import App

from mapper_serving.identity import keys
from mapper_serving.auth import main

NEW = StoredTenant(hmac_key="00" * 32)


def issued(path: Path, *, days: int | None = None) -> str:
    content, key = keys.issue(keys.KeyFile(), "acme", NEW, days=days)
    keys.write(path, content)
    return key


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer {key}"}, {"authorization": "bearer {key}"}, {"X-API-Key": "{key}"}]
)
def test_a_key_is_taken_from_either_header(shared_app: App, headers: dict[str, str]) -> None:
    key = shared_app.acme["X-API-Key"]
    sent = {name: value.format(key=key) for name, value in headers.items()}
    assert shared_app.map("presidio", "US_SSN", headers=sent).status_code == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _key: "",
        lambda _key: "lm_0123456789ab_" + "A" * 43,
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key + "A",
        lambda key: key.upper(),
        lambda _key: "ключ".encode().decode("latin-1"),
    ],
)
@pytest.mark.parametrize("path", ["/map", "/map/batch"])
def test_any_other_key_is_401_and_nobodys_rejection(app: App, spoil: object, path: str) -> None:
    assert callable(spoil)
    headers = {"X-API-Key": spoil(app.acme["X-API-Key"]).encode("latin-1")}
    response = app.http.post(path, json={"detector": "presidio", "output": "US_SSN"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    app.ship()
    assert app.rejections() == app.ledgers() == []
    assert app.metric('mapper_rejections_total{code="unauthenticated"}') == 1


@pytest.mark.parametrize("how", ["header", "body", "batch", "item"])
def test_naming_another_tenant_is_403_and_counted_against_the_caller(app: App, how: str) -> None:
    item = {"detector": "presidio", "output": "US_SSN"}
    other = {"tenant_id": "globex"}
    if how == "header":
        response = app.http.post("/map", json=item, headers={**app.acme, "X-Tenant-ID": "globex"})
    elif how == "body":
        response = app.http.post("/map", json={**item, **other}, headers=app.acme)
    elif how == "batch":
        response = app.http.post("/map/batch", json={"items": [item], **other}, headers=app.acme)
    else:
        response = app.http.post("/map/batch", json={"items": [{**item, **other}]}, headers=app.acme)
    problem = response.json()["items"][0]["problem"] if how == "item" else response.json()
    assert (problem["status"], problem["code"]) == (403, "tenant-mismatch")
    assert "globex" not in response.text
    app.ship()
    assert (app.events(), app.rejections()) == ([], ["tenant-mismatch"])
    assert app.events("globex") == app.rejections("globex") == []


def test_naming_ones_own_tenant_is_fine(shared_app: App) -> None:
    headers = {**shared_app.acme, "X-Tenant-ID": "acme"}
    assert shared_app.map("presidio", "US_SSN", headers=headers, tenant_id="acme").status_code == 200


def test_the_file_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    key = issued(path)
    assert key.rpartition("_")[2] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_an_expired_key_does_not_work(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    key = issued(path, days=1)
    assert Keyring(path).find(key) is not None
    content = keys.read(path)
    (stored,) = content.tenants["acme"].keys
    expired = stored.model_copy(update={"expires": datetime.now(UTC) - timedelta(seconds=1)})
    tenant = content.tenants["acme"].model_copy(update={"keys": (expired,)})
    keys.write(path, keys.KeyFile(tenants={"acme": tenant}))
    assert Keyring(path).find(key) is None


def test_a_changed_file_is_noticed_and_a_broken_one_leaves_the_old_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    first = issued(path)
    keyring = Keyring(path, recheck_seconds=0)
    assert keyring.find(first) is not None
    path.write_text("tenants: [")
    assert keyring.find(first) is not None
    assert "cannot be read" in keyring.problem
    second = issued(path)
    assert keyring.find(second) is not None
    assert keyring.find(first) is None
    assert keyring.problem == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tenants: {../x: {hmac_key: %s}}", "not a tenant id"),
        ("tenants: {acme: {}}", "exactly one of hmac_key and hmac_key_env"),
        ("tenants: {acme: {hmac_key: short}}", "hmac_key"),
        ("tenants: {acme: {hmac_key: %s, keys: [{id: x, sha256: y}]}}", "keys.0.id"),
        ("owner: me", "owner"),
        ("- a", "valid dictionary"),
    ],
)
def test_a_keys_file_with_problems_is_refused_with_the_place(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text.replace("%s", "'" + "0" * 64 + "'"))
    with pytest.raises(KeysUnreadable, match=problem.replace("[", r"\[")):
        keys.read(path)


def test_an_hmac_key_may_come_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    content, _ = keys.issue(
        keys.KeyFile(), "acme", StoredTenant(hmac_key_env="MAPPER_TEST_NO_SUCH_VARIABLE"), days=None
    )
    keys.write(path, content)
    assert "MAPPER_TEST_NO_SUCH_VARIABLE" in Keyring(path).problem


def test_the_commands_issue_and_revoke(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = ["--file", str(tmp_path / "keys.yaml")]
    assert main(["issue", "--tenant", "acme", "--expect", "presidio", "--scope", "hipaa", *file]) == 0
    first = capsys.readouterr().out.strip()
    assert main(["issue", "--tenant", "acme", "--days", "1", *file]) == 0
    second = capsys.readouterr().out.strip()
    tenant = Keyring(tmp_path / "keys.yaml").find(first)
    assert tenant is not None
    assert (tenant.id, tenant.expected_detectors, tenant.conditions) == ("acme", ("presidio",), {"tenant.scope.hipaa"})
    assert main(["revoke", "--id", first.split("_")[1], *file]) == 0
    keyring = Keyring(tmp_path / "keys.yaml")
    assert (keyring.find(first), keyring.find(second) is not None) == (None, True)


@pytest.mark.parametrize("arguments", [["issue", "--tenant", "../../etc"], ["revoke", "--id", "0123456789ab"]])
def test_a_command_that_cannot_be_done_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main([*arguments, "--file", str(tmp_path / "keys.yaml")]) == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "keys.yaml").exists()
