"""A process that owns an embedded server: starts it, tells its port and password as one JSON line, waits for orders.

Usage: owner.py DATA_DIR [ignore-sigint]; on standard input `stop` ends the server first, the end of input does not.
"""

import json
import signal
import sys
from pathlib import Path

import mindbridge_embedded


def main() -> None:
    if "ignore-sigint" in sys.argv:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = mindbridge_embedded.start(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"url": server.superuser_url, "port": server.port}) + "\n")
    sys.stdout.flush()
    if sys.stdin.readline().strip() == "stop":
        server.stop()


if __name__ == "__main__":
    main()
