//! Bringing in a file of users: choose it, see what is wrong with it, store it, watch it.

use std::fs::File;
use std::io;
use std::time::Duration;

use axum::extract::multipart::{Field as Part, MultipartError};
use axum::extract::{Multipart, Path, Query};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::addresses::{self, ChainQuery};
use super::authenticator_tabs::{Subject, Tab};
use super::failure::Failure;
use super::format;
use super::said::{Said, to};
use super::site::Site;
use super::ui::{Button, Faults, Field, Tone, banner, check, link, radios};
use super::visit::Visit;
use crate::admin::{
    BadRow, ImportFormat, ImportHeader, ImportStage as Stage, ImportView, OnConflict, PasswordType, Role,
};
use crate::auth::AuthenticatorKey;

/// Rejected rows that the page shows; the file has all that are remembered.
const SHOWN: usize = 100;
const LONGEST_NAME: usize = 200;
/// An upload that stands still for so long has lost its browser.
const STILL: Duration = Duration::from_secs(60);
const GONE: &str = "The node that took this file does not know the import any more: it has been started anew since, or there were many \
                    later ones. What was stored stays stored.";

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
    let (admin, by) = (visit.site().admin(), &visit.signed.account.name);
    // Nothing of the file is read before it has its place.
    let place = admin
        .import_place(by)
        .map_err(|why| Failure::too_many(format!("The file was not taken: {why}.")))?;
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
    let job = admin.take_import(place, header, name, file)?;
    Ok(to(&job_address(owner, &job, "")))
}

async fn received(mut form: Multipart) -> Result<Wishes, Failure> {
    let mut wishes = Wishes::default();
    while let Some(part) = arriving(form.next_field()).await? {
        match part.name().unwrap_or_default() {
            "file" => wishes.upload = uploaded(part).await?,
            "passwords" => wishes.passwords = arriving(part.text()).await?,
            "on_conflict" => wishes.on_conflict = arriving(part.text()).await?,
            "all_or_nothing" => wishes.all_or_nothing = true,
            _ => {}
        }
    }
    Ok(wishes)
}

/// The file lies in a folder of the system without a name, and is gone when nobody reads it any more.
async fn uploaded(mut part: Part<'_>) -> Result<Option<(String, File)>, Failure> {
    let name: String = part
        .file_name()
        .unwrap_or_default()
        .chars()
        .take(LONGEST_NAME)
        .collect();
    let made = spawn_blocking(tempfile::tempfile).await;
    let made = made.unwrap_or_else(|error| Err(io::Error::other(error)));
    let mut file = tokio::fs::File::from_std(made.map_err(|error| cannot_keep(&error))?);
    while let Some(piece) = arriving(part.chunk()).await? {
        file.write_all(&piece).await.map_err(|error| cannot_keep(&error))?;
    }
    file.flush().await.map_err(|error| cannot_keep(&error))?;
    Ok(Some((name, file.into_std().await)).filter(|(name, _)| !name.is_empty()))
}

/// The next of what the browser sends.
async fn arriving<T>(next: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Failure> {
    match timeout(STILL, next).await {
        Ok(arrived) => arrived.map_err(|error| Failure::unreadable(error.body_text())),
        Err(_) => Err(Failure::unreadable("The file stopped coming.")),
    }
}

fn cannot_keep(error: &io::Error) -> Failure {
    tracing::error!(%error, "an uploaded file cannot be kept");
    Failure::no_room("This node cannot keep the file. Its log says why.")
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

fn job_address(owner: &AuthenticatorKey, job: &str, page: &str) -> String {
    addresses::authenticator(owner, &format!("/users/imports/{job}{page}"))
}

/// The import of that name, from the node that keeps it.
async fn import_of(visit: &Visit, owner: &AuthenticatorKey, job: &str) -> Result<ImportView, Failure> {
    let found = visit.site().admin().import(job).await?;
    found
        .filter(|import| import.owner == *owner)
        .ok_or_else(|| Failure::gone(GONE))
}

/// `GET /authenticators/{id}/users/imports/{job}`.
pub(super) async fn job(
    visit: Visit,
    Path((id, job)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    let subject = Subject::of(&visit, &query.key(id))?;
    let owner = subject.key();
    let import = import_of(&visit, owner, &job).await?;
    let bad = match import.rejects {
        0 => Vec::new(),
        _ => visit.site().admin().import_rejects(&job, SHOWN).await?,
    };
    let is_moving = matches!(import.stage, Stage::Checking | Stage::Running);
    let obstacle = visit.obstacle(Role::Editor);
    let body = html! {
        @if is_moving { noscript { meta http-equiv="refresh" content="2"; } }
        (progress(&import))
        @if import.stage == Stage::Checked {
            form.actions method="post" action=(job_address(owner, &job, "/run")) {
                (Button::primary(&format!("Import {}", format::counted(import.good, "user"))).unless(obstacle.as_deref()).draw())
                (link(&addresses::authenticator(owner, "/users/import"), "Choose another file"))
            }
        }
        @if is_moving {
            form.actions method="post" action=(job_address(owner, &job, "/stop")) { (Button::new("Stop").unless(obstacle.as_deref()).draw()) }
        }
        (rejects(owner, &job, import.rejects, &bad))
        @if import.stage.is_over() {
            p {
                (link(&addresses::authenticator(owner, "/users"), "Users"))
                @if import.stage == Stage::Refused { " " (link(&addresses::authenticator(owner, "/users/import"), "Choose another file")) }
            }
        }
    };
    let title = format!("Import of {}", import.file_name);
    Ok(visit.page(
        subject
            .page(&visit, Tab::Users, &title, &body)
            .live(format!("import:{job}"))
            .state(import.stage as u64),
    ))
}

/// What of the page changes while it is open, and which stage the import is in: a page that shows another one should be loaded
/// anew. Or why that cannot be told.
pub(super) async fn fragments(site: &Site, job: &str) -> Result<(Vec<Markup>, u64), String> {
    let found = site.admin().import(job).await;
    let found = found.map_err(|why| format!("How far the import is cannot be told now: {why}."))?;
    let import = found.ok_or_else(|| GONE.to_owned())?;
    let subject = Subject::on(site, &import.owner).ok();
    let fares = subject.map(|subject| subject.fares());
    Ok((
        [progress(&import)].into_iter().chain(fares).collect(),
        import.stage as u64,
    ))
}

fn progress(import: &ImportView) -> Markup {
    let done = &import.progress;
    let all = import.good + done.failed;
    html! {
        div.stack id="import" {
            @match import.stage {
                Stage::Checking => { p role="status" { "Checking the file: " (format::counted(done.total(), "row")) " so far." } progress {} }
                Stage::Checked => {
                    @let tone = if done.failed > 0 { Tone::Warn } else { Tone::Ok };
                    (banner(tone, &html! {
                        (format::counted(import.good, "row")) " can be stored, " (format::count(done.failed)) " cannot. Nothing is stored yet."
                    }, None))
                }
                Stage::Refused => { (banner(Tone::Down, &html! { (refusal(import)) }, None)) }
                Stage::Running => {
                    progress max=(all.max(1)) value=(done.total()) aria-label="Import" {}
                    (totals(import, all))
                }
                Stage::Done => { (end(import)) (totals(import, all)) }
                Stage::Stopped => { (banner(Tone::Warn, &html! { "The import was stopped. What is stored stays." }, None)) (totals(import, all)) }
                Stage::Failed => { (banner(Tone::Down, &html! { "The import cannot go on: " (import.error) "." }, None)) (totals(import, all)) }
            }
            @for warning in &import.warnings { (banner(Tone::Warn, &html! { (warning) }, None)) }
        }
    }
}

/// Why there is nothing to begin.
fn refusal(import: &ImportView) -> String {
    let (good, bad) = (import.good, import.progress.failed);
    match (good, bad) {
        (0, 0) => "The file holds no rows. Nothing is stored.".to_owned(),
        (0, _) => format!(
            "None of {} can be stored. Nothing is stored.",
            format::counted(bad, "row")
        ),
        _ => format!(
            "{} can be stored, {} cannot. All or nothing was asked for, so nothing is stored.",
            format::counted(good, "row"),
            format::count(bad)
        ),
    }
}

/// What the import came to: well done only if nothing was rejected.
fn end(import: &ImportView) -> Markup {
    let bad = import.progress.failed;
    let is_empty = import.progress.total() == bad;
    let (tone, said) = match bad {
        0 => (Tone::Ok, "The import is done.".to_owned()),
        _ if is_empty => (Tone::Down, format!("Nothing was stored: {} rejected.", were(bad))),
        _ => (Tone::Warn, format!("The import is done. {} rejected.", were(bad))),
    };
    banner(tone, &html! { (said) }, None)
}

fn were(rows: u64) -> String {
    let verb = if rows == 1 { "was" } else { "were" };
    format!("{} {verb}", format::counted(rows, "row"))
}

fn totals(import: &ImportView, all: u64) -> Markup {
    let done = &import.progress;
    html! {
        p {
            (format::count(done.total())) " of " (format::count(all)) " · "
            (format::count(done.created)) " added · " (format::count(done.replaced)) " replaced · "
            (format::count(done.unchanged)) " unchanged · " (format::count(done.skipped)) " skipped · "
            (format::count(done.failed)) " rejected"
        }
    }
}

fn rejects(owner: &AuthenticatorKey, job: &str, all: u64, shown: &[BadRow]) -> Markup {
    if shown.is_empty() {
        return html! {};
    }
    html! {
        section.stack {
            h2 { "Rejected rows" }
            p { a href=(job_address(owner, job, "/rejected.csv")) { "Download all " (format::count(all)) } " · without passwords" }
            div.card.flush {
                div.scroll tabindex="0" role="region" aria-label="Rejected rows" {
                    table.data {
                        thead { tr { @for name in ["Line", "Name", "Column", "Why"] { th scope="col" { (name) } } } }
                        tbody {
                            @for row in shown {
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
    Path((id, job)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    import_of(&visit, &query.key(id), &job).await?;
    let rows = visit.site().admin().import_rejects(&job, usize::MAX).await?;
    let written = rejects_file(&rows).map_err(|error| Failure::unreadable(error.to_string()))?;
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
    Path((id, job)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let owner = query.key(id);
    import_of(&visit, &owner, &job).await?;
    visit.site().admin().begin_import(&job).await?;
    Ok(to(&job_address(&owner, &job, "")))
}

/// `POST …/imports/{job}/stop`.
pub(super) async fn stop(
    visit: Visit,
    Path((id, job)): Path<(String, String)>,
    Query(query): Query<ChainQuery>,
) -> Result<Response, Failure> {
    visit.demand(Role::Editor)?;
    let owner = query.key(id);
    import_of(&visit, &owner, &job).await?;
    visit.site().admin().stop_import(&job).await?;
    Ok(Said::new("The import stops after what is on its way.").then(&job_address(&owner, &job, "")))
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
