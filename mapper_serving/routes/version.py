"""`GET /version`: which service, release and catalogue answer, and which detectors are known."""

from importlib import metadata

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from mapper_serving import openapi
from mapper_serving.responses import json
from mapper_serving.service import Service

router = APIRouter(tags=["version"])
PACKAGE = "llama-mapper"


class VersionInfo(BaseModel):
    """Versions of everything an answer depends on; hashes are SHA-256 hex."""

    service: str
    release: str
    taxonomy: str
    frameworks: str
    catalog_sha256: str
    prompt: str
    detectors: tuple[str, ...]


@router.get("/version", responses={200: openapi.answer(VersionInfo, "Versions in service.")})
async def version(request: Request) -> Response:
    """The versions an answer given now would carry."""
    service: Service = request.app.state.service
    serving = service.releases.current
    info = VersionInfo(
        service=service_version(),
        release=serving.versions.release,
        taxonomy=serving.versions.taxonomy,
        frameworks=serving.versions.frameworks,
        catalog_sha256=serving.versions.catalog,
        prompt=serving.versions.prompt,
        detectors=tuple(sorted(serving.catalog.by_name)),
    )
    return json(info)


def service_version() -> str:
    """Version of the installed package, or `0+source` when it runs from a source tree that is not installed."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return "0+source"
