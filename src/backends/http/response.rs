//! What a server answers, read with suspicion: little of it, no deeper than needed, and nothing half understood.

use reqwest::{Response, StatusCode};
use serde_json::{Map, Value};

use super::client::{self, Unread};
use super::request::failed;
use crate::auth::{Notes, ProviderError, Reason};
use crate::backends::json::{self, Fault};
use crate::backends::remote::note_found;

/// The longest answer.
const LONGEST: usize = 64 << 10;
const FORM: &str = "application/x-www-form-urlencoded";

/// The members of an answer: a JSON object or a form. `None`: it says yes without a word (204). Their names are noted.
pub(in crate::backends) async fn object(
    response: Response,
    notes: &Notes,
) -> Result<Option<Map<String, Value>>, ProviderError> {
    let members = match response.status() {
        StatusCode::NO_CONTENT => None,
        StatusCode::OK => Some(members(response).await?),
        status => return Err(refused(status)),
    };
    match &members {
        None => notes.note(|| "the server answered 204".to_owned()),
        Some(members) => note_found("an answer", members.keys().map(String::as_str), notes),
    }
    Ok(members)
}

async fn members(response: Response) -> Result<Map<String, Value>, ProviderError> {
    let (is_json, is_form) = (
        client::is_json(response.headers()),
        client::media_type(response.headers()) == FORM,
    );
    if !is_json && !is_form {
        return Err(nonsense("the answer is neither JSON nor a form (`content-type`)"));
    }
    let body = client::body(response, LONGEST).await.map_err(|unread| match unread {
        Unread::TooLong => nonsense("the answer is longer than 64 KiB"),
        Unread::Broken(why) => failed(why),
    })?;
    if is_form {
        return form(&body);
    }
    json::object(&body).map_err(|fault| {
        nonsense(match fault {
            Fault::NoObject => "the answer is no JSON object",
            Fault::Duplicate => "the answer names a member twice",
            Fault::TooDeep => "the answer is nested more than 16 levels deep",
        })
    })
}

/// A server's own trouble is told apart from its opinion of a request, which a client may have brought about.
pub(super) fn refused(status: StatusCode) -> ProviderError {
    let is_in_trouble = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let reason = if is_in_trouble {
        Reason::BackendUnavailable
    } else {
        Reason::BackendBadResponse
    };
    ProviderError::new(reason, format!("the server answered {}", status.as_u16()))
}

fn form(body: &[u8]) -> Result<Map<String, Value>, ProviderError> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        if members
            .insert(name.into_owned(), Value::String(value.into_owned()))
            .is_some()
        {
            return Err(nonsense("the answer names a member twice"));
        }
    }
    Ok(members)
}

fn nonsense(why: &str) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
}
