"""Which access tokens stand for somebody, and for whom."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey
from token_issuer import AUDIENCE, ISSUER, Issuer

from mapper_serving.identity.jwks import KeySet
from mapper_serving.identity.principal import Principal, Tenant
from mapper_serving.identity.tokens import MAX_LENGTH, Algorithm, Profile, Tokens

LEEWAY = 30


def tenant(name: str) -> Tenant:
    return Tenant(id=name, environment="prod", expected_detectors=(), conditions=frozenset(), hmac_key=b"k" * 32)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer().add("first").add("rsa", "RSA")


def tokens(
    issuer: Issuer, folder: Path, tenants: dict[str, Tenant], algorithms: tuple[Algorithm, ...] = ("ES256", "RS256")
) -> Tokens:
    keys = KeySet(str(issuer.write(folder / "jwks.json")), ttl_seconds=300, retry_seconds=10)
    profile = Profile(ISSUER, AUDIENCE, algorithms, LEEWAY, "tenant_id", "scope")
    return Tokens(profile, keys, tenants.get)


def find(issuer: Issuer, folder: Path, token: str) -> Principal | None:
    return asyncio.run(tokens(issuer, folder, {"acme": tenant("acme")}).find(token))


@pytest.mark.parametrize(
    "make",
    [
        lambda issuer: issuer.token(),
        lambda issuer: issuer.token("rsa", alg="RS256"),
        lambda issuer: issuer.token(header={"typ": "application/at+jwt"}),
        lambda issuer: issuer.token(header={"typ": "AT+JWT"}),
        lambda issuer: issuer.token(header={"vendor": "says more"}),
        lambda issuer: issuer.token(aud=["another", AUDIENCE]),
        lambda issuer: issuer.token(exp=int(time.time()) - LEEWAY + 20),
        lambda issuer: issuer.token(nbf=int(time.time()) + LEEWAY - 20),
        lambda issuer: issuer.token(iat=int(time.time()) + LEEWAY - 20),
        lambda issuer: issuer.token(scope="openid map:write"),
        lambda issuer: issuer.token(scope=["openid", "map:write"]),
    ],
)
def test_a_valid_token_stands_for_its_tenant_with_the_scopes_it_names(
    tmp_path: Path, issuer: Issuer, make: Callable[[Issuer], str]
) -> None:
    found = find(issuer, tmp_path, make(issuer))
    assert found is not None
    assert (found.tenant.id, found.scopes) == ("acme", {"map:write"})


def test_scopes_are_those_named_and_none_by_default(tmp_path: Path, issuer: Issuer) -> None:
    every = find(issuer, tmp_path, issuer.token(scope="admin reports:read map:write map:writer"))
    none = find(issuer, tmp_path, issuer.token(without=("scope",)))
    assert every is not None
    assert every.scopes == {"admin", "reports:read", "map:write"}
    assert none is not None
    assert none.scopes == frozenset()


def test_the_credential_is_named_by_client_and_subject(tmp_path: Path, issuer: Issuer) -> None:
    first, again, other = (
        find(issuer, tmp_path, issuer.token(**claims)) for claims in ({}, {"jti": "4567"}, {"client_id": "another"})
    )
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.key_id == again.key_id != other.key_id


def by_hand(header: object, claims: dict[str, object], signature: str = "") -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join((*parts, signature))


def claims_of(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    loaded: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return loaded


def confused(issuer: Issuer) -> str:
    """Signed with HMAC, the published key as its secret."""
    signed = by_hand({"typ": "at+jwt", "alg": "HS256", "kid": "rsa"}, claims_of(issuer.token()))[:-1]
    digest = hmac.digest(issuer.keys["rsa"].as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def impostor(issuer: Issuer) -> str:
    """Signed by another's key under a listed id, which it brings along."""
    key = ECKey.generate_key("P-256")
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "first", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims_of(issuer.token()), key)


BAD: dict[str, Callable[[Issuer], str]] = {
    "nothing": lambda _issuer: "",
    "no token": lambda _issuer: "a.b.c",
    "not ascii": lambda _issuer: "ключ.ключ.ключ",
    "an ID token": lambda issuer: issuer.token(header={"typ": "JWT"}),
    "no type": lambda issuer: issuer.token(without=("typ",)),
    "unsigned": lambda issuer: by_hand({"typ": "at+jwt", "alg": "none", "kid": "first"}, claims_of(issuer.token())),
    "signed with the public key": confused,
    "signed by somebody else": impostor,
    "an algorithm not allowed": lambda issuer: issuer.token("rsa", alg="RS384"),
    "another algorithm of the key's type": lambda issuer: issuer.token("rsa", alg="PS256"),
    "a header that is no object": lambda _issuer: by_hand([], {}),
    "a key id that is no text": lambda issuer: issuer.token(header={"kid": "[]"}),
    "no key id": lambda issuer: issuer.token(without=("kid",)),
    "a key id nobody has": lambda issuer: issuer.token(header={"kid": "second"}),
    "an extension it calls critical": lambda issuer: issuer.token(header={"crit": ["vendor"], "vendor": 1}),
    "another issuer": lambda issuer: issuer.token(iss=f"{ISSUER}/"),
    "another audience": lambda issuer: issuer.token(aud=f"{AUDIENCE}-2"),
    "other audiences": lambda issuer: issuer.token(aud=["one", "two"]),
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - LEEWAY - 1),
    "not yet valid": lambda issuer: issuer.token(nbf=int(time.time()) + LEEWAY + 60),
    "issued in the future": lambda issuer: issuer.token(iat=int(time.time()) + LEEWAY + 60),
    "an unknown tenant": lambda issuer: issuer.token(tenant_id="globex"),
    "no tenant id": lambda issuer: issuer.token(tenant_id=["acme"]),
    "too long": lambda issuer: issuer.token(jti="x" * MAX_LENGTH),
    "changed": lambda issuer: by_hand(
        {"typ": "at+jwt", "alg": "ES256", "kid": "first"},
        {**claims_of(issuer.token()), "scope": "admin"},
        issuer.token().rpartition(".")[2],
    ),
    **{
        f"without {claim}": lambda issuer, claim=claim: issuer.token(without=(claim,))  # type: ignore[misc]
        for claim in ("iss", "aud", "exp", "iat", "sub", "client_id", "jti", "tenant_id")
    },
}


@pytest.mark.parametrize("name", BAD)
def test_any_other_token_stands_for_nobody(tmp_path: Path, issuer: Issuer, name: str) -> None:
    assert find(issuer, tmp_path, BAD[name](issuer)) is None


@pytest.mark.parametrize(("allowed", "stands"), [("ES256", {"first"}), ("RS256", {"rsa"}), ("PS512", set())])
def test_only_the_algorithms_of_the_list_count(
    tmp_path: Path, issuer: Issuer, allowed: Algorithm, stands: set[str]
) -> None:
    sent = {"first": issuer.token("first", alg="ES256"), "rsa": issuer.token("rsa", alg="RS256")}
    verifier = tokens(issuer, tmp_path, {"acme": tenant("acme")}, (allowed,))
    assert {name for name, token in sent.items() if asyncio.run(verifier.find(token))} == stands


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
HEADERS = st.dictionaries(st.sampled_from(["typ", "alg", "kid", "crit", "b64", "jwk", "x5c", "enc"]), JSON)
CLAIMS = st.dictionaries(
    st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "client_id", "jti", "tenant_id", "scope"]), JSON
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=HEADERS, claims=CLAIMS, rest=st.text(max_size=40))
def test_whatever_is_sent_is_a_principal_or_nobody(
    tmp_path: Path, issuer: Issuer, header: dict[str, object], claims: dict[str, object], rest: str
) -> None:
    assert find(issuer, tmp_path, by_hand({"typ": "at+jwt", "alg": "ES256", "kid": "first", **header}, claims)) is None
    assert find(issuer, tmp_path, rest) is None
    signed = find(issuer, tmp_path, issuer.token(**claims))
    assert signed is None or (signed.tenant.id, signed.scopes <= {"map:write"}) == ("acme", True)


def test_a_remembered_token_ends_when_it_expires_or_its_tenant_is_gone(tmp_path: Path, issuer: Issuer) -> None:
    tenants = {"acme": tenant("acme")}
    verifier = tokens(issuer, tmp_path, tenants)

    async def story() -> None:
        ending, lasting = issuer.token(exp=int(time.time()) - LEEWAY + 2), issuer.token()
        assert await verifier.find(ending) is not None
        assert await verifier.find(lasting) is not None
        await asyncio.sleep(2.1)
        assert await verifier.find(ending) is None
        renewed = tenants["acme"] = tenant("acme")
        found = await verifier.find(lasting)
        assert found is not None
        assert found.tenant is renewed
        del tenants["acme"]
        assert await verifier.find(lasting) is None

    asyncio.run(story())
