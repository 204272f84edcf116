"""Which texts refer to a secret, and that a text which does not is never repeated."""

import pytest

from mapper_serving.secrets.references import SecretUnavailable, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("env:DB_PASSWORD", ("env", "DB_PASSWORD", "")),
        ("file:/run/secrets/db", ("file", "/run/secrets/db", "")),
        ("vault:secret/tenants/acme#hmac_key", ("vault", "secret/tenants/acme", "hmac_key")),
        ("aws-sm:prod/mapper", ("aws-sm", "prod/mapper", "")),
        ("aws-sm:prod/mapper#password", ("aws-sm", "prod/mapper", "password")),
        (
            "aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:mapper-AbCdEf#password",
            ("aws-sm", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mapper-AbCdEf", "password"),
        ),
    ],
)
def test_a_reference_names_its_source_and_reads_as_it_was_written(text: str, parts: tuple[str, str, str]) -> None:
    reference = parse(text)
    assert (reference.source, reference.name, reference.field) == parts
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "",
        "env:A B",
        "env:A#b",
        "file:relative",
        "vault:secret/acme",
        "vault:secret#field",
        "vault:secret//acme#field",
        "vault:secret/acme#",
        "aws-sm:#field",
        "aws-sm:prod#",
        "ENV:NAME",
        "https://vault/secret",
    ],
)
def test_anything_else_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        parse(text)
    assert not text or text not in str(caught.value)
