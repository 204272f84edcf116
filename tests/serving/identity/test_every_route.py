"""No route lets one tenant see or touch another, whatever it is asked: generated from the routes there are."""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from route_classes import OPEN, TENANT_NAMES, NoClass, Operation, operations
from serving_app import App, running_app
from starlette.responses import Response
from starlette.routing import Route
from token_issuer import AUDIENCE, ISSUER, Issuer

from mapper_serving.app import create_app
from mapper_serving.identity import keys
from mapper_serving.identity.principal import SCOPES, Scope
from mapper_serving.state import Serving

DETECTOR = "detoxify-unbiased"
"""Only globex uses it, and its events say so."""


@dataclass(frozen=True)
class Stage:
    """An application with something of globex's in it, and ways for acme to ask.

    Attributes:
        secrets: texts that only globex may be told.
        foreign: an id of globex's for each path parameter there is.
    """

    app: App
    issuer: Issuer
    secrets: tuple[str, ...]
    foreign: Mapping[str, str]

    @property
    def guarded(self) -> list[Operation]:
        return [one for one in operations(self.fast) if one.scopes is not None]

    @property
    def fast(self) -> FastAPI:
        found = self.app.http.app
        assert isinstance(found, FastAPI)
        return found

    def key(self, *scopes: Scope) -> dict[str, str]:
        """A key of acme's with these scopes."""
        path = self.app.settings.keys
        content, key = keys.issue(keys.read(path), "acme", keys.StoredTenant(hmac_key="ab" * 32), days=1, scopes=scopes)
        keys.write(path, content)
        self.fast.state.service.identity.keyring.refresh()
        return {"X-API-Key": key}

    def token(self, *scopes: Scope) -> dict[str, str]:
        """An access token of acme's with these scopes."""
        return {"Authorization": f"Bearer {self.issuer.token(scope=' '.join(scopes))}"}

    def ask(self, operation: Operation, headers: Mapping[str, str], body: object = None, query: str = "") -> Any:
        """Ask for an operation; a path parameter is always globex's."""
        path = re.sub(r"\{([a-z_]+)[^}]*\}", lambda found: self._foreign(operation, found[1]), operation.path)
        sent = operation.example if body is None else body
        content = None if sent is None else json.dumps(sent)
        typed = {} if sent is None else {"Content-Type": "application/json"}
        return self.app.http.request(operation.method, f"{path}{query}", content=content, headers={**typed, **headers})

    def told(self, response: Any) -> list[str]:
        """What of globex's is in an answer."""
        said = response.text + json.dumps(dict(response.headers))
        return [secret for secret in self.secrets if secret in said]

    def _foreign(self, operation: Operation, name: str) -> str:
        if name in TENANT_NAMES:
            return "globex"
        if name not in self.foreign:
            raise NoClass(f"{operation}: say in `foreign` what {name} of globex's is")
        return self.foreign[name]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, rules: Serving) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("tenants")
    issuer = Issuer().add("first")
    oidc = {
        "oidc_issuer": ISSUER,
        "oidc_audience": AUDIENCE,
        "oidc_jwks": str(issuer.write(folder / "jwks.json")),
        "oidc_algorithms": ["ES256"],
    }
    with running_app(folder, rules, **oidc) as app:
        event_id = app.map(DETECTOR, "toxicity", headers=app.globex).headers["X-Event-Id"]
        app.ship()
        app.map(DETECTOR, "toxicity", headers=app.globex)
        yield Stage(app, issuer, ("globex", event_id), {"event_id": event_id})


Way = Callable[..., dict[str, str]]


@pytest.fixture(params=["key", "token"])
def way(request: pytest.FixtureRequest, stage: Stage) -> Way:
    """How acme proves who it is."""
    found: Way = getattr(stage, request.param)
    return found


def test_there_are_routes_of_both_classes(stage: Stage) -> None:
    guarded = stage.guarded
    assert {("POST", "/map"), ("POST", "/map/batch")} <= {(one.method, one.path) for one in guarded}
    assert {str(one) for one in operations(stage.fast)} - {str(one) for one in guarded} <= {
        " ".join(one) for one in OPEN
    }
    assert {scope for one in guarded for scope in one.scopes or ()} <= set(SCOPES)


def test_a_route_in_no_class_is_found(rules: Serving) -> None:
    async def surprise() -> Response:
        return Response()

    for published in (True, False):
        app = create_app(first=rules)
        app.add_api_route("/v1/surprise", surprise, include_in_schema=published)
        with pytest.raises(NoClass, match="GET /v1/surprise"):
            operations(app)
    app = create_app(first=rules)
    app.router.routes.append(Route("/surprise", surprise))
    with pytest.raises(NoClass, match="GET /surprise"):
        operations(app)
    app = create_app(first=rules)
    app.mount("/files", surprise)
    with pytest.raises(NoClass, match="only HTTP routes"):
        operations(app)


def test_open_routes_ask_nobody_and_name_no_tenant(stage: Stage) -> None:
    for operation in operations(stage.fast):
        if operation.scopes is None:
            response = stage.ask(operation, {})
            assert response.status_code == 200, operation
            assert stage.told(response) == [], operation
            assert '"acme"' not in response.text, operation


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Tenant-ID": "acme"},
        {"X-API-Key": "lm_0123456789ab_" + "A" * 43},
        {"X-API-Key": "{token}"},
        {"Authorization": "Basic YWNtZTphY21l"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "{bearer}", "X-API-Key": "{key}"},
    ],
)
def test_nobody_gets_in_without_one_valid_credential(stage: Stage, headers: dict[str, str]) -> None:
    key, bearer = stage.key(*SCOPES)["X-API-Key"], stage.token(*SCOPES)["Authorization"]
    sent = {
        name: value.format(key=key, bearer=bearer, token=bearer.partition(" ")[2]) for name, value in headers.items()
    }
    for operation in stage.guarded:
        response = stage.ask(operation, sent)
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated"), operation


def test_every_route_asks_for_the_scopes_it_declares_and_no_others(stage: Stage, way: Way) -> None:
    for operation in stage.guarded:
        needed = operation.scopes or frozenset()
        enough = stage.ask(operation, way(*(scope for scope in SCOPES if scope in needed)) if needed else way("admin"))
        assert enough.status_code not in (401, 403), operation
        for missing in needed:
            response = stage.ask(operation, way(*(scope for scope in SCOPES if scope != missing)))
            assert (response.status_code, response.json()["code"]) == (403, "insufficient-scope"), operation
            assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"], operation


@pytest.mark.parametrize("header", ["X-Tenant-ID", "x-tenant"])
def test_a_header_that_names_another_tenant_is_403(stage: Stage, way: Way, header: str) -> None:
    acme = way(*SCOPES)
    for operation in stage.guarded:
        response = stage.ask(operation, {**acme, header: "globex"})
        assert (response.status_code, response.json()["code"]) == (403, "tenant-mismatch"), operation
        assert stage.told(response) == [], operation


def places(body: Any) -> Iterator[dict[str, Any]]:
    """The body again and again, each time with another tenant named in another place."""
    for path in _objects(body, ()):
        changed = copy.deepcopy(body)
        inner = changed
        for part in path:
            inner = inner[part]
        inner["tenant_id"] = "globex"
        yield changed


def _objects(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        yield path
    for part, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _objects(inner, (*path, part))


def test_a_body_that_names_another_tenant_anywhere_is_refused(stage: Stage, way: Way) -> None:
    acme, schemas = way(*SCOPES), stage.fast.openapi()["components"]["schemas"]
    for operation in stage.guarded:
        if operation.body is None:
            continue
        declared = "tenant_id" in schemas[operation.body]["properties"]
        for body in places(operation.example):
            response = stage.ask(operation, acme, body)
            answer = response.json()
            if "counts" in answer:
                assert answer["counts"]["accepted"] == 0, operation
            elif "tenant_id" in body and declared:
                assert (response.status_code, answer["code"]) == (403, "tenant-mismatch"), operation
            else:
                assert (response.status_code, answer["code"]) == (422, "invalid-request"), operation
            assert stage.told(response) == [], operation


def test_another_tenants_id_leads_nowhere(stage: Stage, way: Way) -> None:
    acme = way(*SCOPES)
    for operation in stage.guarded:
        response = stage.ask(operation, acme)
        if operation.parameters["path"]:
            assert (response.status_code, response.json()["code"]) == (404, "not-found"), operation
        assert stage.told(response) == [], operation
        for name in (*TENANT_NAMES, *operation.parameters["query"]):
            asked = stage.ask(operation, acme, query=f"?{name}=globex")
            assert asked.status_code != 500, operation
            assert stage.told(asked) == [], operation


def test_nothing_of_all_this_was_recorded_for_the_other_tenant(stage: Stage) -> None:
    stage.app.ship()
    assert [row["detector"] for row in stage.app.events("globex")] == [DETECTOR, DETECTOR]
    assert stage.app.rejections("globex") == []
    assert {row["tenant_id"] for row in stage.app.events("acme")} == {"acme"}


def test_a_token_for_another_tenant_sees_that_tenants_events_alone(stage: Stage) -> None:
    token = stage.issuer.token(tenant_id="globex", scope="map:write")
    response = stage.app.map("presidio", "US_SSN", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["provenance"]["tenant_id"]) == (200, "globex")
