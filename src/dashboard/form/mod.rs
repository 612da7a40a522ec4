//! Forms drawn from the schema that a kind of authenticator publishes, and read back into settings. A new kind needs no page.

mod draw;
mod given;
mod pairs;
mod places;
mod read;
mod spec;

pub(super) use self::draw::{Filled, draw};
pub(super) use self::given::Given;
pub(super) use self::pairs::texts_by_name;
pub(super) use self::places::places;
pub(super) use self::read::{miss_typed, read};
pub(super) use self::spec::{Kind, Spec, specs};
