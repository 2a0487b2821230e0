"""Write docs/commands.md from the commands' own help; `make docs` runs it and a test holds it.

python docs/generate.py            # writes the file
python docs/generate.py --check    # exits 1 when the file is out of date
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "commands.md"
COMMANDS = (
    "apo",
    "apo optimize",
    "apo eval",
    "apo diff",
    "apo report",
    "reer",
    "reer categories",
    "reer trace",
    "reer facts",
    "reer build-manual",
    "reer refine",
    "reer exam",
    "reer ask",
    "reer verify",
    "reer export",
    "reer lint",
    "reer log",
    "reer diff",
    "reer blame",
    "reer revert",
)
WIDTH = "100"


def main() -> int:
    """Write the reference, or compare it."""
    text = "# Commands\n\nMade by `make docs`; do not edit.\n" + "".join(section(command) for command in COMMANDS)
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


def section(command: str) -> str:
    """One command with its help."""
    script, *verbs = command.split()
    code = f"from cli import {script}; {script}()"
    plain = {**os.environ, "COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "NO_COLOR": "1", "TERM": "dumb"}
    argv = [sys.executable, "-c", code, *verbs, "--help"]
    result = subprocess.run(argv, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    lines = "\n".join(line.rstrip() for line in result.stdout.strip().splitlines())
    return f"\n## {command}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    sys.exit(main())
