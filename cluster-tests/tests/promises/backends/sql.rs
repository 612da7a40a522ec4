//! Rows about queries, which the SQL databases have in common.

use cluster_tests::conformance::{Expected, Row};
use portcullis::wire::pb::v1::Reason;
use serde_json::{Value, json};

/// A query that is no good: the probe finds it out as well, and after some time logins are not sent there.
pub(super) const BAD: Expected = Expected::Failed(&[Reason::BackendBadResponse, Reason::BackendUnavailable]);

/// Settings of plain passwords and this query.
pub(super) fn query(query: &str) -> Value {
    json!({"query": query, "password_hash_algorithm": {"name": "plain", "salt_position": "disable"}})
}

pub(super) fn allowed() -> Expected {
    Expected::Allowed(json!({}))
}

/// A login as anybody under this query.
pub(super) fn row(name: &str, text: &str, password: &str, expected: Expected) -> Row {
    Row::new(name, "ada", password, expected).with(query(text))
}

/// What both write in the same way.
pub(super) fn rows() -> Vec<Row> {
    let two = "SELECT password_hash FROM (SELECT 1 AS n, 'first' AS password_hash UNION ALL SELECT 2, 'second') AS two ORDER BY n";
    let wrong = Expected::Denied(Reason::BadUsernameOrPassword);
    let superuser = |is_superuser: bool| Expected::Allowed(json!({ "isSuperuser": is_superuser }));
    vec![
        row("two rows: the first", two, "first", allowed()),
        row("two rows: the second", two, "second", wrong.clone()),
        row(
            "no row",
            "SELECT 'x' AS password_hash FROM users WHERE 1 = 0",
            "x",
            Expected::NotFound,
        ),
        row("the other name of the column", "SELECT 'x' AS password", "x", allowed()),
        row(
            "both names",
            "SELECT 'x' AS password, 'y' AS password_hash",
            "y",
            allowed(),
        ),
        row(
            "one name twice",
            "SELECT 'x' AS password_hash, 'y' AS password_hash",
            "x",
            BAD,
        ),
        row("no column with a password", "SELECT 'x' AS salt", "x", BAD),
        row("no such table", "SELECT password_hash FROM nowhere", "x", BAD),
        row("no such column", "SELECT secret AS password_hash FROM users", "x", BAD),
        row("not SQL", "SELEKT", "x", BAD),
        row(
            "a number as the password",
            "SELECT 12345 AS password_hash",
            "12345",
            allowed(),
        ),
        row("NULL as the password", "SELECT NULL AS password_hash", "", wrong),
        row(
            "NULL everywhere else",
            "SELECT 'x' AS password_hash, NULL AS salt, NULL AS is_superuser, NULL AS client_attrs, NULL AS expire_at, NULL AS acl",
            "x",
            superuser(false),
        ),
        row(
            "superuser 1",
            "SELECT 'x' AS password_hash, 1 AS is_superuser",
            "x",
            superuser(true),
        ),
        row(
            "superuser 0",
            "SELECT 'x' AS password_hash, 0 AS is_superuser",
            "x",
            superuser(false),
        ),
        row(
            "superuser 1.0",
            "SELECT 'x' AS password_hash, 1.0 AS is_superuser",
            "x",
            superuser(true),
        ),
        row(
            "superuser true",
            "SELECT 'x' AS password_hash, TRUE AS is_superuser",
            "x",
            superuser(true),
        ),
        row(
            "a time as a number",
            "SELECT 'x' AS password_hash, 4102444800 AS expire_at",
            "x",
            Expected::Allowed(json!({"expireAt": "2100-01-01T00:00:00+00:00"})),
        ),
        row(
            "a time as a decimal",
            "SELECT 'x' AS password_hash, CAST(4102444800 AS DECIMAL(12, 2)) AS expire_at",
            "x",
            Expected::Allowed(json!({"expireAt": "2100-01-01T00:00:00+00:00"})),
        ),
        row(
            "a time that is over",
            "SELECT 'x' AS password_hash, 5 AS expire_at",
            "x",
            Expected::Denied(Reason::CredentialExpired),
        ),
        row(
            "a time that is none",
            "SELECT 'x' AS password_hash, 'soon' AS expire_at",
            "x",
            Expected::Failed(&[Reason::BackendBadResponse]),
        ),
        row(
            "attributes as text",
            "SELECT 'x' AS password_hash, '{\"tns\": \"acme\"}' AS client_attrs",
            "x",
            Expected::Allowed(json!({"clientAttrs": {"tns": "acme"}})),
        ),
        row(
            "the password as a parameter",
            "SELECT ${password} AS password_hash FROM users WHERE 1 = 0",
            "x",
            Expected::NotFound,
        ),
        row(
            "a placeholder in quotes",
            "SELECT 'x' AS password_hash FROM (SELECT 1 AS n) AS one WHERE '${username}' = 'ada'",
            "x",
            allowed(),
        ),
        row(
            "a placeholder in a comment",
            "SELECT 'x' AS password_hash /* ${username} */",
            "x",
            BAD,
        ),
    ]
}
