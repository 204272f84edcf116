"""Sample texts with invented personal data and invented secrets, the same for the same tenant and day.

Nothing here is real: persons come from Faker, secrets from a seeded generator. Texts exist in memory and in a
temporary folder while a detector reads them. What is planted is remembered, so that the end of the demo can
prove that none of it was stored.
"""

import base64
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass

from faker import Faker

_WORD = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class Sample:
    """One text.

    Attributes:
        name: a file name.
        text: what a detector reads.
        planted: every invented value in it that must never be stored.
    """

    name: str
    text: str
    planted: tuple[str, ...]


def samples(tenant: str, day: str) -> tuple[Sample, ...]:
    """The texts of one tenant's day (`yyyy-mm-dd`): tickets, configuration files and harmless notes."""
    rng = random.Random(f"{tenant}/{day}")
    faker = Faker("en_US")
    faker.seed_instance(f"{tenant}/{day}")
    tickets = (ticket(faker, f"ticket-{number}.txt") for number in range(12))
    settings = (configuration(rng, f"settings-{number}.py") for number in range(8))
    notes = (Sample(f"note-{number}.txt", f"{faker.sentence(8)} {faker.sentence(10)}\n", ()) for number in range(4))
    return (*tickets, *settings, *notes)


def ticket(faker: Faker, name: str) -> Sample:
    """A support ticket full of personal data."""
    person, email, phone = faker.name(), faker.unique.email(), faker.numerify("(212) 555-01##")
    ssn, card, iban = faker.ssn(), faker.credit_card_number("visa16"), faker.iban()
    address, street = faker.ipv4_public(), faker.street_address()
    text = (
        f"From: {person} <{email}>\n"
        f"Please call me back at {phone}. I live at {street}.\n"
        f"My social security number is {ssn}; the credit card on file is {card}.\n"
        f"Send the refund to IBAN {iban}. Last login came from IP {address}.\n"
    )
    return Sample(name, text, (person, email, phone, ssn, card, iban, address, street))


def configuration(rng: random.Random, name: str) -> Sample:
    """A source file into which somebody pasted four of several kinds of credentials."""
    lines, planted = zip(*rng.sample(list(_credentials(rng)), 4), strict=True)
    return Sample(name, "DEBUG = False\n" + "\n".join(lines) + "\n", planted)


def _credentials(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Lines of a source file, each with the secret in it."""

    def some(alphabet: str, length: int) -> str:
        return "".join(rng.choices(alphabet, k=length))

    aws = "AKIA" + some(_UPPER, 16)
    yield f'AWS_ACCESS_KEY_ID = "{aws}"', aws
    github = "ghp_" + some(_WORD, 36)
    yield f'GITHUB_TOKEN = "{github}"', github
    slack = f"xoxb-{some(string.digits, 12)}-{some(string.digits, 12)}-{some(_WORD, 24)}"
    yield f'SLACK = "{slack}"', slack
    stripe = "sk_live_" + some(_WORD, 24)
    yield f'STRIPE = "{stripe}"', stripe
    mail = f"SG.{some(_WORD, 22)}.{some(_WORD, 43)}"
    yield f'SENDGRID = "{mail}"', mail
    password = some(_WORD, 20)
    yield f'DATABASE = "postgres://app:{password}@db.internal:5432/app"', password
    parts = (
        base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode() for text in ('{"alg":"HS256"}', some(_WORD, 30))
    )
    token = ".".join((*parts, some(_WORD, 43)))
    yield f'SESSION = "{token}"', token
    body = some(_WORD, 64)
    yield f'KEY = """-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"""', body
