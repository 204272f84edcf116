"""`GET /v1/releases`: which releases answer here, in which role, and why a newer one does not."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from mapper_serving import openapi
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.listings import AskedTrial, ReleaseList, ServedRelease
from mapper_serving.problems import Refusal
from mapper_serving.releases.routing import Routing
from mapper_serving.responses import json
from mapper_serving.routes.admission import admit
from mapper_serving.routes.catalogue import PROBLEMS
from mapper_serving.routes.lean import Lean, unattributed
from mapper_serving.service import Service

router = APIRouter(tags=["catalogue"], route_class=Lean)


@router.get(
    "/v1/releases",
    summary="The releases in service",
    responses={200: openapi.answer(ReleaseList, "What answers here."), **openapi.problems(*PROBLEMS)},
    openapi_extra=openapi.needs(),
)
async def releases(request: Request) -> Response:
    """The releases of this replica; another one may be a moment ahead or behind."""
    service: Service = request.scope["app"].state.service
    try:
        principal = await admit(request)
        refuse_other_tenant(request.scope["headers"], principal.tenant)
    except Refusal as refusal:
        return unattributed(service, refusal)
    return json(_list(service.releases.routing, service))


def _list(routing: Routing, service: Service) -> ReleaseList:
    shares = {"stable": 1.0 - routing.share if routing.canary else 1.0, "canary": routing.share}
    return ReleaseList(
        releases=tuple(
            ServedRelease(
                role=role,
                share=shares.get(role, routing.shadow_share),
                mode="rules" if serving.engine is None else "model",
                versions=serving.versions,
            )
            for role, serving in routing.roles.items()
        ),
        trials=tuple(AskedTrial(**trial._asdict()) for trial in service.releases.trials),
        refused=service.releases.refused,
        version_info=routing.stable.versions,
    )
