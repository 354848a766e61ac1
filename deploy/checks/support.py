"""What all checks share: statements that can be false, commands, and the gateway's own word."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = os.environ["AMPGATE_BIN"]
SECONDS = 60  # for any command; the slowest takes two

STATEMENTS = []


class Refuted(Exception):
    """The statement is false; the text says why."""


def statement(text):
    """Registers a function as the proof of `text`. It raises when the statement is false."""

    def register(function):
        STATEMENTS.append((text, function))
        return function

    return register


def expect(condition, why):
    if not condition:
        raise Refuted(why)


def run(*command, env=None, cwd=ROOT):
    """What the command writes to standard output; refutes when it fails or is not there."""
    if shutil.which(command[0]) is None:
        raise Refuted(f"{command[0]} is not installed")
    done = subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    expect(done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def read(path):
    return (ROOT / path).read_text()


def seconds(duration):
    """Of a duration as the gateway writes it: `2m`, `1h 30m`, `40s`."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"(\d+)(ms|s|m|h)", duration)
    expect(parts, f"`{duration}` is no duration")
    return sum(int(number) * units[unit] for number, unit in parts)


def seconds_after_drain():
    """What the gateway takes to end what the drain has left."""
    return int(re.search(r"AFTER_DRAIN: Duration = Duration::from_secs\((\d+)\)", read("src/app.rs"))[1])


def bare_environment(home, more):
    return {"HOME": str(home), "PATH": os.environ["PATH"], **more}


def effective(configuration, environment, secrets_at=None, secrets=None):
    """The settings in effect with this file and these variables, as `ampgate check` prints them. Where the
    file names secrets below `secrets_at`, those of the map `secrets` lie there."""
    with tempfile.TemporaryDirectory() as home:
        path = laid_out(configuration, Path(home), secrets_at, secrets)
        environment = bare_environment(home, environment)
        done = subprocess.run(
            [GATEWAY, "check", "--config", path],
            env=environment, cwd=home, capture_output=True, text=True, timeout=SECONDS, check=False,
        )
    expect(done.returncode == 0, done.stdout + done.stderr)
    expect("warning" not in done.stderr, done.stderr)
    return yaml.safe_load(done.stdout)


def laid_out(configuration, home, secrets_at, secrets):
    """Writes file and secrets into `home`, and makes the file name them there."""
    folder = home / "secrets"
    folder.mkdir()
    for name, value in (secrets or {}).items():
        (folder / name).write_text(value)
    path = home / "ampgate.yaml"
    path.write_text(configuration.replace(secrets_at, str(folder)) if secrets_at else configuration)
    return path


def secret_files(configuration):
    """The paths of all secrets that the file names, in its comments, too."""
    return set(re.findall(r"key-file: *(/[^\s,}]+)", configuration))


def version_of_the_manifest():
    return re.search(r'^version = "(.+)"', read("Cargo.toml"), re.MULTILINE)[1]


def is_exact(image):
    """Whether the image's tag names one release."""
    return re.search(r":v?\d+\.\d+\.\d+", image) is not None
