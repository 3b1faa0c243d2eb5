"""A service under load on loopback: what is lost, what is wrong, how quick it is, and memory.

    python benchmarks/serving/load.py --requests 20000 --json FILE

Clients ask for the labels of one to eight texts a request, with and without batching, and every
answer is compared with what `tunelab.load(...).predict` gives for the same texts. The classifier is
TF-IDF with a logistic regression, fitted to the starter corpus, or the folder that --classifier
names. The service runs in a process of its own, and the clients in as many as --processes says.
The exit code is 1 if an answer was lost or wrong.
"""

import argparse
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1, help="that the clients run in")
    parser.add_argument("--classifier", type=Path)
    parser.add_argument("--texts", type=Path, help="a text a line (default: the starter corpus)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        texts = read_texts(arguments.texts)
        classifier = arguments.classifier or fit(Path(name))
        from tunelab import load

        labels = [str(label) for label in load(classifier).predict(texts)]
        ways = {"batching": ("64", "2"), "without batching": ("1", "0")}
        result: dict[str, Any] = {
            "cores": os.cpu_count(),
            "classifier": classifier.name,
            "requests": arguments.requests,
            "clients": arguments.clients,
            **{
                way: under_load(classifier, texts, labels, arguments, *settings)
                for way, settings in ways.items()
            },
        }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    wrong = any(result[way]["lost"] or result[way]["wrong"] for way in ways)
    return 1 if wrong else 0


def read_texts(file: Path | None) -> list[str]:
    if file is not None:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row.text for row in starter()]


def starter() -> list[Any]:
    """The rows of the starter corpus."""
    from importlib.resources import files

    from tunelab.data.examples import Example

    folder = Path(str(files("tunelab.data") / "starter"))
    lines = [
        json.loads(line)
        for file in sorted(folder.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return [Example(line["text"], line["label"]) for line in lines]


def fit(folder: Path) -> Path:
    """TF-IDF with a logistic regression, fitted to the starter corpus."""
    from tunelab.classifiers.contract import Context, Task
    from tunelab.classifiers.registered import find_classifier

    rows = starter()
    task = Task(rows, [], tuple(sorted({row.label for row in rows})), seed=1)
    made = find_classifier("tfidf-logistic").make({"C": 10.0}, Context("cpu", "float32"))
    made.fit(task, folder=folder / "stage", target=folder / "tfidf-logistic", title="")
    return folder / "tfidf-logistic"


def under_load(
    classifier: Path,
    texts: list[str],
    labels: list[str],
    arguments: argparse.Namespace,
    batch_texts: str,
    batch_wait: str,
) -> dict[str, Any]:
    """One service, asked by all clients at once, and stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--port", str(port), "--batch-texts", batch_texts, "--batch-wait", batch_wait]
    process = subprocess.Popen(
        [sys.executable, "-m", "tunelab", "serve", str(classifier), *words],
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    wait_for(address, process)
    memory: dict[str, int] = {"at_start": psutil.Process(process.pid).memory_info().rss}
    watching = threading.Event()
    watcher = threading.Thread(target=watch, args=(address, process.pid, memory, watching))
    watcher.start()
    began = time.monotonic()
    each = arguments.clients // arguments.processes
    share = arguments.requests // (each * arguments.processes)
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        work = [(address, texts, labels, each, share, n) for n in range(arguments.processes)]
        found = pool.starmap(ask_many, work)
    seconds = time.monotonic() - began
    watching.set()
    watcher.join()
    memory["at_end"] = psutil.Process(process.pid).memory_info().rss
    process.send_signal(signal.SIGTERM)
    stopped = process.wait(60)
    times = np.array([one for part in found for one in part["milliseconds"]])
    return {
        "answered": len(times),
        "lost": sum(part["lost"] for part in found),
        "wrong": sum(part["wrong"] for part in found),
        "refused": sum(part["refused"] for part in found),
        "texts": sum(part["texts"] for part in found),
        "seconds": seconds,
        "requests_per_second": len(times) / seconds,
        "median_ms": float(np.percentile(times, 50)),
        "p99_ms": float(np.percentile(times, 99)),
        "memory_bytes": memory,
        "exit_code": stopped,
    }


def wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    while True:
        try:
            httpx.get(f"{address}/readyz", trust_env=False).raise_for_status()
            return
        except httpx.TransportError:
            if process.poll() is not None:
                raise SystemExit("the service did not begin.") from None
            time.sleep(0.1)


def watch(address: str, pid: int, memory: dict[str, int], done: threading.Event) -> None:
    """Note the memory after the first thousand requests."""
    while not done.wait(0.2):
        text = httpx.get(f"{address}/metrics", trust_env=False).text
        name = 'tunelab_requests_total{path="/v1/classify",status="200"} '
        line = next((line for line in text.splitlines() if line.startswith(name)), f"{name}0")
        if int(line.removeprefix(name)) >= 1000:
            memory["after_1000"] = psutil.Process(pid).memory_info().rss
            return


def ask_many(
    address: str, texts: list[str], labels: list[str], clients: int, requests: int, seed: int
) -> dict[str, Any]:
    """Several clients at once, each with a connection of its own."""
    import asyncio

    found: dict[str, Any] = {"milliseconds": [], "lost": 0, "wrong": 0, "refused": 0, "texts": 0}

    async def one(number: int) -> None:
        draw = np.random.default_rng([seed, number])
        async with httpx.AsyncClient(timeout=120, trust_env=False) as client:
            for _ in range(requests):
                rows = draw.integers(len(texts), size=int(draw.integers(1, 9))).tolist()
                await ask(client, rows)

    async def ask(client: httpx.AsyncClient, rows: list[int]) -> None:
        began = time.monotonic()
        try:
            answer = await client.post(
                f"{address}/v1/classify", json={"texts": [texts[row] for row in rows]}
            )
        except httpx.HTTPError:
            found["lost"] += 1
            return
        found["milliseconds"].append(1000 * (time.monotonic() - began))
        found["texts"] += len(rows)
        if answer.status_code != 200:
            found["refused"] += 1
            return
        given = [result["label"] for result in answer.json()["results"]]
        found["wrong"] += given != [labels[row] for row in rows]

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(clients)))

    asyncio.run(all_of_them())
    return found


if __name__ == "__main__":
    sys.exit(main())
