//! Words as people write them: durations, and the name that was probably meant.

mod duration;
mod nearest;

pub use self::duration::duration;
pub use self::nearest::{nearest, unknown};
