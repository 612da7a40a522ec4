//! Making a user: in one built-in database, or in several of a chain at once, all or none.

use std::collections::BTreeMap;

use super::error::{AdminError, violation};
use super::handle::{Admin, Intent};
use super::passwords::{Checked, NewPassword};
use super::user_checks::{authenticator_or_builtin, check_attributes};
use super::user_names::kept_name;
use super::users::User;
use crate::auth::{AuthenticatorKey, PasswordRecord, Timestamp, UserKey, UserRecord};
use crate::backends::Violation;
use crate::hash::Algorithm;
use crate::store::{Command, NewUser};

/// Further authenticators of one user.
const MOST_FURTHER: usize = 7;

/// A user to be made.
#[derive(Clone, Debug, Default)]
pub struct UserDraft {
    /// Empty: `global`.
    pub chain: String,
    /// Empty: the built-in database.
    pub authenticator: String,
    /// Further authenticators of the chain that the same user is made in.
    pub also_in: Vec<String>,
    /// Its name.
    pub user_id: String,
    /// How it proves itself.
    pub password: NewPassword,
    /// Bypasses authorization at the caller's.
    pub is_superuser: bool,
    /// Switched off.
    pub disabled: bool,
    /// After this instant it never logs in; may lie in the past.
    pub expires_at: Option<Timestamp>,
    /// Handed to the caller.
    pub attributes: BTreeMap<String, String>,
}

/// A database that the user is made in.
struct Place {
    owner: AuthenticatorKey,
    algorithm: Algorithm,
}

/// The user as one database gets it, before its password is hashed.
struct Entrant {
    key: UserKey,
    password: Checked,
}

impl Admin {
    /// Makes a user, in each database that the draft names or in none. Its password is hashed before anything is proposed, anew
    /// for each. Returns the user of the first.
    pub async fn create_user(&self, intent: &Intent, draft: UserDraft) -> Result<User, AdminError> {
        let places = self.places_of(&draft).await?;
        let mut violations = Vec::new();
        check_attributes(&draft.attributes, &mut violations);
        let entrants = entrants(&draft, &places, &mut violations);
        AdminError::unless_empty(violations)?;
        let mut users = Vec::new();
        for Entrant { key, password } in entrants {
            let record = self.protect(password).await?;
            users.push((key, draft.new_user(record)));
        }
        let Some((key, user)) = users.first().cloned() else {
            return Err(AdminError::Internal("a user without a database".into()));
        };
        let command = if users.len() == 1 {
            Command::CreateUser {
                key: key.clone(),
                user: user.clone(),
            }
        } else {
            Command::CreateUsers { users }
        };
        let outcome = self.write(intent, command).await?;
        Ok(self.user_after(key, outcome.revision, |revision, at| created(user, revision, at)))
    }

    async fn places_of(&self, draft: &UserDraft) -> Result<Vec<Place>, AdminError> {
        let owner = authenticator_or_builtin(&draft.chain, &draft.authenticator);
        let further = further_owners(&owner, &draft.also_in)?;
        // A hash that names its algorithm needs nothing that is replicated but the authenticator, whose existence apply checks again.
        let is_certain =
            further.is_empty() && draft.password.stands_alone() && self.store.authenticator(&owner).is_some();
        if !is_certain {
            self.confirm().await?;
        }
        let mut places = vec![Place {
            algorithm: self.algorithm_of(&owner)?,
            owner,
        }];
        for (at, owner) in further.into_iter().enumerate() {
            places.push(Place {
                algorithm: self.algorithm_named_by(&owner, &format!("also_in[{at}]"))?,
                owner,
            });
        }
        Ok(places)
    }
}

impl UserDraft {
    fn new_user(&self, password: PasswordRecord) -> NewUser {
        NewUser {
            password,
            is_superuser: self.is_superuser,
            disabled: self.disabled,
            expires_at: self.expires_at,
            attributes: self.attributes.clone(),
        }
    }
}

/// Each authenticator once: a user cannot be made twice in one of them.
fn further_owners(first: &AuthenticatorKey, also_in: &[String]) -> Result<Vec<AuthenticatorKey>, AdminError> {
    if also_in.len() > MOST_FURTHER {
        let why = format!("must name at most {MOST_FURTHER} authenticators, not {}", also_in.len());
        return Err(AdminError::invalid("also_in", why));
    }
    let mut violations = Vec::new();
    for (at, id) in also_in.iter().enumerate() {
        let why = if id.is_empty() {
            "must be the id of an authenticator".to_owned()
        } else if *id == first.id {
            format!("`{id}` is the authenticator of the user itself")
        } else if also_in.iter().take(at).any(|other| other == id) {
            format!("`{id}` is named twice")
        } else {
            continue;
        };
        violations.push(violation(format!("also_in[{at}]"), why));
    }
    AdminError::unless_empty(violations)?;
    let further = |id: &String| AuthenticatorKey {
        chain: first.chain.clone(),
        id: id.clone(),
    };
    Ok(also_in.iter().map(further).collect())
}

/// The user for each of its databases. What is wrong in all of them alike is told once.
fn entrants(draft: &UserDraft, places: &[Place], violations: &mut Vec<Violation>) -> Vec<Entrant> {
    let kinds = places.iter().map(|place| place.algorithm.is_scram());
    if kinds.clone().any(|is_scram| is_scram) && !kinds.clone().all(|is_scram| is_scram) {
        draft.password.check_for_both_kinds(violations);
    }
    let mut entrants = Vec::new();
    for Place { owner, algorithm } in places {
        let mut faults = Vec::new();
        let name = kept_name(&draft.user_id, algorithm.is_scram())
            .map_err(|why| faults.push(violation("user_id", why)))
            .ok();
        let password = draft.password.check(algorithm, &mut faults);
        faults.retain(|fault| !violations.contains(fault));
        violations.append(&mut faults);
        if let (Some(name), Some(password)) = (name, password) {
            let key = UserKey {
                chain: owner.chain.clone(),
                authenticator: owner.id.clone(),
                user_id: name.into_owned(),
            };
            entrants.push(Entrant { key, password });
        }
    }
    entrants
}

fn created(user: NewUser, revision: u64, updated_at: Timestamp) -> UserRecord {
    let NewUser {
        password,
        is_superuser,
        disabled,
        expires_at,
        attributes,
    } = user;
    UserRecord {
        password,
        is_superuser,
        disabled,
        expires_at,
        attributes,
        revision,
        updated_at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{AdminError, Algorithm, Entrant, NewPassword, Place, UserDraft, entrants, further_owners};
    use crate::admin::user_checks::authenticator_or_builtin;
    use crate::auth::Secret;
    use crate::backends::Violation;
    use crate::hash::Scram;

    const BUILT_IN: &str = "password_based:built_in_database";
    const SCRAM: &str = "scram:built_in_database";

    fn place(id: &str) -> Place {
        let algorithm = if id.starts_with("scram") {
            Algorithm::Scram(Scram::from_settings(&Map::new()).unwrap())
        } else {
            Algorithm::parse(&json!("sha256")).unwrap()
        };
        Place {
            owner: authenticator_or_builtin("", id),
            algorithm,
        }
    }

    fn draft(user_id: &str, password: NewPassword) -> UserDraft {
        UserDraft {
            user_id: user_id.into(),
            password,
            ..UserDraft::default()
        }
    }

    fn plain(password: &str) -> NewPassword {
        NewPassword {
            password: Some(Secret::new(password)),
            ..NewPassword::default()
        }
    }

    fn judged(draft: &UserDraft, ids: &[&str]) -> (Vec<Entrant>, Vec<Violation>) {
        let mut violations = Vec::new();
        let places: Vec<_> = ids.iter().map(|id| place(id)).collect();
        (entrants(draft, &places, &mut violations), violations)
    }

    fn fields(violations: &[Violation]) -> Vec<&str> {
        violations.iter().map(|violation| violation.field.as_str()).collect()
    }

    #[test]
    fn each_database_keeps_the_name_its_own_way() {
        let (entrants, violations) = judged(&draft("zoe\u{308}", plain("x")), &[BUILT_IN, SCRAM]);
        assert_eq!(violations, []);
        let keys: Vec<_> = entrants
            .iter()
            .map(|entrant| (entrant.key.authenticator.as_str(), entrant.key.user_id.as_str()))
            .collect();
        assert_eq!(keys, [(BUILT_IN, "zoe\u{308}"), (SCRAM, "zo\u{eb}")]);
    }

    #[test]
    fn a_fault_in_several_databases_is_told_once() {
        let (_, violations) = judged(&draft("", plain("")), &[BUILT_IN, "other", SCRAM]);
        assert_eq!(fields(&violations), ["user_id", "password"]);
        let (_, violations) = judged(&draft("\u{202e}ann", plain("\u{202e}x")), &[BUILT_IN, SCRAM]);
        assert_eq!(fields(&violations), ["user_id", "password"]);
        assert!(violations.iter().all(|violation| violation.why.contains("SASLprep")));
    }

    #[test]
    fn a_hash_or_an_algorithm_is_of_one_kind_of_database() {
        let hash = NewPassword {
            password_hash: Some(Secret::new("ab".repeat(32))),
            algorithm: "sha256".into(),
            ..NewPassword::default()
        };
        let (_, violations) = judged(&draft("ann", hash.clone()), &[BUILT_IN, SCRAM]);
        assert_eq!(
            fields(&violations)[..2],
            ["password.password_hash", "password.algorithm"]
        );
        let (entrants, violations) = judged(&draft("ann", hash), &[BUILT_IN, "other"]);
        assert_eq!((entrants.len(), violations), (2, vec![]));
    }

    #[test]
    fn further_authenticators_are_others_and_each_is_named_once() {
        let first = authenticator_or_builtin("tcp:1", "");
        let named = |ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
            match further_owners(&first, &ids) {
                Ok(owners) => owners
                    .into_iter()
                    .map(|owner| format!("{} {}", owner.chain, owner.id))
                    .collect(),
                Err(AdminError::Invalid(violations)) => violations
                    .into_iter()
                    .map(|violation| violation.field)
                    .collect::<Vec<_>>(),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(
            named(&[SCRAM, "other"]),
            [format!("tcp:1 {SCRAM}"), "tcp:1 other".to_owned()]
        );
        assert_eq!(
            named(&[SCRAM, "", BUILT_IN, SCRAM]),
            ["also_in[1]", "also_in[2]", "also_in[3]"]
        );
        assert_eq!(named(&["a", "b", "c", "d", "e", "f", "g", "h"]), ["also_in"]);
    }
}
