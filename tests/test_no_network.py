"""The ban on sockets bites: in tests, in their children, and for everything but this machine where it is lifted."""

import socket
import subprocess

import pytest

from tests.command_line import child_command, child_environment
from tests.no_network import NetworkForbidden

ELSEWHERE = "192.0.2.1"
"""An address that is nobody's (RFC 5737)."""


def reach(host: str) -> None:
    with socket.socket() as client:
        client.connect((host, 9))


def ask(host: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"?", (host, 9))


WAYS = {
    "connect": reach,
    "datagram": ask,
    "create_connection": lambda host: socket.create_connection((host, 9)),
    "look-up": lambda host: socket.getaddrinfo(host, 9),
    "old look-up": socket.gethostbyname,
}


@pytest.mark.parametrize("host", [ELSEWHERE, "127.0.0.1", "localhost"])
@pytest.mark.parametrize("way", WAYS)
def test_no_test_reaches_for_the_network(way: str, host: str) -> None:
    with pytest.raises(NetworkForbidden, match=r"^tests/test_no_network\.py::test_no_test_reaches.* of "):
        WAYS[way](host)


@pytest.mark.loopback
def test_a_marked_test_has_a_server_of_its_own_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"hello")
            assert accepted.recv(5) == b"hello"
    for way in WAYS.values():
        with pytest.raises(NetworkForbidden):
            way(ELSEWHERE)


def test_sockets_that_stay_in_the_process_are_no_network() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"hello")
        assert other.recv(5) == b"hello"


def test_children_are_bound_as_well() -> None:
    command = child_command("status", prelude=f"import socket; socket.create_connection(('{ELSEWHERE}', 9))")
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "NetworkForbidden: tests/test_no_network.py::test_children_are_bound_as_well" in done.stderr
