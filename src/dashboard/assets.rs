//! Style, scripts and the mark: embedded, compressed once at start, under an address that changes with them.

use std::collections::BTreeMap;
use std::io::Write as _;

use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::site::Site;

/// Whatever has this address never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The mark of Portcullis.
pub(super) const MARK: &str = include_str!("assets/mark.svg");

static FILES: &[(&str, &str, &[u8])] = &[
    ("portcullis.css", CSS, include_bytes!("assets/portcullis.css")),
    ("page.mjs", SCRIPT, include_bytes!("assets/page.mjs")),
    ("live.mjs", SCRIPT, include_bytes!("assets/live.mjs")),
    ("order.mjs", SCRIPT, include_bytes!("assets/order.mjs")),
    ("palette.mjs", SCRIPT, include_bytes!("assets/palette.mjs")),
    ("mark.svg", SVG, MARK.as_bytes()),
];

struct Asset {
    media_type: &'static str,
    plain: Bytes,
    brotli: Option<Bytes>,
}

/// Every file, by name.
pub(super) struct Assets {
    build: String,
    files: BTreeMap<&'static str, Asset>,
}

impl Assets {
    pub(super) fn embedded() -> Self {
        let mut hash = Sha256::new();
        let mut files = BTreeMap::new();
        for (name, media_type, bytes) in FILES {
            hash.update(bytes);
            let asset = Asset {
                media_type,
                plain: Bytes::from_static(bytes),
                brotli: compressed(bytes),
            };
            files.insert(*name, asset);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let build = hex::encode(hash.get(..6).unwrap_or_default());
        Self { build, files }
    }

    /// What tells this build's files from another's.
    pub(super) fn build(&self) -> &str {
        &self.build
    }

    /// The address of a file.
    pub(super) fn url(&self, name: &str) -> String {
        format!("/assets/{}/{name}", self.build)
    }
}

fn compressed(bytes: &[u8]) -> Option<Bytes> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 9, 20);
    writer.write_all(bytes).ok()?;
    Some(writer.into_inner().into())
}

/// `GET /assets/{build}/{name}`. A page of another build asks for files that are no more.
pub(super) async fn get(
    State(site): State<Site>,
    Path((build, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let assets = site.assets();
    let Some(asset) = assets.files.get(name.as_str()).filter(|_| build == assets.build) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let head = [
        (CONTENT_TYPE, asset.media_type),
        (CACHE_CONTROL, FOR_EVER),
        (VARY, "accept-encoding"),
    ];
    match asset.brotli.clone().filter(|_| takes_brotli(&headers)) {
        Some(body) => (head, [(CONTENT_ENCODING, "br")], body).into_response(),
        None => (head, asset.plain.clone()).into_response(),
    }
}

fn takes_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| {
        accepted
            .split(',')
            .any(|one| matches!(one.trim().split_once(';').map_or(one.trim(), |(name, _)| name), "br"))
    })
}

#[cfg(test)]
mod tests {
    use super::{Assets, FILES};

    /// The budget of the design, in bytes.
    #[test]
    fn style_and_scripts_are_light() {
        let assets = Assets::embedded();
        let size = |suffix: &str| {
            let chosen = FILES.iter().filter(|(name, ..)| name.ends_with(suffix));
            chosen.fold((0, 0), |(plain, packed), (name, _, bytes)| {
                let brotli = assets.files[name].brotli.as_ref().unwrap().len();
                (plain + bytes.len(), packed + brotli)
            })
        };
        let ((css, css_packed), (scripts, scripts_packed)) = (size(".css"), size(".mjs"));
        assert!(
            css <= 32 * 1024 && css_packed <= 8 * 1024,
            "CSS: {css} B, {css_packed} B packed"
        );
        assert!(
            scripts <= 30 * 1024 && scripts_packed <= 10 * 1024,
            "scripts: {scripts} B, {scripts_packed} B packed"
        );
    }
}
