"""The page: `python app.py` opens it, `--share`, `--host` and `--port` say who can reach it."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

HOST = "127.0.0.1"
"""Only this machine reaches the page unless another host is given."""

PORTS = range(7860, 7960)
"""Where a free port is looked for: Gradio's own range, which containers and Spaces expect."""

MAX_UPLOAD = "500mb"
"""Largest file that is taken: some ten minutes of a phone's video."""


def main(argv: list[str] | None = None) -> int:
    """Build the page, launch it, and serve until interrupted; returns the exit code."""
    asked = _parser().parse_args(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as gioconda/__main__.py says
    port = _free_port(asked.host, asked.port)
    if port is None:
        taken = (
            f"Port {asked.port} of {asked.host}" if asked.port else f"Every port of {asked.host} from {PORTS[0]} to {PORTS[-1]}"
        )
        print(f"{taken} cannot be used: another program has it, or this machine has no such address.", file=sys.stderr)
        print("A free port is needed. Choose another one with --port, or end the other program.", file=sys.stderr)
        return 2
    from gioconda import provenance
    from gioconda.errors import IdentityError

    try:
        notes = provenance.notes()
    except IdentityError as error:
        print(error, file=sys.stderr)
        return 2
    for note in notes:
        print(f"note: {note}", flush=True)
    # Uploads, results and the folders of running jobs lie in one folder that only this user reads, and go with it.
    folder = tempfile.mkdtemp(prefix="gioconda-page-")
    tempfile.tempdir = folder
    # Read by the libraries when they are imported: no statistics, no look-ups.
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_TEMP_DIR=str(Path(folder, "uploads"))
    )
    try:
        return _serve(asked.host, port, share=asked.share)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python app.py", description="Open Gioconda's page: portraits and a clip become a video."
    )
    parser.add_argument(
        "--share", action="store_true", help="let others reach it through a tunnel of Gradio's (needs the internet)"
    )
    # Spaces and containers say by these variables of Gradio's where the page has to listen.
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME", HOST),
        help="address to listen on; 0.0.0.0 lets the local network in (%(default)s)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("GRADIO_SERVER_PORT"),
        help=f"port to listen on, 0 for any free one (the first free from {PORTS[0]})",
    )
    return parser


def _free_port(host: str, wanted: int | None) -> int | None:
    """The wanted port, or the first free one; None where there is none."""
    for port in PORTS if wanted is None else [wanted]:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                return int(probe.getsockname()[1])
        except (OSError, OverflowError):
            continue
    return None


def _serve(host: str, port: int, *, share: bool) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    from gioconda import style, ui

    page = ui.build(shared=share)
    _, local, public = page.launch(
        server_name=host,
        server_port=port,
        share=share,
        theme=style.theme(),
        css=style.CSS,
        head=style.HEAD,
        footer_links=["api"],
        show_error=False,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        max_file_size=MAX_UPLOAD,
        prevent_thread_lock=True,
        quiet=True,
    )
    print(f"Gioconda is open at {public or local} (Ctrl-C ends it)", flush=True)
    stop.wait()
    page.close(verbose=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
