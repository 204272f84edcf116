"""`python -m mapper_serving`: the service under uvicorn, set by `MAPPER_*`."""

import sys
from contextlib import suppress

import uvicorn
from pydantic import ValidationError

from mapper_domain.errors import MapperError
from mapper_serving import garbage, logs, workers
from mapper_serving.app import create_app
from mapper_serving.protocol import OnePiece
from mapper_serving.settings import Settings
from mapper_serving.shutdown import Server


def main() -> int:
    """Serve until stopped; 2 with a message when the service cannot begin."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors(include_input=False):
            sys.stderr.write(f"MAPPER_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}\n")
        return 2
    logs.configure(settings.log_level)
    logs.capture_the_rest()
    shared = workers.listener()
    if shared is None and settings.workers > 1:
        return workers.supervise(settings)
    try:
        app = create_app(settings)
    except MapperError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        http=OnePiece,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    server = Server(config, lambda: app.state.service.leaving.set(), settings.drain_seconds, app.state.patience)
    garbage.settle()
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has answered it
        server.run([shared] if shared else None)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
