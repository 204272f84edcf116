"""Limits by key, tenant and address: told on every answer, 429 beyond them, and nothing of it in the ledger."""

import re
from pathlib import Path

import pytest
from serving_app import running_app

from mapper_serving.state import Serving

ITEM = {"detector": "presidio", "output": "US_SSN"}
LIMIT = re.compile(r'"(key|tenant|ip)";r=(\d+);t=(\d+)')
POLICY = '"key";q={key};w=60,"tenant";q={tenant};w=60,"ip";q={ip};w=60'


def test_every_answer_tells_the_policies_and_what_is_left(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, rate_limit_key=3, rate_limit_tenant=100, rate_limit_ip=1000) as app:
        answers = [
            app.map("presidio", "US_SSN"),
            app.map("presidio", {}),
            app.http.get("/v1/taxonomy", headers=app.acme),
        ]
        assert [answer.status_code for answer in answers] == [200, 422, 200]
        for left, answer in zip((2, 1, 0), answers, strict=True):
            assert answer.headers["RateLimit-Policy"] == POLICY.format(key=3, tenant=100, ip=1000)
            limit = LIMIT.fullmatch(answer.headers["RateLimit"])
            assert limit is not None
            assert (limit[1], int(limit[2])) == ("key", left)


def test_beyond_its_quota_a_key_is_told_when_to_come_back_and_others_go_on(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, rate_limit_key=2) as app:
        assert [app.map("presidio", "US_SSN").status_code for _ in range(3)] == [200, 200, 429]
        refused = app.map("presidio", "US_SSN")
        problem = refused.json()
        assert (problem["code"], problem["retryable"]) == ("rate-limited", True)
        assert 1 <= int(refused.headers["Retry-After"]) <= 30
        assert refused.headers["X-Taxonomy-Version"]
        assert app.map("presidio", "US_SSN", headers=app.globex).status_code == 200
        assert app.metric('mapper_rejections_total{code="rate-limited"}') == 2
        app.ship()
        (ledger,) = app.ledgers()
        assert (ledger["received"], ledger["accepted"], ledger["rejected"]) == (2, 2, 0)


def test_an_address_that_guesses_keys_is_limited_too(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, rate_limit_ip=3) as app:
        wrong = {"X-API-Key": "lm_0123456789ab_" + "x" * 43}
        assert [app.map("presidio", "US_SSN", headers=wrong).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_ten_items_of_a_batch_spend_one_request_and_a_batch_is_refused_as_a_whole(
    tmp_path: Path, rules: Serving
) -> None:
    with running_app(tmp_path, rules, rate_limit_key=10) as app:
        batch = {"items": [ITEM] * 75}
        accepted = app.http.post("/v1/map:batch", json=batch, headers=app.acme)
        assert accepted.status_code == 200
        refused = app.http.post("/v1/map:batch", json=batch, headers=app.acme)
        assert refused.status_code == 429
        told = [LIMIT.fullmatch(*answer.headers.get_list("RateLimit")) for answer in (accepted, refused)]
        assert [limit[2] for limit in told if limit] == ["2", "1"]
        app.ship()
        assert len(app.events()) == 75
        assert app.rejections() == []


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics", "/version"])
def test_probes_are_not_limited(tmp_path: Path, rules: Serving, path: str) -> None:
    with running_app(tmp_path, rules, rate_limit_ip=1, rate_limit_key=1, rate_limit_tenant=1) as app:
        answers = [app.http.get(path) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert all("RateLimit" not in answer.headers for answer in answers)


def test_without_limits_nothing_is_told(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, rate_limit_ip=0, rate_limit_key=0, rate_limit_tenant=0) as app:
        answer = app.map("presidio", "US_SSN")
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers
        assert "RateLimit-Policy" not in answer.headers
