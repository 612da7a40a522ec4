//! What pages are made of.

mod banner;
mod button;
mod choice;
mod field;
mod notice;
mod pill;
mod prose;
mod tiles;

pub(super) use self::banner::{Tone, banner};
pub(super) use self::button::{Button, hidden, link, link_unless, primary_link};
pub(super) use self::choice::{check, radios, select};
pub(super) use self::field::{Field, area, password, text};
pub(super) use self::notice::{Faults, empty, id_of};
pub(super) use self::pill::{node_count, node_name, node_names, pill, provider_pill};
pub(super) use self::prose::prose;
pub(super) use self::tiles::{Tile, tiles};

#[cfg(test)]
mod tests;
