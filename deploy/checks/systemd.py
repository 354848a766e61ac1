"""The units, and the configuration that goes with them."""

import configparser
import os
import re
import subprocess
import tempfile
from pathlib import Path

from support import effective, expect, read, run, seconds, seconds_after_drain, secret_files, statement

SYSTEM, USER = "deploy/systemd/ampgate.service", "deploy/systemd/ampgate-user.service"
WORST_EXPOSURE = 20  # tenths; systemd-analyze gives 0 to 100
CREDENTIALS = "/run/credentials/ampgate.service/"


def unit(path):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(read(path))
    return parser


def verify(path, *arguments):
    """With a program that is there in place of the gateway, which is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "ampgate.service")
        copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", read(path), flags=re.MULTILINE))
        environment = {**os.environ, "XDG_RUNTIME_DIR": folder}
        said = subprocess.run(["systemd-analyze", *arguments, "verify", str(copy)], env=environment,
                              capture_output=True, text=True, check=False)
        # It passes over a value that it does not know, and only says so.
        complaints = [line for line in said.stderr.splitlines() if "ampgate" in line]
        expect(said.returncode == 0 and not complaints, said.stderr)


def secrets():
    return {Path(path).name: "secret" for path in secret_files(read("deploy/systemd/ampgate.yaml"))}


@statement("systemd accepts the unit of the system")
def _():
    verify(SYSTEM)


@statement("systemd accepts the unit of a user")
def _():
    verify(USER, "--user")


@statement(f"systemd finds the service exposed to at most {WORST_EXPOSURE / 10}")
def _():
    run("systemd-analyze", "security", "--offline=true", f"--threshold={WORST_EXPOSURE}", SYSTEM)


@statement("the service is never root")
def _():
    service = unit(SYSTEM)["Service"]
    expect(service.get("DynamicUser") == "yes" and "User" not in service, "it has a user of its own no more")


@statement("the gateway accepts the configuration that goes with the unit")
def _():
    effective(read("deploy/systemd/ampgate.yaml"), {}, CREDENTIALS.rstrip("/"), secrets())


@statement("a service is given longer than the drain")
def _():
    settings = effective(read("deploy/systemd/ampgate.yaml"), {}, CREDENTIALS.rstrip("/"), secrets())
    least = seconds(settings["timeouts"]["drain"]) + seconds_after_drain()
    for path in (SYSTEM, USER):
        expect(int(unit(path)["Service"]["TimeoutStopSec"]) > least, f"{path}: {least} s is the least")


@statement("each secret of the configuration is a credential of the unit")
def _():
    name, _ = unit(SYSTEM)["Service"]["LoadCredential"].split(":")
    for path in secret_files(read("deploy/systemd/ampgate.yaml")):
        expect(path.startswith(f"{CREDENTIALS}{name}_"), path)


@statement("no unit gives the gateway a flag or a secret that the process list would show")
def _():
    for path in (SYSTEM, USER):
        expect(unit(path)["Service"]["ExecStart"].endswith("/bin/ampgate serve"), path)
        expect("KEY" not in unit(path)["Service"].get("Environment", ""), path)
