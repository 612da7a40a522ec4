//! The dashboard as somebody sees it in a real browser, in front of real nodes.

mod accessible; // pages for everybody
mod entrance; // signing in and out, and who is kept out
mod everything; // every page there is, for every role
mod order; // the order of a chain
mod scene; // what the tests put on the stage
mod settings; // changing and deleting authenticators
mod status; // how authenticators fare
mod users; // users, one by one and in files
mod wizard; // the way to a new authenticator
