"""A tenant id can neither escape a folder nor break a partition key."""

import pytest

from mapper_domain.errors import InvalidTenant
from mapper_domain.tenants import parse_tenant


@pytest.mark.parametrize("tenant", ["acme", "a", "0", "acme-eu-1", "a" * 63])
def test_dns_like_names_are_tenants(tenant: str) -> None:
    assert parse_tenant(tenant) == tenant


@pytest.mark.parametrize(
    "tenant", ["", "-a", "a-", "A", "a_b", "a|b", "a,b", "a/b", "../../etc", "a b", "a\n", "ä", "a" * 64, "tenant=a"]
)
def test_anything_else_is_refused_with_the_rule(tenant: str) -> None:
    with pytest.raises(InvalidTenant, match="use 1 to 63"):
        parse_tenant(tenant)
