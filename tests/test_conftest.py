import asyncio
import os
import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_sockets_cannot_leave_this_machine(host: str, blocked: list[str]) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as outgoing, pytest.raises(OSError, match="the tests run offline"):
        outgoing.connect((host, 80))
    assert blocked == [host]
    blocked.clear()


def test_names_cannot_be_looked_up(blocked: list[str]) -> None:
    with pytest.raises(OSError, match="the tests run offline"):
        socket.create_connection(("example.org", 80))
    assert blocked == ["example.org"]
    blocked.clear()


def test_asyncio_cannot_leave_this_machine(blocked: list[str]) -> None:
    with pytest.raises(OSError, match="the tests run offline"):
        asyncio.run(asyncio.wait_for(asyncio.open_connection("192.0.2.1", 80), 5))
    assert "192.0.2.1" in blocked
    blocked.clear()


def test_loopback_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()


def test_no_key_of_the_user_is_seen() -> None:
    assert not [name for name in os.environ if name.endswith("_API_KEY")]
