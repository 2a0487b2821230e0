"""Every test runs offline, in a home of its own and without anyone's keys."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("openbook", derandomize=True, deadline=None)
settings.load_profile("openbook")


def pytest_configure(config: pytest.Config) -> None:
    """Move user folders before any test module is imported: DSPy reads its own at import."""
    home = Path(tempfile.mkdtemp(prefix="openbook-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
    for name in [name for name in os.environ if name.upper().endswith(("_API_KEY", "_TOKEN"))]:
        del os.environ[name]
    os.environ |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "DSPY_CACHEDIR": str(home / "dspy"),
        "HF_HOME": str(home / "huggingface"),
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


@pytest.fixture(autouse=True)
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let sockets reach this machine only; yields the attempts to leave it, each of which fails the test.

    The attempt also fails on the spot, but code under test may take that for a server that is down and carry on.
    """
    attempts: list[str] = []

    def guard(reach: Any) -> Any:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            host = _host(args)
            if not _is_loopback(host):
                attempts.append(str(host))
                raise OSError(f"the tests run offline; refused to reach {host!r}")
            return reach(*args, **kwargs)

        return guarded

    for method in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, method, guard(getattr(socket.socket, method)))
    monkeypatch.setattr(socket, "getaddrinfo", guard(socket.getaddrinfo))
    yield attempts
    assert not attempts, f"the tests run offline; these hosts were asked for: {attempts}"


def _host(args: tuple[Any, ...]) -> Any:
    """The host in the arguments of `socket.connect(self, address)` or `getaddrinfo(host, port)`."""
    if not isinstance(args[0], socket.socket):
        return args[0]
    address = args[1]
    return address[0] if isinstance(address, tuple) else None


def _is_loopback(host: Any) -> bool:
    """Whether a host is this machine; None and empty stand for it, and so does the path of a Unix socket."""
    name = host.decode() if isinstance(host, bytes) else host
    if not name or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
