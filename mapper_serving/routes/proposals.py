"""`POST /v1/detectors:propose`, alias `/detectors:propose`: labels explained to a reviewer. Nothing of it is stored."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from mapper_domain.proposal_yaml import render
from mapper_domain.proposals import Proposal
from mapper_serving import openapi
from mapper_serving.answers import ProposalAnswer
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.problems import Code, Refusal
from mapper_serving.proposal_bodies import ProposeRequest, parse_vocabulary
from mapper_serving.proposing import propose_within
from mapper_serving.responses import json, stamp
from mapper_serving.routes.admission import admit
from mapper_serving.routes.calls import SCOPE
from mapper_serving.routes.lean import Lean, read_body, unattributed
from mapper_serving.service import Service

YAML = "application/yaml"
"""RFC 9512."""

router = APIRouter(tags=["proposals"], route_class=Lean)

_ANSWER = openapi.answer(ProposalAnswer, "The proposal, with its detector file.")
_ANSWER["content"][YAML] = {"schema": {"type": "string"}}
_PROBLEMS = (
    Code.NOT_UTF8,
    Code.MALFORMED_JSON,
    Code.UNAUTHENTICATED,
    Code.INSUFFICIENT_SCOPE,
    Code.TENANT_MISMATCH,
    Code.REQUEST_TIMEOUT,
    Code.BODY_TOO_LONG,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_REQUEST,
    Code.RATE_LIMITED,
    Code.INTERNAL_ERROR,
)


async def propose_mappings(request: Request) -> Response:
    """Answer with suggestions for every label; with `Accept: application/yaml`, with the detector file alone."""
    service: Service = request.scope["app"].state.service
    settings = service.settings
    deadline = asyncio.get_running_loop().time() + settings.proposal_deadline_seconds
    try:
        principal = await admit(request)
        principal.require(SCOPE)
        refuse_other_tenant(request.scope["headers"], principal.tenant)
        sent = parse_vocabulary(await read_body(request, settings.max_body_bytes), settings.proposal_limit)
    except Refusal as refusal:
        return unattributed(service, refusal)
    with service.releases.lease() as routing:
        serving = routing.stable
        proposal = await propose_within(sent.vocabulary, serving, deadline)
    _count(service, proposal)
    stamp(request.scope, serving)
    text = render(proposal)
    if YAML in request.headers.get("accept", ""):
        return Response(text, media_type=YAML)
    return json(ProposalAnswer(**dict(proposal), yaml=text, version_info=serving.versions))


def _count(service: Service, proposal: Proposal) -> None:
    outcomes = {
        "settled": len(proposal.settled),
        "review": len(proposal.to_review),
        "reviewed": sum(suggestion.reviewed for suggestion in proposal.labels),
    }
    for outcome, labels in outcomes.items():
        service.metrics.count("mapper_proposed_labels_total", outcome, amount=labels)


for path in ("/v1/detectors:propose", "/detectors:propose"):
    router.add_api_route(
        path,
        propose_mappings,
        methods=["POST"],
        summary="Propose a detector file for a vocabulary",
        responses={200: _ANSWER, **openapi.problems(*_PROBLEMS)},
        openapi_extra=openapi.body(ProposeRequest, SCOPE),
    )
