"""An object store of one's own: a real SeaweedFS that speaks S3, on disk, so that it can be killed and come back."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ACCESS, SECRET = "mapper", "mapper-secret"
WEED = Path(sys.executable).parent / "weed"
PORTS = 8
BUCKET = "evidence"


class SeaweedServer:
    """A server in a folder, on eight ports in a row of which the first one speaks S3."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = _free_ports()
        identity = {
            "name": ACCESS,
            "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (folder / "data").mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client of the store needs."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    @property
    def client(self) -> Any:
        """A client of the store."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5),
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
        ports = [f"-{name}={self.port + 1 + n}" for n, name in enumerate(names)]
        command = [
            WEED, "-logtostderr=false", f"-logdir={self._folder}", "server", f"-dir={self._folder / 'data'}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports, "-master.volumeSizeLimitMB=64",
            "-master.volumePreallocate=false", "-volume.max=30", "-filer", "-filer.disableHttp=true", "-s3",
            f"-s3.port={self.port}", f"-s3.port.grpc={self.port + 7}", f"-s3.config={self._folder / 's3.json'}",
            "-s3.ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0", "-metricsPort=0",
        ]  # fmt: skip
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, cwd=self._folder, env={**os.environ, "WEED_S3_SSE_KEY": "test"}, stdout=quiet, stderr=quiet
        )
        end = time.monotonic() + 60
        while True:
            try:
                if not self.client.list_buckets()["Buckets"]:
                    self.client.create_bucket(Bucket=BUCKET)
                self.client.put_object(Bucket=BUCKET, Key="probe", Body=b"1")
                return
            except (ClientError, BotoCoreError):
                assert self._process.poll() is None, "the object store ended before it answered"
                assert time.monotonic() < end, "the object store did not answer in time"
                time.sleep(0.2)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def place(self) -> str:
        """URL of a place in its bucket that nobody else uses."""
        return f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}/mapper"


@contextmanager
def seaweed_server() -> Iterator[SeaweedServer]:
    """A new server, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mapper-seaweed-", ignore_cleanup_errors=True) as folder:
        server = SeaweedServer(Path(folder))
        try:
            yield server
        finally:
            server.kill()


def _free_ports() -> int:
    """The first of eight free ports in a row."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        try:
            for port in range(first, first + PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        return first
