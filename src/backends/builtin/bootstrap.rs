//! The file that fills a built-in database at its beginning, as the settings name it.

use serde_json::{Map, Value, json};

use crate::backends::fields::Fields;

/// A file that fills an authenticator at its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Its name, as it was declared.
    pub file: String,
    /// It holds hashes; else passwords in the clear.
    pub is_hashed: bool,
}

impl Bootstrap {
    /// EMQX's own default, which its objects carry whether there is such a file or not.
    pub const EMQX_DEFAULT: &str = "${EMQX_ETC_DIR}/auth-built-in-db-bootstrap.csv";
    /// How the names of such files end: by that their format is known.
    pub const EXTENSIONS: [&str; 3] = [".csv", ".json", ".ndjson"];
}

const LONGEST_NAME: usize = 512;
const FILE: &str = "bootstrap_file";
const TYPE: &str = "bootstrap_type";

impl Bootstrap {
    /// Reads both settings; `None` if no file is named.
    pub(super) fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        if fields.get(FILE).is_none() {
            fields.fill(FILE, "");
        }
        let file = fields.text(FILE).unwrap_or_default();
        if let Some(why) = fault_of(file) {
            fields.refuse(FILE, why);
        }
        let is_hashed = fields.word(TYPE, &[("plain", false), ("hash", true)], false);
        (!file.is_empty()).then(|| Self {
            file: file.to_owned(),
            is_hashed,
        })
    }

    /// The schema's properties.
    pub(super) fn schemas() -> Map<String, Value> {
        let file = json!({
            "title": "Bootstrap file",
            "description": "Fills the database once, at its beginning: a file in the folder `admin.bootstrap_dir` of a \
                node. Users that are there already are left alone. Empty: none.",
            "type": "string",
            "maxLength": LONGEST_NAME,
            "default": "",
        });
        let kind = json!({
            "title": "Bootstrap type",
            "description": "Whether that file holds passwords in the clear or hashes.",
            "enum": ["plain", "hash"],
            "default": "plain",
        });
        [(FILE, file), (TYPE, kind)]
            .map(|(name, schema)| (name.to_owned(), schema))
            .into_iter()
            .collect()
    }
}

/// Where a node keeps such files is its own affair; here is only checked what can be right on none.
fn fault_of(file: &str) -> Option<String> {
    let lower = file.to_ascii_lowercase();
    if file.is_empty() {
        None
    } else if file.len() > LONGEST_NAME {
        Some(format!("has more than {LONGEST_NAME} bytes"))
    } else if file.chars().any(char::is_control) {
        Some("must not contain control characters".into())
    } else if file.split('/').any(|part| part == "..") {
        Some("must not lead upwards".into())
    } else if !Bootstrap::EXTENSIONS.iter().any(|extension| lower.ends_with(extension)) {
        Some(format!("must end in one of {}", Bootstrap::EXTENSIONS.join(", ")))
    } else {
        None
    }
}
