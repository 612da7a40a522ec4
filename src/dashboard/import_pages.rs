//! Bringing in a file of users: choose it, see what is wrong with it, store it, watch it.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use axum::extract::{Multipart, Path, Query};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::addresses::{self, ChainQuery};
use super::authenticator_tabs::{Subject, Tab};
use super::failure::Failure;
use super::format;
use super::imports::{Job, Stage, State};
use super::said::{Said, to};
use super::site::Site;
use super::ui::{Button, Faults, Field, Tone, banner, check, link, radios};
use super::visit::Visit;
use crate::admin::{BadRow, ImportFormat, ImportHeader, OnConflict, PasswordType, Role};
use crate::auth::AuthenticatorKey;

/// Rejected rows that the page shows; the file has all that are remembered.
const SHOWN: usize = 100;
const LONGEST_NAME: usize = 200;

/// `GET /authenticators/{id}/users/import`.
pub(super) async fn form(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    Ok(form_page(&visit, &subject, &Faults::default()))
}

fn form_page(visit: &Visit, subject: &Subject, faults: &Faults) -> Response {
    let owner = subject.key();
    let obstacle = visit.obstacle(Role::Editor);
    let template = |kind: &str| {
        let address = addresses::authenticator(owner, "/users/import/template.csv");
        addresses::with(&address, &[("kind", kind)])
    };
    let body = html! {
        (faults.summary())
        form.form method="post" action=(addresses::authenticator(owner, "/users/import")) enctype="multipart/form-data" {
            (radios(Field::new("passwords", "The file holds").value("plain"), &[("plain", "passwords"), ("hash", "hashes of passwords")]))
            p { "Templates: " a href=(template("plain")) { "with passwords" } " · " a href=(template("hash")) { "with hashes" } }
            div.field {
                label for="f-file" { "File " span.muted { "(CSV, JSON or NDJSON, at most " (format::bytes(visit.site().settings().max_upload_bytes)) ")" } }
                input type="file" id="f-file" name="file" accept=".csv,.json,.ndjson" required aria-invalid=[faults.of_field("file").map(|_| "true")];
                @if let Some(fault) = faults.of_field("file") { div.error { "✕ " (fault) } }
            }
            (radios(Field::new("on_conflict", "If a user exists").value("replace"), &[("replace", "replace it"), ("skip", "leave it as it is")]))
            (check(Field::new("all_or_nothing", "All or nothing").help("A single bad row, and nothing is stored."), false))
            div.foot {
                (Button::primary("Check file").unless(obstacle.as_deref()).draw())
                (link(&addresses::authenticator(owner, "/users"), "Cancel"))
            }
        }
        p.muted.small { "Nothing is stored before you have seen what is wrong with the file." }
    };
    let title = format!("Import users into {}", owner.id);
    visit.page(
        subject
            .page(visit, Tab::Users, &title, &body)
            .refused(!faults.is_empty()),
    )
}

#[derive(Default, Deserialize)]
pub(super) struct TemplateQuery {
    #[serde(default)]
    kind: String,
}

/// `GET /authenticators/{id}/users/import/template.csv`.
pub(super) async fn template(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    Query(wanted): Query<TemplateQuery>,
) -> Result<Response, Failure> {
    let (admin, kind) = (visit.site().admin(), password_type(&wanted.kind));
    let template = admin.import_template(&query.key(id), ImportFormat::Csv, kind)?;
    Ok(csv(&template.file_name, template.data))
}

fn csv(name: &str, data: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let head = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (head, data).into_response()
}

fn password_type(word: &str) -> PasswordType {
    if word == "plain" {
        PasswordType::Plain
    } else {
        PasswordType::Hash
    }
}

/// What the form sent besides the file.
#[derive(Default)]
struct Wishes {
    passwords: String,
    on_conflict: String,
    all_or_nothing: bool,
    upload: Option<(String, File)>,
}

/// `POST /authenticators/{id}/users/import`: takes the file and begins to check it.
pub(super) async fn upload(
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<ChainQuery>,
    form: Multipart,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let subject = Subject::of(&visit, &query.key(id))?;
    let owner = subject.key();
    let wishes = received(form).await?;
    let Some((name, file)) = wishes.upload else {
        let page = form_page(&visit, &subject, &Faults::one("file", "was not chosen"));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let header = ImportHeader {
        chain: owner.chain.clone(),
        authenticator: owner.id.clone(),
        format: format_of(&name),
        password_type: password_type(&wishes.passwords),
        on_conflict: match wishes.on_conflict.as_str() {
            "skip" => OnConflict::Skip,
            _ => OnConflict::Replace,
        },
        dry_run: false,
        all_or_nothing: wishes.all_or_nothing,
        algorithm: String::new(),
        import_id: String::new(),
        resume_after_row: 0,
    };
    let by = &visit.signed.account.name;
    let Some((number, job)) = visit.site().imports().take(header, name, by, file) else {
        return Err(Failure::too_many("Too many imports run on this node."));
    };
    tokio::spawn(job.check(visit.site().admin().clone()));
    Ok(to(&job_address(owner, number, "")))
}

/// The file lies in a folder of the system without a name, and is gone when nobody reads it any more.
async fn received(mut form: Multipart) -> Result<Wishes, Failure> {
    let unreadable = |error: axum::extract::multipart::MultipartError| Failure::unreadable(error.body_text());
    let mut wishes = Wishes::default();
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        match field.name().unwrap_or_default().to_owned().as_str() {
            "file" => {
                let name: String = field
                    .file_name()
                    .unwrap_or_default()
                    .chars()
                    .take(LONGEST_NAME)
                    .collect();
                let mut file = tempfile::tempfile().map_err(|error| cannot_keep(&error))?;
                while let Some(piece) = field.chunk().await.map_err(unreadable)? {
                    file.write_all(&piece).map_err(|error| cannot_keep(&error))?;
                }
                wishes.upload = Some((name.clone(), file)).filter(|_| !name.is_empty());
            }
            "passwords" => wishes.passwords = field.text().await.map_err(unreadable)?,
            "on_conflict" => wishes.on_conflict = field.text().await.map_err(unreadable)?,
            "all_or_nothing" => wishes.all_or_nothing = true,
            _ => {}
        }
    }
    Ok(wishes)
}

fn cannot_keep(error: &std::io::Error) -> Failure {
    tracing::error!(%error, "an uploaded file cannot be kept");
    Failure::unreadable("This node cannot keep the file. Its log says why.")
}

fn format_of(name: &str) -> ImportFormat {
    let ends_with = |end: &str| name.to_ascii_lowercase().ends_with(end);
    if ends_with(".ndjson") || ends_with(".jsonl") {
        ImportFormat::Ndjson
    } else if ends_with(".json") {
        ImportFormat::Json
    } else {
        ImportFormat::Csv
    }
}

fn job_address(owner: &AuthenticatorKey, number: u64, page: &str) -> String {
    addresses::authenticator(owner, &format!("/users/imports/{number}{page}"))
}

fn job_of(site: &Site, number: u64, owner: &AuthenticatorKey) -> Result<Arc<Job>, Failure> {
    let found = site.imports().find(number);
    found
        .filter(|job| (&job.header.chain, &job.header.authenticator) == (&owner.chain, &owner.id))
        .ok_or_else(Failure::no_such_page)
}

/// `GET /authenticators/{id}/users/imports/{job}`.
pub(super) async fn job(
    visit: Visit,
    Path((id, number)): Path<(String, u64)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    let subject = Subject::of(&visit, &query.key(id))?;
    let owner = subject.key();
    let job = job_of(visit.site(), number, owner)?;
    let state = job.state();
    let obstacle = visit.obstacle(Role::Editor);
    let body = html! {
        @if !state.stage.is_over() && state.stage != Stage::Checked { noscript { meta http-equiv="refresh" content="2"; } }
        (progress(&job, &state))
        @if state.stage == Stage::Checked {
            form.actions method="post" action=(job_address(owner, number, "/run")) {
                (Button::primary(&format!("Import {}", format::counted(state.good, "user"))).unless(obstacle.as_deref()).draw())
                (link(&addresses::authenticator(owner, "/users/import"), "Choose another file"))
            }
        }
        @if state.stage == Stage::Running {
            form.actions method="post" action=(job_address(owner, number, "/stop")) { (Button::new("Stop").draw()) }
        }
        (rejects(owner, number, &state))
        @if state.stage.is_over() { p { (link(&addresses::authenticator(owner, "/users"), "Users")) } }
    };
    let title = format!("Import of {}", job.file_name);
    Ok(visit.page(
        subject
            .page(&visit, Tab::Users, &title, &body)
            .live(format!("import:{number}"))
            .state(state.stage as u64),
    ))
}

/// What of the page changes while it is open.
pub(super) fn fragments(site: &Site, number: u64) -> Vec<Markup> {
    let job = site.imports().find(number);
    job.map_or_else(Vec::new, |job| vec![progress(&job, &job.state())])
}

/// Which stage an import is in: a page that shows an earlier one should be loaded anew.
pub(super) fn stage_number(site: &Site, number: u64) -> u64 {
    let job = site.imports().find(number);
    job.map_or(0, |job| job.state().stage as u64)
}

fn progress(job: &Job, state: &State) -> Markup {
    let done = &state.progress;
    let all = state.good + done.failed;
    html! {
        div.stack id="import" {
            @match state.stage {
                Stage::Checking => { p role="status" { "Checking the file: " (format::counted(done.total(), "row")) " so far." } progress {} }
                Stage::Checked => {
                    @let tone = if done.failed > 0 { Tone::Warn } else { Tone::Ok };
                    (banner(tone, &html! {
                        (format::counted(state.good, "row")) " can be stored, " (format::count(done.failed)) " cannot. Nothing is stored yet."
                        @if job.header.all_or_nothing && done.failed > 0 { " All or nothing was asked for, so nothing would be." }
                    }, None))
                }
                Stage::Running => {
                    progress max=(all.max(1)) value=(done.total()) aria-label="Import" {}
                    (totals(state, all))
                }
                Stage::Done => { (banner(Tone::Ok, &html! { "The import is done." }, None)) (totals(state, all)) }
                Stage::Stopped => { (banner(Tone::Warn, &html! { "The import was stopped. What is stored stays." }, None)) (totals(state, all)) }
                Stage::Failed => { (banner(Tone::Down, &html! { "The import cannot go on: " (state.error) "." }, None)) (totals(state, all)) }
            }
            @for warning in &state.warnings { (banner(Tone::Warn, &html! { (warning) }, None)) }
        }
    }
}

fn totals(state: &State, all: u64) -> Markup {
    let done = &state.progress;
    html! {
        p {
            (format::count(done.total())) " of " (format::count(all)) " · "
            (format::count(done.created)) " added · " (format::count(done.replaced)) " replaced · "
            (format::count(done.unchanged)) " unchanged · " (format::count(done.skipped)) " skipped · "
            (format::count(done.failed)) " rejected"
        }
    }
}

fn rejects(owner: &AuthenticatorKey, number: u64, state: &State) -> Markup {
    if state.rejects.is_empty() {
        return html! {};
    }
    html! {
        section.stack {
            h2 { "Rejected rows" }
            p { a href=(job_address(owner, number, "/rejected.csv")) { "Download all " (format::count(state.rejects.len() as u64)) } " · without passwords" }
            div.card.flush {
                div.scroll tabindex="0" role="region" aria-label="Rejected rows" {
                    table.data {
                        thead { tr { @for name in ["Line", "Name", "Column", "Why"] { th scope="col" { (name) } } } }
                        tbody {
                            @for row in state.rejects.iter().take(SHOWN) {
                                tr { td { (row.line) } td { (row.user_id) } td { (row.column) } td { (row.reason) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `GET …/imports/{job}/rejected.csv`.
pub(super) async fn rejected(
    visit: Visit,
    Path((id, number)): Path<(String, u64)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    let job = job_of(visit.site(), number, &query.key(id))?;
    let written = rejects_file(&job.state().rejects).map_err(|error| Failure::unreadable(error.to_string()))?;
    Ok(csv("rejected.csv", written))
}

fn rejects_file(rejects: &[BadRow]) -> Result<Vec<u8>, csv::Error> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(["line", "user_id", "column", "reason"])?;
    for row in rejects {
        let line = row.line.to_string();
        file.write_record([&*line, &*harmless(&row.user_id), &*row.column, &*harmless(&row.reason)])?;
    }
    file.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Spreadsheets take a cell that begins so for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// `POST …/imports/{job}/run`.
pub(super) async fn run(
    visit: Visit,
    Path((id, number)): Path<(String, u64)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let owner = query.key(id);
    let job = job_of(visit.site(), number, &owner)?;
    if job.begin() {
        tokio::spawn(job.run(visit.site().admin().clone()));
    }
    Ok(to(&job_address(&owner, number, "")))
}

/// `POST …/imports/{job}/stop`.
pub(super) async fn stop(
    visit: Visit,
    Path((id, number)): Path<(String, u64)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let owner = query.key(id);
    job_of(visit.site(), number, &owner)?.stop();
    Ok(Said::new("The import stops after what is on its way.").then(&job_address(&owner, number, "")))
}

#[cfg(test)]
mod tests {
    use super::{BadRow, ImportFormat, format_of, rejects_file};

    #[test]
    fn a_file_is_what_its_name_says() {
        assert_eq!(format_of("a.CSV"), ImportFormat::Csv);
        assert_eq!(format_of("a.json"), ImportFormat::Json);
        assert_eq!(format_of("a.ndjson"), ImportFormat::Ndjson);
    }

    #[test]
    fn what_looks_like_a_formula_is_text() {
        let row = BadRow {
            line: 3,
            column: "user_id".into(),
            user_id: "=1+1".into(),
            reason: "a, \"b\"".into(),
        };
        let file = String::from_utf8(rejects_file(&[row]).unwrap()).unwrap();
        assert_eq!(file, "line,user_id,column,reason\n3,'=1+1,user_id,\"a, \"\"b\"\"\"\n");
    }
}
