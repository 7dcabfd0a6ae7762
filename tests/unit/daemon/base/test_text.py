"""Text for people, made from lists and texts that may be long."""

from hostler.daemon.base.text import join_names


def test_of_many_names_some_are_listed_and_the_others_counted() -> None:
    assert join_names({"b", "a"}, 2) == "a, b"
    assert join_names(frozenset("abcde"), 2) == "a, b and 3 more"
