"""docs/deploy.md: what it names is there."""

import re

from support import ROOT, expect, read, statement

PAGE = "docs/deploy.md"


@statement("every file that docs/deploy.md names or links to is there")
def _():
    text = read(PAGE)
    named = set(re.findall(r"(?<![\w/.-])(?:deploy|config|docs|benches|src)/[\w./-]*\w", text))
    linked = {link for link in re.findall(r"\]\(([^)#:]+)", text)}
    missing = [path for path in sorted(named) if not (ROOT / path).exists()]
    missing += [link for link in sorted(linked) if not (ROOT / "docs" / link).exists()]
    expect(not missing, ", ".join(missing))
