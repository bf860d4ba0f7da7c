"""What every table below a clinic must be, read from the database's own catalogue, partitions included."""

import re

import pytest
from sqlalchemy import Connection, text

from mindbridge_postgres.schema import metadata
from mindbridge_postgres.schema.sealed import sealed_columns
from mindbridge_postgres.tenancy import RIGHTS

# Asked before it is known which clinic is asking, so it cannot be keyed by one, nor hidden behind one.
NOT_BELOW_A_CLINIC = {"login_directory"}
# The reference tables: what a clinic hangs on, and what is read before a clinic is known.
REFERENCE = {"organizations", "clinics", "login_directory", "login_attempts", "throttle_windows", "audit_sinks"}
POLICY = "(clinic_id = (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid)"
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")

TABLES_OF_CLINICS = """
    SELECT c.oid, c.relname, c.relispartition, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'clinic_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""
KEYS = """
    SELECT c.conname, c.contype, r.relname, f.relname AS refers_to, c.confdeltype, c.confupdtype,
        ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (n, i)
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY i) AS columns,
        ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k (n, i)
              JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY i) AS referred
    FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid LEFT JOIN pg_class f ON f.oid = c.confrelid
    WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p')
"""
INDEXES = """
    SELECT r.relname, x.relname AS name, i.indisunique,
        ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) n) AS columns
    FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p')
"""
COLUMNS = """
    SELECT r.relname, a.attname, format_type(a.atttypid, NULL) AS type, a.attidentity <> '' AS identity,
        pg_get_expr(d.adbin, d.adrelid) AS default_,
        ARRAY(SELECT c.conname::text FROM pg_constraint c
              WHERE c.conrelid = r.oid AND c.contype = 'c' AND a.attnum = ANY (c.conkey)) AS checks
    FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
      AND r.relname <> 'alembic_version'
"""

Row = dict[str, object]


def _read(connection: Connection, query: str) -> list[Row]:
    rows: list[Row] = [dict(row) for row in connection.execute(text(query)).mappings()]
    assert rows, "nothing was examined"
    return rows


@pytest.fixture
def below_clinics(owner: Connection) -> dict[str, Row]:
    """Every table that has `clinic_id`, by name, but for the reasoned exceptions."""
    found = {str(row["relname"]): row for row in _read(owner, TABLES_OF_CLINICS)}
    assert set(found) >= NOT_BELOW_A_CLINIC
    kept = {name: row for name, row in found.items() if name not in NOT_BELOW_A_CLINIC}
    assert len([row for row in kept.values() if not row["relispartition"]]) >= 15
    assert len([row for row in kept.values() if row["relispartition"]]) >= 12
    return kept


def test_every_table_is_below_a_clinic_or_a_reference_table(owner: Connection, below_clinics: dict[str, Row]) -> None:
    found = {str(row["relname"]) for row in _read(owner, COLUMNS)}
    assert found - set(below_clinics) == REFERENCE
    assert {name for name, row in below_clinics.items() if not row["relispartition"]} == set(
        metadata.tables
    ) - REFERENCE


def test_row_level_security_is_enabled_and_forced(below_clinics: dict[str, Row]) -> None:
    unprotected = {
        name for name, row in below_clinics.items() if not (row["relrowsecurity"] and row["relforcerowsecurity"])
    }
    assert unprotected == set()


def test_one_policy_compares_the_clinic_with_the_setting_and_does_nothing_else(
    owner: Connection, below_clinics: dict[str, Row]
) -> None:
    query = (
        "SELECT polrelid::regclass::text AS relname, polpermissive, polcmd, polroles::text AS roles,"
        " pg_get_expr(polqual, polrelid) AS shown, pg_get_expr(polwithcheck, polrelid) AS written FROM pg_policy"
    )
    policies = _read(owner, query)
    expected = {"polpermissive": True, "polcmd": "*", "roles": "{0}", "shown": POLICY, "written": POLICY}
    assert sorted(str(policy.pop("relname")) for policy in policies) == sorted(below_clinics)
    assert [policy for policy in policies if policy != expected] == []


def test_primary_keys_start_with_the_clinic(owner: Connection, below_clinics: dict[str, Row]) -> None:
    primary = {str(key["relname"]): key["columns"] for key in _read(owner, KEYS) if key["contype"] == "p"}
    chosen = {name: primary.get(name) for name in below_clinics}
    trail = {name for name, row in below_clinics.items() if row["relispartition"]} | {"audit_logs"}
    own = {key: ["clinic_id", "created_at", "id"] for key in trail}
    own |= {"audit_chain_heads": ["clinic_id", "lane"], "audit_positions": ["clinic_id", "sink", "lane"]}
    own |= {"audit_anchors": ["clinic_id", "lane", "seq"]}
    own |= {"patient_search": ["clinic_id", "token", "patient_id"]}
    own |= {"clinic_policies": ["clinic_id"], "clinic_settings": ["clinic_id"]}  # one row for each clinic
    own |= {"account_tokens": ["clinic_id", "user_id", "purpose"]}
    own |= {"batch_patients": ["clinic_id", "batch_id", "patient_id"]}
    assert chosen == {name: own.get(name, ["clinic_id", "id"]) for name in below_clinics}


def test_foreign_keys_between_clinics_tables_carry_the_clinic_first(
    owner: Connection, below_clinics: dict[str, Row]
) -> None:
    keys = [key for key in _read(owner, KEYS) if key["contype"] == "f" and key["refers_to"] in below_clinics]
    assert len(keys) >= 20
    for key in keys:
        assert isinstance(key["columns"], list)
        assert [key["columns"][0], len(key["columns"])] == ["clinic_id", 2], key
        assert key["referred"] == ["clinic_id", "id"], key


def test_no_reference_table_but_the_directory_refers_to_a_clinics_table(
    owner: Connection, below_clinics: dict[str, Row]
) -> None:
    keys = [key for key in _read(owner, KEYS) if key["contype"] == "f" and key["refers_to"] in below_clinics]
    assert {key["relname"] for key in keys} & REFERENCE == {"login_directory"}


def test_foreign_keys_change_no_row_by_themselves(owner: Connection) -> None:
    """No action or restrict: SET NULL, SET DEFAULT and ON UPDATE CASCADE would write a child's clinic."""
    keys = [key for key in _read(owner, KEYS) if key["contype"] == "f"]
    assert {(key["confdeltype"], key["confupdtype"]) for key in keys} == {("a", "a")}


def test_the_trail_refers_to_nothing(owner: Connection) -> None:
    keys = [key for key in _read(owner, KEYS) if key["contype"] == "f" and str(key["relname"]).startswith("audit_logs")]
    assert keys == []


def test_every_index_of_a_clinics_table_starts_with_the_clinic(
    owner: Connection, below_clinics: dict[str, Row]
) -> None:
    """That puts the clinic into every unique one too."""
    indexes = [index for index in _read(owner, INDEXES) if index["relname"] in below_clinics]
    assert len(indexes) >= 30
    assert [index for index in indexes if str(index["columns"])[:12] != "['clinic_id'"] == []


def test_every_reference_to_a_patient_or_a_session_is_indexed(owner: Connection) -> None:
    indexed = {
        (index["relname"], tuple(str(index["columns"])[1:-1].split(", ")[:2])) for index in _read(owner, INDEXES)
    }
    children = [
        key for key in _read(owner, KEYS) if key["contype"] == "f" and key["refers_to"] in {"patients", "sessions"}
    ]
    assert len(children) >= 6
    for key in children:
        assert (key["relname"], tuple(map(repr, key["columns"]))) in indexed, key  # type: ignore[call-overload]  # a list


def test_no_column_makes_its_own_value(owner: Connection) -> None:
    """No identity and no serial (Citus refuses them later), no clock and no chance in a default."""
    columns = _read(owner, COLUMNS)
    assert [column for column in columns if column["identity"]] == []
    assert [column for column in columns if re.search(r"\w+\(", str(column["default_"] or ""))] == []


def test_every_time_knows_its_zone(owner: Connection) -> None:
    times = {str(column["type"]) for column in _read(owner, COLUMNS) if str(column["type"]).startswith("time")}
    assert times == {"timestamp with time zone", "timestamp with time zone[]"}


def test_every_text_number_document_and_ciphertext_is_bounded_by_a_named_check(owner: Connection) -> None:
    bounded = {"text", "smallint", "integer", "bigint", "numeric", "jsonb", "bytea"}
    columns = [column for column in _read(owner, COLUMNS) if column["type"] in bounded]
    assert len(columns) >= 100
    for column in columns:
        table = re.sub(r"^audit_logs_\w+$", "audit_logs", str(column["relname"]))
        assert isinstance(column["checks"], list)
        assert any(str(name).startswith(f"ck_{table}_") for name in column["checks"]), column


def test_only_these_types_are_used(owner: Connection) -> None:
    used = {column["type"] for column in _read(owner, COLUMNS)}
    expected = {
        "bigint",
        "boolean",
        "bytea",
        "date",
        "integer",
        "jsonb",
        "numeric",
        "smallint",
        "text",
        "text[]",
        "timestamp with time zone[]",
        "uuid",
        "uuid[]",
    }
    assert used == expected | {"timestamp with time zone"}


def test_fields_marked_phi_are_ciphertext(owner: Connection) -> None:
    phi = {
        "appointments": {"notes"},
        "audit_logs": {"access_reason"},
        "clinics": {"address"},
        "crisis_events": {"description", "resolution"},
        "emergency_accesses": {"access_reason", "note"},
        "idempotency_keys": {"answer"},
        "patients": {"name", "mrn", "mrn_index", "date_of_birth", "diagnosis", "diagnosis_code"},
        "questions": {"asked"},
        "reports": {"caseload_filter"},
        "screenings": {"clinical_notes", "ai_raw_response", "review_note", "primary_risk_factor"}
        | {"contributing_factors", "recommended_actions", "provenance", "proposed_reason"},
        "users": {"mfa_secret"},
    }
    types = {(str(column["relname"]), str(column["attname"])): column["type"] for column in _read(owner, COLUMNS)}
    assert {types[table, name] for table, names in phi.items() for name in names} == {"bytea"}


NOT_SEALED = {
    "account_tokens": {"token_hash"},
    "audit_anchors": {"entry_mac", "hash", "mac"},
    "audit_chain_heads": {"entry_mac", "mac"},
    "audit_logs": {"prev_mac", "mac"},
    "clinic_keys": {"wrapped_key"},
    "idempotency_keys": {"fingerprint", "key_digest"},
    "login_attempts": {"email_digest"},
    "patient_search": {"token"},
    "patients": {"mrn_index"},
    "refresh_tokens": {"token_hash"},
    "reports": {"checksum"},
    "throttle_windows": {"key"},
}
"""Bytes that are no ciphertext under a clinic's data key: digests, keyed hashes, and keys under the master key."""


def test_a_rotation_knows_of_every_column_of_bytes_whether_it_is_sealed(owner: Connection) -> None:
    """What is missing from both lists would stay under an old key, and be lost with it."""
    found = {
        (str(column["relname"]), str(column["attname"]))
        for column in _read(owner, COLUMNS)
        if column["type"] == "bytea" and not re.match("audit_logs_", str(column["relname"]))
    }
    sealed = {(table, name) for table, names in sealed_columns().items() for name in names}
    assert sealed | {(table, name) for table, names in NOT_SEALED.items() for name in names} == found
    assert [] == [table for table in sealed_columns() if "id" not in metadata.tables[table].columns]


def test_the_application_role_has_exactly_the_rights_declared(owner: Connection) -> None:
    tables = {
        str(row["relname"])
        for row in _read(
            owner, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    }
    granted = {table: ", ".join(right for right in PRIVILEGES if _may(owner, table, right)) for table in tables}
    assert granted == {table: RIGHTS.get(table, "") for table in tables}


def _may(connection: Connection, table: str, right: str) -> bool:
    query = text("SELECT has_table_privilege('schema_application', :table, :right)")
    return bool(connection.scalar(query, {"table": table, "right": right}))


def test_rights_are_declared_for_every_table_and_no_other() -> None:
    assert set(RIGHTS) == {*metadata.tables, "alembic_version"}


def test_only_what_is_short_lived_or_derived_may_be_deleted_and_the_trail_only_grows() -> None:
    assert {table for table, rights in RIGHTS.items() if "DELETE" in rights} == {
        "batch_pieces",
        "idempotency_keys",
        "login_attempts",
        "patient_search",
        "refresh_tokens",
        "sessions",
        "throttle_windows",
    }
    assert RIGHTS["audit_logs"] == "SELECT, INSERT"


def test_what_no_use_case_changes_may_only_be_added_to() -> None:
    assert {table for table, rights in RIGHTS.items() if rights == "SELECT, INSERT"} == {
        "audit_anchors",
        "audit_findings",
        "audit_logs",
        "clinic_keys",
        "clinics",
        "disclosures",
        "login_directory",
        "organizations",
        "patient_metrics",
    }


def test_the_application_role_is_bound_by_row_level_security_and_makes_nothing(owner: Connection) -> None:
    query = """
        SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,
            has_schema_privilege(rolname, 'public', 'CREATE') AS creates,
            has_database_privilege(rolname, current_database(), 'CREATE') AS adds_schemas,
            has_database_privilege(rolname, current_database(), 'TEMPORARY') AS makes_temporary,
            EXISTS (SELECT FROM pg_class c WHERE pg_has_role(r.oid, c.relowner, 'MEMBER')) AS owns
        FROM pg_roles r WHERE rolname = 'schema_application'
    """
    powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "owns")
    makes = ("creates", "adds_schemas", "makes_temporary")
    assert _read(owner, query) == [dict.fromkeys((*powers, *makes), False)]
