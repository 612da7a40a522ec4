//! The dashboard as somebody sees it in a real browser, in front of real nodes.

mod accessible; // pages for everybody
mod entrance; // signing in and out, and who is kept out
mod everything; // every page there is, for every role
mod scene; // what the tests put on the stage
