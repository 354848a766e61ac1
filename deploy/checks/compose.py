"""docker-compose.yml, what it mounts, and the image it builds."""

import functools
import re

import yaml
from support import (
    ROOT, effective, expect, is_exact, read, run, seconds, seconds_after_drain, seconds_for_streams, statement,
)

OWN_IMAGE = "ampgate"
CONFIGURED = ("gateway", "replica")
KEYS = {"AMPGATE_CLIENT_KEY": "client-key", "AMP_API_KEY": "amp-key"}


def composed(*profiles):
    arguments = [word for profile in profiles for word in ("--profile", profile)]
    return yaml.safe_load(run("docker-compose", *arguments, "config"))


@functools.cache
def services():
    return composed("real", "stack")["services"]


@functools.cache
def settings_of(name):
    environment = {key: str(value) for key, value in services()[name]["environment"].items() if value}
    del environment["AMPGATE_CONFIG"]
    # What the image says.
    image = dict(re.findall(r"(AMPGATE__\w+)=(\S+)", read("Dockerfile")))
    return effective(read("config/compose.yaml"), {**image, **environment, **KEYS})


def bind_mounts():
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            if source.startswith("/"):
                yield name, source, target


@statement("the Dockerfile has no fault that hadolint knows")
def _():
    run("hadolint", "Dockerfile")


for profiles, running in (
    ((), {"demo"}),
    (("real",), {"demo", "gateway"}),
    (("stack",), {"demo", "replica", "balancer", "redis", "prometheus", "grafana"}),
):

    @statement(f"compose knows the services of {' '.join(profiles) or 'the default'}")
    def _(profiles=profiles, running=running):
        arguments = [word for profile in profiles for word in ("--profile", profile)]
        found = set(run("docker-compose", *arguments, "config", "--services").split())
        expect(running <= found, f"{running - found} missing")


@statement("each image is built here or named by one release")
def _():
    for name, service in services().items():
        image = service["image"]
        expect(image == OWN_IMAGE and "build" in service or is_exact(image), f"{name}: {image}")


@statement("no service may write to its root, gain a privilege or keep a capability")
def _():
    for name, service in services().items():
        expect(service.get("read_only"), f"{name} writes")
        expect(service.get("cap_drop") == ["ALL"], f"{name} has capabilities")
        expect("no-new-privileges:true" in service.get("security_opt", []), f"{name} may gain some")


@statement("what is published is published on this machine only")
def _():
    for name, service in services().items():
        for port in service.get("ports", []):
            expect(str(port).startswith("127.0.0.1:"), f"{name}: {port}")


@statement("each service that is not ours has a health check; ours has the image's")
def _():
    expect("HEALTHCHECK" in read("Dockerfile"), "the image has none")
    for name, service in services().items():
        expect(service["image"] == OWN_IMAGE or "healthcheck" in service, f"{name} has none")


@statement("compose gives a gateway, and its balancer, longer than its drain")
def _():
    drain = seconds(settings_of("gateway")["timeouts"]["drain"])
    for name, service in services().items():
        if service["image"] == OWN_IMAGE or name == "balancer":
            rest = seconds_for_streams() if name == "balancer" else seconds_after_drain()
            given = seconds(service["stop_grace_period"])
            expect(given > drain + rest, f"{name}: {given} s, and {drain + rest} s is the least")


@statement("every file that a service mounts is there, and nobody is kept from reading it")
def _():
    for name, source, _ in bind_mounts():
        path = ROOT / source
        expect(path.exists(), f"{name}: {source} is not there")
        for file in [path, *path.rglob("*")]:
            expect(file.stat().st_mode & 0o004, f"{name}: {file} is not readable by all")


@statement("gateway and health check find config/compose.yaml, in a folder so that a change arrives")
def _():
    for name in CONFIGURED:
        folder, file = services()[name]["environment"]["AMPGATE_CONFIG"].rsplit("/", 1)
        [source] = [source for who, source, target in bind_mounts() if (who, target) == (name, folder)]
        expect(f"{source}/{file}" == str(ROOT / "config/compose.yaml"), f"{name}: {source}/{file}")


@statement("the gateway accepts config/compose.yaml with each service's variables")
def _():
    for name in CONFIGURED:
        settings_of(name)


@statement("each variable that config/compose.yaml names reaches the gateway")
def _():
    named = set(re.findall(r"key-env: *(\w+)", read("config/compose.yaml")))
    for name in CONFIGURED:
        expect(named <= set(services()[name]["environment"]), f"{name} misses some of {named}")


@statement("published ports are those that gateway and balancer listen on")
def _():
    settings = settings_of("gateway")
    expected = {str(settings["port"]), str(settings["admin"]["port"])}
    for name in ("demo", "gateway", "balancer"):
        published = {port.rsplit(":", 1)[1].removesuffix("/tcp") for port in services()[name]["ports"]}
        expect(published == expected, f"{name}: {published}")


@statement("the replicas share their state in the Redis beside them")
def _():
    host = re.match(r"rediss?://([\w-]+)", services()["replica"]["environment"]["AMPGATE__STATE__URL"])[1]
    expect(host in services(), f"no service {host}")
    shared = set(services()[host]["networks"]) & set(services()["replica"]["networks"])
    expect(shared, f"{host} is not in the network of the replicas")
    expect(host in settings_of("replica")["state"]["url"], "the gateway goes elsewhere")


@statement("haproxy accepts the balancer's configuration")
def _():
    run("haproxy", "-c", "-q", "-f", "deploy/compose/haproxy.cfg")


@statement("the balancer logs no query, in which a client's key may stand")
def _():
    text = read("deploy/compose/haproxy.cfg")
    logged = re.findall(r"^ *log-format (.*)", text, re.MULTILINE)
    expect("option httplog" not in re.sub(r"#.*", "", text) and logged, "it logs the whole address")
    # %r, %HU and %HQ hold the query.
    expect(not any(re.search(r"%(?:\{.*?\})?(?:r|HU|HQ)\b", line) for line in logged), f"{logged}")


@statement("the balancer asks the replicas on their ports, and waits longer than they do")
def _():
    text, settings = read("deploy/compose/haproxy.cfg"), settings_of("replica")
    targets = set(re.findall(r"server-template \w+ \d+ (\S+) ", text))
    ports = settings["port"], settings["admin"]["port"]
    expect(targets == {f"replica:{port}" for port in ports}, f"{targets}")
    waits = {name: seconds(value) for name, value in re.findall(r"timeout (\w+) +(\w+)", text)}
    longest = max(seconds(settings["timeouts"][name]) for name in ("first-byte", "idle"))
    expect(min(waits["server"], waits["client"]) > longest, f"{waits}, the gateway {longest}")
    binds = set(re.findall(r"bind :(\d+)", text))
    expect({str(port) for port in ports} <= binds, f"{binds}")
