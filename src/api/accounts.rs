//! The part of the service `Operators` that is about accounts.

use super::convert::{intent, known_timestamp, required, role, role_from};
use super::mask::Mask;
use crate::admin::{AccountPatch, AccountRecord, Admin, AdminError, Caller};
use crate::auth::Secret;
use crate::wire::pb::v1 as pb;

const UPDATABLE: [&str; 2] = ["role", "password"];

/// A page of accounts.
pub(super) async fn list(
    admin: &Admin,
    request: pb::ListAccountsRequest,
) -> Result<pb::ListAccountsResponse, AdminError> {
    let page = admin.list_accounts(request.page_size, &request.page_token).await?;
    Ok(pb::ListAccountsResponse {
        accounts: page.items.iter().map(|account| shown(admin, account)).collect(),
        next_page_token: page.next_page_token,
    })
}

/// Makes one.
pub(super) async fn create(
    admin: &Admin,
    caller: Caller,
    request: pb::CreateAccountRequest,
) -> Result<pb::Account, AdminError> {
    let sent = required(request.account, "account")?;
    let intent = intent(caller, &request.request_id, 0);
    let (role, password) = (role_from(sent.role)?, Secret::new(request.password));
    let account = admin.create_account(&intent, &sent.name, role, password).await?;
    Ok(shown(admin, &account))
}

/// Changes what the request names.
pub(super) async fn update(
    admin: &Admin,
    caller: Caller,
    request: pb::UpdateAccountRequest,
) -> Result<pb::Account, AdminError> {
    let sent = required(request.account, "account")?;
    let intent = intent(caller, &request.request_id, request.if_revision);
    let patch = patch(sent.role, request.password, &request.update_mask)?;
    let account = admin.update_account(&intent, &sent.name, patch).await?;
    Ok(shown(admin, &account))
}

/// A field that the mask names must be there.
fn patch(role: i32, password: Option<String>, paths: &[String]) -> Result<AccountPatch, AdminError> {
    let mask = Mask::new(paths, &UPDATABLE)?;
    let role = mask.take("role", role != 0, role);
    let password = mask.take("password", password.is_some(), password);
    let password = password.map(|password| required(password, "password")).transpose()?;
    Ok(AccountPatch {
        role: role.map(role_from).transpose()?,
        password: password.map(Secret::new),
    })
}

fn shown(admin: &Admin, account: &AccountRecord) -> pb::Account {
    pb::Account {
        name: account.name.clone(),
        role: role(account.role).into(),
        revision: account.revision,
        created_at: known_timestamp(account.created_at),
        created_by: account.created_by.clone(),
        password_changed_at: known_timestamp(account.password_changed_at),
        sessions: u32::try_from(admin.sessions_of(&account.name).len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::patch;
    use crate::admin::Role;

    #[test]
    fn what_is_set_counts_without_a_mask_and_what_is_named_must_be_set() {
        let both = patch(2, Some("x".into()), &[]).unwrap();
        assert_eq!((both.role, both.password.is_some()), (Some(Role::Viewer), true));
        let nothing = patch(0, None, &[]).unwrap();
        assert_eq!((nothing.role, nothing.password.is_some()), (None, false));
        let role = patch(2, Some("x".into()), &["role".into()]).unwrap();
        assert_eq!((role.role, role.password.is_some()), (Some(Role::Viewer), false));
        for named in ["role", "password", "name"] {
            assert!(patch(0, None, &[named.into()]).is_err(), "{named}");
        }
    }
}
