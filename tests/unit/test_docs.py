"""The pages' links lead somewhere, and the maps in docs/architecture.md match the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from unit.test_layout import ROOMS

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

#: A longer list is read by nobody.
MOST_TERMS = 25


class Link(NamedTuple):
    """A link of a page to a file: what the reader sees, the file, and the part after "#"."""

    text: str
    file: Path
    anchor: str


def prose(page: Path) -> str:
    """Returns the text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def links(page: Path) -> list[Link]:
    """Returns the links of a page to files and to places in pages, not those to the web."""
    found = []
    for text, target in re.findall(r"\[([^][]*)\]\(([^()\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            found.append(Link(text, file, anchor))
    return found


def anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    shown = [re.sub(r"\[([^][]*)\]\([^()]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in shown}


def defines(code: str, name: str) -> bool:
    """Returns whether a module defines a name, which may be `Class.method`."""
    return all(
        re.search(rf"^\s*(?:async def|def|class) {part}\b|^{part}\b.* = ", code, re.MULTILINE)
        for part in name.split(".")
    )


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_something(page: Path) -> None:
    wrong = [
        link
        for link in links(page)
        if not link.file.exists() or (link.anchor and link.anchor not in anchors(link.file))
    ]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_link_that_names_code_leads_to_the_module_that_defines_it(page: Path) -> None:
    wrong = [
        link
        for link in links(page)
        if link.file.suffix == ".py" and re.fullmatch(r"`[\w.]+`", link.text)
        if not defines(link.file.read_text(), link.text.strip("`"))
    ]
    assert not wrong


def test_a_wrong_link_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `thing`, and more\n"
        "[here](#one-thing-and-more) [there](other.md#part) [web](https://example.org)\n"
        "```\n# no heading\n[no link](nowhere.md)\n```\n"
    )
    assert anchors(page) == {"one-thing-and-more"}
    assert links(page) == [
        Link("here", page, "one-thing-and-more"),
        Link("there", tmp_path / "other.md", "part"),
    ]
    assert defines("class A:\n    async def b(self): ...\n", "A.b")
    assert defines("LIMIT: int = 3\n", "LIMIT")
    assert not defines("class A:\n    def bc(self): ...\n", "A.b")


@pytest.mark.parametrize("package", ROOMS)
def test_the_map_has_every_room_in_the_order_of_imports(package: str) -> None:
    page = prose(ROOT / "docs" / "architecture.md")
    rows = re.findall(r"^\| \[\S+\]\((\S+)\) \|", page, re.MULTILINE)
    rooms = [path for path in ((ROOT / "docs" / row).resolve() for row in rows) if path.is_dir()]
    shown = [room for room in rooms if room.is_relative_to(ROOT / package)]
    assert shown == [ROOT / package / room for room in ROOMS[package]]


@pytest.mark.parametrize("package", ["definitions", "host"])
def test_the_map_has_every_module_of_the_flat_packages(package: str) -> None:
    page = ROOT / "docs" / "architecture.md"
    mapped = page.read_text().partition("### The location")[2].partition("\n## ")[0]
    for path in (ROOT / "location" / "hostler" / package).glob("*.py"):
        if path.stem != "__init__":
            link = f"[{path.stem}](../location/hostler/{package}/{path.name})"
            assert link in mapped or f"`{path.stem}`" in mapped, path


def test_the_glossary_is_short_and_in_order() -> None:
    terms = re.findall(r"^- \*\*(.+?)\*\*: ", prose(ROOT / "docs/glossary.md"), re.MULTILINE)
    assert 0 < len(terms) <= MOST_TERMS
    assert terms == sorted(terms, key=str.lower)


def test_readme_shows_the_way_to_every_page() -> None:
    linked = {link.file for page in PAGES for link in links(page)}
    assert {page for page in PAGES if page not in linked} <= {ROOT / "README.md"}
    from_readme = {link.file for link in links(ROOT / "README.md")}
    assert from_readme >= set(PAGES) - {ROOT / "README.md"}
