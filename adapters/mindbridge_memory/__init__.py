"""Every port of the core in memory: for tests, examples and first steps."""

from mindbridge_memory.assessor import ScriptedAssessor, scripted_answer
from mindbridge_memory.batch_assessor import ScriptedBatches
from mindbridge_memory.codes import StandardCodes
from mindbridge_memory.keys import OpaqueAccessTokens, ProcessKeys, utc_now
from mindbridge_memory.notices import KeptMessages, at_once
from mindbridge_memory.passwords import LOW_COST, FewCommonPasswords, ScryptHasher
from mindbridge_memory.ports import memory_ports
from mindbridge_memory.sinks import KeptEntries, MemorySinkBook
from mindbridge_memory.tables import Table, Tables
from mindbridge_memory.throttle import MemoryThrottle
from mindbridge_memory.trail import Trail
from mindbridge_memory.units import MemoryStore, MemoryUnit

__all__ = [
    "LOW_COST",
    "FewCommonPasswords",
    "KeptEntries",
    "KeptMessages",
    "MemorySinkBook",
    "MemoryStore",
    "MemoryThrottle",
    "MemoryUnit",
    "OpaqueAccessTokens",
    "ProcessKeys",
    "ScriptedAssessor",
    "ScriptedBatches",
    "ScryptHasher",
    "StandardCodes",
    "Table",
    "Tables",
    "Trail",
    "at_once",
    "memory_ports",
    "scripted_answer",
    "utc_now",
]
