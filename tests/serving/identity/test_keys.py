"""API keys: who is asking, what they may do, and how keys come and go without anybody noticing."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from serving_app import App

from mapper_serving.auth import main
from mapper_serving.identity import keys
from mapper_serving.identity.keyring import Keyring
from mapper_serving.identity.keys import KeyFile, KeysUnreadable, StoredKey, StoredTenant
from mapper_serving.secrets.references import Reference, SecretUnavailable
from mapper_serving.secrets.store import Secrets

NEW = StoredTenant(hmac_key="00" * 32)


def keyring_of(path: Path, values: Mapping[str, str] | None = None) -> Keyring:
    """A keyring whose environment variables are these."""
    known = {} if values is None else values

    def read(reference: Reference) -> str:
        if reference.name not in known:
            raise SecretUnavailable(f"{reference} is not there.")
        return known[reference.name]

    return Keyring(path, Secrets({"env": read}, ttl_seconds=1e-9))


def issued(path: Path, *, days: int | None = None) -> str:
    content, key = keys.issue(keys.KeyFile(), "acme", NEW, days=days)
    keys.write(path, content)
    return key


def end_now(path: Path, key_id: str) -> None:
    """Let a key expire."""
    content = keys.read(path)
    ended = {"expires": datetime.now(UTC) - timedelta(seconds=1)}
    tenants = {
        name: tenant.model_copy(
            update={"keys": tuple(k.model_copy(update=ended) if k.id == key_id else k for k in tenant.keys)}
        )
        for name, tenant in content.tenants.items()
    }
    keys.write(path, KeyFile(tenants=tenants))


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
    assert keyring_of(path).find(key) is not None
    end_now(path, key.split("_")[1])
    assert keyring_of(path).find(key) is None


def test_a_changed_file_is_noticed_and_a_broken_one_leaves_the_old_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    first = issued(path)
    keyring = keyring_of(path)
    path.write_text("tenants: [")
    keyring.refresh()
    assert keyring.find(first) is not None
    assert "cannot be read" in keyring.problem
    keyring.refresh()
    assert keyring.failures == 1
    second = issued(path)
    keyring.refresh()
    assert keyring.find(second) is not None
    assert keyring.find(first) is None
    assert keyring.problem == ""


def test_a_key_works_as_soon_as_it_was_issued(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    issued(path)
    keyring = keyring_of(path)
    key = issued(path)
    assert keyring.find(key) is not None


def test_a_running_service_follows_the_file(app: App) -> None:
    path = app.settings.keys
    content, key = keys.issue(keys.read(path), "acme", NEW, days=None)
    keys.write(path, content)
    waited = threading.Event()
    for _ in range(100):
        if app.map("presidio", "US_SSN", headers={"X-API-Key": key}).status_code == 200:
            break
        waited.wait(0.1)
    else:
        pytest.fail("the new key never worked")


def test_entries_from_before_there_were_scopes_may_map(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    key = issued(path)
    (stored,) = keys.read(path).tenants["acme"].keys
    path.write_text(
        f"tenants: {{acme: {{hmac_key: '{'0' * 64}', keys: [{{id: '{stored.id}', sha256: {stored.sha256}}}]}}}}"
    )
    found = keyring_of(path).find(key)
    assert found is not None
    assert found.scopes == {"map:write"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tenants: {../x: {hmac_key: %s}}", "not a tenant id"),
        ("tenants: {acme: {}}", "exactly one of hmac_key, hmac_key_ref and hmac_key_env"),
        ("tenants: {acme: {hmac_key: short}}", "hmac_key"),
        ("tenants: {acme: {hmac_key: %s, keys: [{id: x, sha256: y}]}}", "keys.0.id"),
        ("tenants: {acme: {hmac_key: %s, keys: [{id: 0123456789ab, sha256: %s, scopes: [root]}]}}", "keys.0.scopes.0"),
        ("tenants: {acme: {hmac_key: %s, keys: [{id: 0123456789ab, sha256: %s, scopes: []}]}}", "keys.0.scopes"),
        (
            "tenants: {a: {hmac_key: %s, keys: [&k {id: 0123456789ab, sha256: %s}]}, b: {hmac_key: %s, keys: [*k]}}",
            "listed twice: 0123456789ab",
        ),
        ("owner: me", "owner"),
        ("- a", "valid dictionary"),
    ],
)
def test_a_keys_file_with_problems_is_refused_with_the_place(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text.replace("%s", "'" + "0" * 64 + "'"))
    with pytest.raises(KeysUnreadable, match=problem.replace("[", r"\[")):
        keys.read(path)


@pytest.mark.parametrize("stored", [{"hmac_key_env": "KEY"}, {"hmac_key_ref": "env:KEY"}])
def test_an_hmac_key_may_lie_elsewhere_and_follows_a_rotation_there(tmp_path: Path, stored: dict[str, str]) -> None:
    path, values = tmp_path / "keys.yaml", {"KEY": "aa" * 32}
    content, key = keys.issue(KeyFile(), "acme", StoredTenant.model_validate(stored), days=None)
    keys.write(path, content)
    keyring = keyring_of(path, values)
    before = keyring.find(key)
    values["KEY"] = "bb" * 32
    keyring.refresh()
    after = keyring.find(key)
    for spoilt in ("not hexadecimal", ""):
        values["KEY"] = spoilt
        keyring.refresh()
    del values["KEY"]
    keyring.refresh()
    kept = keyring.find(key)
    assert before is not None
    assert after is not None
    assert kept is not None
    assert [found.tenant.hmac_key[:1] for found in (before, after, kept)] == [b"\xaa", b"\xbb", b"\xbb"]
    assert "env:KEY" in keyring.problem
    assert "not hexadecimal" not in keyring.problem


def test_a_tenant_without_its_secret_holds_nobody_else_up(tmp_path: Path) -> None:
    path, values = tmp_path / "keys.yaml", dict[str, str]()
    content, first = keys.issue(KeyFile(), "acme", NEW, days=None)
    content, second = keys.issue(content, "globex", StoredTenant(hmac_key_env="KEY"), days=None)
    keys.write(path, content)
    keyring = keyring_of(path, values)
    assert keyring.find(first) is not None
    assert keyring.find(second) is None
    assert "globex" in keyring.problem
    keys.write(path, keys.revoke(content, first.split("_")[1]))
    keyring.refresh()
    assert keyring.find(first) is None
    values["KEY"] = "cc" * 32
    keyring.refresh()
    assert keyring.find(second) is not None
    assert keyring.problem == ""


class Commands:
    """The commands on one keys file; each returns what it printed."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        assert main([*arguments, "--file", str(self.path)]) == 0
        return self._capsys.readouterr().out.strip()


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path / "keys.yaml", capsys)


def test_the_commands_issue_and_revoke(command: Commands) -> None:
    first = command("issue", "--tenant", "acme", "--expect", "presidio", "--scope", "hipaa")
    second = command("issue", "--tenant", "acme", "--days", "1", "--allow", "reports:read", "--allow", "admin")
    keyring = keyring_of(command.path)
    found, other = keyring.find(first), keyring.find(second)
    assert found is not None
    assert other is not None
    tenant = found.tenant
    assert (tenant.id, tenant.expected_detectors, tenant.conditions) == ("acme", ("presidio",), {"tenant.scope.hipaa"})
    assert (found.scopes, other.scopes) == ({"map:write"}, {"reports:read", "admin"})
    command("revoke", "--id", first.split("_")[1])
    keyring.refresh()
    assert (keyring.find(first), keyring.find(second) is not None) == (None, True)


def test_while_keys_rotate_both_work_and_then_the_new_one_alone(command: Commands) -> None:
    old = command("issue", "--tenant", "acme", "--days", "90", "--allow", "reports:read")
    new = command("rotate", "--id", old.split("_")[1], "--overlap-hours", "24")
    keyring = keyring_of(command.path)
    before, after = keyring.find(old), keyring.find(new)
    assert before is not None
    assert after is not None
    assert (before.tenant, before.scopes) == (after.tenant, after.scopes)
    stored = {key.id: key for key in keys.read(command.path).tenants["acme"].keys}
    ending, lasting = stored[old.split("_")[1]], stored[new.split("_")[1]]
    assert ending.expires is not None
    assert lasting.expires is not None
    assert lasting.issued is not None
    assert ending.expires - lasting.issued == pytest.approx(timedelta(hours=24), abs=timedelta(minutes=1))
    assert lasting.expires - lasting.issued == timedelta(days=90)
    end_now(command.path, old.split("_")[1])
    keyring.refresh()
    assert (keyring.find(old), keyring.find(new) is not None) == (None, True)


def test_an_overlap_never_makes_a_key_last_longer(command: Commands) -> None:
    old = command("issue", "--tenant", "acme", "--days", "1").split("_")[1]
    (before,) = keys.read(command.path).tenants["acme"].keys
    command("rotate", "--id", old, "--overlap-hours", "1000", "--days", "7")
    assert keys.read(command.path).tenants["acme"].keys[0].expires == before.expires


def test_a_key_of_unknown_age_is_rotated_only_with_a_lifetime() -> None:
    old = StoredKey(id="0" * 12, sha256="0" * 64, expires=datetime.now(UTC))
    content = KeyFile(tenants={"acme": NEW.model_copy(update={"keys": (old,)})})
    with pytest.raises(KeysUnreadable, match="how many days"):
        keys.rotate(content, old.id, overlap=timedelta())
    assert keys.rotate(content, old.id, overlap=timedelta(), days=1)


def test_keys_are_listed_with_what_they_may_and_without_their_hashes(command: Commands) -> None:
    first = command("issue", "--tenant", "acme", "--allow", "map:write", "--allow", "admin")
    ended = command("issue", "--tenant", "globex", "--days", "0")
    lines = command("list").splitlines()
    assert [line.split()[0] for line in lines] == ["id", first.split("_")[1], ended.split("_")[1]]
    assert "acme" in lines[1]
    assert "map:write admin" in lines[1]
    assert [line.split()[-1] for line in lines[1:]] == ["works", "expired"]
    assert not [key for key in keys.read(command.path).tenants["acme"].keys if key.sha256 in "".join(lines)]


def test_commands_at_the_same_time_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    threads = [
        threading.Thread(target=main, args=[["issue", "--tenant", "acme", "--file", str(path)]]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys.read(path).tenants["acme"].keys) == 8


@pytest.mark.parametrize(
    "arguments",
    [
        ["issue", "--tenant", "../../etc"],
        ["revoke", "--id", "0123456789ab"],
        ["rotate", "--id", "0123456789ab"],
        ["list"],
    ],
)
def test_a_command_that_cannot_be_done_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main([*arguments, "--file", str(tmp_path / "keys.yaml")]) == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "keys.yaml").exists()
