"""What the three SDK scripts share: where the gateway is, and how cases are run.

`python anthropic_sdk.py messages` runs one case, or several, and ends with 0, or with a traceback.
`AMPGATE_MODEL` is a model of any maker: the SDK must not be able to tell.
"""

import json
import os
import sys

URL = os.environ["AMPGATE_URL"]
KEY = os.environ["AMPGATE_CLIENT_KEY"]

# Asked for instead of the SDK's own maker's, and one its provider then says it does not have.
MODEL = os.environ.get("AMPGATE_MODEL")
MISSING_MODEL = os.environ.get("AMPGATE_MISSING_MODEL")

WRONG_KEY = "not-a-client-key"
UNKNOWN_MODEL = "no-such-model"
ANSWER = "Hello from the demo upstream. You said: say hi"

# A tool that no SDK runs by itself, what the model is to call it with, and what it answers; the
# words are such as are cut when a stream is cut.
TOOL = "run_command"
ARGUMENTS = {"command": "echo 'é 🗼'", "times": 2}
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string"}, "times": {"type": "integer"}},
    "required": ["command"],
}
USE_TOOL = f"use the tool {TOOL} with {json.dumps(ARGUMENTS, ensure_ascii=False)}"
RESULT = "é 🗼 was printed twice"


def run(cases):
    """Runs the cases named on the command line."""
    for name in sys.argv[1:]:
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


def expect_tool_talk(text):
    """The answer after a tool's result: it knows what was asked, and what the tool said."""
    assert USE_TOOL in text and RESULT in text, text


def expect_error(classes, call):
    """The call fails as one of the SDK's own error classes; returns the error."""
    try:
        call()
    except classes as error:
        return error
    raise AssertionError("the call should have failed")
