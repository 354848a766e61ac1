"""What the three SDK scripts share: where the gateway is, and how one case is run.

`python anthropic_sdk.py messages` runs one case and ends with 0, or with a traceback.
"""

import os
import sys

URL = os.environ["AMPGATE_URL"]
KEY = os.environ["AMPGATE_CLIENT_KEY"]

WRONG_KEY = "not-a-client-key"
UNKNOWN_MODEL = "no-such-model"
ANSWER = "Hello from the demo upstream. You said: say hi"


def run(cases):
    """Runs the case named on the command line."""
    name = sys.argv[1]
    if name not in cases:
        sys.exit(f"no case {name}; there are: {', '.join(cases)}")
    cases[name]()


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def expect_pieces(pieces, expected):
    """The pieces are the text, and there are several: it was streamed."""
    pieces = [piece for piece in pieces if piece]
    expect("".join(pieces), expected)
    if len(pieces) < 3:
        raise AssertionError(f"not streamed: {pieces!r}")


def expect_error(classes, call):
    """The call fails as one of the SDK's own error classes; returns the error."""
    try:
        call()
    except classes as error:
        return error
    raise AssertionError("the call should have failed")
