"""The kustomize base and its overlays, as a cluster would get them."""

import collections
import functools
import re
import shutil

import kubernetes_validate
import yaml
from compose import services
from support import (
    ROOT, effective, expect, is_exact, read, run, seconds, seconds_after_drain, secret_files, statement,
    version_of_the_manifest,
)

FOLDER = "deploy/kubernetes"
OVERLAYS = ("single", "replicas")
# The oldest that has `preStop.sleep` without a feature gate, and the newest whose schemas there are.
VERSIONS = ("1.30.0", kubernetes_validate.latest_version())
WITHOUT_SCHEMA = ("ServiceMonitor",)
SECRETS_AT = "/run/secrets/ampgate"


@functools.cache
def built(overlay):
    path = f"{FOLDER}/overlays/{overlay}"
    kubectl = shutil.which("kubectl")
    command = ("kubectl", "kustomize", path) if kubectl else ("kustomize", "build", path)
    return [document for document in yaml.safe_load_all(run(*command)) if document]


def of_kind(overlay, kind):
    return [document for document in built(overlay) if document["kind"] == kind]


def only(overlay, kind, name="ampgate"):
    [found] = [each for each in of_kind(overlay, kind) if each["metadata"]["name"] == name]
    return found


def example_secret():
    return yaml.safe_load(read(f"{FOLDER}/examples/secret.yaml"))


def configuration(overlay):
    return only(overlay, "ConfigMap")["data"]["ampgate.yaml"]


def pod(overlay):
    return only(overlay, "Deployment")["spec"]["template"]


def container(overlay):
    [found] = pod(overlay)["spec"]["containers"]
    return found


def variables(overlay):
    found = {each["name"]: each["value"] for each in container(overlay)["env"]}
    image = dict(re.findall(r"(AMPGATE__\w+)=(\S+)", read("Dockerfile")))
    del found["AMPGATE_CONFIG"]
    return {**image, **found}


@functools.cache
def settings(overlay):
    secrets = example_secret()["stringData"]
    return effective(configuration(overlay), variables(overlay), SECRETS_AT, secrets)


def workloads(overlay):
    return of_kind(overlay, "Deployment") + of_kind(overlay, "StatefulSet")


def has_labels(selector, labels):
    return selector.items() <= labels.items() and bool(selector)


def for_each_overlay(text):
    """Registers one proof for each overlay, which is its argument."""

    def register(function):
        for overlay in OVERLAYS:
            statement(f"{overlay}: {text}")(functools.partial(function, overlay))
        return function

    return register


@for_each_overlay(f"each manifest is one that Kubernetes {' and '.join(VERSIONS)} know, field by field")
def _(overlay):
    for document in built(overlay):
        if document["kind"] in WITHOUT_SCHEMA:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                name = f"{document['kind']} {document['metadata']['name']}"
                expect(False, f"{name}, {version}: {'.'.join(map(str, error.path))}: {error.message}")


@statement("the example of a Secret is one that Kubernetes knows")
def _():
    for version in VERSIONS:
        kubernetes_validate.validate(example_secret(), version, strict=True)


@for_each_overlay("the ServiceMonitor has its fields, and finds the admin Service")
def _(overlay):
    for monitor in of_kind(overlay, "ServiceMonitor"):
        expect(monitor["apiVersion"] == "monitoring.coreos.com/v1", monitor["apiVersion"])
        expect(set(monitor["spec"]) <= {"selector", "endpoints"}, f"{set(monitor['spec'])}")
        wanted = monitor["spec"]["selector"]["matchLabels"]
        [service] = [each for each in of_kind(overlay, "Service")
                     if has_labels(wanted, each["metadata"].get("labels", {}))]
        for endpoint in monitor["spec"]["endpoints"]:
            expect(set(endpoint) <= {"port", "path", "interval"}, f"{set(endpoint)}")
            expect(endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}, "port")
            expect(endpoint["path"] == "/metrics", endpoint["path"])


@for_each_overlay("the gateway accepts the ConfigMap's file with the example's secrets")
def _(overlay):
    settings(overlay)


@for_each_overlay("each secret that the file names is mounted, and in the example")
def _(overlay):
    mounts = {mount["name"]: mount for mount in container(overlay)["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod(overlay)["spec"]["volumes"]}
    expect(mounts["secrets"]["mountPath"] == SECRETS_AT, mounts["secrets"]["mountPath"])
    expect(volumes["secrets"]["secret"]["secretName"] == example_secret()["metadata"]["name"], "its name")
    expect(volumes["secrets"]["secret"]["defaultMode"] == 0o440, "its mode")
    named = secret_files(configuration(overlay))
    there = {f"{SECRETS_AT}/{name}" for name in example_secret()["stringData"]}
    expect(named == there, f"named, not in the example, or the other way round: {named ^ there}")


@for_each_overlay("the gateway finds the ConfigMap's file, and sees it change")
def _(overlay):
    [where] = [each["value"] for each in container(overlay)["env"] if each["name"] == "AMPGATE_CONFIG"]
    [mount] = [each for each in container(overlay)["volumeMounts"] if each["name"] == "config"]
    expect(where == f"{mount['mountPath']}/ampgate.yaml", where)
    expect("subPath" not in mount, "a `subPath` never changes")


@for_each_overlay("ports are the gateway's, and Services and probes name them")
def _(overlay):
    ports = {port["name"]: port["containerPort"] for port in container(overlay)["ports"]}
    expected = {"http": settings(overlay)["port"], "admin": settings(overlay)["admin"]["port"]}
    expect(ports == expected, f"{ports}, the gateway listens on {expected}")
    for name, port in (("ampgate", "http"), ("ampgate-admin", "admin")):
        service = only(overlay, "Service", name)["spec"]
        expect(has_labels(service["selector"], pod(overlay)["metadata"]["labels"]), f"{name} finds no pod")
        [only_port] = service["ports"]
        expect((only_port["targetPort"], only_port["port"]) == (port, expected[port]), f"{name}: {only_port}")
    for probe, path in (("startup", "/readyz"), ("readiness", "/readyz"), ("liveness", "/healthz")):
        asked = container(overlay)[f"{probe}Probe"]["httpGet"]
        expect((asked["path"], asked["port"]) == (path, "http"), f"{probe}: {asked}")


@for_each_overlay("the pod lives longer than preStop, drain and what comes behind it")
def _(overlay):
    wait = container(overlay)["lifecycle"]["preStop"]["sleep"]["seconds"]
    readiness = container(overlay)["readinessProbe"]
    expect(wait >= readiness["periodSeconds"], "the drain begins before the pod can be seen as not ready")
    least = wait + seconds(settings(overlay)["timeouts"]["drain"]) + seconds_after_drain()
    given = pod(overlay)["spec"]["terminationGracePeriodSeconds"]
    expect(given > least, f"{given} s, and {least} s is the least")


@for_each_overlay("a rollout stops nobody before another is ready")
def _(overlay):
    rolling = only(overlay, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    expect(rolling == {"maxSurge": 1, "maxUnavailable": 0}, f"{rolling}")


@for_each_overlay("every pod keeps to the restricted standard, and writes to no root")
def _(overlay):
    for workload in workloads(overlay):
        spec, name = workload["spec"]["template"]["spec"], workload["metadata"]["name"]
        security = spec["securityContext"]
        expect(security["runAsNonRoot"] and security["runAsUser"] > 0, f"{name} may be root")
        expect(security["seccompProfile"] == {"type": "RuntimeDefault"}, f"{name}: seccomp")
        expect(spec["automountServiceAccountToken"] is False, f"{name} has a token")
        expect(spec["enableServiceLinks"] is False, f"{name} has service links")
        for each in spec["containers"]:
            own = each["securityContext"]
            expect(own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                           "capabilities": {"drop": ["ALL"]}}, f"{name}: {own}")
            expect(each["resources"]["requests"] and each["resources"]["limits"]["memory"], f"{name}: resources")
        for volume in spec.get("volumes", []):
            expect("hostPath" not in volume, f"{name}: {volume}")
    labels = only(overlay, "Namespace")["metadata"]["labels"]
    expect(labels["pod-security.kubernetes.io/enforce"] == "restricted", f"{labels}")


@for_each_overlay("the user is the image's")
def _(overlay):
    user, group = re.search(r"^USER (\d+):(\d+)", read("Dockerfile"), re.MULTILINE).groups()
    security = pod(overlay)["spec"]["securityContext"]
    found = security["runAsUser"], security["runAsGroup"], security["fsGroup"]
    expect(found == (int(user), int(group), int(group)), f"{found}")


@for_each_overlay("images are exact releases: ours that of Cargo.toml, others those of compose")
def _(overlay):
    others = {service["image"] for service in services().values()}
    for workload in workloads(overlay):
        for each in workload["spec"]["template"]["spec"]["containers"]:
            image = each["image"]
            if each["name"] == "ampgate":
                expect(image.endswith(f"/ampgate:{version_of_the_manifest()}"), image)
            else:
                expect(is_exact(image) and image in others, image)


@for_each_overlay("every selector finds a pod")
def _(overlay):
    pods = [workload["spec"]["template"]["metadata"]["labels"] for workload in workloads(overlay)]
    found = lambda selector: any(has_labels(selector, labels) for labels in pods)  # noqa: E731
    for document in built(overlay):
        spec, name = document.get("spec", {}), f"{document['kind']} {document['metadata']['name']}"
        if document["kind"] == "Service":
            expect(found(spec["selector"]), name)
        if document["kind"] in ("PodDisruptionBudget", "Deployment", "StatefulSet"):
            expect(found(spec["selector"]["matchLabels"]), name)
        if document["kind"] == "NetworkPolicy":
            expect(found(spec["podSelector"]["matchLabels"]), name)
            for rule in spec.get("ingress", []) + spec.get("egress", []):
                for peer in rule.get("from", []) + rule.get("to", []):
                    if "podSelector" in peer and "namespaceSelector" not in peer:
                        expect(found(peer["podSelector"]["matchLabels"]), f"{name}: {peer}")


@for_each_overlay("strangers reach the clients' port only, and the pod reaches DNS, HTTPS and its Redis only")
def _(overlay):
    ports, peers = settings(overlay), collections.defaultdict(list)
    for policy in of_kind(overlay, "NetworkPolicy"):
        if not has_labels(policy["spec"]["podSelector"]["matchLabels"], pod(overlay)["metadata"]["labels"]):
            continue
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                for port in rule["ports"]:
                    peers[direction, port["port"]].append(rule.get(side))
    clients, admin = ("ingress", ports["port"]), ("ingress", ports["admin"]["port"])
    outward = {("egress", 53), ("egress", 443)}
    if state := variables(overlay).get("AMPGATE__STATE__URL"):
        outward.add(("egress", int(re.search(r":(\d+)/", state)[1])))
    expect(set(peers) == {clients, admin} | outward, f"{sorted(peers)}")
    expect(all(peers[admin]), "the admin port is open to everybody")
    for blocks in peers["egress", 443]:
        for block in [peer["ipBlock"] for peer in blocks]:
            metadata = "169.254.0.0/16" if "." in block["cidr"] else "fe80::/10"
            expect(metadata in block["except"], f"{block['cidr']}: the metadata service can be reached")


@statement("replicas: they share their state in the Redis that is deployed")
def _():
    host, port = re.fullmatch(
        r"redis://([\w-]+):(\d+)/\d+", variables("replicas")["AMPGATE__STATE__URL"]
    ).groups()
    [service_port] = only("replicas", "Service", host)["spec"]["ports"]
    expect(service_port["port"] == int(port), f"{service_port}")
    expect(host in settings("replicas")["state"]["url"], "the gateway goes elsewhere")


@statement("replicas: the autoscaler scales the gateway, down by one at a time, each drained")
def _():
    spec = only("replicas", "HorizontalPodAutoscaler")["spec"]
    expect(spec["scaleTargetRef"]["name"] == only("replicas", "Deployment")["metadata"]["name"], "target")
    expect("replicas" not in only("replicas", "Deployment")["spec"], "each apply would set them back")
    expect(spec["minReplicas"] > 1, "one is no number of replicas")
    [policy] = spec["behavior"]["scaleDown"]["policies"]
    grace = pod("replicas")["spec"]["terminationGracePeriodSeconds"]
    expect(policy["value"] == 1 and policy["periodSeconds"] >= grace, f"{policy}, grace {grace} s")
    # The other metric is a comment; it is named as the gateway names it.
    named = re.findall(r"name: (ampgate_\w+)", read(f"{FOLDER}/overlays/replicas/horizontalpodautoscaler.yaml"))
    text = "".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
    expect(named and all(f'"{name}"' in text for name in named), f"the gateway has no {named}")
