"""Where a Ray cluster answers, asked before anything is trained: Ray itself waits minutes for one that is not there."""

import logging
import os
import socket

from ..errors import UserError

CLIENT = "ray://"
CONNECT_SECONDS = 5.0


def require_cluster(given: str | None) -> str | None:
    """The address to hand to Ray; None where it shall start a cluster here.

    ``given`` is HOST:PORT, ray://HOST:PORT, ``auto`` (a cluster that runs on this machine), ``local``, or None, for
    which the environment variable ``RAY_ADDRESS`` counts. Raises ``UserError`` if nothing answers there.
    """
    address = (given or os.environ.get("RAY_ADDRESS", "")).strip()
    if address in ("", "local"):
        return None
    if address == "auto":
        if not _answers(*_split(found := _cluster_here())):
            raise UserError(
                f"--address auto: the Ray cluster last started on this machine, at {found}, does not answer; start one "
                "with `ray start --head`, or leave --address out to have one for this run"
            )
        return address
    host, port = _split(address)
    if not _answers(host, port):
        start = "ray start --head --ray-client-server-port" if address.startswith(CLIENT) else "ray start --head --port"
        raise UserError(
            f"--address {address}: no Ray cluster answers at {host} port {port}; is one running there "
            f"(`{start} {port}`), and is the port open from here?"
        )
    return address


def _cluster_here() -> str:
    """HOST:PORT that Ray finds for ``auto``: its own rules, which also see a cluster that did not register itself."""
    from ray._private.services import canonicalize_bootstrap_address

    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        found = canonicalize_bootstrap_address("auto")
    except ConnectionError:
        found = None
    if found is None:
        raise UserError(
            "--address auto: no Ray cluster runs on this machine; start one with `ray start --head`, or leave "
            "--address out to have one for this run"
        )
    return found


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    host = host.strip("[]")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"--address {address!r}: give HOST:PORT, ray://HOST:PORT or auto")
    return host, int(port)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
