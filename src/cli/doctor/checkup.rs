//! What a checkup has found, one line for each thing that was looked at.

use serde::Serialize;

use crate::cli::output::table;

/// How a thing fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works, and should not stay as it is.
    Warn,
    /// It does not work.
    Fail,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) state: State,
    /// What was looked at…
    pub(super) check: &'static str,
    /// …and where.
    pub(super) about: String,
    pub(super) found: String,
    /// What to do; empty where nothing is to be done.
    pub(super) advice: String,
}

/// Everything that was looked at, in that order.
#[derive(Debug, Default)]
pub(super) struct Checkup {
    pub(super) findings: Vec<Finding>,
}

/// As it is printed for programs.
#[derive(Serialize)]
struct Report<'a> {
    findings: &'a [Finding],
    warnings: usize,
    failures: usize,
}

impl Checkup {
    pub(super) fn ok(&mut self, check: &'static str, about: impl Into<String>, found: impl Into<String>) {
        self.add(State::Ok, check, about, found, "");
    }

    pub(super) fn warn(
        &mut self,
        check: &'static str,
        about: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(State::Warn, check, about, found, advice);
    }

    pub(super) fn fail(
        &mut self,
        check: &'static str,
        about: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(State::Fail, check, about, found, advice);
    }

    /// One whose state was found out before.
    pub(super) fn add(
        &mut self,
        state: State,
        check: &'static str,
        about: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.findings.push(Finding {
            state,
            check,
            about: about.into(),
            found: found.into(),
            advice: advice.into(),
        });
    }

    pub(super) fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.state == State::Ok)
    }

    pub(super) fn report(&self) -> impl Serialize {
        Report {
            findings: &self.findings,
            warnings: self.count(State::Warn),
            failures: self.count(State::Fail),
        }
    }

    pub(super) fn shown(&self) -> String {
        let rows = self.findings.iter().map(|finding| {
            [
                finding.state.word().to_owned(),
                finding.check.to_owned(),
                finding.about.clone(),
                finding.found.clone(),
                finding.advice.clone(),
            ]
        });
        let findings = table(["STATE", "CHECK", "OF", "FOUND", "WHAT TO DO"], rows);
        let sum = match (self.count(State::Fail), self.count(State::Warn)) {
            (0, 0) => "all is well".to_owned(),
            (failures, warnings) => format!("failures: {failures}, warnings: {warnings}"),
        };
        format!("{findings}\n\n{sum}")
    }

    fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|finding| finding.state == state).count()
    }
}

#[cfg(test)]
mod tests {
    use super::Checkup;

    #[test]
    fn one_warning_is_enough_not_to_be_well_and_the_sum_counts() {
        let mut checkup = Checkup::default();
        checkup.ok("disk", "node 1", "plenty");
        assert!(checkup.is_well());
        assert!(checkup.shown().ends_with("all is well"));
        checkup.warn("disk", "node 2", "little", "make room");
        checkup.fail("disk", "node 3", "none", "make room");
        assert!(!checkup.is_well());
        assert!(checkup.shown().ends_with("failures: 1, warnings: 1"));
        let report = serde_json::to_value(checkup.report()).unwrap();
        assert_eq!((&report["warnings"], &report["failures"]), (&1.into(), &1.into()));
        assert_eq!(
            report["findings"][2],
            serde_json::json!({"state": "fail", "check": "disk", "about": "node 3", "found": "none", "advice": "make room"})
        );
    }
}
