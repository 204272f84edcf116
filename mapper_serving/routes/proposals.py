"""`POST /detectors:propose`: what a detector's labels mean, suggested for a reviewer. Nothing of it is stored."""

import asyncio
from http import HTTPStatus

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from mapper_domain.proposal_yaml import render
from mapper_domain.proposals import Proposal
from mapper_serving import openapi
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.identity.principal import Scope
from mapper_serving.problems import Code, Refusal
from mapper_serving.proposal_bodies import ProposalAnswer, ProposeRequest, parse_vocabulary
from mapper_serving.proposing import propose_within
from mapper_serving.routes.lean import Lean, read_body, unattributed
from mapper_serving.routes.mapping import version_headers
from mapper_serving.service import Service

YAML = "application/yaml"
"""RFC 9512."""

router = APIRouter(tags=["proposals"], route_class=Lean)
SCOPE: Scope = "map:write"

_ANSWER = openapi.answer(ProposalAnswer, "The proposal, with its detector file.", *openapi.VERSION_HEADERS)
_ANSWER["content"][YAML] = {"schema": {"type": "string"}}
_PROBLEMS = (
    Code.NOT_UTF8,
    Code.MALFORMED_JSON,
    Code.UNAUTHENTICATED,
    Code.INSUFFICIENT_SCOPE,
    Code.TENANT_MISMATCH,
    Code.BODY_TOO_LONG,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_REQUEST,
    Code.INTERNAL_ERROR,
)


@router.post(
    "/detectors:propose",
    summary="Propose a detector file for a vocabulary",
    responses={200: _ANSWER, **openapi.problems(*_PROBLEMS)},
    openapi_extra=dict(openapi.body(ProposeRequest, SCOPE)),
)
async def propose_mappings(request: Request) -> Response:
    """Answer with suggestions for every label; with `Accept: application/yaml`, with the detector file alone."""
    service: Service = request.app.state.service
    settings, serving = service.settings, service.releases.current
    deadline = asyncio.get_running_loop().time() + settings.proposal_deadline_seconds
    try:
        principal = await service.identity.authenticate(request.scope["headers"])
        principal.require(SCOPE)
        refuse_other_tenant(request.scope["headers"], principal.tenant)
        sent = parse_vocabulary(await read_body(request, settings.max_body_bytes), settings.proposal_limit)
    except Refusal as refusal:
        return unattributed(service, refusal)
    proposal = await propose_within(sent.vocabulary, serving, deadline)
    _count(service, proposal)
    text, headers = render(proposal), version_headers(serving)
    if YAML in request.headers.get("accept", ""):
        return Response(text, HTTPStatus.OK, headers, media_type=YAML)
    answer = ProposalAnswer(**dict(proposal), yaml=text)
    return Response(orjson.dumps(answer.model_dump(mode="json")), HTTPStatus.OK, headers, media_type="application/json")


def _count(service: Service, proposal: Proposal) -> None:
    outcomes = {
        "settled": len(proposal.settled),
        "review": len(proposal.to_review),
        "reviewed": sum(suggestion.reviewed for suggestion in proposal.labels),
    }
    for outcome, labels in outcomes.items():
        service.metrics.count("mapper_proposed_labels_total", outcome, amount=labels)
