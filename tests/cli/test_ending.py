"""What is told to end ends, whatever it is just doing."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.demos import SECONDS

TOLD_AT_ANY_MOMENT = """
import os, random, signal, threading, time
from mindbridge_cli.ending import end_asked

def tell():
    time.sleep(random.uniform(0, 0.001))
    os.kill(os.getpid(), signal.SIGTERM)

for _ in range(500):
    asked = end_asked()
    teller = threading.Thread(target=tell)
    teller.start()
    while not asked.wait(0):
        pass
    assert asked.is_set()
    teller.join()
"""


def test_whoever_waits_is_told_at_any_moment() -> None:
    """The handler runs between any two steps of the thread that waits: it must wait for nothing that this one holds."""
    done = subprocess.run([sys.executable, "-c", TOLD_AT_ANY_MOMENT], check=False, timeout=SECONDS)
    assert 0 == done.returncode
