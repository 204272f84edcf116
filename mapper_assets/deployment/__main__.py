"""Promotes releases, tries them beside the one that serves, and copies them to a bucket.

python -m mapper_assets.deployment status | promote RELEASE | canary RELEASE --share 0.05 | shadow RELEASE
                                   | end [canary|shadow] | publish s3://BUCKET/PREFIX
"""

import argparse
import getpass
import sys
from collections.abc import Sequence

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from mapper_assets.deployment.publish import publish
from mapper_assets.deployment.release import named, promote
from mapper_assets.deployment.trials import Trial, end, start_canary, start_shadow
from mapper_assets.resources import Thresholds
from mapper_assets.settings import Settings
from mapper_domain.errors import MapperError, ReleaseMissing
from mapper_domain.release import Pointer, read_pointer

TRIALS: tuple[Trial, ...] = ("canary", "shadow")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m mapper_assets.deployment",
        description="Says which releases serve. Artefacts lie where MAPPER_ARTIFACTS says.",
    )
    commands = found.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="what the pointer says")
    for name, text in (
        ("promote", "let a release serve; ends both trials"),
        ("canary", "let a release answer a share of the traffic"),
        ("shadow", "have a release asked after the reply, and compared"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("release", help="a release id, or `previous`")
        if name != "promote":
            command.add_argument(
                "--share", type=_share, default=0.05 if name == "canary" else 1.0, help="above 0, to 1"
            )
    commands.choices["promote"].add_argument("--hold", action="store_true", help="pin it")
    commands.add_parser("end", help="end the trials").add_argument("trial", nargs="?", choices=TRIALS)
    for command in commands.choices.values():
        command.add_argument("--by", default=getpass.getuser(), help="who the log names")
        command.add_argument("--reason", default="By hand.", help="why, for the log")
    commands.add_parser("publish", help="copy what serves to a bucket").add_argument("place", help="s3://BUCKET/PREFIX")
    return found


def main(argv: Sequence[str] | None = None) -> str:
    """The pointer as it is afterwards, in words.

    Raises:
        ReleaseError: when it cannot be done.
    """
    given = parser().parse_args(argv)
    settings = Settings()
    layout = settings.layout
    gates = Thresholds(file=str(settings.gates.resolve()) if settings.gates else "").gates
    if given.command == "publish":
        return _told(publish(layout, given.place))
    if given.command == "end":
        return _told(end(layout, (given.trial,) if given.trial else TRIALS, by=given.by, reason=given.reason))
    if given.command != "status":
        release = named(layout, given.release)
        if given.command == "promote":
            promote(layout, release, by=given.by, reason=given.reason, gates=gates, hold=given.hold)
        elif given.command == "canary":
            start_canary(layout, release, given.share, by=given.by, reason=given.reason, gates=gates)
        else:
            start_shadow(layout, release, given.share, by=given.by, reason=given.reason)
    pointer = read_pointer(layout.releases)
    if pointer is None:
        raise ReleaseMissing("No release serves yet.")
    return _told(pointer)


def _share(text: str) -> float:
    """A share of the traffic."""
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return share


def _told(pointer: Pointer) -> str:
    lines = [f"{pointer.release} serves; the pointer was moved at {pointer.promoted_at:%Y-%m-%d %H:%M} UTC."]
    if pointer.canary is not None:
        lines.append(f"{pointer.canary.release} answers {pointer.canary.share:.1%} as a canary.")
    if pointer.shadow is not None:
        lines.append(f"{pointer.shadow.release} is asked about {pointer.shadow.share:.1%} as a shadow.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(main())
    except MapperError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        sys.stderr.write(f"The bucket does not take it: {type(error).__name__}.\n")
        sys.exit(2)
