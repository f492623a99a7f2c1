#!/usr/bin/env python3
"""Measures the pause that a client sees under compose: one node killed and started again, then a rolling restart of all.

Two clients send messages one after another, each until it is final. The first one knows all nodes, and goes to the next
one when a node does not answer or a message is not final after a second. The other one knows only the node that is killed.
Usage: k8s/checks/pause.py [--compose PROGRAM ...]
Needs a container engine, its published ports on this machine, and the image (`k8s/build-image`). Removes the network
`blockchat` of k8s/compose.yaml with its volumes, before and after.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKER = os.environ.get("DOCKER", "docker")
APIS = [f"http://127.0.0.1:{7474 + 2 * index}" for index in range(5)]
KILLED = 2
# How long it is away.
DOWN_S = 5
PATIENCE = 60
TO = "bcc1tm07cnacsvh56fj84lyrh6y73n5rrwkqtzrmepedsh5z6ac4ydtsnfca69"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}: {done.stderr.strip()}")
    return done.stdout


def ask(api, path, body=None):
    """The answer of a node; nothing if it does not answer. A refusal is an answer."""
    asked = urllib.request.Request(api + path, body and json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=1) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        return json.loads(refusal.read() or b"{}")
    except (OSError, ValueError):
        return None


def ready(index):
    try:
        return urllib.request.urlopen(APIS[index] + "/healthz/ready", timeout=1).status == 200
    except OSError:
        return False


def wait(what, look):
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        if look():
            return time.monotonic() - begun
        time.sleep(0.05)
    raise SystemExit(f"{what}: not within {PATIENCE} s")


class Client(threading.Thread):
    """Sends until told to stop; keeps how long each message took, in seconds."""

    def __init__(self, program, home, wallet, apis):
        super().__init__(daemon=True)
        self.sign = [program, "send", TO, "-m", "hello", "--print", "--output", "json", "--home", home, "--wallet", wallet]
        self.apis, self.took, self.stopped = list(apis), [], threading.Event()

    def signed(self):
        """A node is asked for nonce and fee."""
        made = subprocess.run([*self.sign, "--api", self.apis[0]], capture_output=True, text=True)
        return json.loads(made.stdout) if made.returncode == 0 else None

    def is_final(self, message):
        """Submits to the first node, and waits a second for the block. The same bytes again are the same message."""
        until = time.monotonic() + 1
        if ask(self.apis[0], "/v1/transactions", message["transaction"]) is None:
            return False
        while time.monotonic() < until:
            view = ask(self.apis[0], f"/v1/transactions/{message['id']}")
            if view is None or view.get("state") == "final":
                return view is not None
            time.sleep(0.01)
        return False

    def run(self):
        while not self.stopped.is_set():
            begun, message = time.monotonic(), None
            while not ((message := message or self.signed()) and self.is_final(message)):
                self.apis.append(self.apis.pop(0))
                time.sleep(0.02)
            self.took.append(time.monotonic() - begun)
            time.sleep(0.05)


def report(what, clients):
    for name, client in clients.items():
        took = sorted(client.took)
        print(f"  {what}, {name}: {len(took)} messages, half of them final within {took[len(took) // 2]:.2f} s, the slowest {took[-1]:.2f} s")


def measure(what, clients, act):
    for client in clients.values():
        client.start()
    wait("the first messages", lambda: all(len(client.took) > 20 for client in clients.values()))
    act()
    counts = {client: len(client.took) for client in clients.values()}
    wait("messages afterwards", lambda: all(len(client.took) > counts[client] + 20 for client in counts))
    for client in clients.values():
        client.stopped.set()
        client.join(PATIENCE)
    report(what, clients)


def kill_and_start():
    name = run(DOCKER, "ps", "--quiet", "--filter", f"label=com.docker.compose.service=id{KILLED}").strip()
    run(DOCKER, "kill", "--signal", "KILL", name)
    time.sleep(DOWN_S)
    run(DOCKER, "start", name)
    print(f"  killed: ready {wait('ready', lambda: ready(KILLED)):.1f} s after its start")


def roll(compose):
    for index in range(len(APIS)):
        begun = time.monotonic()
        run(*compose, "restart", f"id{index}")
        wait("ready", lambda: ready(index))
        print(f"  restarted id{index}: ready after {time.monotonic() - begun:.1f} s")


def main(args):
    if subprocess.run([DOCKER, "info"], capture_output=True).returncode:
        print("skipped: no container engine answers here, so no pause was measured")
        return 0
    compose = args[args.index("--compose") + 1 :] if "--compose" in args else [DOCKER, "compose"]
    place = tempfile.mkdtemp()
    program = f"{place}/blockchat-node"
    unused = run(DOCKER, "create", "blockchat-node:0.1.0").strip()
    run(DOCKER, "cp", f"{unused}:/usr/local/bin/blockchat-node", program)
    run(DOCKER, "rm", "--volumes", unused)
    for wallet in sorted((ROOT / "k8s" / "overlays" / "testnet-5" / "wallets-NOT-SECRET").glob("user*.pem")):
        shutil.copy(wallet, place)
        os.chmod(f"{place}/{wallet.name}", 0o600)
    client = lambda user, apis: Client(program, place, f"{place}/user{user}.pem", apis)
    run(*compose, "down", "--volumes")
    try:
        begun = time.monotonic()
        run(*compose, "up", "--detach")
        wait("all ready", lambda: all(map(ready, range(len(APIS)))))
        print(f"  up: all ready after {time.monotonic() - begun:.1f} s")
        first_killed = APIS[KILLED:] + APIS[:KILLED]
        clients = {"a client of all nodes": client(0, first_killed), "a client of the killed one": client(1, [APIS[KILLED]])}
        measure("one killed", clients, kill_and_start)
        clients = {"a client of all nodes": client(2, APIS), "a client of one node": client(3, [APIS[KILLED]])}
        measure("all restarted", clients, lambda: roll(compose))
    finally:
        run(*compose, "down", "--volumes")
        shutil.rmtree(place, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
