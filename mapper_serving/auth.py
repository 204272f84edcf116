"""Who is asking: the tenant of a request's credential, and the commands that issue and revoke keys.

python -m mapper_serving.auth issue --tenant acme
python -m mapper_serving.auth revoke --id 0123456789ab
"""

import argparse
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

from mapper_domain.errors import InvalidTenant
from mapper_domain.tenants import parse_tenant
from mapper_serving import keys
from mapper_serving.keys import KeyFile, Keyring, KeysUnreadable, StoredTenant, Tenant
from mapper_serving.problems import Code, Refusal
from mapper_serving.settings import Settings

TENANT_HEADERS = frozenset({b"x-tenant-id", b"x-tenant"})
Headers = Iterable[tuple[bytes, bytes]]


def authenticate(headers: Headers, keyring: Keyring) -> Tenant:
    """The tenant of the credential in `Authorization: Bearer` or `X-API-Key`.

    Raises:
        Refusal: `unauthenticated` when there is no such key, whatever is wrong with it.
    """
    for name, value in headers:
        if name == b"x-api-key":
            key = value
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            key = value[7:].strip()
        else:
            continue
        tenant = keyring.find(key.decode("latin-1"))
        if tenant is not None:
            return tenant
        break
    raise Refusal(Code.UNAUTHENTICATED, "Send a valid key as `Authorization: Bearer <key>` or `X-API-Key`.")


def refuse_other_tenant(headers: Headers, tenant: Tenant, named: str | None = None) -> None:
    """Refuse a request whose header or body names a tenant the credential does not belong to.

    Raises:
        Refusal: `tenant-mismatch`.
    """
    others = [value.decode("latin-1") for name, value in headers if name in TENANT_HEADERS]
    if named is not None:
        others.append(named)
    if any(other != tenant.id for other in others):
        raise Refusal(
            Code.TENANT_MISMATCH, "The tenant comes from the API key alone; leave it out or use that tenant's own key."
        )


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done, 2 with a message when it could not be."""
    options = _parser().parse_args(arguments)
    path: Path = options.file
    try:
        content = keys.read(path) if path.exists() else KeyFile()
        if options.command == "revoke":
            keys.write(path, keys.revoke(content, options.id))
            sys.stdout.write(f"Key {options.id} no longer works.\n")
            return 0
        tenant = parse_tenant(options.tenant)
        new = StoredTenant(
            environment=options.environment,
            expected_detectors=tuple(options.expect),
            scopes=tuple(options.scope),
            hmac_key=secrets.token_hex(32),
        )
        content, key = keys.issue(content, tenant, new, days=options.days)
        keys.write(path, content)
    except (InvalidTenant, KeysUnreadable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{key}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mapper_serving.auth", description="Issue and revoke API keys.")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("issue", help="print a new key once; only its hash is stored")
    add.add_argument("--tenant", required=True, help="tenant id; made if the file does not have it")
    add.add_argument("--days", type=int, help="days until the key stops working (default: never)")
    add.add_argument("--environment", choices=("dev", "stage", "prod"), default="prod", help="of a new tenant")
    add.add_argument("--expect", action="append", default=[], metavar="DETECTOR", help="a new tenant will run it")
    add.add_argument("--scope", action="append", default=[], help="of a new tenant, for example hipaa")
    remove = commands.add_parser("revoke", help="make a key stop working")
    remove.add_argument("--id", required=True, help="the 12 hex digits after `lm_`")
    for command in (add, remove):
        command.add_argument(
            "--file", type=Path, default=Settings().keys, help="the keys file (default: MAPPER_KEYS, %(default)s)"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
