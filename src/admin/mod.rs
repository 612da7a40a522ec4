//! What an operator can do, whichever face asks: users, import, authenticators, operators, nodes.

mod accounts;
mod api_key;
mod attempts;
mod authenticator_draft;
mod authenticator_settings;
mod authenticator_status;
mod authenticator_views;
mod authenticators;
mod bootstrap;
mod bootstrap_file;
mod errands;
mod error;
mod export;
mod handle;
mod import;
mod nodes;
mod operators;
mod paging;
mod passwords;
mod scram_keys;
mod sessions;
mod settings;
mod setup;
mod sign_in;
#[cfg(test)]
mod tests;
mod token;
mod upgrades;
mod user_checks;
mod user_creation;
mod user_deletion;
mod user_file;
mod user_names;
mod user_template;
mod users;

pub use self::accounts::AccountPatch;
pub use self::api_key::ApiKey;
pub use self::authenticator_draft::{AuthenticatorDraft, AuthenticatorPatch};
pub use self::authenticator_status::{AuthenticatorStatus, Joint, NodeAuthenticatorStatus};
pub use self::authenticator_views::AuthenticatorView;
pub use self::authenticators::AuthenticatorRemoved;
pub use self::bootstrap::Bootstrapper;
pub use self::errands::{NodeOutcome, NodeTest};
pub use self::error::{AdminError, Obstacle};
pub use self::export::{ExportPiece, ExportRequest};
pub use self::handle::{Admin, Caller, Intent};
#[cfg(fuzzing)]
pub use self::import::count_rows;
pub use self::import::{BadRow, ImportBody, ImportFormat, ImportHeader, ImportProgress, PasswordType};
pub use self::nodes::{ClusterCreated, MembershipView, NodeList, SettingsPatch, SettingsView};
pub use self::operators::OperatorCreated;
pub use self::paging::Page;
pub use self::passwords::NewPassword;
pub use self::scram_keys::ScramKeys;
pub use self::sessions::{Origin, SessionView, SignedIn};
pub use self::settings::Settings;
pub use self::sign_in::SignInError;
pub use self::token::{Cookie, SetupToken};
pub use self::upgrades::{UpgradeQueue, Upgrader, password_upgrades};
pub use self::user_creation::UserDraft;
pub use self::user_deletion::UsersDeleted;
pub use self::user_template::ImportTemplate;
pub use self::users::{User, UserList, UserListRequest, UserPatch};

pub use crate::backends::{BackendInfo, Violation};
pub use crate::store::{AccountRecord, OnConflict, OperatorRecord, Position, Role};
