"""Prometheus and Grafana: what is scraped, what is asked, and whether the gateway counts it."""

import json
import re
import tempfile
from pathlib import Path

import yaml
from compose import services, settings_of
from support import ROOT, expect, read, run, statement

DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
RULES = "deploy/prometheus/rules.yaml"
OURS = re.compile(r"\b(?:ampgate|gen_ai|process)_[a-z_]+\b")
# What Grafana puts in before it asks.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"}


def prometheus():
    return yaml.safe_load(read("deploy/prometheus/prometheus.yaml"))


def queries(panels):
    for panel in panels:
        yield from queries(panel.get("panels", []))
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def all_queries():
    for path in DASHBOARDS:
        yield from queries(json.loads(path.read_text())["panels"])


def families():
    """Every name that stands in the sources of the gateway as a text of its own, and those that the
    prometheus crate's collector of the process has."""
    text = "".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
    process = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds",
               "process_max_fds", "process_start_time_seconds", "process_threads",
               "process_virtual_memory_bytes"}
    return set(re.findall(r'"((?:ampgate|gen_ai)_[a-z_]+)"', text)) | process


def uncounted(expression):
    """Names in it that the gateway does not count. Labels are in braces or after `by`."""
    expression = re.sub(r"\{[^}]*\}|(?:by|without|on|ignoring|group_left)\s*\([^)]*\)", "", expression)
    names = set(OURS.findall(expression))
    return {name for name in names if re.sub(r"_(?:bucket|sum|count)$", "", name) not in families()} - families()


@statement("promtool accepts the configuration of Prometheus and its rules")
def _():
    run("promtool", "check", "config", "deploy/prometheus/prometheus.yaml")


@statement("Prometheus scrapes every replica where it shows its metrics")
def _():
    [discovery] = prometheus()["scrape_configs"][0]["dns_sd_configs"]
    expect(set(discovery["names"]) <= set(services()), f"{discovery['names']}")
    expect(discovery["port"] == settings_of("replica")["admin"]["port"], f"{discovery['port']}")
    expect(settings_of("replica")["admin"]["host"] == "0.0.0.0", "and it shows them to itself only")


@statement("Grafana asks the Prometheus beside it, and finds its dashboards")
def _():
    [source] = yaml.safe_load(read("deploy/grafana/provisioning/datasources/prometheus.yaml"))["datasources"]
    host, port = re.fullmatch(r"http://([\w-]+):(\d+)", source["url"]).groups()
    expect(host in services() and port == "9090", source["url"])
    [provider] = yaml.safe_load(read("deploy/grafana/provisioning/dashboards/ampgate.yaml"))["providers"]
    mounted = [volume.split(":")[1] for volume in services()["grafana"]["volumes"]]
    expect(provider["options"]["path"] in mounted, f"{provider['options']['path']}")
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    expect(Path(home).name in {path.name for path in DASHBOARDS}, home)
    for path in DASHBOARDS:
        # The one that is chosen above, which is the only one there is; elsewhere there may be more.
        uids = set(re.findall(r'"type": "prometheus",\s*"uid": "([^"]+)"', path.read_text()))
        expect(uids == {"${datasource}"}, f"{path.name}: {uids}")
        names = {each["name"] for each in json.loads(path.read_text())["templating"]["list"]}
        expect("datasource" in names, f"{path.name}: {names}")


@statement("every panel's query is one that Prometheus can read")
def _():
    rules = []
    for number, (_, expression) in enumerate(all_queries()):
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        expression = re.sub(r"\$\w+", ".+", expression)
        rules.append({"record": f"panel:{number}", "expr": expression})
    expect(rules, "there is no panel")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "panels.yaml")
        path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
        run("promtool", "check", "rules", str(path))


@statement("every panel and every rule asks for something that the gateway counts")
def _():
    asked = [*all_queries()]
    for group in yaml.safe_load(read(RULES))["groups"]:
        asked += [(rule.get("alert") or rule["record"], rule["expr"]) for rule in group["rules"]]
    wrong = [f"{title}: {name}" for title, expression in asked for name in sorted(uncounted(expression))]
    expect(not wrong, "\n".join(wrong))
