//! The dashboard as somebody sees it in a real browser, in front of real nodes.

mod entrance;
