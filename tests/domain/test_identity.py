"""Who may sign in with a provider, as what, and under which name."""

from itertools import islice

import pytest

from common.domain.identity import Admission, Identity, first_role, refusal, role_of, usernames
from common.services.users import check_username


def lin(**fields: object) -> Identity:
    return Identity("https://id.example.com", "1", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("email", "allowed"),
    [
        ("lin@example.com", True),
        ("lin@EXAMPLE.com", True),
        ("lin@sub.example.com", False),
        ("lin@example.com.evil.test", False),
        ("lin@evil.test@example.com", True),
        ("", False),
    ],
)
def test_only_addresses_of_the_domains(email: str, allowed: bool) -> None:
    assert (refusal(lin(email=email), Admission(domains=["Example.com"])) is None) is allowed
    assert refusal(lin(email=email), Admission()) is None


def test_the_highest_role_of_all_groups_counts_and_none_is_no_entry() -> None:
    rules = Admission(roles={"a": "viewer", "b": "administrator", "c": "operator"})
    assert role_of(lin(groups=frozenset("acb")), rules) == "administrator"
    assert role_of(lin(groups=frozenset("ca")), rules) == "operator"
    assert role_of(lin(groups=frozenset("x")), rules) is None
    assert refusal(lin(groups=frozenset("x")), rules) is not None
    assert first_role(lin(), Admission()) == "viewer"


@pytest.mark.parametrize(
    "username", ["CORP\\\\lin yue", "林越", "", "a", "<script>", "x" * 300, "-", "..", "lin@example.com"]
)
def test_every_name_that_is_tried_can_be_had(username: str) -> None:
    names = list(islice(usernames(lin(username=username, email="lin@example.com")), 200))
    assert len(set(names)) == len(names) > 50
    assert [check_username(name) for name in names] == names
