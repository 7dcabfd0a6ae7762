"""A frame that is drawn in its place: what is written, and what a small terminal makes of it."""

from __future__ import annotations

import io
import re

import pytest

from hostler.cli.terminal.frame import Frame, clipped, visible_width

RED, RESET = "\x1b[31m", "\x1b[0m"

_SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|(\n)|(\r)|([^\x1b\r\n]+)")


class Screen:
    """Makes of what is written what a terminal shows that breaks long lines and never scrolls."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[str] = [""]
        self.row = 0

    def feed(self, text: str) -> None:
        for match in _SEQUENCE.finditer(text):
            _, numbers, letter, newline, _, words = match.groups()
            if letter == "A":
                self.row -= int(numbers)
                assert self.row >= 0, "above what was printed"
            elif letter == "K":
                self.rows[self.row] = ""
            elif letter == "J":
                assert self.row > 0, "the whole screen is not erased"
                del self.rows[self.row + 1 :]
                self.rows[self.row] = ""
            elif newline:
                self.row += 1
                if self.row == len(self.rows):
                    self.rows.append("")
            elif words:
                self.rows[self.row] += words

    def narrow(self, width: int) -> None:
        """Breaks what is shown anew, as terminals do that become narrower."""
        *lines, last = self.rows
        broken = [part for line in lines for part in re.findall(f".{{1,{width}}}", line) or [""]]
        self.rows, self.row, self.width = [*broken, last], len(broken), width


class Drawn:
    def __init__(self, width: int) -> None:
        self.stream = io.StringIO()
        self.frame = Frame(self.stream)
        self.screen = Screen(width)

    def shown(self) -> list[str]:
        self.screen.feed(self.stream.getvalue())
        self.stream.seek(0)
        self.stream.truncate()
        return self.screen.rows[:-1]


def test_a_frame_replaces_itself_and_lines_scroll_above() -> None:
    drawn = Drawn(20)
    drawn.frame.draw(["one", "two", "three"], 20)
    drawn.frame.print_above("a warning", 20)
    drawn.frame.draw(["one", "2"], 20)
    assert drawn.shown() == ["a warning", "one", "2"]
    drawn.frame.close()
    drawn.frame.print_above("after it", 20)
    assert drawn.shown() == ["a warning", "one", "2", "after it"]


def test_a_frame_on_a_terminal_that_became_narrower() -> None:
    drawn = Drawn(20)
    drawn.frame.print_above("above", 20)
    drawn.frame.draw(["a" * 20, f"{RED}{'b' * 15}{RESET}", ""], 20)
    drawn.shown()
    drawn.screen.narrow(8)
    drawn.frame.draw(["a" * 20, "b"], 8)
    assert drawn.shown() == ["above", "a" * 8, "b"]


def test_after_the_job_was_stopped_the_frame_is_drawn_below() -> None:
    drawn = Drawn(20)
    drawn.frame.draw(["one"], 20)
    drawn.frame.forget()
    drawn.frame.draw(["two"], 20)
    assert drawn.shown() == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "width", "expected"),
    [
        ("short", 10, "short"),
        ("exactly", 7, "exactly"),
        ("too long", 3, f"too{RESET}"),
        (f"{RED}red{RESET} and more", 5, f"{RED}red{RESET} a{RESET}"),
        ("日本語", 5, f"日本{RESET}"),
        ("日本語", 6, "日本語"),
        ("up\x1b[3Adown\x07\r!", 20, "updown!"),
        ("a\tb", 20, "a       b"),
        ("", 0, ""),
    ],
)
def test_lines_are_cut_and_cannot_move_the_cursor(line: str, width: int, expected: str) -> None:
    assert clipped(line, width) == expected
    assert visible_width(expected) <= width
