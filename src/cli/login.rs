//! `portcullis login`: try a login, or see how it is decided.

use std::process::ExitCode;

use clap::Args;
use zeroize::Zeroizing;

use super::args::Global;
use super::connect::{PATIENCE, Session};
use super::output::{fields, moment, pairs, span, table, yes};
use super::password;
use super::scram::Mechanism;
use crate::hash::ScramClient;
use crate::wire::pb::v1::{
    AuthenticateRequest, AuthenticateResponse, Consistency, Decision, ExplainResponse, Reason, Step,
};

/// The exit code that says neither yes nor no.
pub(super) const COULD_NOT_DECIDE: u8 = 2;
/// The exit code of a denial.
const DENIED: u8 = 1;

/// Who wants to log in, and how it is asked.
#[derive(Args, Debug)]
pub(super) struct LoginArgs {
    /// Its name
    #[arg(long, default_value = "", hide_default_value = true)]
    username: String,
    /// The client's own id
    #[arg(long, default_value = "", hide_default_value = true)]
    client_id: String,
    /// Read the password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// Read a token (JWT) from standard input and send it as the password
    #[arg(long, conflicts_with = "password_stdin")]
    token_stdin: bool,
    /// Send no password at all, which is not the same as an empty one
    #[arg(long, conflicts_with_all = ["password_stdin", "token_stdin"])]
    no_password: bool,
    /// Prove the password by SCRAM instead of sending it
    #[arg(long, value_name = "HASH", conflicts_with_all = ["no_password", "explain"])]
    scram: Option<Mechanism>,
    /// The listener that the client came through
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    listener: String,
    /// Miss nothing that was acknowledged before: asks a quorum
    #[arg(long)]
    linearizable: bool,
    /// Wait until the node knows at least this revision
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    min_revision: u64,
    /// Show each step. For operators; counts nothing
    #[arg(long)]
    explain: bool,
}

/// Asks, shows the answer and turns it into an exit code.
pub(super) async fn run(args: LoginArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let (explain, scram) = (args.explain, args.scram);
    let (request, password) = args.request()?;
    let session = Session::open(global, PATIENCE).await?;
    let mut login = session.client.login();
    let decision = if let Some(mechanism) = scram {
        let answer = exchange(&session, mechanism, request, password).await?;
        session.show(&answer, decided)?;
        answer.decision()
    } else if explain {
        let explained = login.explain(request).await?.into_inner();
        session.show(&explained, steps)?;
        explained.decision.unwrap_or_default().decision()
    } else {
        let answer = login.authenticate(request).await?.into_inner();
        session.show(&answer, decided)?;
        answer.decision()
    };
    Ok(exit_code(decision))
}

/// Both steps of an exchange, which may end with the first.
async fn exchange(
    session: &Session,
    mechanism: Mechanism,
    request: AuthenticateRequest,
    password: Zeroizing<String>,
) -> anyhow::Result<AuthenticateResponse> {
    let mut login = session.client.login();
    let client = ScramClient::new(mechanism.hash(), &request.username, password).map_err(anyhow::Error::msg)?;
    let first = AuthenticateRequest {
        auth_method: mechanism.name().to_owned(),
        auth_data: client.first().into(),
        password: None,
        ..request
    };
    let challenge = login.authenticate(first.clone()).await?.into_inner();
    if challenge.decision() != Decision::Continue {
        return Ok(challenge);
    }
    let proof = client.prove(&challenge.auth_data).map_err(anyhow::Error::msg)?;
    let last = AuthenticateRequest {
        auth_data: proof.message.clone().into(),
        exchange: challenge.exchange,
        ..first
    };
    let answer = login.authenticate(last).await?.into_inner();
    if answer.decision() == Decision::Allow && !proof.is_answered_by(&answer.auth_data) {
        anyhow::bail!("the server allows the login but has not proven that it knows the user: do not trust it");
    }
    Ok(answer)
}

impl LoginArgs {
    /// The request as a password authenticator wants it, and the password for those who must not see it.
    fn request(self) -> anyhow::Result<(AuthenticateRequest, Zeroizing<String>)> {
        let password = if self.no_password {
            Zeroizing::default()
        } else {
            password::obtain(self.password_stdin || self.token_stdin, false)?
        };
        let sent =
            (!self.no_password && self.scram.is_none()).then(|| bytes::Bytes::copy_from_slice(password.as_bytes()));
        let consistency = if self.linearizable {
            Consistency::Linearizable
        } else {
            Consistency::Local
        };
        let request = AuthenticateRequest {
            listener: self.listener,
            client_id: self.client_id,
            username: self.username,
            password: sent,
            consistency: consistency.into(),
            min_revision: self.min_revision,
            ..AuthenticateRequest::default()
        };
        Ok((request, password))
    }
}

fn exit_code(decision: Decision) -> ExitCode {
    match decision {
        Decision::Allow => ExitCode::SUCCESS,
        Decision::Deny => ExitCode::from(DENIED),
        Decision::Continue | Decision::Unspecified => ExitCode::from(COULD_NOT_DECIDE),
    }
}

fn decided(answer: &AuthenticateResponse) -> String {
    if let Some(undecided) = &answer.error {
        return fields([
            ("decision", "none: it could not be decided".to_owned()),
            ("reason", reason(undecided.reason())),
            ("why", undecided.message.clone()),
            ("node", answer.node.clone()),
        ]);
    }
    fields([
        ("decision", answer.decision().as_str_name().to_owned()),
        ("reason", reason(answer.reason())),
        ("authenticator", answer.authenticator.clone()),
        ("superuser", yes(answer.is_superuser)),
        ("attributes", pairs(&answer.client_attrs)),
        ("client id", answer.client_id_override.clone()),
        ("expires", moment(answer.expire_at.as_ref())),
        ("rules", answer.acl.len().to_string()),
        ("node", answer.node.clone()),
        ("revision", answer.revision.to_string()),
        ("staleness", span(answer.staleness.as_ref())),
    ])
}

fn steps(explained: &ExplainResponse) -> String {
    let rows = explained.steps.iter().map(step);
    let mut text = table(["AUTHENTICATOR", "VERDICT", "REASON", "TOOK"], rows);
    let told: Vec<_> = explained.steps.iter().flat_map(notes).collect();
    if !told.is_empty() {
        text = format!("{text}\n\n{}", table(["AUTHENTICATOR", "WHAT HAPPENED"], told));
    }
    format!("{text}\n\n{}", decided(&explained.decision.clone().unwrap_or_default()))
}

/// One line for each thing that happened.
fn notes(step: &Step) -> impl Iterator<Item = [String; 2]> {
    let notes = step.detail.split("; ").filter(|note| !note.is_empty());
    notes.map(|note| [step.authenticator.clone(), note.to_owned()])
}

fn step(step: &Step) -> [String; 4] {
    [
        step.authenticator.clone(),
        step.verdict().as_str_name().to_owned(),
        reason(step.reason()),
        span(step.took.as_ref()),
    ]
}

/// A reason as it is written everywhere; nothing if there is none.
pub(super) fn reason(reason: Reason) -> String {
    if reason == Reason::Unspecified {
        String::new()
    } else {
        reason.as_str_name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb::v1::{Undecided, Verdict};

    #[test]
    fn an_explanation_tells_what_happened_line_by_line_and_what_could_not_be_decided() {
        let step = Step {
            authenticator: "users".into(),
            verdict: Verdict::Failed.into(),
            reason: Reason::Overloaded.into(),
            detail: "waited for its turn 2ms; asked 3ms".into(),
            ..Step::default()
        };
        let undecided = Undecided {
            reason: Reason::Overloaded.into(),
            message: "too much to do".into(),
            ..Undecided::default()
        };
        let shown = steps(&ExplainResponse {
            decision: Some(AuthenticateResponse {
                error: Some(undecided),
                ..AuthenticateResponse::default()
            }),
            steps: vec![step],
        });
        let lines: Vec<_> = shown.lines().map(str::trim).collect();
        assert!(
            lines.iter().any(|line| line.ends_with("waited for its turn 2ms")),
            "{shown}"
        );
        assert!(lines.iter().any(|line| line.ends_with("asked 3ms")), "{shown}");
        assert!(lines.iter().any(|line| line.ends_with("too much to do")), "{shown}");
    }

    #[test]
    fn a_denial_and_a_login_that_nobody_could_decide_have_different_exit_codes() {
        let codes: Vec<_> = [
            Decision::Allow,
            Decision::Deny,
            Decision::Continue,
            Decision::Unspecified,
        ]
        .into_iter()
        .map(|decision| format!("{:?}", exit_code(decision)))
        .collect();
        assert_eq!(codes[0], format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(codes[1], format!("{:?}", ExitCode::from(1)));
        assert_eq!(codes[2], format!("{:?}", ExitCode::from(2)));
        assert_eq!(codes[2], codes[3]);
    }
}
