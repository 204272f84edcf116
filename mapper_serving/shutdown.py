"""How the process goes: first it says that it is not ready, then it stops listening, then it finishes what it began.

Whoever sends requests needs time to notice that a replica is leaving. Meanwhile it answers, and asks for each
connection to be closed. What happens after the last answer is `service.running`'s business.
While it serves, it ends connections whose clients take too long (`patience`).
"""

import time
from collections.abc import Callable
from types import FrameType
from typing import cast

import uvicorn

from mapper_serving.patience import Connection, Patience

TICKS_OF_A_SECOND = 10


class Server(uvicorn.Server):
    """uvicorn, leaving in two steps. A second signal skips the first of them."""

    def __init__(
        self, config: uvicorn.Config, leave: Callable[[], None], drain_seconds: float, patience: Patience
    ) -> None:
        """Make a server that has not begun.

        Args:
            config: as uvicorn has it; `timeout_graceful_shutdown` counts from the second step on.
            leave: called once, when the first signal to stop comes.
            drain_seconds: time between the steps.
            patience: asked every second about the connections that are open.
        """
        super().__init__(config)
        self._patience = patience
        self._leave = leave
        self._drain_seconds = drain_seconds
        self._until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop has come."""
        super().handle_exit(sig, frame)
        if self._until is None and self.started:
            self._until = time.monotonic() + self._drain_seconds
            self.should_exit = self._drain_seconds == 0
            self._leave()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop listening now."""
        if counter % TICKS_OF_A_SECOND == 0:
            self._patience.look(cast("set[Connection]", self.server_state.connections), time.monotonic())
        if self._until is not None and time.monotonic() >= self._until:
            self.should_exit = True
        return await super().on_tick(counter)
