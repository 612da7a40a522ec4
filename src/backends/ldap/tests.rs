//! Settings, and directories that lie: what real ones do is tested with the cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::BACKEND;
use super::directory::Directory;
use super::settings::Settings;
use crate::auth::{Credentials, ProviderError, Reason, Secret, TestClock};
use crate::backends::reach::Source as _;
use crate::backends::remote::Answer;

fn settings(more: &Value) -> Value {
    let mut settings = json!({
        "server": "localhost",
        "username": "cn=root,dc=test",
        "password": "secret",
        "base_dn": "uid=${username},dc=test",
    });
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more.clone());
    }
    settings
}

fn faults(more: &Value) -> Vec<String> {
    let faults = (BACKEND.check)(&settings(more)).unwrap_err();
    faults.into_iter().map(|fault| fault.field).collect()
}

#[test]
fn an_object_of_emqx_is_taken_as_it_is_and_defaults_are_filled_in() {
    let given = json!({
        "server": "127.0.0.1:389",
        "username": "root",
        "password": "root password",
        "base_dn": "uid=${username},ou=testdevice,dc=emqx,dc=io",
        "filter": " ",
        "method": {"type": "hash"},
        "pool_size": 8,
        "request_timeout": "10s",
        "query_timeout": "5s",
        "ssl": {"enable": false},
    });
    let filled = (BACKEND.check)(&given).unwrap();
    assert_eq!(filled["filter"], "(objectClass=mqttUser)");
    assert_eq!(filled["query_timeout"], 5);
    assert_eq!(
        filled["method"],
        json!({
            "type": "hash",
            "password_attribute": "userPassword",
            "is_superuser_attribute": "isSuperuser",
            "clientid_override_attribute": "clientIdOverride",
        })
    );
    assert_eq!(filled["starttls"], false);
    assert!(filled.get("request_timeout").is_none());
    assert_eq!((BACKEND.check)(&filled).unwrap(), filled);
    let bind = (BACKEND.check)(&settings(&json!({"method": {"type": "bind"}}))).unwrap();
    assert_eq!(bind["method"]["bind_password"], "${password}");
    assert!(bind.get("allow_legacy_hashes").is_none());
    assert_eq!((BACKEND.check)(&bind).unwrap(), bind);
}

#[test]
fn every_fault_names_its_field() {
    let nothing = (BACKEND.check)(&json!({})).unwrap_err();
    let named: Vec<_> = nothing.iter().map(|fault| fault.field.as_str()).collect();
    for needed in [
        "settings.server",
        "settings.username",
        "settings.password",
        "settings.base_dn",
    ] {
        assert!(named.contains(&needed), "{needed} of {named:?}");
    }
    for (more, field) in [
        (json!({"password": ""}), "settings.password"),
        (json!({"base_dn": "${username}"}), "settings.base_dn"),
        (json!({"filter": "(uid=${password})"}), "settings.filter"),
        (json!({"filter": 5}), "settings.filter"),
        (json!({"starttls": true, "ssl": {"enable": true}}), "settings.starttls"),
        (json!({"publish_attribute": "a b"}), "settings.publish_attribute"),
        (json!({"method": {"type": "sasl"}}), "settings.method.type"),
        (
            json!({"method": {"type": "hash", "bind_password": "x"}}),
            "settings.method.bind_password",
        ),
        (
            json!({"method": {"type": "bind", "bind_password": "x"}}),
            "settings.method.bind_password",
        ),
        (
            json!({"method": {"type": "bind", "bind_password": "${x}"}}),
            "settings.method.bind_password",
        ),
        (
            json!({"method": {"type": "bind", "password_attribute": "x"}}),
            "settings.method.password_attribute",
        ),
        (
            json!({"method": {"type": "bind"}, "allow_legacy_hashes": true}),
            "settings.allow_legacy_hashes",
        ),
        (json!({"basedn": "dc=test"}), "settings.basedn"),
    ] {
        assert_eq!(faults(&more), [field], "{more}");
    }
}

#[test]
fn answers_depend_on_what_goes_into_the_question_and_no_more() {
    let inputs = |more: &Value| {
        let (settings, _) = Settings::parse(&settings(more)).unwrap();
        let inputs: Vec<_> = settings
            .inputs()
            .iter()
            .map(super::super::template::Placeholder::name)
            .collect();
        inputs
    };
    let filter = json!({"filter": "(|(cn=${username})(cn=${client_attrs.cn}))"});
    assert_eq!(inputs(&filter), ["username", "client_attrs.cn"]);
    assert_eq!(inputs(&json!({"method": {"type": "bind"}})), ["username", "password"]);
}

/// A directory of this test: it answers the first requests of each connection with these bytes, and keeps what it was sent.
struct Liar {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Liar {
    async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keeps = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                for answer in &answers {
                    let mut request = vec![0; 4096];
                    let read = stream.read(&mut request).await.unwrap_or(0);
                    keeps.lock().unwrap().extend_from_slice(&request[..read]);
                    let _gone = stream.write_all(answer).await;
                }
                let mut rest = Vec::new();
                let _broken = stream.read_to_end(&mut rest).await;
                keeps.lock().unwrap().extend(rest);
            }
        });
        Self { address, heard, task }
    }

    fn directory(&self, more: &Value) -> Directory {
        let mut settings = settings(more);
        settings["server"] = self.address.to_string().into();
        let (settings, _) = Settings::parse(&settings).unwrap();
        Directory::new(settings, PathBuf::new(), Arc::new(TestClock::at(1000))).unwrap()
    }

    async fn ask(&self, more: &Value) -> Result<Answer, ProviderError> {
        let directory = self.directory(more);
        let ada = Credentials {
            username: "ada".to_owned(),
            password: Some(Secret::new("lovelace")),
            ..Credentials::default()
        };
        directory.ask(&ada).await
    }
}

fn ber(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, &content].concat()
}

/// The answer to the request of that number.
fn answer(id: u8, operation: &[u8]) -> Vec<u8> {
    ber(0x30, &[&[2, 1, id], operation])
}

fn result(tag: u8, code: u8) -> Vec<u8> {
    ber(tag, &[&[10, 1, code], &[4, 0], &[4, 0]])
}

fn entry(dn: &str) -> Vec<u8> {
    let password = ber(
        0x30,
        &[&ber(4, &[b"userPassword"]), &ber(0x31, &[&ber(4, &[b"{SSHA}x"])])],
    );
    ber(0x64, &[&ber(4, &[dn.as_bytes()]), &ber(0x30, &[&password])])
}

const BOUND: u8 = 0x61;
const SEARCHED: u8 = 0x65;

#[tokio::test]
async fn a_directory_that_lies_fails_the_question_and_nothing_else() {
    let bound = answer(1, &result(BOUND, 0));
    let deep = (0..5_000).fold(vec![0x30, 0], |inner: Vec<u8>, _| ber(0x30, &[&inner]));
    let done = answer(2, &result(SEARCHED, 0));
    let three: Vec<u8> = ["a", "b", "c"].iter().flat_map(|dn| answer(2, &entry(dn))).collect();
    for (what, lie, reason) in [
        ("nests deep", deep, Reason::BackendUnavailable),
        (
            "speaks HTTP",
            b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            Reason::BackendUnavailable,
        ),
        (
            "answers another question",
            answer(2, &result(0x6b, 0)),
            Reason::BackendUnavailable,
        ),
        (
            "has no result",
            answer(2, &ber(SEARCHED, &[])),
            Reason::BackendUnavailable,
        ),
        (
            "has an odd result",
            answer(2, &ber(SEARCHED, &[&[4, 0]])),
            Reason::BackendUnavailable,
        ),
        ("has no message", ber(0x30, &[]), Reason::BackendUnavailable),
        (
            "has an empty entry",
            [answer(2, &ber(0x64, &[])), done.clone()].concat(),
            Reason::BackendBadResponse,
        ),
        (
            "goes on and on",
            [three, done.clone()].concat(),
            Reason::BackendBadResponse,
        ),
        ("is busy", answer(2, &result(SEARCHED, 51)), Reason::BackendUnavailable),
        ("refers", answer(2, &result(SEARCHED, 10)), Reason::BackendBadResponse),
        ("objects", answer(2, &result(SEARCHED, 50)), Reason::BackendBadResponse),
        (
            "has nonsense for a hash",
            [answer(2, &entry("a")), done.clone()].concat(),
            Reason::BackendBadResponse,
        ),
    ] {
        let liar = Liar::start(vec![bound.clone(), lie]).await;
        let asked = tokio::time::timeout(std::time::Duration::from_secs(20), liar.ask(&json!({}))).await;
        let error = asked.unwrap_or_else(|_| panic!("{what}: no end")).err();
        assert_eq!(error.map(|error| error.reason), Some(reason), "{what}");
    }
    let honest = Liar::start(vec![bound, done]).await;
    assert!(matches!(honest.ask(&json!({})).await, Ok(Answer::Nobody)));
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_to_a_directory_that_does_not_start_tls() {
    for refusal in [
        result(0x78, 2),
        result(0x78, 52),
        result(BOUND, 0),
        b"\x04\x00".to_vec(),
    ] {
        let liar = Liar::start(vec![answer(1, &refusal)]).await;
        let error = liar.ask(&json!({"starttls": true})).await.err().unwrap();
        assert_eq!(error.reason, Reason::BackendUnavailable);
        let heard = liar.heard.lock().unwrap().clone();
        assert!(heard.ends_with(b"1.3.6.1.4.1.1466.20037"), "{heard:?}");
    }
    // What comes behind the agreement belongs to nobody.
    let agreed = [answer(1, &result(0x78, 0)), answer(1, &result(BOUND, 0))].concat();
    let liar = Liar::start(vec![agreed]).await;
    let error = liar.ask(&json!({"starttls": true})).await.err().unwrap();
    assert!(error.detail.starts_with("no TLS"), "{}", error.detail);
    let heard = liar.heard.lock().unwrap().clone();
    assert!(!heard.windows(6).any(|window| window == b"secret"));
}

#[tokio::test]
async fn an_entry_without_a_name_binds_nobody_and_empty_passwords_are_not_sent() {
    let bind = json!({"method": {"type": "bind"}});
    let bound = answer(1, &result(BOUND, 0));
    let found = |dn: &str| [answer(2, &entry(dn)), answer(2, &result(SEARCHED, 0))].concat();
    let liar = Liar::start(vec![bound.clone(), found("")]).await;
    assert_eq!(liar.ask(&bind).await.err().unwrap().reason, Reason::BackendBadResponse);
    for password in [Some(Secret::new("")), None] {
        let liar = Liar::start(vec![bound.clone(), found("uid=ada,dc=test")]).await;
        let directory = liar.directory(&bind);
        let ada = Credentials {
            username: "ada".to_owned(),
            password,
            ..Credentials::default()
        };
        let answer = directory.ask(&ada).await;
        assert!(answer.is_ok_and(|answer| answer.turns_away()));
    }
}
