//! Faults planted on purpose: a rule that finds nothing would look like a tidy house.

use std::path::Path;

use super::rules::check;

fn broken(path: &str, code: &str) -> Vec<String> {
    let text = format!("//! Planted.\n{code}");
    check(Path::new(path), &text).iter().map(ToString::to_string).collect()
}

#[test]
fn an_arrow_that_is_not_in_the_table_is_found_however_it_is_written() {
    let told = ["auth/a.rs:2: `auth` may not use `store`"];
    assert_eq!(broken("auth/a.rs", "use crate::store::Store;"), told);
    assert_eq!(broken("auth/a.rs", "fn f(x: &crate::store::Store) {}"), told);
    assert_eq!(broken("auth/a.rs", "use super::super::store::Store;"), told);
    assert_eq!(
        broken("auth/mod.rs", "use super::store::Store;"),
        ["auth/mod.rs:2: `auth` may not use `store`"]
    );
    let group = "use crate::{\n    auth::Reason,\n    store::{Store, raft::x},\n};";
    assert_eq!(broken("auth/a.rs", group), ["auth/a.rs:4: `auth` may not use `store`"]);
}

#[test]
fn what_the_table_allows_is_allowed() {
    assert!(
        broken(
            "store/a.rs",
            "use crate::auth::UserKey;\nuse super::super::auth::Reason;"
        )
        .is_empty()
    );
    assert!(broken("raft/a/b.rs", "use super::super::store::x; // raft's own module").is_empty());
    assert!(broken("main.rs", "fn main() { portcullis::cli::main() }").is_empty());
}

#[test]
fn a_room_without_a_row_is_found() {
    assert_eq!(
        broken("attic.rs", ""),
        ["attic.rs:1: room `attic` has no row in the table of `tidy.rs`"]
    );
}

#[test]
fn a_foreign_crate_outside_its_room_is_found() {
    for code in [
        "use sled::Db;",
        "fn f(_: ::sled::Db) {}",
        "use sled;",
        "use sled as engine;",
    ] {
        let told = ["admin/a.rs:2: crate `sled` is named only in store, not in `admin`"];
        assert_eq!(broken("admin/a.rs", code), told, "{code}");
    }
    assert!(broken("store/a.rs", "use sled::Db;").is_empty());
    assert!(broken("backends/a.rs", "use self::bcrypt::x; use super::bcrypt::y;").is_empty());
}

#[test]
fn tests_may_use_every_room() {
    let code = "#[cfg(test)]\nmod tests {\n    use crate::cli::x;\n    use sled::Db;\n}";
    assert!(broken("auth/a.rs", code).is_empty());
    assert!(broken("auth/chain/tests.rs", "use crate::cli::x;").is_empty());
    assert_eq!(
        broken("auth/a.rs", "#[cfg(test)]\nmod tests;\nuse crate::cli::x;").len(),
        1
    );
}

#[test]
fn comments_and_literals_are_not_code() {
    let code = r##"// crate::store::x
/* crate::store::x */
const A: (&str, char) = ("\"crate::store::x", '"');
const B: &str = r#"sled:: "crate::store::x"#;
fn f<'a>(_: &'a str) -> u8 { b'"' }"##;
    assert!(broken("auth/a.rs", code).is_empty());
    assert_eq!(broken("auth/a.rs", &format!("{code}\nuse crate::store::x;")).len(), 1);
}

#[test]
fn logic_in_a_mod_file_is_found() {
    let declared =
        "#![cfg_attr(a, b)]\nmod a;\n/// Told.\n#[cfg(test)]\npub(crate) mod b;\npub use self::a::{X, y::Z};";
    assert!(broken("auth/mod.rs", declared).is_empty());
    for logic in [
        "fn f() { x; }",
        "pub struct S;",
        "mod x {\n    use y;\n}",
        "impl A for B {}",
        "const X: u8 = 1;",
    ] {
        let told = broken("auth/mod.rs", &format!("mod a;\n{logic}\nmod b;"));
        assert_eq!(
            told,
            ["auth/mod.rs:3: a `mod.rs` only declares (`mod`) and re-exports (`use`)"],
            "{logic}"
        );
    }
}

#[test]
fn the_shape_of_a_file_is_checked() {
    let untold = check(Path::new("auth/a.rs"), "use std::fmt;\n");
    assert!(
        untold[0]
            .to_string()
            .starts_with("auth/a.rs:1: a file opens with a `//!` line")
    );
    let long = broken("auth/a.rs", &"\n".repeat(500));
    assert_eq!(long, ["auth/a.rs:501: a file has at most 500 lines, this one has 501"]);
    assert_eq!(
        broken("auth/user_helpers.rs", ""),
        ["auth/user_helpers.rs:1: `user_helpers` is a name that says nothing"]
    );
}
