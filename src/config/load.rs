//! From file and environment to checked settings, or to every reason why not.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::check;
use super::environment::{Origins, overlay};
use super::keys::{Problem, line_at, line_of, unknown};
use super::settings::Settings;

/// A file or variable that cannot be used: where, which key, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

/// Reads the file, lays `PORTCULLIS__ROOM__KEY` variables over it, checks everything.
pub fn load(file: &Path) -> Result<Settings, LoadError> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|why| LoadError(format!("cannot read `{name}`: {why}")))?;
    let text_of = |value: OsString| value.into_string().ok();
    let variables = std::env::vars_os().filter_map(|(key, value)| Some((text_of(key)?, text_of(value)?)));
    assemble(&name, &text, variables)
}

/// [`load`], without the world around it.
pub(super) fn assemble(
    file: &str,
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, LoadError> {
    let mut table: Table = toml::from_str(text).map_err(|why| syntax(file, text, &why))?;
    let shape = Table::try_from(Settings::default()).map_err(|why| LoadError(why.to_string()))?;
    let mut problems = unknown(&table, &shape);
    let (origins, of_variables) = overlay(&mut table, &shape, variables);
    problems.extend(of_variables);
    let source = Source { file, text, origins };
    source.accept(problems)?;
    let settings = serde_path_to_error::deserialize(Value::Table(table)).map_err(|why| {
        let problem = Problem::new(dotted(why.path()), why.inner().message().trim());
        source.refuse(vec![problem])
    })?;
    source.accept(check::problems(&settings))?;
    Ok(settings)
}

fn syntax(file: &str, text: &str, why: &toml::de::Error) -> LoadError {
    let line = line_at(text, why.span().map_or(0, |span| span.start));
    LoadError(format!("{file}:{line}: {}", why.message().trim()))
}

fn dotted(path: &serde_path_to_error::Path) -> String {
    let names = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    names.collect::<Vec<_>>().join(".")
}

/// Where the settings came from, to say where they are wrong.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
    origins: Origins,
}

impl Source<'_> {
    fn accept(&self, problems: Vec<Problem>) -> Result<(), LoadError> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(self.refuse(problems))
        }
    }

    fn refuse(&self, problems: Vec<Problem>) -> LoadError {
        let lines: Vec<String> = problems
            .into_iter()
            .map(|Problem { key, why }| format!("{}: `{key}`: {why}", self.place_of(&key)))
            .collect();
        LoadError(lines.join("\n"))
    }

    fn place_of(&self, key: &str) -> String {
        if let Some(variable) = self.origins.get(key) {
            return format!("environment variable {variable}");
        }
        match line_of(self.text, key) {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "[node]\nid = 1\n";

    fn complaint(text: &str, variables: &[(&str, &str)]) -> String {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        assemble("node.toml", text, variables).unwrap_err().0
    }

    #[test]
    fn a_file_with_an_id_is_enough() {
        let settings = assemble("node.toml", SOUND, []).unwrap();
        assert_eq!(settings.node.id, 1);
        assert_eq!(settings.api.listen, "127.0.0.1:7600");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
        let said = complaint("[node]\nid = 1\n[raft]\nhartbeat_ms = 5\n[telemtry]\n", &[]);
        assert!(said.contains("node.toml:4: `raft.hartbeat_ms`"), "{said}");
        assert!(said.contains("did you mean `heartbeat_ms`"), "{said}");
        assert!(said.contains("node.toml:5: `telemtry`"), "{said}");
    }

    #[test]
    fn broken_syntax_is_named_with_its_line() {
        let said = complaint("[node]\nid = \n", &[]);
        assert!(said.starts_with("node.toml:2: "), "{said}");
    }

    #[test]
    fn a_wrong_type_is_named_with_key_and_line() {
        let said = complaint("[node]\nid = 1\n[raft]\nheartbeat_ms = \"fast\"\n", &[]);
        assert!(said.starts_with("node.toml:4: `raft.heartbeat_ms`: "), "{said}");
        assert!(said.contains("u64"), "{said}");
    }

    #[test]
    fn every_value_out_of_range_is_named_at_once() {
        let said = complaint(
            "[node]\nid = 0\n[raft]\nelection_min_ms = 300\n[api]\nlisten = \"here\"\n",
            &[],
        );
        for key in [
            "node.toml:2: `node.id`",
            "node.toml:4: `raft.election_min_ms`",
            "node.toml:6: `api.listen`",
        ] {
            assert!(said.contains(key), "{said}");
        }
    }

    #[test]
    fn a_ratio_may_be_a_whole_number() {
        let text = format!("{SOUND}[telemetry.traces]\nsample_ratio = 1\n");
        let settings = assemble("node.toml", &text, []).unwrap();
        assert!(settings.telemetry.traces.sample_ratio >= 1.0);
        let said = complaint(&format!("{SOUND}[telemetry.traces]\nsample_ratio = 2\n"), &[]);
        assert!(
            said.starts_with("node.toml:4: `telemetry.traces.sample_ratio`: "),
            "{said}"
        );
    }

    #[test]
    fn a_variable_wins_over_the_file() {
        let variables = [
            ("PORTCULLIS__NODE__ID", "3"),
            ("PORTCULLIS__NODE__DATA_DIR", "7"),
            ("PORTCULLIS__CLUSTER__INITIAL_NODES__3", "node3:7601"),
            ("PORTCULLIS_API_KEY", "not ours"),
        ];
        let variables = variables.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let settings = assemble("node.toml", SOUND, variables).unwrap();
        assert_eq!(settings.node.id, 3);
        assert_eq!(settings.node.data_dir, Path::new("7"));
        assert_eq!(settings.cluster.initial_nodes.get("3").unwrap(), "node3:7601");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let said = complaint(
            SOUND,
            &[("PORTCULLIS__RAFT__HEARTBEAT", "5"), ("PORTCULLIS__NODE", "x")],
        );
        assert!(
            said.contains("environment variable PORTCULLIS__RAFT__HEARTBEAT: "),
            "{said}"
        );
        assert!(said.contains("did you mean `heartbeat_ms`"), "{said}");
        assert!(said.contains("environment variable PORTCULLIS__NODE: "), "{said}");
        let said = complaint(SOUND, &[("PORTCULLIS__RAFT__HEARTBEAT_MS", "fast")]);
        assert!(
            said.starts_with("environment variable PORTCULLIS__RAFT__HEARTBEAT_MS: "),
            "{said}"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let said = load(Path::new("/nowhere/node.toml")).unwrap_err().to_string();
        assert!(said.contains("`/nowhere/node.toml`"), "{said}");
    }
}
