"""Schemathesis sends a real service whatever its own OpenAPI document allows and forbids, and judges every answer.

`make fuzz` runs the same with 20,000 cases or more, and with another seed each time.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from service_process import ServiceProcess

pytestmark = pytest.mark.slow
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)
"""Not `positive_data_acceptance`: a name, a version or an output of the right type may still be refused for what it
says, which no schema can tell."""

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))
"""Cases of each operation, beside those that Schemathesis derives from the boundaries of the schema."""
_SEEN = re.compile(r'^mapper_requests_total\{route="(?P<route>[^"]+)",status="(?P<status>\d+)"\} (?P<count>\S+)$', re.M)


def test_every_answer_is_one_the_document_declares_and_none_is_a_failure(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path, rate_limit_key=0, rate_limit_tenant=0, rate_limit_ip=0)
    how = ["--generation-deterministic"] if "FUZZ_EXAMPLES" not in os.environ else []
    key = service.acme["X-API-Key"]
    asked = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("st")), "--no-color", "--config-file", str(CONFIG)),
            *("run", f"http://127.0.0.1:{service.port}/openapi.json", "--warnings", "off"),
            *("--header", f"X-API-Key: {key}", "--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES)),
            *("--phases", "examples,coverage,fuzzing", "--continue-on-failure", *how),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    seen = statuses(service.get("/metrics")[1])
    ready = service.get("/readyz")[0]
    service.end()
    sys.stdout.write(f"{asked.stdout}\n{seen.total()} requests by route and status:\n")
    sys.stdout.writelines(f"{count:8} {status} {route}\n" for (route, status), count in sorted(seen.items()))
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert (ready, [status for _, status in seen if status >= 500]) == (200, [])
    reached = {route for route, status in seen if status < 300}
    assert reached >= {"/v1/map", "/v1/map:batch", "/v1/detectors:propose", "/v1/events"}  # not only their validation


def statuses(metrics: str) -> Counter[tuple[str, int]]:
    """How many requests the service says it answered, by route and status."""
    return Counter({(m["route"], int(m["status"])): int(float(m["count"])) for m in _SEEN.finditer(metrics)})
