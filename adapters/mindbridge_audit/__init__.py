"""Places outside the database that the audit trail is copied to: a file of JSON lines, a syslog server."""

from mindbridge_audit.file import JsonLinesFile
from mindbridge_audit.syslog import SyslogServer

__all__ = ["JsonLinesFile", "SyslogServer"]
