"""Broken twins: for every rule of `manifests`, a way to break a good overlay. A rule that lets its twin pass proves nothing."""

import manifests as m


def node_set(objects):
    return m.nodes(objects)[0]


def pod(objects):
    return node_set(objects)["spec"]["template"]["spec"]


def node(objects):
    return pod(objects)["containers"][0]


def one(objects, kind, name=None):
    return m.named(objects, kind, name)[0]


def pod_files(objects):
    return next(v for v in pod(objects)["volumes"] if v["name"] == "pod-files")["projected"]


# (rule, what is wrong with the twin, how it is made)
TWINS = [
    (m.names_are_valid_and_unique, "a name with an underscore", lambda o: one(o, "Service")["metadata"].update(name="block_chat")),
    (m.names_are_valid_and_unique, "an object twice", lambda o: o.append(dict(one(o, "ServiceAccount")))),
    (m.everything_is_in_one_restricted_namespace, "a namespace that enforces baseline", lambda o: one(o, "Namespace")["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "baseline"})),
    (m.everything_is_in_one_restricted_namespace, "a service elsewhere", lambda o: one(o, "Service")["metadata"].update(namespace="default")),
    (m.selectors_find_pods, "a service that selects nothing", lambda o: one(o, "Service", "blockchat-api")["spec"].update(selector={"app": "blockchat"})),
    (m.selectors_find_pods, "a budget for other pods", lambda o: one(o, "PodDisruptionBudget")["spec"]["selector"].update(matchLabels={"app": "x"})),
    (m.selectors_find_pods, "a selector that is not its own", lambda o: node_set(o)["spec"]["selector"]["matchLabels"].update(tier="x")),
    (m.mounts_have_volumes, "a mount without a volume", lambda o: node(o)["volumeMounts"].append({"name": "logs", "mountPath": "/logs"})),
    (m.mounts_have_volumes, "a volume without a mount", lambda o: pod(o)["volumes"].append({"name": "spare", "emptyDir": {}})),
    (m.ports_exist, "a probe at a port that is not there", lambda o: node(o)["readinessProbe"]["httpGet"].update(port="http")),
    (m.ports_exist, "a privileged port", lambda o: node(o)["ports"][0].update(containerPort=80)),
    (m.ports_exist, "a service port of nobody", lambda o: one(o, "Service", "blockchat-api")["spec"]["ports"][0].update(targetPort="web")),
    (m.field_paths_are_known, "a label that pods do not have", lambda o: next(s for s in pod_files(o)["sources"] if "downwardAPI" in s)["downwardAPI"]["items"][0]["fieldRef"].update(fieldPath="metadata.labels['pod-index']")),
    (m.pods_meet_the_restricted_standard, "a container that may be root", lambda o: pod(o)["securityContext"].update(runAsNonRoot=False)),
    (m.pods_meet_the_restricted_standard, "a capability", lambda o: node(o)["securityContext"]["capabilities"].update(add=["NET_ADMIN"])),
    (m.pods_meet_the_restricted_standard, "a writable image", lambda o: pod(o)["initContainers"][0]["securityContext"].update(readOnlyRootFilesystem=False)),
    (m.pods_meet_the_restricted_standard, "a folder of the machine", lambda o: (pod(o)["volumes"].append({"name": "h", "hostPath": {"path": "/"}}), node(o)["volumeMounts"].append({"name": "h", "mountPath": "/h"}))),
    (m.pods_meet_the_restricted_standard, "a token", lambda o: pod(o).pop("automountServiceAccountToken")),
    (m.services_of_stateful_sets_are_headless, "a service with an address of its own", lambda o: one(o, "Service", "blockchat")["spec"].pop("clusterIP")),
    (m.services_of_stateful_sets_are_headless, "ready pods only", lambda o: one(o, "Service", "blockchat")["spec"].pop("publishNotReadyAddresses")),
    (m.services_of_stateful_sets_are_headless, "a service name of nothing", lambda o: node_set(o)["spec"].update(serviceName="nodes")),
    (m.nodes_start_all_at_once_and_keep_their_volumes, "OrderedReady", lambda o: node_set(o)["spec"].update(podManagementPolicy="OrderedReady")),
    (m.nodes_start_all_at_once_and_keep_their_volumes, "maxUnavailable", lambda o: node_set(o)["spec"]["updateStrategy"].update(rollingUpdate={"maxUnavailable": 2})),
    (m.nodes_start_all_at_once_and_keep_their_volumes, "volumes that go with a scale", lambda o: node_set(o)["spec"]["persistentVolumeClaimRetentionPolicy"].update(whenScaled="Delete")),
    (m.nodes_start_all_at_once_and_keep_their_volumes, "variables of services", lambda o: pod(o).pop("enableServiceLinks")),
    (m.probes_tell_the_truth, "liveness that depends on peers", lambda o: node(o)["livenessProbe"]["httpGet"].update(path="/healthz/ready")),
    (m.probes_tell_the_truth, "a probe that gives up too early", lambda o: node(o)["livenessProbe"].update(timeoutSeconds=2)),
    (m.a_stop_fits_into_its_grace, "a long preStop", lambda o: node(o)["lifecycle"]["preStop"]["sleep"].update(seconds=25)),
    (m.resources_are_bounded, "no memory limit", lambda o: node(o)["resources"].pop("limits")),
    (m.references_lead_somewhere, "a Secret that is not there", lambda o: o.remove(one(o, "Secret"))),
    (m.references_lead_somewhere, "a service account that is not there", lambda o: pod(o).update(serviceAccountName="node")),
    (m.images_are_those_that_are_built, "another tag", lambda o: node(o).update(image="blockchat-node:0.0.9")),
    (m.images_are_those_that_are_built, "no tag", lambda o: node(o).update(image="blockchat-node")),
    (m.keys_are_seen_by_the_init_container_only, "keys in the node's container", lambda o: node(o)["volumeMounts"].append({"name": "pod-files", "mountPath": "/etc/blockchat"})),
    (m.keys_are_seen_by_the_init_container_only, "a key on a disk", lambda o: next(v for v in pod(o)["volumes"] if v["name"] == "key")["emptyDir"].pop("medium")),
    (m.the_chain_has_a_key_for_each_validator, "a key too few", lambda o: pod_files(o)["sources"].pop()),
    (m.the_chain_has_a_key_for_each_validator, "a key that can be changed", lambda o: one(o, "Secret").pop("immutable")),
    (m.the_chain_has_a_key_for_each_validator, "keys in another order", lambda o: pod_files(o)["sources"].reverse()),
    (m.the_chain_has_a_key_for_each_validator, "a pod too few", lambda o: node_set(o)["spec"].update(replicas=4)),
    (m.settings_lead_to_the_service, "peers under another name", lambda o: node_set(o)["spec"].update(serviceName="blockchat-api")),
    (m.settings_lead_to_the_service, "an API that does not answer to its service", lambda o: next(v for v in node(o)["env"] if v["name"] == "BLOCKCHAT_ALLOW_HOST").update(value="localhost")),
    (m.a_budget_takes_one_node_at_a_time, "a budget of two", lambda o: one(o, "PodDisruptionBudget")["spec"].update(maxUnavailable=2)),
    (m.a_budget_takes_one_node_at_a_time, "a policy that evicts a chain that stands still", lambda o: one(o, "PodDisruptionBudget")["spec"].update(unhealthyPodEvictionPolicy="AlwaysAllow")),
    (m.policies_let_nodes_and_names_through, "no way in", lambda o: one(o, "NetworkPolicy", "nodes")["spec"].pop("ingress")),
    (m.policies_let_nodes_and_names_through, "no names", lambda o: o.remove(one(o, "NetworkPolicy", "names"))),
]

# (what is wrong, how a text is broken): the strict schema must refuse these.
MISSPELT = [
    ("a mistyped field", lambda text: text.replace("podManagementPolicy:", "podManagementPolcy:")),
    ("a number as text", lambda text: text.replace("replicas: 5", 'replicas: "five"')),
    ("a field in the wrong place", lambda text: text.replace("  serviceName: blockchat\n", "  serviceName: blockchat\n  livenessProbe: {}\n")),
]
