"""Secrets in AWS Secrets Manager. Region, credentials and endpoint come from where every AWS client takes them."""

import json
import threading
from typing import Any

from mapper_serving.secrets.references import Reference, SecretUnavailable

TIMEOUT_SECONDS = 5


class SecretsManager:
    """Reads the current version of a secret, or a field of it where it is a JSON object."""

    def __init__(self) -> None:
        self._client: Any = None
        self._one_at_a_time = threading.Lock()

    def __call__(self, reference: Reference) -> str:
        """The value.

        Raises:
            SecretUnavailable: whatever the reason.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with self._one_at_a_time:
                self._client = self._client or _connect()
            text = self._client.get_secret_value(SecretId=reference.name)["SecretString"]
            value = json.loads(text)[reference.field] if reference.field else text
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "ClientError")
            raise SecretUnavailable(f"{reference} cannot be read: {code}.") from None
        except (BotoCoreError, LookupError, TypeError, ValueError) as error:
            raise SecretUnavailable(f"{reference} cannot be read: {type(error).__name__}.") from None
        if not isinstance(value, str) or not value:
            raise SecretUnavailable(f"{reference}: there is no text in it.")
        return value


def _connect() -> Any:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 2})
    return boto3.session.Session().client("secretsmanager", config=config)
