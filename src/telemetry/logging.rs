//! The log: on standard error, as text or one JSON object per line.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::settings::{Settings, SettingsError};

/// Libraries that tell their own story at `info`: with a bare level they speak from `warn` on.
const QUIET: &[&str] = &[
    "openraft",
    "sled",
    "h2",
    "hyper",
    "opentelemetry",
    "rustls",
    "tonic",
    "tower",
];

impl Settings {
    /// Everything that can never work.
    pub fn problems(&self) -> Vec<SettingsError> {
        let of_the_log = [self.json().err(), self.filter().err()];
        of_the_log.into_iter().flatten().chain(self.traces.problems()).collect()
    }

    fn json(&self) -> Result<bool, SettingsError> {
        match self.format.as_str() {
            "text" => Ok(false),
            "json" => Ok(true),
            other => Err(SettingsError::new(
                "format",
                format!("`{other}` is neither `text` nor `json`"),
            )),
        }
    }

    fn filter(&self) -> Result<EnvFilter, SettingsError> {
        self.directives().map_err(|why| {
            let why = format!("`{}` is neither a level nor directives as in RUST_LOG: {why}", self.log);
            SettingsError::new("log", why)
        })
    }

    fn directives(&self) -> Result<EnvFilter, ParseError> {
        let Ok(level) = self.log.parse::<LevelFilter>() else {
            return EnvFilter::builder().parse(&self.log);
        };
        let quieter = level.min(LevelFilter::WARN);
        let mut directives = level.to_string();
        for library in QUIET {
            directives.push_str(&format!(",{library}={quieter}"));
        }
        EnvFilter::builder().parse(directives)
    }
}

/// Starts logging; what was started before in this process goes on instead.
pub fn start(settings: &Settings) -> Result<(), SettingsError> {
    let (json, filter) = (settings.json()?, settings.filter()?);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(!json && std::io::stderr().is_terminal());
    // A second start in one process (tests) is harmless: the first one's subscriber stays.
    let _ = if json {
        log.json().flatten_event(true).try_init()
    } else {
        log.try_init()
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(log: &str, format: &str) -> Settings {
        Settings {
            log: log.into(),
            format: format.into(),
            ..Settings::default()
        }
    }

    #[test]
    fn a_bare_level_keeps_the_libraries_quiet() {
        let filter = settings("debug", "text").filter().unwrap().to_string();
        assert!(filter.contains("openraft=warn") && filter.contains("debug"), "{filter}");
        let filter = settings("error", "text").filter().unwrap().to_string();
        assert!(filter.contains("openraft=error"), "{filter}");
    }

    #[test]
    fn directives_are_taken_as_they_are() {
        let filter = settings("warn,portcullis=trace", "json").filter().unwrap().to_string();
        assert!(
            filter.contains("portcullis=trace") && !filter.contains("openraft"),
            "{filter}"
        );
    }

    #[test]
    fn nonsense_is_refused_by_key() {
        let keys = |settings: Settings| {
            settings
                .problems()
                .into_iter()
                .map(|problem| problem.key)
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(settings("info", "xml")), ["format"]);
        assert_eq!(keys(settings("a=b=c", "text")), ["log"]);
    }
}
