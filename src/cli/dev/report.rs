//! What `dev` tells: what the nodes answered, and how to go on.

use std::fmt::Write as _;

use super::check::Check;
use super::layout::Layout;
use super::record::Record;
use super::seed::DEMO_USER;
use crate::cli::output::{span, table};
use crate::cli::setup;

/// The answers of all nodes.
pub(super) fn answers(checks: &[Check]) -> String {
    let rows = checks.iter().map(|check| {
        [
            check.id.to_string(),
            check.address.clone(),
            check.role.clone(),
            check.right.clone(),
            check.wrong.clone(),
            check.revision.to_string(),
            span(check.staleness.as_ref()),
        ]
    });
    table(
        [
            "NODE",
            "ADDRESS",
            "ROLE",
            "RIGHT PASSWORD",
            "WRONG PASSWORD",
            "REVISION",
            "STALENESS",
        ],
        rows,
    )
}

/// Commands to type next. `program` is this program as it was called.
pub(super) fn how_to_go_on(layout: &Layout, record: &Record, program: &str) -> String {
    let endpoints: String = layout
        .nodes
        .iter()
        .map(|place| format!(" --endpoint {}", place.endpoint()))
        .collect();
    let last = layout
        .nodes
        .last()
        .map(|place| format!(" --endpoint {}", place.endpoint()))
        .unwrap_or_default();
    let setup = match layout.nodes.first() {
        Some(place) if !record.setup_token.is_empty() => {
            format!("\n{}\n", setup::told(&record.setup_token, &setup::page_at(&place.http)))
        }
        _ => String::new(),
    };
    let mut text = format!(
        "The demo user is `{DEMO_USER}`, its password {}\nKeys and addresses are in {}\n{setup}\nTo go on, in another terminal:\n",
        record.demo_password,
        layout.folder.join("dev.json").display()
    );
    let commands = [
        format!("export PORTCULLIS_API_KEY={}", record.admin_api_key),
        format!("{program} status{endpoints}"),
        format!("{program} user list{endpoints}"),
        format!("{program} user import USERS.csv --type plain{endpoints}"),
        format!("{program} login --username {DEMO_USER}{last}"),
        format!("{program} login --username {DEMO_USER} --explain --linearizable{last}"),
    ];
    for command in commands {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {command}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_commands_name_every_node_and_the_key() {
        let layout = Layout::new(Path::new("dev"), 2, 7600).unwrap();
        let mut record = Record {
            nodes: vec![],
            admin_api_key: "pck_a_b".into(),
            setup_token: "pcs_c".into(),
            demo_password: "secret".into(),
            ready: true,
        };
        let text = how_to_go_on(&layout, &record, "portcullis");
        assert!(text.contains("export PORTCULLIS_API_KEY=pck_a_b\n"));
        assert!(text.contains("open http://127.0.0.1:7602/setup ") && text.contains("\npcs_c\n"));
        record.setup_token.clear();
        assert!(!how_to_go_on(&layout, &record, "portcullis").contains("/setup"));
        assert!(text.contains("status --endpoint http://127.0.0.1:7600 --endpoint http://127.0.0.1:7610\n"));
    }
}
