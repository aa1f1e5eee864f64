#!/usr/bin/env python3
"""Measures what a start, a stop and a living session cost. Usage: tests/figures.py BINARY [ROUNDS]

Prints medians (and the range) of at least five runs, one session over loopback HTTP: the time from exec to the
first request on the wire and to READY=1, resident memory once the token is alive, the time from SIGTERM to the exit with one
revocation. The machine is part of the figures: compare only what was measured side by side.
"""

import http.server
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone


class Api(http.server.BaseHTTPRequestHandler):
    """Answers as the API does; notes when the first request of a run came."""

    protocol_version = "HTTP/1.1"
    first_at = None

    def note(self):
        if Api.first_at is None:
            Api.first_at = time.monotonic()

    def answer(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ININ-Correlation-Id", "0c6a7cde-4c1c-4c02-b0b5-0d3b5b9b3f10")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.note()
        if self.path.startswith("/api/v2/tokens/timeout"):
            return self.answer({"idleTokenTimeoutSeconds": 900, "enableIdleTokenTimeout": True})
        idles = datetime.now(timezone.utc) + timedelta(seconds=900)
        self.answer({"organization": {"id": "o", "name": "O"}, "dateTokenIdles": idles.isoformat().replace("+00:00", "Z")})

    def do_DELETE(self):
        self.answer({})

    def log_message(self, *_):
        pass


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def run(binary, port, folder):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = folder / "notify"
    path.unlink(missing_ok=True)
    notify.bind(str(path))
    notify.settimeout(20)
    Api.first_at = None
    arguments = [binary, "run", "--api", f"http://127.0.0.1:{port}", "--token-file", str(folder / "token")]
    environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(path)}
    began = time.monotonic()
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL)
    try:
        while "READY=1" not in notify.recv(65536).decode():
            pass
        ready = time.monotonic() - began
        first = Api.first_at - began
        time.sleep(2)
        memory = resident(process.pid)
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        if process.wait(20) != 0:
            raise RuntimeError(f"exit status {process.returncode}")
        return first * 1000, ready * 1000, memory, (time.monotonic() - stopped) * 1000
    finally:
        process.kill()
        notify.close()


def main():
    binary, rounds = os.path.abspath(sys.argv[1]), max(5, int((sys.argv + ["7"])[2]))
    packages = sys.argv[3:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "token").write_text("a-token")
        (folder / "token").chmod(0o600)
        results = list(zip(*(run(binary, server.server_port, folder) for _ in range(rounds))))
    names = [
        ("exec to the first request on the wire", "ms"),
        ("exec to READY=1", "ms"),
        ("resident memory, one living session", "kB"),
        ("SIGTERM to exit, one revocation", "ms"),
    ]
    print(f"medians of {rounds} runs (least to most):")
    for (what, unit), values in zip(names, results):
        print(f"  {what:<40} {statistics.median(values):8.1f} {unit} ({min(values):.1f} to {max(values):.1f})")
    for what, path in [("size of the binary", binary)] + [(f"size of the {p.rsplit('.', 1)[-1]}", p) for p in packages]:
        print(f"  {what:<40} {os.path.getsize(path) / 1e6:8.2f} MB")


if __name__ == "__main__":
    main()
