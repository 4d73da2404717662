"""Forbids sockets for the whole suite, its children from tests.command_line among them.

An audit hook rather than patches: it sees every way in which Python reaches for the network, and nothing can undo it
(https://docs.python.org/3/library/audit_events.html). Sockets of the file system (AF_UNIX) are no network.
"""

import functools
import os
import sys

LOOPBACK_ALLOWED = "IMGFIND_TESTS_MAY_USE_LOOPBACK"
"""The environment variable that lets a test talk to a server of its own; set for tests marked ``loopback``."""

_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_REACHING = ("socket.connect", "socket.sendto", "socket.sendmsg")


class NetworkForbidden(BaseException):
    """No Exception, so that no code takes it for a network that is merely down."""


@functools.cache
def forbid() -> None:
    """Forbid sockets for the rest of this process."""
    sys.addaudithook(_check)


def _check(event: str, arguments: tuple) -> None:
    if event in _LOOKING_UP:
        host = arguments[0]
    elif event in _REACHING and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if not (_is_loopback(host) and LOOPBACK_ALLOWED in os.environ):
        test = os.environ.get("PYTEST_CURRENT_TEST", "a test")
        raise NetworkForbidden(f"{test} reaches for the network: {event} of {host!r}; see tests/no_network.py")


def _is_loopback(host: str | bytes | None) -> bool:
    name = os.fsdecode(host) if host is not None else "localhost"
    return name in ("localhost", "::1") or name.startswith("127.")
