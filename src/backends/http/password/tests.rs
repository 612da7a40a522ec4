//! Requests and answers, against a real server.
