"""What must hold of the compose file and of the image's description; as in `manifests`, each rule is proved by a twin."""

import re


def nodes(compose):
    return {name: s for name, s in compose["services"].items() if s["image"].startswith("blockchat-node:")}


def services_are_equals(compose, facts):
    names = set(compose["services"])
    for name, service in compose["services"].items():
        if "depends_on" in service or "container_name" in service or "links" in service:
            yield f"{name}: waits for another service, or has a name that others may come to need"
        if any(other in " ".join(service.get("command", [])) for other in names if other.startswith("id")):
            yield f"{name}: is told the name of one node"
    for name, service in nodes(compose).items():
        if service["networks"]["default"]["aliases"] != ["blockchat"]:
            yield f"{name}: is not behind the name of all"


def each_node_has_its_own_key_and_volume(compose, facts):
    for name, service in nodes(compose).items():
        index = name.removeprefix("id")
        if service["environment"].get("BLOCKCHAT_POD_INDEX") != index:
            yield f"{name}: is told another number"
        keys = [v.split(":") for v in service["volumes"] if "/keys/" in v]
        if any(place != f"/etc/blockchat/keys/{index}/validator.pem" or mode != "ro" or not source.endswith(f"/{index}.pem") for source, place, mode in keys):
            yield f"{name}: has the key of another node, or may write to it"
        data = [v.split(":")[0] for v in service["volumes"] if v.endswith(":/data")]
        if data != [name] or name not in compose["volumes"]:
            yield f"{name}: keeps its data in {data}"


def containers_are_locked_up(compose, facts):
    for name, service in compose["services"].items():
        if not service["image"].startswith("blockchat-"):
            continue
        if service.get("read_only") is not True or service.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: may write to its image, keeps capabilities, or may gain privileges"
        if service["image"].rpartition(":")[2] != facts["version"]:
            yield f"{name}: runs {service['image']}"


def ports_are_of_this_machine_only(compose, facts):
    seen = set()
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            ip, outside, _ = port.split(":")
            if ip != "127.0.0.1" or outside in seen:
                yield f"{name}: {port} is open to others, or taken twice"
            seen.add(outside)


def five_nodes_start_without_a_profile(compose, facts):
    plain = [name for name, s in nodes(compose).items() if "profiles" not in s]
    ten = [name for name, s in nodes(compose).items() if s.get("profiles") == ["ten"]]
    if len(plain) != 5 or len(ten) != 5:
        yield f"{plain} start, and {ten} with the profile `ten`"


COMPOSE_RULES = [
    services_are_equals, each_node_has_its_own_key_and_volume, containers_are_locked_up, ports_are_of_this_machine_only,
    five_nodes_start_without_a_profile,
]

COMPOSE_TWINS = [
    (services_are_equals, "a node that waits for another", lambda c: c["services"]["id1"].update(depends_on=["id0"])),
    (services_are_equals, "a node that dials one node", lambda c: c["services"]["id1"].update(command=["run", "--peer", "/dns4/id0/tcp/7475"])),
    (services_are_equals, "another alias", lambda c: c["services"]["id1"].update(networks={"default": {"aliases": ["x"]}})),
    (each_node_has_its_own_key_and_volume, "the key of another", lambda c: c["services"]["id1"].update(volumes=c["services"]["id0"]["volumes"])),
    (each_node_has_its_own_key_and_volume, "a volume that nobody declares", lambda c: c["volumes"].pop("id3")),
    (containers_are_locked_up, "a writable image", lambda c: c["services"]["id2"].update(read_only=False)),
    (containers_are_locked_up, "another version", lambda c: c["services"]["load"].update(image="blockchat-testnet:0.0.1")),
    (ports_are_of_this_machine_only, "a port for everybody", lambda c: c["services"]["id2"].update(ports=["0.0.0.0:7478:7474"])),
    (ports_are_of_this_machine_only, "a port twice", lambda c: c["services"]["id2"].update(ports=["127.0.0.1:7474:7474"])),
    (five_nodes_start_without_a_profile, "a sixth node", lambda c: c["services"]["id5"].pop("profiles")),
]


def image_rules(text, version):
    """The same of the Dockerfile."""
    last = text[text.rindex("\nFROM "):]
    if not re.search(r"^USER 65532:65532$", last, re.M):
        yield "the image is run by root"
    if "HEALTHCHECK" not in last or not re.search(r'CMD \["blockchat-node", "health"', last):
        yield "no health check by the program itself"
    for name, image in re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", text, re.M):
        if image != "scratch" and (":" not in image or image.endswith(":latest")):
            yield f"{name} names no version"
    for arg in ("BUILD_IMAGE", "RUN_IMAGE", "PROGRAM"):
        if not re.search(rf"^ARG {arg}=", text, re.M) or f"${{{arg}}}" not in text:
            yield f"{arg} is no build argument"
    if not re.search(rf"^ARG VERSION={re.escape(version)}$", last, re.M):
        yield f"its label does not say {version}"
    if "crt-static" not in text:
        yield "the program needs a C library that an empty image does not have"


IMAGE_TWINS = [
    ("root", lambda text: text.replace("USER 65532:65532\nVOLUME", "VOLUME")),
    ("no health check", lambda text: text.replace("HEALTHCHECK", "# ")),
    ("an image without a version", lambda text: text.replace("rust:1.89-slim-bookworm", "rust:latest")),
    ("a fixed base image", lambda text: text.replace("FROM ${RUN_IMAGE} AS", "FROM scratch AS")),
    ("another version", lambda text: text.replace("ARG VERSION=", "ARG VERSION=9")),
    ("a program that is not static", lambda text: text.replace("+crt-static", "")),
]
