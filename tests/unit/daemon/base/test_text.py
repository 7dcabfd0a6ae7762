"""Text for people, of what may be long."""

from hostler.daemon.base.text import listed


def test_of_many_names_some_are_listed_and_the_others_counted() -> None:
    assert listed({"b", "a"}, 2) == "a, b"
    assert listed(frozenset("abcde"), 2) == "a, b and 3 more"
