"""What must hold of the manifests beyond their schema: one function a rule, each yields what is wrong.

A rule gets all objects of one rendered overlay. `twins.py` has, for every rule, a manifest that breaks it.
Start reading at RULES.
"""

import base64
import json
import re
import tomllib

NODE = "blockchat-node"
POD_KINDS = ("StatefulSet", "Deployment", "Job", "DaemonSet", "CronJob")
CLUSTER_KINDS = ("Namespace",)
FIELD_PATHS = {
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.podIP", "status.podIPs",
}
# What the restricted pod security standard lets a pod mount.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def named(objects, kind, name=None):
    return [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]


def label_of(o):
    return f"{o['kind']}/{o['metadata']['name']}"


def template(o):
    return o["spec"]["jobTemplate"]["spec"]["template"] if o["kind"] == "CronJob" else o["spec"]["template"]


def pods(objects):
    return [(o, template(o)) for o in objects if o["kind"] in POD_KINDS]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def all_containers(objects):
    return [(o, t["spec"], c) for o, t in pods(objects) for c in containers(t["spec"])]


def matches(selector, labels):
    return all(labels.get(k) == v for k, v in (selector or {}).items())


def nodes(objects):
    """The stateful set of the nodes, where there is one."""
    return [o for o in named(objects, "StatefulSet", "blockchat")]


def names_are_valid_and_unique(objects, facts):
    seen = set()
    for o in objects:
        name, key = o["metadata"]["name"], (o["apiVersion"], o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"])
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name):
            yield f"{label_of(o)}: no name that an API server takes"
        if o["kind"] in ("Service", "StatefulSet") and not re.fullmatch(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?", name):
            yield f"{label_of(o)}: pods or DNS need a shorter or plainer name"
        if key in seen:
            yield f"{label_of(o)}: twice"
        seen.add(key)


def everything_is_in_one_restricted_namespace(objects, facts):
    spaces = {o["metadata"]["name"]: o for o in named(objects, "Namespace")}
    for o in objects:
        if o["kind"] in CLUSTER_KINDS:
            enforce = o["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce")
            if enforce != "restricted":
                yield f"{label_of(o)}: enforces {enforce}, not restricted"
        elif o["metadata"].get("namespace") not in spaces:
            yield f"{label_of(o)}: its namespace {o['metadata'].get('namespace')} is not made here"


def selectors_find_pods(objects, facts):
    templates = [t.get("metadata", {}).get("labels", {}) for _, t in pods(objects)]
    for o in objects:
        spec = o.get("spec", {})
        if o["kind"] in ("StatefulSet", "Deployment"):
            if not spec["selector"].get("matchLabels") or not matches(spec["selector"]["matchLabels"], template(o)["metadata"]["labels"]):
                yield f"{label_of(o)}: its selector does not match its own pods"
            for spread in template(o)["spec"].get("topologySpreadConstraints", []):
                if not matches(spread["labelSelector"]["matchLabels"], template(o)["metadata"]["labels"]):
                    yield f"{label_of(o)}: spreads other pods than its own"
        elif o["kind"] == "Service":
            if not any(matches(spec.get("selector"), labels) for labels in templates):
                yield f"{label_of(o)}: no pod has its labels"
        elif o["kind"] in ("PodDisruptionBudget", "NetworkPolicy"):
            wanted = spec["selector" if o["kind"] == "PodDisruptionBudget" else "podSelector"].get("matchLabels", {})
            if not any(matches(wanted, labels) for labels in templates):
                yield f"{label_of(o)}: no pod has its labels"


def mounts_have_volumes(objects, facts):
    for o, pod, c in all_containers(objects):
        known = {v["name"] for v in pod.get("volumes", [])}
        known |= {v["metadata"]["name"] for v in o["spec"].get("volumeClaimTemplates", [])}
        for mount in c.get("volumeMounts", []):
            if mount["name"] not in known:
                yield f"{label_of(o)}: {c['name']} mounts {mount['name']}, which is no volume"
    for o, t in pods(objects):
        used = {m["name"] for c in containers(t["spec"]) for m in c.get("volumeMounts", [])}
        for volume in t["spec"].get("volumes", []):
            if volume["name"] not in used:
                yield f"{label_of(o)}: nobody mounts {volume['name']}"


def ports_exist(objects, facts):
    for o, _, c in all_containers(objects):
        ports = {p["name"]: p["containerPort"] for p in c.get("ports", [])}
        for name, number in ports.items():
            if not 1024 <= number <= 65535:
                yield f"{label_of(o)}: {c['name']} cannot listen on {number} without root"
            if len(name) > 15:
                yield f"{label_of(o)}: {name} is longer than a port's name may be"
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            port = c.get(probe, {}).get("httpGet", {}).get("port")
            if port is not None and port not in ports and port not in ports.values():
                yield f"{label_of(o)}: {probe} of {c['name']} asks at {port}, which is no port of it"
    for service in named(objects, "Service"):
        found = [c for o, t in pods(objects) if matches(service["spec"].get("selector"), t["metadata"]["labels"]) for c in t["spec"]["containers"]]
        known = {p for c in found for q in c.get("ports", []) for p in (q["name"], q["containerPort"])}
        for port in service["spec"]["ports"]:
            if port.get("targetPort", port["port"]) not in known:
                yield f"{label_of(service)}: {port.get('targetPort')} is no port of its pods"
            if not 0 < port["port"] < 65536:
                yield f"{label_of(service)}: {port['port']} is no port"


def field_paths_are_known(objects, facts):
    def walk(value):
        if isinstance(value, dict):
            if "fieldPath" in value:
                yield value["fieldPath"]
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    for o, t in pods(objects):
        for path in walk(t):
            label = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
            # The one label that a stateful set gives its pods besides their own.
            known = {"apps.kubernetes.io/pod-index"} | set(t["metadata"].get("labels", {})) | set(t["metadata"].get("annotations", {}))
            if path not in FIELD_PATHS and not (label and label.group(2) in known):
                yield f"{label_of(o)}: {path} is no field of its pods"


def pods_meet_the_restricted_standard(objects, facts):
    for o, t in pods(objects):
        pod = t["spec"]
        for switch in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(switch):
                yield f"{label_of(o)}: {switch}"
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{label_of(o)}: may run as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{label_of(o)}: no seccomp profile"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{label_of(o)}: its pods get a token"
        for volume in pod.get("volumes", []):
            kinds = set(volume) - {"name"}
            if not kinds <= VOLUMES:
                yield f"{label_of(o)}: volume {volume['name']} is a {', '.join(kinds)}"
        for c in containers(pod):
            own = c.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
                yield f"{label_of(o)}: {c['name']} may gain privileges"
            if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"):
                yield f"{label_of(o)}: {c['name']} keeps capabilities"
            if own.get("readOnlyRootFilesystem") is not True:
                yield f"{label_of(o)}: {c['name']} may write to its image"
            if own.get("runAsUser") == 0:
                yield f"{label_of(o)}: {c['name']} is root"


def services_of_stateful_sets_are_headless(objects, facts):
    for o in named(objects, "StatefulSet"):
        services = named(objects, "Service", o["spec"].get("serviceName"))
        if not services:
            yield f"{label_of(o)}: there is no service {o['spec'].get('serviceName')}"
        for service in services:
            if service["spec"].get("clusterIP") != "None" or service["spec"].get("publishNotReadyAddresses") is not True:
                yield f"{label_of(service)}: must be headless, and name pods that are not ready"
    for service in named(objects, "Service", "blockchat-api"):
        if service["spec"].get("publishNotReadyAddresses") is not True:
            yield f"{label_of(service)}: a chain that stands still could not be read"


def nodes_start_all_at_once_and_keep_their_volumes(objects, facts):
    for o in nodes(objects):
        spec = o["spec"]
        if spec.get("podManagementPolicy") != "Parallel":
            yield f"{label_of(o)}: not Parallel: it would wait for its first pod for ever"
        if "maxUnavailable" in json.dumps(spec.get("updateStrategy", {})):
            yield f"{label_of(o)}: maxUnavailable is broken in 1.35.0 to 1.35.3"
        if spec.get("persistentVolumeClaimRetentionPolicy") != {"whenDeleted": "Retain", "whenScaled": "Retain"}:
            yield f"{label_of(o)}: a deleted volume is a lost guard"
        if not spec.get("minReadySeconds"):
            yield f"{label_of(o)}: a rollout would not wait for the node to vote again"
        if spec["template"]["spec"].get("enableServiceLinks") is not False:
            yield f"{label_of(o)}: variables of services would pass for settings"


def probes_tell_the_truth(objects, facts):
    wanted = {"startupProbe": "/healthz/live", "livenessProbe": "/healthz/live", "readinessProbe": "/healthz/ready"}
    for o in nodes(objects):
        for c in o["spec"]["template"]["spec"]["containers"]:
            for probe, path in wanted.items():
                found = c.get(probe, {}).get("httpGet", {}).get("path")
                if found != path:
                    yield f"{label_of(o)}: {probe} asks {found}, not {path}"
            if c.get("livenessProbe", {}).get("timeoutSeconds", 1) <= 5:
                yield f"{label_of(o)}: a loop that hangs says so after 5 s; the probe gives up before"


def a_stop_fits_into_its_grace(objects, facts):
    for o, t in pods(objects):
        for c in t["spec"]["containers"]:
            sleep = c.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            # The node gives its parts 5 s.
            if sleep + 10 > t["spec"].get("terminationGracePeriodSeconds", 30):
                yield f"{label_of(o)}: {sleep} s of preStop and the node's stop do not fit into its grace period"


def resources_are_bounded(objects, facts):
    for o, _, c in all_containers(objects):
        found = c.get("resources", {})
        if not {"cpu", "memory"} <= set(found.get("requests", {})) or "memory" not in found.get("limits", {}):
            yield f"{label_of(o)}: {c['name']} asks for no cpu and memory, or has no memory limit"


def references_lead_somewhere(objects, facts):
    def has(kind, name, keys):
        found = named(objects, kind, name)
        if not found:
            return f"{kind} {name} is not there"
        known = set(found[0].get("data", {})) | set(found[0].get("stringData", {})) | set(found[0].get("binaryData", {}))
        return f"{kind} {name} has no {keys - known}" if keys - known else None

    for o, t in pods(objects):
        pod, wanted = t["spec"], []
        if not named(objects, "ServiceAccount", pod.get("serviceAccountName")):
            yield f"{label_of(o)}: there is no service account {pod.get('serviceAccountName')}"
        for volume in pod.get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []) + [volume]:
                for field, kind, key in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "name")):
                    if field in source:
                        name = source[field].get(key) or source[field].get("secretName")
                        wanted.append((kind, name, {i["key"] for i in source[field].get("items", [])}))
        for c in containers(pod):
            for variable in c.get("env", []):
                for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                    ref = variable.get("valueFrom", {}).get(field)
                    if ref:
                        wanted.append((kind, ref["name"], {ref["key"]}))
        for kind, name, keys in wanted:
            wrong = has(kind, name, keys)
            if wrong:
                yield f"{label_of(o)}: {wrong}"


def images_are_those_that_are_built(objects, facts):
    for o, _, c in all_containers(objects):
        name, _, tag = c["image"].rpartition(":")
        if name.startswith("blockchat-") and tag != facts["version"]:
            yield f"{label_of(o)}: {c['image']}, but k8s/build-image builds {facts['version']}"
        if not name or tag == "latest":
            yield f"{label_of(o)}: {c['image']} names no version"


def keys_are_seen_by_the_init_container_only(objects, facts):
    for o in nodes(objects):
        pod = o["spec"]["template"]["spec"]
        secret = {v["name"] for v in pod["volumes"] if any("secret" in s for s in v.get("projected", {}).get("sources", [])) or "secret" in v}
        for c in pod["containers"]:
            for mount in c["volumeMounts"]:
                if mount["name"] in secret:
                    yield f"{label_of(o)}: {c['name']} sees the keys of all validators"
        memory = {v["name"] for v in pod["volumes"] if v.get("emptyDir", {}).get("medium") == "Memory"}
        for c in containers(pod):
            place = [m["name"] for m in c["volumeMounts"] if m["mountPath"] == "/run/blockchat"]
            if not place or place[0] not in memory:
                yield f"{label_of(o)}: the key of {c['name']} is not in memory"


def the_chain_has_a_key_for_each_validator(objects, facts):
    for o in nodes(objects):
        sources = [s for v in o["spec"]["template"]["spec"]["volumes"] if v["name"] == "pod-files" for s in v["projected"]["sources"]]
        maps = [named(objects, "ConfigMap", s["configMap"]["name"]) for s in sources if "configMap" in s]
        chain = maps[0][0]["data"] if maps and maps[0] else {}
        genesis = json.loads(chain.get("genesis.json", "{}"))
        staked = {a["address"] for a in genesis.get("accounts", []) if float(a.get("stake", 0)) > 0}
        keys, paths = {}, []
        for source in sources:
            if "secret" in source:
                paths += [i["path"] for i in source["secret"]["items"]]
                for secret in named(objects, "Secret", source["secret"]["name"]):
                    text = base64.b64decode(secret["data"]["validator.pem"]).decode()
                    keys[secret["metadata"]["name"]] = text.split("\n")[0].split()[-1]
                    if not secret.get("immutable"):
                        yield f"{label_of(secret)}: a key that can be changed in place"
        if set(keys.values()) != staked or len(keys) != len(staked):
            yield f"{label_of(o)}: {len(keys)} keys for {len(staked)} validators, or other ones"
        if paths != [f"keys/{i}/validator.pem" for i in range(len(paths))]:
            yield f"{label_of(o)}: the keys are not where pod-init looks: {paths}"
        if o["spec"]["replicas"] != len(staked):
            yield f"{label_of(o)}: {o['spec']['replicas']} pods for {len(staked)} validators"
        if not any(i["path"] == "pod-index" for s in sources for i in s.get("downwardAPI", {}).get("items", [])):
            yield f"{label_of(o)}: a pod does not learn its number"


def settings_lead_to_the_service(objects, facts):
    for o in nodes(objects):
        for chain in named(objects, "ConfigMap"):
            if "config.toml" not in chain.get("data", {}):
                continue
            settings = tomllib.loads(chain["data"]["config.toml"])
            if settings["p2p"]["peers"] != [f"/dns4/{o['spec']['serviceName']}/tcp/7475"]:
                yield f"{label_of(chain)}: peers are {settings['p2p']['peers']}"
            if settings["api"]["listen"] != "0.0.0.0:7474" or settings["p2p"]["mdns"]:
                yield f"{label_of(chain)}: not reached from other pods, or looking around by mDNS"
        for c in o["spec"]["template"]["spec"]["containers"]:
            names = next((v.get("value", "") for v in c["env"] if v["name"] == "BLOCKCHAT_ALLOW_HOST"), "").split(",")
            missing = {s["metadata"]["name"] for s in named(objects, "Service") if s["spec"]["ports"][0]["port"] in (7474, 7475)} - set(names)
            if missing or any(" " in name for name in names):
                yield f"{label_of(o)}: the API does not answer to the names of its services: {missing or names}"


def a_budget_takes_one_node_at_a_time(objects, facts):
    for o in nodes(objects):
        budgets = [b for b in named(objects, "PodDisruptionBudget") if matches(b["spec"]["selector"]["matchLabels"], o["spec"]["template"]["metadata"]["labels"])]
        if [b["spec"].get("maxUnavailable") for b in budgets] != [1] or any("unhealthyPodEvictionPolicy" in b["spec"] for b in budgets):
            yield f"{label_of(o)}: needs one budget, of one pod, with the default policy for pods that are not ready"


def policies_let_nodes_and_names_through(objects, facts):
    for o in nodes(objects):
        labels = o["spec"]["template"]["metadata"]["labels"]
        mine = [p["spec"] for p in named(objects, "NetworkPolicy") if matches(p["spec"]["podSelector"].get("matchLabels"), labels)]

        def open_ports(direction, side):
            found = set()
            for spec in mine:
                for rule in spec.get(direction, []):
                    ends = rule.get(side)
                    if ends is None or any(matches(e.get("podSelector", {}).get("matchLabels"), labels) for e in ends if "podSelector" in e):
                        found |= {p["port"] for p in rule.get("ports", [])}
            return found

        if mine and not open_ports("ingress", "from") >= {7474, 7475}:
            yield f"{label_of(o)}: its nodes cannot be reached by each other"
        if mine and not open_ports("egress", "to") >= {53, 7474, 7475}:
            yield f"{label_of(o)}: its nodes cannot reach each other, or the names"


RULES = [
    names_are_valid_and_unique, everything_is_in_one_restricted_namespace, selectors_find_pods, mounts_have_volumes,
    ports_exist, field_paths_are_known, pods_meet_the_restricted_standard, services_of_stateful_sets_are_headless,
    nodes_start_all_at_once_and_keep_their_volumes, probes_tell_the_truth, a_stop_fits_into_its_grace,
    resources_are_bounded, references_lead_somewhere, images_are_those_that_are_built,
    keys_are_seen_by_the_init_container_only, the_chain_has_a_key_for_each_validator, settings_lead_to_the_service,
    a_budget_takes_one_node_at_a_time, policies_let_nodes_and_names_through,
]
