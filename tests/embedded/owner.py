"""A process that owns an embedded server: starts it, tells its port and password as one JSON line, waits for orders.

Usage: owner.py DATA_DIR [ignore-sigint]; on standard input `stop` ends the server first, the end of input does not.
"""

import json
import signal
import sys
from pathlib import Path

import mindbridge_embedded


def main() -> None:
    # Tests that run in the background, or under nohup, would hand down that these are not heard.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN if "ignore-sigint" in sys.argv else signal.default_int_handler)
    server = mindbridge_embedded.start(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"url": server.superuser_url, "port": server.port}) + "\n")
    sys.stdout.flush()
    if sys.stdin.readline().strip() == "stop":
        server.stop()


if __name__ == "__main__":
    main()
