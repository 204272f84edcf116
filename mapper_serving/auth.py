"""The commands that issue, rotate, revoke and list API keys. What a key is worth is in `mapper_serving.identity`.

python -m mapper_serving.auth issue --tenant acme --allow map:write --days 90
python -m mapper_serving.auth rotate --id 0123456789ab --overlap-hours 24
python -m mapper_serving.auth revoke --id 0123456789ab
python -m mapper_serving.auth list
"""

import argparse
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mapper_domain.errors import InvalidTenant
from mapper_domain.tenants import parse_tenant
from mapper_serving.identity import keys
from mapper_serving.identity.keys import KeyFile, KeysUnreadable, StoredTenant
from mapper_serving.identity.principal import DEFAULT_SCOPES, SCOPES
from mapper_serving.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done, 2 with a message when it could not be."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            said = "\n".join(_table(keys.read(options.file)))
        else:
            with keys.locked(options.file):
                content = keys.read(options.file) if options.file.exists() else KeyFile()
                content, said = _change(content, options)
                keys.write(options.file, content)
    except (InvalidTenant, KeysUnreadable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{said}\n")
    return 0


def _change(content: KeyFile, options: argparse.Namespace) -> tuple[KeyFile, str]:
    """The file after the command, and what to print."""
    if options.command == "revoke":
        return keys.revoke(content, options.id), f"Key {options.id} no longer works."
    if options.command == "rotate":
        overlap = timedelta(hours=options.overlap_hours)
        return keys.rotate(content, options.id, overlap=overlap, days=options.days)
    tenant = parse_tenant(options.tenant)
    new = StoredTenant(
        environment=options.environment,
        expected_detectors=tuple(options.expect),
        scopes=tuple(options.scope),
        hmac_key=secrets.token_hex(32),
    )
    allowed = tuple(dict.fromkeys(options.allow)) or DEFAULT_SCOPES
    return keys.issue(content, tenant, new, days=options.days, scopes=allowed)


def _table(content: KeyFile) -> Iterator[str]:
    """A line for each key, oldest first within its tenant; never its hash."""
    row = "{:12}  {:20}  {:30}  {:16}  {:16}  {}".format
    yield row("id", "tenant", "may", "issued", "expires", "state")
    now = datetime.now(UTC)
    for name, tenant in sorted(content.tenants.items()):
        for key in tenant.keys:
            state = "expired" if key.expires is not None and key.expires <= now else "works"
            yield row(key.id, name, " ".join(key.scopes), _minute(key.issued), _minute(key.expires), state)


def _minute(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mapper_serving.auth", description="Issue, rotate, revoke and list API keys."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("issue", help="print a new key once; only its hash is stored")
    add.add_argument("--tenant", required=True, help="tenant id; made if the file does not have it")
    add.add_argument(
        "--allow", action="append", choices=SCOPES, default=[], help="what the key may do (default: map:write)"
    )
    add.add_argument("--environment", choices=("dev", "stage", "prod"), default="prod", help="of a new tenant")
    add.add_argument("--expect", action="append", default=[], metavar="DETECTOR", help="a new tenant will run it")
    add.add_argument("--scope", action="append", default=[], help="of a new tenant's audits, for example hipaa")
    replace = commands.add_parser("rotate", help="print a successor of a key; both work until the overlap has passed")
    replace.add_argument(
        "--overlap-hours", type=_not_negative, default=24.0, help="until the old key stops (default: %(default)s)"
    )
    remove = commands.add_parser("revoke", help="make a key stop working at once")
    for command in (replace, remove):
        command.add_argument("--id", required=True, help="the 12 hex digits after `lm_`")
    add.add_argument("--days", type=_not_negative, help="days until the key stops working (default: never)")
    replace.add_argument("--days", type=_not_negative, help="of the new key (default: as the old one was given)")
    show = commands.add_parser("list", help="print every key's id, tenant, scopes and expiry")
    for command in (add, replace, remove, show):
        command.add_argument(
            "--file", type=Path, default=Settings().keys, help="the keys file (default: MAPPER_KEYS, %(default)s)"
        )
    return parser


def _not_negative(text: str) -> float:
    number = float(text)
    if not number >= 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


if __name__ == "__main__":
    sys.exit(main())
