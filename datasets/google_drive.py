"""Google Drive's links: from the page that shows a file to the file, through the form that large files ask for.

Drive cannot scan a large file for viruses, says so on a page, and gives the file to who sends that page's form on.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

FILE = re.compile(r"https://drive\.google\.com/(?:file/d/|(?:open|uc)\?(?:.*&)?id=)([A-Za-z0-9_-]+)")
HOST = ".google.com"


def direct_link(url: str) -> str:
    """The address of the file itself, where ``url`` is Drive's page of a file; any other ``url`` as it is."""
    found = FILE.match(url)
    if found is None:
        return url
    return f"https://drive.usercontent.google.com/download?id={found[1]}&export=download&confirm=t"


def confirmed_link(url: str, page: str) -> str | None:
    """Where the form of the ``page`` at ``url`` leads, or None if it is not Drive's form, or leads to another host."""
    form = _read(page)
    target = urljoin(url, form.action)
    here, there = urlsplit(url), urlsplit(target)
    same = here.hostname == there.hostname or all((each.hostname or "").endswith(HOST) for each in (here, there))
    if not form.fields or not same or there.scheme not in ("https", here.scheme):
        return None
    return f"{target}?{urlencode(form.fields)}"


def title_of(page: str) -> str:
    """What a web page is called, such as ``Google Drive - Quota exceeded``; empty if it does not say."""
    return " ".join(_read(page).title.split())[:100]


def _read(page: str) -> "_Page":
    reader = _Page()
    reader.feed(page)
    return reader


class _Page(HTMLParser):
    """Picks the title and the form ``download-form`` out of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.action = "", ""
        self.fields: dict[str, str] = {}
        self._inside: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "title":
            self._inside.add("title")
        elif tag == "form" and given.get("id") == "download-form":
            self._inside.add("form")
            self.action = given.get("action", "")
        elif tag == "input" and "form" in self._inside and given.get("type") == "hidden" and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._inside.discard(tag)

    def handle_data(self, data: str) -> None:
        if "title" in self._inside:
            self.title += data
