"""`python -m mapper_serving.engines.leash COMMAND...`: a process that never outlives the one that started it.

The command runs in a process group of its own. The whole group is killed when the command ends, when this process is
told to stop, or when its standard input closes: which happens however the one at the other end dies, SIGKILL included.
Imports nothing heavy: it is started for every server and stays for as long.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from types import FrameType
from typing import Final

SIGNALLED: Final = 128
"""Added to a signal's number in an exit status."""


def main(command: list[str]) -> int:
    """Run the command; its exit status, 128 and more for a signal, as shells have it."""
    wake, poke = os.pipe()
    signal.set_wakeup_fd(_unblocking(poke))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, _noted)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        while child.poll() is None:
            ready, _, _ = select.select([sys.stdin, wake], [], [])
            if sys.stdin in ready or set(os.read(wake, 64)) != {signal.SIGCHLD}:
                break
    finally:
        _kill(child)
    return child.returncode if child.returncode >= 0 else SIGNALLED - child.returncode


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """End the whole group; what is stopped dies of SIGKILL too."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _unblocking(descriptor: int) -> int:
    os.set_blocking(descriptor, False)
    return descriptor


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Signals are read from the pipe."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
