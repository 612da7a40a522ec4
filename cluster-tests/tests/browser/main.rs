//! The dashboard as somebody sees it in a real browser, in front of real nodes.

mod accessible; // pages for everybody
mod cluster_pages; // what the pages say of the cluster when nodes are lost
mod entrance; // signing in and out, and who is kept out
mod everything; // every page there is, for every role
mod hostile; // text that means harm
mod keyboard; // what keys do
mod liveliness; // the stream that keeps a page up to date
mod looks; // light and dark
mod order; // the order of a chain
mod scene; // what the tests put on the stage
mod settings; // changing and deleting authenticators
mod status; // how authenticators fare
mod trying; // logins that are tried
mod users; // users, one by one and in files
mod weight; // what pages cost
mod without_scripts; // a browser that runs none
mod wizard; // the way to a new authenticator
