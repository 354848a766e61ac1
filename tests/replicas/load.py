#!/usr/bin/env python3
"""Model calls, many at once, and how each of them ended.

    load.py URL KEY --connections N (--requests N | --until FILE) [--stream] [--model NAME]

Prints one line of JSON: how many calls ended with which status, and the first errors. A call that got
no status, or a stream that broke off, counts as `lost`. With `--until` calls are made for as long as
the file is not there.
"""

import argparse
import collections
import http.client
import json
import os
import threading
import urllib.parse

SAID = "one two three four five six seven eight nine ten eleven twelve " * 3


def call(host, options, connection):
    """One call; returns the status. Every answer is read to its end."""
    body = {
        "model": options.model,
        "max_tokens": 64,
        "stream": options.stream,
        "messages": [{"role": "user", "content": SAID}],
    }
    fields = {"x-api-key": options.key, "content-type": "application/json"}
    connection.request("POST", "/v1/messages", json.dumps(body), fields)
    response = connection.getresponse()
    text = response.read()
    if response.status == 200 and options.stream and b"message_stop" not in text:
        raise OSError("a stream without its end")
    if response.status == 200 and not options.stream:
        json.loads(text)
    return response.status


class Load:
    def __init__(self, options):
        self.options = options
        self.host = urllib.parse.urlsplit(options.url).netloc
        self.lock = threading.Lock()
        self.left = options.requests
        self.ended = collections.Counter()
        self.errors = []

    def has_more(self):
        if self.options.until:
            return not os.path.exists(self.options.until)
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def run(self):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        while self.has_more():
            try:
                status = str(call(self.host, self.options, connection))
                error = None
            except (OSError, http.client.HTTPException, ValueError) as failure:
                status, error = "lost", repr(failure)
                connection.close()
            with self.lock:
                self.ended[status] += 1
                if error and len(self.errors) < 5:
                    self.errors.append(error)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("key")
    arguments.add_argument("--connections", type=int, default=16)
    arguments.add_argument("--requests", type=int, default=0)
    arguments.add_argument("--until")
    arguments.add_argument("--stream", action="store_true")
    arguments.add_argument("--model", default="claude-demo")
    load = Load(arguments.parse_args())
    threads = [threading.Thread(target=load.run) for _ in range(load.options.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"ended": dict(sorted(load.ended.items())), "errors": load.errors}))


main()
