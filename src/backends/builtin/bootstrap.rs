//! The file that fills a built-in database at its beginning, as the settings name it.

use serde_json::{Map, Value, json};

use crate::backends::Violation;

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
pub(super) const FIELDS: [&str; 2] = [FILE, TYPE];

/// Both settings, as they were given or by default.
#[derive(Clone)]
pub(super) struct Declared(Bootstrap);

impl Declared {
    pub(super) fn parse(object: &Map<String, Value>, faults: &mut Vec<Violation>) -> Self {
        let mut fault = |field: &str, why: &str| faults.push(Violation::new(format!("settings.{field}"), why));
        let file = match object.get(FILE) {
            None | Some(Value::Null) => "",
            Some(Value::String(file)) => match fault_of(file) {
                Some(why) => {
                    fault(FILE, &why);
                    ""
                }
                None => file,
            },
            Some(_) => {
                fault(FILE, "must be the name of a file, or empty");
                ""
            }
        };
        let is_hashed = match object.get(TYPE) {
            None | Some(Value::Null) => false,
            Some(Value::String(word)) if word == "plain" => false,
            Some(Value::String(word)) if word == "hash" => true,
            Some(_) => {
                fault(TYPE, "must be `plain` or `hash`");
                false
            }
        };
        Self(Bootstrap {
            file: file.to_owned(),
            is_hashed,
        })
    }

    /// The file, if one is named.
    pub(super) fn file(&self) -> Option<&Bootstrap> {
        Some(&self.0).filter(|bootstrap| !bootstrap.file.is_empty())
    }

    pub(super) fn write(&self, object: &mut Map<String, Value>) {
        let word = if self.0.is_hashed { "hash" } else { "plain" };
        object.insert(FILE.to_owned(), json!(self.0.file));
        object.insert(TYPE.to_owned(), json!(word));
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

/// The schema's properties.
pub(super) fn properties() -> [(&'static str, Value); 2] {
    [
        (
            FILE,
            json!({
                "title": "Bootstrap file",
                "description": "Fills the database once, at its beginning: a file in the folder `admin.bootstrap_dir` of a \
                    node. Users that are there already are left alone. Empty: none.",
                "type": "string",
                "maxLength": LONGEST_NAME,
                "default": "",
            }),
        ),
        (
            TYPE,
            json!({
                "title": "Bootstrap type",
                "description": "Whether that file holds passwords in the clear or hashes.",
                "enum": ["plain", "hash"],
                "default": "plain",
            }),
        ),
    ]
}
