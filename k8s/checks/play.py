#!/usr/bin/env python3
"""Plays the stateful set of k8s/testnet-5.yaml on a container engine, as a kubelet would: for each pod the init container, then
the node, with the user, arguments, variables, read-only root and files of the manifest, and the service's name as an alias.

Shows: all ready; one killed; one cut off and back; two away and back; all rolled; data kept; a volume lost.
Usage: k8s/checks/play.py [--tools DIR] [--docker PROGRAM]
Needs a container engine with the image of the manifest (`k8s/build-image`), and root (for files as a kubelet makes them).
Ends with 0 and one line where there is no engine.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 120
PLACE = Path("/dev/shm/blockchat-play")
NAME = "blockchat-play"


class Cluster:
    def __init__(self, docker, objects):
        self.docker_program = docker
        self.maps = {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "ConfigMap"}
        self.secrets = {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "Secret"}
        self.set = next(o for o in objects if o["kind"] == "StatefulSet")
        self.pod = self.set["spec"]["template"]["spec"]
        self.service = self.set["spec"]["serviceName"]
        self.count = self.set["spec"]["replicas"]

    def docker(self, *args, check=True):
        done = subprocess.run([self.docker_program, *args], capture_output=True, text=True)
        if check and done.returncode:
            raise SystemExit(f"docker {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout.strip() if check else done

    def name(self, index):
        return f"{NAME}-{index}"

    def begin(self):
        self.end()
        self.docker("network", "create", NAME)

    def end(self):
        for index in range(self.count + 2):
            self.docker("rm", "-f", self.name(index), check=False)
            self.docker("volume", "rm", "-f", self.name(index), check=False)
        self.docker("network", "rm", NAME, check=False)
        shutil.rmtree(PLACE, ignore_errors=True)

    def project(self, index):
        """The projected volume: owned by root, readable by the group, and behind links, as a kubelet swaps it whole."""
        place = PLACE / str(index) / "pod-files"
        shutil.rmtree(place, ignore_errors=True)
        volume = next(v for v in self.pod["volumes"] if v["name"] == "pod-files")["projected"]
        files = {}
        for source in volume["sources"]:
            if "configMap" in source:
                files |= {k: v.encode() for k, v in self.maps[source["configMap"]["name"]].items()}
            elif "secret" in source:
                data = self.secrets[source["secret"]["name"]]
                files |= {i["path"]: base64.b64decode(data[i["key"]]) for i in source["secret"]["items"]}
            else:
                assert source["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"].endswith("pod-index']"), source
                files[source["downwardAPI"]["items"][0]["path"]] = str(index).encode()
        real = place / "..2026_11_26_00_00_00.1"
        for path, content in files.items():
            (real / path).parent.mkdir(parents=True, exist_ok=True)
            (real / path).write_bytes(content)
            os.chown(real / path, 0, self.pod["securityContext"]["fsGroup"])
            os.chmod(real / path, volume["defaultMode"])
        (place / "..data").symlink_to(real.name)
        for name in {path.split("/")[0] for path in files}:
            (place / name).symlink_to(f"..data/{name}")
        return place

    def memory(self, index):
        place = PLACE / str(index) / "key"
        place.mkdir(parents=True, exist_ok=True)
        os.chown(place, 0, self.pod["securityContext"]["fsGroup"])
        os.chmod(place, 0o2777)
        return place

    def arguments(self, container, index):
        context, own = self.pod["securityContext"], container["securityContext"]
        args = ["--network", NAME, "--hostname", f"blockchat-{index}", "--user", f"{context['runAsUser']}:{context['runAsGroup']}"]
        args += ["--security-opt", "no-new-privileges"] if own["allowPrivilegeEscalation"] is False else []
        args += [a for cap in own["capabilities"]["drop"] for a in ("--cap-drop", cap)]
        args += ["--read-only"] if own["readOnlyRootFilesystem"] else []
        args += ["--memory", container["resources"]["limits"]["memory"].replace("i", "").lower()]
        fields = {"metadata.name": f"blockchat-{index}", "metadata.namespace": "blockchat"}
        known = {}
        for variable in container["env"]:
            value = variable["value"] if "value" in variable else fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
            known[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda name: known[name.group(1)], value)
        args += [a for name, value in known.items() for a in ("--env", f"{name}={value}")]
        places = {"data": self.name(index), "key": str(self.memory(index)), "pod-files": str(PLACE / str(index) / "pod-files")}
        for mount in container["volumeMounts"]:
            args += ["--volume", f"{places[mount['name']]}:{mount['mountPath']}{':ro' if mount.get('readOnly') else ''}"]
        return args

    def start(self, index):
        """One pod: its init container to its end, then its node. What pod-init said."""
        self.project(index)
        init, node = self.pod["initContainers"][0], self.pod["containers"][0]
        said = self.docker("run", "--rm", *self.arguments(init, index), init["image"], *init["args"], "--output", "json")
        alias = [a for name in (self.service, f"blockchat-{index}.{self.service}") for a in ("--network-alias", name)]
        self.docker("run", "-d", "--name", self.name(index), *alias, *self.arguments(node, index), node["image"], *node["args"])
        return json.loads(said)

    def remove(self, index, *signal):
        self.docker("kill", *signal, self.name(index), check=False)
        self.docker("rm", "-f", self.name(index))
        # Memory is gone with the pod.
        shutil.rmtree(PLACE / str(index), ignore_errors=True)

    def ask(self, index, *args):
        done = self.docker("exec", self.name(index), "blockchat-node", *args, "--output", "json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def ready(self, index):
        return self.docker("exec", self.name(index), "blockchat-node", "health", check=False).returncode == 0

    def height(self, index):
        status = self.ask(index, "status")
        return status["height"] if status else -1


def wait(what, look):
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        if look():
            seconds = time.monotonic() - begun
            print(f"  ok      {what}: after {seconds:.1f} s", flush=True)
            return seconds
        time.sleep(0.2)
    raise SystemExit(f"  FAILED  {what}: not within {PATIENCE} s")


def play(cluster):
    everybody = range(cluster.count)
    started = [cluster.start(index) for index in everybody]
    assert [s["role"] for s in started] == ["validator"] * cluster.count, started
    assert len({s["address"] for s in started}) == cluster.count, started
    wait("first final block", lambda: cluster.height(0) >= 1)
    wait("all ready", lambda: all(cluster.ready(i) for i in everybody))
    sent = cluster.ask(0, "send", started[1]["address"], "5", "-m", "kept")
    assert sent, "a message was refused"

    cluster.remove(2, "--signal", "KILL")
    before = cluster.height(0)
    wait("goes on without a killed node", lambda: cluster.height(0) > before)
    assert cluster.start(2)["guard"] == "on the volume"
    wait("the killed node is ready", lambda: cluster.ready(2))

    cluster.docker("network", "disconnect", NAME, cluster.name(3))
    wait("a node that is cut off is not ready", lambda: not cluster.ready(3))
    alive = cluster.docker("inspect", "-f", "{{.State.Running}}", cluster.name(3))
    assert alive == "true", "it must live on"
    cluster.docker("network", "connect", "--alias", cluster.service, NAME, cluster.name(3))
    wait("the node that was cut off is ready", lambda: cluster.ready(3))

    for index in (0, 1):
        cluster.remove(index)
    at = cluster.height(4)
    time.sleep(12)
    assert cluster.height(4) <= at + 1, "three of five validators must not decide"
    print("  ok      three of five stand still", flush=True)
    for index in (0, 1):
        cluster.start(index)
    wait("it goes on when they are back", lambda: cluster.height(4) > at + 1)
    wait("all ready", lambda: all(cluster.ready(i) for i in everybody))

    for index in reversed(everybody):
        cluster.docker("stop", cluster.name(index))
        cluster.remove(index)
        cluster.start(index)
        wait(f"rolled {index}", lambda: cluster.ready(index))
    wait("the message is kept everywhere", lambda: all((cluster.ask(i, "tx", sent["id"]) or {}).get("state") for i in everybody))

    cluster.remove(4)
    cluster.docker("volume", "rm", cluster.name(4))
    said = cluster.start(4)
    assert said["guard"].startswith("lost"), said
    wait("a node without its volume catches up, signs nothing and says so", lambda: "guard reset" in ((cluster.ask(4, "status") or {}).get("silence") or ""))
    said = cluster.start(cluster.count)
    assert said["role"] == "observer", said
    wait("a sixth pod observes", lambda: cluster.ready(cluster.count))


def main(args):
    if "--tools" in args:
        sys.path.insert(0, args[args.index("--tools") + 1])
    import yaml

    docker = args[args.index("--docker") + 1] if "--docker" in args else os.environ.get("DOCKER", "docker")
    if shutil.which(docker) is None or subprocess.run([docker, "info"], capture_output=True).returncode:
        print("skipped: no container engine answers here, so the stateful set was not played")
        return 0
    objects = list(yaml.safe_load_all((ROOT / "k8s" / "testnet-5.yaml").read_text()))
    cluster = Cluster(docker, objects)
    cluster.begin()
    try:
        play(cluster)
    except BaseException:
        for index in range(cluster.count):
            logs = cluster.docker("logs", "--tail", "5", cluster.name(index), check=False)
            print(f"-- {index}: {logs.stderr[-1500:]}", file=sys.stderr)
        raise
    finally:
        if "--keep" not in args:
            cluster.end()
    print("the stateful set was played")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
