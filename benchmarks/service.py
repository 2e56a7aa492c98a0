"""The service under load, against a loop that loads the model once and judges request by request.

    python benchmarks/service.py [--clients 50] [--pictures 300] [--method panel]

The loop is `unprompt.load` and one `predict` after another. Then a service of its own is started on loopback, and so
many clients share the same pictures, each sending the next one as soon as it has its answer; a client that is told 503
waits and sends again. Meanwhile others send bodies slowly, cut them off, or send what is no picture. Prints pictures a
second of both, and of the service the answers' p50, p95 and longest time, the mean batch, and how many requests were
lost: without an answer, or with a row that differs from the loop's by more than 1e-4. Exit code 1 where one was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from statistics import quantiles
from typing import Any

import numpy as np

import unprompt
from unprompt.images import encode_png
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene

CUT, SLOW, BROKEN = "cut off", "slow", "no picture"
NEAR = 1e-4


def pictures(number: int) -> list[bytes]:
    """Rendered scenes, all different."""
    return [encode_png(render(Scene.sample(seed)).picture) for seed in range(number)]


async def send(port: int, body: bytes, pause: float = 0.0, cut: bool = False) -> tuple[int, Any]:
    """Status and JSON of one request over a connection of its own; 0 where the body is cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/detect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    half = len(body) // 2
    writer.write(body[:half])
    await writer.drain()
    if pause:
        await asyncio.sleep(pause)
    if cut:
        writer.close()
        return 0, None
    writer.write(body[half:])
    answer = await reader.read()
    writer.close()
    top, _, rest = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(rest)


class Load:
    """Clients that share the pictures, and others that do harm."""

    def __init__(self, port: int, bodies: list[bytes]) -> None:
        self.port, self.bodies = port, bodies
        self.left = list(enumerate(bodies))[::-1]
        self.rows: dict[int, Any] = {}
        self.seconds: list[float] = []
        self.refused = 0
        self.harm: dict[str, list[int]] = {CUT: [], SLOW: [], BROKEN: []}

    async def client(self) -> None:
        """One after another until none is left."""
        while self.left:
            number, body = self.left.pop()
            began = time.perf_counter()
            while (answer := await send(self.port, body))[0] == 503:
                self.refused += 1
                await asyncio.sleep(0.5)
            self.seconds.append(time.perf_counter() - began)
            if answer[0] == 200:
                self.rows[number] = answer[1][0]

    async def harmful(self, kind: str) -> None:
        """Again and again, as long as there are pictures."""
        while self.left:
            body = b"no picture" * 9 if kind == BROKEN else self.bodies[0]
            status, _ = await send(self.port, body, pause=1.0 if kind == SLOW else 0.05, cut=kind == CUT)
            self.harm[kind].append(status)

    async def run(self, clients: int) -> float:
        """Seconds until all have their answers."""
        began = time.perf_counter()
        others = [asyncio.create_task(self.harmful(kind)) for kind in self.harm for _ in range(max(1, clients // 10))]
        await asyncio.gather(*(self.client() for _ in range(clients)))
        taken = time.perf_counter() - began
        await asyncio.gather(*others)
        return taken


def started(method: str, folder: str) -> tuple[subprocess.Popen[bytes], int]:
    """A service whose models are loaded, and its port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = ["serve", "--suite", "miniature", "--method", method, "--port", str(port)]
    database = ["--database", f"sqlite:///{folder}/service.db"]
    process = subprocess.Popen([sys.executable, "-m", "unprompt", *words, *database], stderr=subprocess.DEVNULL)
    while get(port, "/readyz")[0] != 200:
        if process.poll() is not None:
            sys.exit("the service ended")
        time.sleep(0.2)
    return process, port


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 where nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), 60) as one:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: one.recv(65536), b"")).decode()
    except OSError:
        return 0, ""
    return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]


def looped(bodies: list[bytes], method: str) -> tuple[list[Any], float]:
    """The rows of a loop, and its seconds once the model is loaded."""
    detector = unprompt.load(suite="miniature", method=method)
    began = time.perf_counter()
    rows = [next(detector.predict(body)) for body in bodies]
    return rows, time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--method", default="panel")
    given = parser.parse_args()
    bodies = pictures(given.pictures)
    expected, alone = looped(bodies, given.method)
    with tempfile.TemporaryDirectory() as folder:
        process, port = started(given.method, folder)
        try:
            load = Load(port, bodies)
            taken = asyncio.run(load.run(given.clients))
            lines = get(port, "/metrics")[1].splitlines()
        finally:
            process.terminate()
            process.wait()
    wrong = [
        number
        for number, row in enumerate(expected)
        if number not in load.rows or not np.isclose(load.rows[number]["score"], row.score, atol=NEAR, rtol=0)
    ]
    batches = dict(line.split() for line in lines if line.startswith("unprompt_batch"))
    cuts = quantiles(load.seconds, n=100)
    mean = float(batches["unprompt_batch_pictures_sum"]) / float(batches["unprompt_batch_pictures_count"])
    print(f"loop: {given.pictures / alone:.2f} pictures/s, {1000 * alone / given.pictures:.0f} ms each")
    print(f"service, {given.clients} clients: {given.pictures / taken:.2f} pictures/s, {mean:.1f} a batch")
    print(f"answers: p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, longest {max(load.seconds):.2f} s")
    print(f"told 503 and sent again: {load.refused} times")
    for kind, statuses in load.harm.items():
        print(f"{kind}: {len(statuses)} requests, answered {sorted(set(statuses))}")
    print(f"lost: {len(wrong)} of {given.pictures}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
