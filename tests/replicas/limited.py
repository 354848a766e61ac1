#!/usr/bin/env python3
"""A provider that has no room for anybody.

    limited.py PORT

Answers every call with Anthropic's 429, to come back in two minutes, and `GET /seen` with how many calls
there were.
"""

import http.server
import json
import sys

REFUSAL = {"type": "error", "error": {"type": "rate_limit_error", "message": "no room"}}


class Limited(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = 0

    def do_GET(self):
        self.answer(200, Limited.seen, {})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        Limited.seen += 1
        # Longer than a gateway waits for an account to come back.
        self.answer(429, REFUSAL, {"retry-after": "120"})

    def answer(self, status, body, fields):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **fields}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Limited).serve_forever()
