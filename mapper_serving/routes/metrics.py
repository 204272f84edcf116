"""`GET /metrics`: the Prometheus text format."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from mapper_serving.service import Service
from mapper_serving.telemetry import CONTENT_TYPE

router = APIRouter(tags=["metrics"])


@router.get("/metrics", responses={200: {"description": "Metrics.", "content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Everything this process measures."""
    service: Service = request.app.state.service
    return Response(service.metrics.render(), headers={"content-type": CONTENT_TYPE})
