"""Access tokens over HTTP: a service that fetches its issuer's keys, follows them, and says when it has none."""

import time
from pathlib import Path

import pytest
from pydantic import ValidationError
from serving_app import App, running_app
from token_issuer import AUDIENCE, ISSUER, Issuer, serving

from mapper_serving.settings import Settings
from mapper_serving.state import Serving

QUICK = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_ttl_seconds": 0.2, "oidc_jwks_retry_seconds": 0.1}


def status(app: App, token: str) -> int:
    return int(app.map("presidio", "US_SSN", headers={"Authorization": f"Bearer {token}"}).status_code)


def until(app: App, token: str, expected: int) -> bool:
    for _ in range(100):
        if status(app, token) == expected:
            return True
        time.sleep(0.1)
    return False


def test_keys_rotate_under_a_running_service(tmp_path: Path, rules: Serving) -> None:
    issuer = Issuer().add("first")
    with (
        serving(issuer.published()) as published,
        running_app(tmp_path, rules, **QUICK, oidc_jwks=published.url) as app,
    ):
        old = issuer.token("first")
        assert until(app, old, 200)
        published.body = issuer.add("second").published()
        assert until(app, issuer.token("second"), 200)
        assert status(app, old) == 200
        issuer.listed.remove("first")
        published.body = issuer.published()
        assert until(app, old, 401)
        published.status = 503
        failures = app.metric('mapper_jwks_fetches_total{outcome="failed"}')
        assert until(app, issuer.token("second"), 200)
        for _ in range(100):
            if app.metric('mapper_jwks_fetches_total{outcome="failed"}') > failures + 1:
                break
            time.sleep(0.1)
        else:
            pytest.fail("the issuer was not asked again")
        assert status(app, issuer.token("second")) == 200
        assert app.http.get("/readyz").status_code == 200


def test_a_replica_without_keys_is_not_ready_and_takes_api_keys_all_the_same(tmp_path: Path, rules: Serving) -> None:
    issuer, place = Issuer().add("first"), tmp_path / "jwks.json"
    with running_app(tmp_path, rules, **QUICK, oidc_jwks=str(place)) as app:
        ready = app.http.get("/readyz")
        assert ready.status_code == 503
        assert any("keys of the token issuer" in problem for problem in ready.json()["problems"])
        assert status(app, issuer.token()) == 401
        assert app.map("presidio", "US_SSN").status_code == 200
        issuer.write(place)
        assert until(app, issuer.token(), 200)
        assert app.http.get("/readyz").status_code == 200


def test_a_service_without_an_issuer_takes_no_token(shared_app: App) -> None:
    assert status(shared_app, Issuer().add("first").token()) == 401


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_issuer": ISSUER},
        {"oidc_jwks": "jwks.json"},
        {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE},
        {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks": "http://issuer.example/jwks.json"},
        {**QUICK, "oidc_jwks": "jwks.json", "oidc_algorithms": ["HS256"]},
        {**QUICK, "oidc_jwks": "jwks.json", "oidc_algorithms": ["none"]},
        {**QUICK, "oidc_jwks": "jwks.json", "oidc_algorithms": []},
    ],
)
def test_settings_that_would_take_the_wrong_tokens_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="oidc_"):
        Settings.model_validate(given)
