"""`GET /v1/taxonomy` and `GET /v1/detectors`: what labels mean in the release in service. They change with it only."""

from collections.abc import Callable
from http import HTTPStatus

from cachetools import LRUCache
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from mapper_serving import openapi
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.listings import DescribedDetector, DetectorList, KnownLabel, TaxonomyAnswer
from mapper_serving.problems import Code, Refusal
from mapper_serving.responses import JSON, stamp
from mapper_serving.routes.admission import admit
from mapper_serving.routes.lean import Lean, header, unattributed
from mapper_serving.service import Service
from mapper_serving.state import Serving

router = APIRouter(tags=["catalogue"], route_class=Lean)
ANSWERS = (TaxonomyAnswer, DetectorList)
PROBLEMS = (Code.UNAUTHENTICATED, Code.TENANT_MISMATCH, Code.RATE_LIMITED, Code.INTERNAL_ERROR)
_UNCHANGED = {"description": "As the caller has it (`If-None-Match`).", "headers": {}}
_made: LRUCache[tuple[str, str, str], bytes] = LRUCache(8)


def _taxonomy(serving: Serving) -> TaxonomyAnswer:
    taxonomy = serving.catalog.taxonomy
    return TaxonomyAnswer(
        version=taxonomy.version,
        namespace=taxonomy.namespace,
        categories=taxonomy.categories,
        labels=taxonomy.labels,
        version_info=serving.versions,
    )


def _detectors(serving: Serving) -> DetectorList:
    described = (
        DescribedDetector(
            name=detector.name,
            version=detector.version,
            vendor=detector.vendor,
            kind=detector.kind,
            labels=tuple(
                KnownLabel(
                    label=known.label, field=known.field, taxonomy=known.canonical, description=known.description
                )
                for known in detector.maps
            ),
        )
        for _, detector in sorted(serving.catalog.by_name.items())
    )
    return DetectorList(detectors=tuple(described), version_info=serving.versions)


async def taxonomy(request: Request) -> Response:
    """Every canonical label, with its description and aliases."""
    return await _answer(request, _taxonomy)


async def detectors(request: Request) -> Response:
    """Every detector a YAML describes, with its vocabulary and what it means."""
    return await _answer(request, _detectors)


async def _answer(request: Request, make: Callable[[Serving], BaseModel]) -> Response:
    service: Service = request.scope["app"].state.service
    try:
        principal = await admit(request)
        refuse_other_tenant(request.scope["headers"], principal.tenant)
    except Refusal as refusal:
        return unattributed(service, refusal)
    serving = service.releases.current
    stamp(request.scope, serving)
    tag = f'"{serving.catalog.sha256[:16]}-{serving.versions.release[:16]}"'
    if header(request, b"if-none-match") == tag.encode():
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    key = (make.__name__, serving.catalog.sha256, serving.versions.release)
    if key not in _made:
        _made[key] = make(serving).model_dump_json().encode()
    return Response(_made[key], headers={"ETag": tag}, media_type=JSON)


for path, endpoint, model, summary in (
    ("/v1/taxonomy", taxonomy, TaxonomyAnswer, "The taxonomy in service"),
    ("/v1/detectors", detectors, DetectorList, "The detectors in service and what their labels mean"),
):
    router.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        summary=summary,
        responses={200: openapi.answer(model, f"{summary}.", "ETag"), 304: _UNCHANGED, **openapi.problems(*PROBLEMS)},
        openapi_extra=openapi.needs(),
    )
