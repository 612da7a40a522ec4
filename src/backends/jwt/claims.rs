//! What the claims of a token must be: its times, its issuer, whom it is for, and what the settings ask beside.

use std::time::Duration;

use serde_json::{Map, Value};

use super::expected::Expectation;
use super::moment;
use crate::auth::{Credentials, Finding, Reason, Timestamp};

/// The payload of a token.
pub(super) type Claims = Map<String, Value>;

/// What is asked of the claims.
pub(super) struct Checks {
    /// One of these must have issued it; empty: anybody.
    pub(super) issuer: Vec<String>,
    /// It must be for one of these; empty: for anybody.
    pub(super) audience: Vec<String>,
    /// These must be there.
    pub(super) required: Vec<String>,
    /// How far the clocks of issuer and node may be apart.
    pub(super) leeway: Duration,
    /// How long ago it may have been issued.
    pub(super) max_age: Option<Duration>,
    /// These must be there and be so.
    pub(super) expected: Vec<Expectation>,
}

impl Checks {
    /// Says what is wrong with the claims; the claim's name is in the detail, its value never.
    pub(super) fn check(&self, claims: &Claims, credentials: &Credentials, now: Timestamp) -> Result<(), Finding> {
        self.check_times(claims, now)?;
        if !self.issuer.is_empty() {
            let issuer = claims.get("iss").and_then(Value::as_str);
            check(
                "iss",
                issuer.is_some_and(|issuer| self.issuer.iter().any(|one| one == issuer)),
            )?;
        }
        if !self.audience.is_empty() {
            let audience = claims.get("aud");
            check("aud", self.audience.iter().any(|one| is_for(audience, one)))?;
        }
        for name in &self.required {
            if find(claims, name).is_none_or(Value::is_null) {
                return Err(mismatch(name, "is missing"));
            }
        }
        for Expectation { name, value } in &self.expected {
            let found = find(claims, name).ok_or_else(|| mismatch(name, "is missing"))?;
            let fits = if name == "aud" {
                value.fits_audience(found, credentials)
            } else {
                value.fits(found, credentials)
            };
            check(name, fits)?;
        }
        Ok(())
    }

    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<(), Finding> {
        let now = millis(now);
        let leeway = i64::try_from(self.leeway.as_millis()).unwrap_or(i64::MAX);
        let [expires, begins, issued] = [time(claims, "exp")?, time(claims, "nbf")?, time(claims, "iat")?];
        if expires.is_some_and(|end| now >= end.saturating_add(leeway)) {
            return Err(Finding::new(Reason::TokenExpired, "`exp` is over"));
        }
        for (name, begin) in [("nbf", begins), ("iat", issued)] {
            if begin.is_some_and(|begin| begin > now.saturating_add(leeway)) {
                return Err(Finding::new(Reason::TokenNotYetValid, format!("`{name}` lies ahead")));
            }
        }
        let Some(max_age) = self.max_age else {
            return Ok(());
        };
        let issued = issued.ok_or_else(|| mismatch("iat", "is missing, which `max_age` needs"))?;
        let allowed = i64::try_from(max_age.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_add(leeway);
        if now.saturating_sub(issued) >= allowed {
            return Err(Finding::new(Reason::TokenExpired, "`iat` is longer ago than `max_age`"));
        }
        Ok(())
    }
}

/// When the token ends, if it says so. Its times were checked before.
pub(super) fn end_of(claims: &Claims) -> Option<Timestamp> {
    let millis = moment::read(claims.get("exp")?)?;
    Some(Timestamp(u64::try_from(millis).unwrap_or(0)))
}

fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// A time claim, absent only if it is not there at all.
fn time(claims: &Claims, name: &str) -> Result<Option<i64>, Finding> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match moment::read(value) {
            Some(millis) => Ok(Some(millis)),
            None => Err(mismatch(name, "is no point in time")),
        },
    }
}

/// Whether the audience, a text or a list of them, names this one.
pub(super) fn is_for(audience: Option<&Value>, one: &str) -> bool {
    match audience {
        Some(Value::String(audience)) => audience == one,
        Some(Value::Array(list)) => list.iter().any(|audience| audience == one),
        _ => false,
    }
}

/// A claim by its name, or by the path to it with dots between. A claim of exactly that name comes first, because names that are
/// URLs have dots themselves.
pub(super) fn find<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(at, _)| {
        let (name, rest) = path.split_at_checked(at)?;
        find(claims.get(name)?.as_object()?, rest.strip_prefix('.')?)
    })
}

fn check(name: &str, fits: bool) -> Result<(), Finding> {
    if fits {
        Ok(())
    } else {
        Err(mismatch(name, "is not what it must be"))
    }
}

/// A claim that is not what it must be.
pub(super) fn mismatch(name: &str, why: &str) -> Finding {
    Finding::new(Reason::TokenClaimMismatch, format!("claim `{name}` {why}"))
}
