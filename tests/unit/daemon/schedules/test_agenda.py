"""The agenda, beside a plain dict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from unit.line_count import counted_lines

from hostler.daemon.schedules.agenda import Agenda

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abc"), st.none() | st.integers(0, 9)),
        st.tuples(st.just("pop"), st.integers(0, 9), st.integers(1, 3)),
    )
)


@given(_STEPS)
def test_it_gives_what_is_due_in_order(steps: list[tuple[str, object, object]]) -> None:
    agenda: Agenda[str] = Agenda()
    plain: dict[str, int] = {}
    for kind, what, how in steps:
        if kind == "set":
            assert how is None or isinstance(how, int)
            agenda.set(str(what), how)
            plain.pop(str(what), None)
            if how is not None:
                plain[str(what)] = how
        else:
            assert isinstance(what, int)
            assert isinstance(how, int)
            due = sorted((moment, key) for key, moment in plain.items() if moment <= what)
            expected = [key for _, key in due[:how]]
            assert agenda.pop_due(what, how) == expected
            for key in expected:
                del plain[key]
        assert agenda.first() == min(plain.values(), default=None)
        assert len(agenda) == len(plain)


def test_a_look_at_a_hundred_thousand_that_are_not_due_is_short() -> None:
    agenda: Agenda[int] = Agenda()
    for key in range(100_000):
        agenda.set(key, 10 + key)
    with counted_lines() as count:
        assert agenda.pop_due(9, 50) == []
    assert count.lines < 50
