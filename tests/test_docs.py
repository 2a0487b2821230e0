import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_command_reference_is_what_the_commands_say():
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], check=False)
    assert done.returncode == 0, "run: make docs"
