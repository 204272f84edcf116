"""The issuer's keys: fetched from a real server, rotated under tokens in use, kept when the server fails."""

import asyncio
import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from token_issuer import AUDIENCE, ISSUER, Issuer, Published, serving

from mapper_serving.identity.jwks import MAX_BYTES, KeySet
from mapper_serving.identity.principal import Tenant
from mapper_serving.identity.tokens import Profile, Tokens

TTL, RETRY = 300, 10


class Clock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def key_set(published: Published, clock: Clock, outcomes: list[str] | None = None) -> KeySet:
    return KeySet(
        published.url,
        ttl_seconds=TTL,
        retry_seconds=RETRY,
        on_fetch=(outcomes if outcomes is not None else []).append,
        clock=clock,
    )


def test_keys_are_fetched_once_and_again_when_they_are_old() -> None:
    issuer, clock = Issuer().add("first"), Clock()
    with serving(issuer.published()) as published:
        keys = key_set(published, clock)

        async def story() -> None:
            found = await asyncio.gather(*(keys.key("first") for _ in range(8)))
            assert all(found)
            await keys.refresh()
            assert published.asked == 1
            clock.now = TTL
            await keys.refresh()
            assert published.asked == 2

        asyncio.run(story())


def test_a_new_key_is_found_at_once_and_invented_ids_cause_no_storm() -> None:
    issuer, clock = Issuer().add("first"), Clock()
    with serving(issuer.published()) as published:
        keys = key_set(published, clock)

        async def story() -> None:
            assert await keys.key("first")
            published.body = issuer.add("second").published()
            clock.now = RETRY
            assert await keys.key("second")
            assert published.asked == 2
            assert await asyncio.gather(*(keys.key(f"invented-{number}") for number in range(50))) == [None] * 50
            assert published.asked == 2
            clock.now = 2 * RETRY
            assert await asyncio.gather(*(keys.key(f"invented-{number}") for number in range(50))) == [None] * 50
            assert published.asked == 3

        asyncio.run(story())


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}'), (200, b'{"keys": [1]}'), (302, b"")],
)
def test_the_last_keys_stay_while_the_issuer_fails(status: int, body: bytes) -> None:
    issuer, clock = Issuer().add("first"), Clock()
    outcomes: list[str] = []
    with serving(issuer.published()) as published:
        keys = key_set(published, clock, outcomes)

        async def story() -> None:
            assert await keys.key("first")
            good, published.status, published.body = published.body, status, body
            clock.now = TTL
            await keys.refresh()
            assert (await keys.key("first"), keys.problem) != (None, "")
            published.status, published.body = 200, good
            clock.now += RETRY
            await keys.refresh()

        asyncio.run(story())
    assert outcomes == ["fetched", "failed", "fetched"]


def test_a_server_that_is_gone_is_a_problem_until_it_answers(tmp_path: Path) -> None:
    issuer, clock = Issuer().add("first"), Clock()
    keys = KeySet(str(tmp_path / "jwks.json"), ttl_seconds=TTL, retry_seconds=RETRY, clock=clock)
    assert asyncio.run(keys.key("first")) is None
    assert keys.problem
    issuer.write(tmp_path / "jwks.json")
    clock.now = RETRY
    asyncio.run(keys.refresh())
    assert keys.problem == ""
    assert asyncio.run(keys.key("first"))


@pytest.mark.filterwarnings("ignore:Key size")
def test_only_sound_public_signing_keys_are_used(tmp_path: Path) -> None:
    def entry(key: ECKey | RSAKey | OctKey, key_id: str, private: bool = False, **more: str) -> dict[str, object]:
        return {**key.as_dict(private=private), "kid": key_id, **more}

    elliptic = ECKey.generate_key("P-256")
    listed = [
        entry(elliptic, "good"),
        entry(elliptic, "encryption", use="enc"),
        entry(elliptic, "published-secret", private=True),
        entry(OctKey.generate_key(256), "shared", private=True),
        entry(RSAKey.generate_key(1024), "short"),
        {"kty": "AKP", "kid": "of-tomorrow"},
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"},
        elliptic.as_dict(private=False),
    ]
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": listed}))
    keys = KeySet(str(tmp_path / "jwks.json"), ttl_seconds=TTL, retry_seconds=0)
    found = {str(one.get("kid")) for one in listed if asyncio.run(keys.key(str(one.get("kid"))))}
    assert found == {"good"}


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    with serving(b" " * (MAX_BYTES + 1)) as published:
        keys = key_set(published, Clock())
        assert asyncio.run(keys.key("first")) is None
        assert "ValueError" in keys.problem


def test_a_token_stops_working_when_its_key_is_withdrawn() -> None:
    issuer, clock = Issuer().add("first").add("second"), Clock()
    acme = Tenant(id="acme", environment="prod", expected_detectors=(), conditions=frozenset(), hmac_key=b"k" * 32)
    with serving(issuer.published()) as published:
        keys = key_set(published, clock)
        profile = Profile(ISSUER, AUDIENCE, ("ES256",), 0, "tenant_id", "scope")
        tokens = Tokens(profile, keys, {"acme": acme}.get)
        old, new = issuer.token("first"), issuer.token("second")

        async def story() -> None:
            assert await tokens.find(old)
            assert await tokens.find(new)
            issuer.listed.remove("first")
            published.body = issuer.published()
            clock.now = TTL
            await keys.refresh()
            assert await tokens.find(old) is None
            assert await tokens.find(new)

        asyncio.run(story())
