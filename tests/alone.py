"""A whole run of the page in a network of its own, where there is nothing but this machine; prints what tried to leave it.

    python tests/alone.py FOLDER PORTRAIT CLIP

Prints one line of JSON: whether the system allowed such a network, what was counted, and the answer. The counters are the
kernel's own, so that look-ups made by native libraries count like Python's.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
"""CLONE_NEWUSER and CLONE_NEWNET of linux/sched.h."""
SET_FLAGS, UP = 0x8914, 1
"""SIOCSIFFLAGS of linux/sockios.h and IFF_UP of linux/if.h."""


def isolate() -> bool:
    """Move this process into a network with a loopback device alone; False where the system does not allow that."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(NEW_USER | NEW_NETWORK) != 0 and library.unshare(NEW_NETWORK) != 0:
        return False
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    return True


def counters() -> dict[str, int]:
    """Datagrams that were sent (every look-up is one) and packets that found no way out."""
    words = [line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines()]
    found = {
        f"{names[0]}{name}": int(value)
        for names, values in zip(words[::2], words[1::2], strict=True)
        for name, value in zip(names[1:], values[1:], strict=True)
    }
    six = dict(line.split() for line in Path("/proc/self/net/snmp6").read_text().splitlines())
    return {
        "datagrams": found["Udp:OutDatagrams"] + int(six["Udp6OutDatagrams"]),
        "lost": found["Ip:OutNoRoutes"] + int(six["Ip6OutNoRoutes"]),
    }


def main(folder: Path, portrait: Path, clip: Path) -> None:
    """Run the page there, animate once, and then look up a name on purpose."""
    alone = isolate()
    from page import served

    with served(folder) as server:
        # The client in this process would report to its makers; the server has to refrain by itself.
        os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
        from gradio_client import Client, handle_file

        before = counters()
        client = Client(server.url, download_files=False, verbose=False, analytics_enabled=False)
        given = [{"image": handle_file(portrait), "caption": None}]
        answer = client.predict(portraits=given, driving=handle_file(clip), api_name="/animate")
        client.close()
        after = counters()
        asked = server.asked()
    try:
        socket.getaddrinfo("example.org", 80)
    except OSError:
        pass
    told = {"alone": alone, "before": before, "after": after, "provoked": counters(), "asked": asked, "answer": str(answer)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
    os._exit(0)  # gradio_client keeps threads that would hold the process for a while
