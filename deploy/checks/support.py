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


STREAMS = ("src/app.rs", "AFTER_DRAIN")

# Each is waited for when the one before has ended: `Gateway::serve` and `run` in src/app.rs.
BEHIND_THE_DRAIN = [
    STREAMS,  # to be told that they end
    ("src/actors/tokens/http.rs", "PATIENCE"),  # the answer to a question for new tokens
    ("src/actors/tokens.rs", "WRITING"),
    ("src/actors/state.rs", "LEAVING"),
    ("src/telemetry/traces/export.rs", "FLUSH_TIMEOUT"),
    ("src/app/admin_listener.rs", "SHUTDOWN_SECONDS"),
]


def constant(path, name):
    """The seconds that the gateway's source gives to something."""
    found = re.search(rf"const {name}: (?:Duration = Duration::from_secs\(|u64 = )(\d+)\b", read(path))
    expect(found, f"{path} has no {name}")
    return int(found[1])


def seconds_for_streams():
    """What the gateway takes at most to end the streams that the drain has left."""
    return constant(*STREAMS)


def seconds_after_drain():
    """What the gateway takes at most between its drain and its end."""
    return sum(constant(path, name) for path, name in BEHIND_THE_DRAIN)


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
