import pytest

from mapper_domain.weaknesses import names, spelt_out

LDAP = names()[90]


def test_every_name_says_something() -> None:
    assert len(names()) > 900
    assert all(number > 0 and name.strip() for number, name in names().items())


@pytest.mark.parametrize("text", ["CWE-90", "cwe90", "cwe_090", "CWE: 90", "py/cwe-90/x", "Rule weakness CWE-90."])
def test_a_number_is_spelt_out_wherever_it_stands(text: str) -> None:
    assert LDAP in spelt_out(text)
    assert "90" not in spelt_out(text)


@pytest.mark.parametrize("text", ["CWE-99999", "scwe-90", "cwe", "90", ""])
def test_what_is_no_number_of_a_weakness_stays(text: str) -> None:
    assert LDAP not in spelt_out(text)
    assert spelt_out(text) == text
