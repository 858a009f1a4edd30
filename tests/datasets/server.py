"""A loopback HTTP server that behaves as real ones do, well and badly."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server offers. Paths that are in none of these answer 404."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    pages: set[str] = field(default_factory=set)
    """Paths that answer with a web page."""
    confirm: dict[str, str] = field(default_factory=dict)
    """Paths that answer with Google Drive's question about large files, and where its form leads."""
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """The next answers for a path close the connection after so many bytes."""
    drip: set[str] = field(default_factory=set)
    """Paths that send one byte each 0.05 s."""
    stall: set[str] = field(default_factory=set)
    """Paths that send their headers and then nothing."""
    errors: dict[str, list[int]] = field(default_factory=dict)
    """The next answers for a path are these statuses."""
    unversioned: dict[str, dict[str, str]] = field(default_factory=dict)
    """Paths that send no strong ETag, and what they send instead."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each request."""
    url: str = ""


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            site.asked.append((path, self.headers.get("Range", "")))
            if site.errors.get(path):
                self.send_error(site.errors[path].pop(0))
            elif path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[path])
                self.end_headers()
            elif path in site.confirm and "uuid=1-2-3" not in self.path:
                form = (
                    '<html><title>Google Drive - Virus scan warning</title><body><form id="download-form" '
                    f'action="{site.confirm[path]}" method="get"><input type="submit" value="Download anyway"/>'
                    '<input type="hidden" name="id" value="abc"><input type="hidden" name="export" value="download">'
                    '<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="1-2-3">'
                    "</form></body></html>"
                ).encode()
                self._start(200, form, "text/html; charset=utf-8")
                self.wfile.write(form)
            elif path in site.pages:
                self._start(200, b"<html>Sign in to continue</html>", "text/html")
                self.wfile.write(b"<html>Sign in to continue</html>")
            elif path in site.files:
                self._send(path, site.files[path])
            else:
                self.send_error(404)

        def _start(self, status: int, body: bytes, kind: str, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def _send(self, path: str, body: bytes) -> None:
            whole = len(body)
            versions = site.unversioned.get(path, {"ETag": f'"{hashlib.sha256(body).hexdigest()[:12]}"'})
            asked = self.headers.get("Range", "")
            first = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
            if asked and self.headers.get("If-Range") in (None, *versions.values()):
                body = body[first:]
                if not body:
                    self._start(416, body, "text/plain", Content_Range=f"bytes */{whole}")
                    return
                span = f"bytes {first}-{whole - 1}/{whole}"
                self._start(206, body, "application/zip", **versions, Content_Range=span)
            else:
                self._start(200, body, "application/zip", **versions)
            if site.cut_after.get(path):
                body = body[: site.cut_after[path].pop(0)]
            if path in site.stall:
                time.sleep(5)
            elif path in site.drip:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            else:
                self.wfile.write(body)
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *arguments: None  # a client that gives up is what some tests are about
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
