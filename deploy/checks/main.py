"""Proves every statement, and counts."""

import sys
import traceback

import compose  # noqa: F401  each registers its statements
import kubernetes  # noqa: F401
import monitoring  # noqa: F401
import page  # noqa: F401
import start  # noqa: F401
import systemd  # noqa: F401
from support import STATEMENTS, Refuted

failed = 0
for text, proof in STATEMENTS:
    try:
        proof()
    except Refuted as why:
        said = str(why)
    except Exception:  # a file that has not the shape it should have
        said = traceback.format_exc(limit=-2)
    else:
        print(f"ok    {text}")
        continue
    failed += 1
    print(f"FAIL  {text}")
    for line in said.rstrip().splitlines()[-20:]:
        print(f"      {line}")

print(f"{len(STATEMENTS) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
