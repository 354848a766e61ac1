"""A gateway that starts as the cluster would start it."""

import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from kubernetes import SECRETS_AT, configuration, example_secret, variables
from support import GATEWAY, bare_environment, expect, laid_out, statement

START_SECONDS = 30


@statement("a gateway with the ConfigMap's file gets ready, and ends well on SIGTERM")
def _():
    with tempfile.TemporaryDirectory() as home:
        secrets = example_secret()["stringData"]
        path = laid_out(configuration("single"), Path(home), SECRETS_AT, secrets)
        more = {**variables("single"), "AMPGATE__PORT": "0", "AMPGATE__ADMIN__PORT": "0",
                "AMPGATE_CONFIG": str(path)}
        log = Path(home, "log")
        with log.open("w") as output:
            gateway = subprocess.Popen([GATEWAY, "serve"], env=bare_environment(home, more), cwd=home,
                                       stdout=output, stderr=subprocess.STDOUT)
        try:
            asked = urlopen(f"http://127.0.0.1:{port_of(gateway, log)}/readyz", timeout=10)
            expect(asked.status == 200, f"{asked.status}")
            gateway.send_signal(signal.SIGTERM)
            status = gateway.wait(START_SECONDS)
            expect(status == 0, f"it ended with {status}\n{log.read_text()}")
        finally:
            gateway.kill()


def port_of(gateway, log):
    """The port of the clients' listener, which is the first that the log tells of."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and gateway.poll() is None:
        told = [re.search(r":(\d+)\"", line) for line in log.read_text().splitlines() if "listening" in line]
        if told and told[0]:
            return told[0][1]
        time.sleep(0.05)
    expect(False, f"it does not listen\n{log.read_text()}")
