//! Users of SCRAM come by a password, by their keys or by a file, in one database or in two, under names as clients send them.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cluster_tests::calls::{
    BUILT_IN, export, faulty_fields, get_user, import, is_allowed, list_users, message, reason_of,
};
use cluster_tests::node_binary;
use cluster_tests::{Cluster, Options};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::UserFileFormat;
use portcullis::wire::pb::v1::import_users_header::{Format, PasswordType};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::scram::{Exchange, SCRAM, start, three};

async fn one_node() -> Result<(Cluster, Client)> {
    let (cluster, mut clients) = start(Options::new(node_binary!(), 1)).await?;
    let client = clients.pop().context("no node")?;
    Ok((cluster, client))
}

async fn create(client: &Client, request: Value) -> Result<v1::User, Status> {
    let request: v1::CreateUserRequest = message(request).map_err(|error| Status::internal(error.to_string()))?;
    Ok(client.users().create(request).await?.into_inner())
}

async fn get_scram(client: &Client, name: &str) -> Result<v1::User, Status> {
    let request = v1::GetUserRequest {
        authenticator: SCRAM.into(),
        user_id: name.into(),
        ..v1::GetUserRequest::default()
    };
    Ok(client.users().get(request).await?.into_inner())
}

async fn proves(client: &Client, name: &str, password: &str) -> Result<bool> {
    let begun = Exchange::begin(client, "SCRAM-SHA-256", name, password).await?;
    Ok(begun.finish(client).await?.decision() == v1::Decision::Allow)
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Status {
    match answer {
        Err(status) => status,
        Ok(done) => panic!("not refused: {done:?}"),
    }
}

/// The user of RFC 7677 section 3, whose password is `pencil`.
fn pencil() -> Value {
    json!({
        "salt": "W22ZaJ0SNY7soEsUEjb6gQ==",
        "iterations": 4096,
        "storedKey": "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
        "serverKey": "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_made_in_both_databases_or_in_none() -> Result<()> {
    let (cluster, clients) = start(three()).await?;
    let follower = cluster.client(cluster.follower().await?).await?;
    let bob = json!({
        "user": {"userId": "bob", "isSuperuser": true, "attributes": {"tenant": "a"}},
        "password": {"password": "paper"},
        "alsoIn": [SCRAM],
        "requestId": "both",
    });
    let created = create(&follower, bob.clone()).await?;
    assert_eq!(
        (created.authenticator.as_str(), created.user_id.as_str()),
        (BUILT_IN, "bob")
    );
    cluster.agree().await?;
    for client in &clients {
        assert!(is_allowed(client, "bob", "paper").await? && !is_allowed(client, "bob", "wrong").await?);
        assert!(proves(client, "bob", "paper").await? && !proves(client, "bob", "wrong").await?);
        let twin = get_scram(client, "bob").await?;
        assert_eq!((twin.is_superuser, &twin.attributes), (true, &created.attributes));
        assert_eq!((twin.revision, twin.hash.as_str()), (created.revision, "SCRAM-SHA-256"));
    }
    assert_eq!(
        create(&clients[0], bob).await?,
        created,
        "a repeated request makes nobody twice"
    );

    // `ann` is in the SCRAM database alone.
    let ann = |first: &str, further: &str| {
        json!({
            "user": {"userId": "ann", "authenticator": first},
            "password": {"password": "other"},
            "alsoIn": [further],
        })
    };
    for request in [ann("", SCRAM), ann(SCRAM, BUILT_IN)] {
        let status = refused(create(&follower, request).await);
        assert_eq!(
            (status.code(), reason_of(&status).as_str()),
            (Code::AlreadyExists, "ALREADY_EXISTS")
        );
        let info = status.get_details_error_info().context("no details")?;
        assert_eq!(info.metadata.get("authenticator").map(String::as_str), Some(SCRAM));
        assert!(status.message().contains(SCRAM), "{}", status.message());
    }
    assert_eq!(refused(get_user(&follower, "ann").await).code(), Code::NotFound);
    assert!(proves(&follower, "ann", "secret").await?, "nothing of it was changed");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_fill_two_databases_is_refused_with_its_field() -> Result<()> {
    let (cluster, client) = one_node().await?;
    let jwt = json!({"authenticator": {"mechanism": "jwt", "settings": {
        "algorithm": "hmac-based", "secret": "a secret of more than thirty-two bytes",
    }}});
    let request: v1::CreateAuthenticatorRequest = message(jwt)?;
    client.authenticators().create(request).await?;
    let text = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    let too_many: Vec<_> = (0..8).map(|n| n.to_string()).collect();
    for (password, also_in, fields) in [
        (
            json!({"passwordHash": text}),
            json!([SCRAM]),
            &["password.password_hash"][..],
        ),
        (
            json!({"password": "x", "algorithm": "sha256"}),
            json!([SCRAM]),
            &["password.algorithm"],
        ),
        (json!({"password": "x"}), json!(["jwt"]), &["also_in[0]"]),
        (json!({"password": "x"}), json!([SCRAM, SCRAM]), &["also_in[1]"]),
        (
            json!({"password": "x"}),
            json!(["", BUILT_IN]),
            &["also_in[0]", "also_in[1]"],
        ),
        (json!({"password": "x"}), json!(too_many), &["also_in"]),
        (json!({"password": "\u{202e}"}), json!([SCRAM]), &["password"]),
    ] {
        let request = json!({"user": {"userId": "bob"}, "password": password, "alsoIn": also_in});
        let status = refused(create(&client, request.clone()).await);
        assert_eq!(
            (status.code(), faulty_fields(&status)),
            (
                Code::InvalidArgument,
                fields.iter().map(|field| (*field).to_owned()).collect()
            ),
            "{request}"
        );
    }
    let nowhere = json!({"user": {"userId": "bob"}, "password": {"password": "x"}, "alsoIn": [SCRAM, "nowhere"]});
    assert_eq!(refused(create(&client, nowhere).await).code(), Code::NotFound);
    assert_eq!(refused(get_user(&client, "bob").await).code(), Code::NotFound);
    assert_eq!(refused(get_scram(&client, "bob").await).code(), Code::NotFound);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_let_a_user_in_and_every_wrong_one_is_named() -> Result<()> {
    let (cluster, client) = one_node().await?;
    let user = |password: Value| json!({"user": {"authenticator": SCRAM, "userId": "user"}, "password": password});
    for (change, fields) in [
        (json!({"iterations": 0}), &["password.iterations"][..]),
        (
            json!({"iterations": 10_000_001, "salt": ""}),
            &["password.iterations", "password.salt"],
        ),
        (
            json!({"storedKey": "!", "serverKey": "c2hvcnQ="}),
            &["password.server_key", "password.stored_key"],
        ),
        (
            json!({"algorithm": "sha512"}),
            &["password.server_key", "password.stored_key"],
        ),
        (json!({"algorithm": "argon2id"}), &["password.algorithm"]),
        (json!({"password": "pencil"}), &["password"]),
    ] {
        let mut password = pencil();
        password
            .as_object_mut()
            .context("no object")?
            .extend(change.as_object().context("no object")?.clone());
        let status = refused(create(&client, user(password)).await);
        assert_eq!(
            (status.code(), faulty_fields(&status)),
            (
                Code::InvalidArgument,
                fields.iter().map(|field| (*field).to_owned()).collect()
            ),
            "{change}"
        );
    }
    let elsewhere = json!({"user": {"userId": "user"}, "password": pencil()});
    let status = refused(create(&client, elsewhere).await);
    assert_eq!(
        faulty_fields(&status),
        ["password.iterations", "password.server_key", "password.stored_key"]
    );

    create(&client, user(pencil())).await?;
    assert!(proves(&client, "user", "pencil").await? && !proves(&client, "user", "pen").await?);
    let update: v1::UpdateUserRequest = message(json!({
        "user": {"authenticator": SCRAM, "userId": "ann"}, "password": pencil(),
    }))?;
    client.users().update(update).await?;
    assert!(proves(&client, "ann", "pencil").await? && !proves(&client, "ann", "secret").await?);
    cluster.passed()
}

fn header(authenticator: &str, format: Format, passwords: PasswordType) -> v1::ImportUsersHeader {
    let mut header = v1::ImportUsersHeader {
        authenticator: authenticator.into(),
        ..v1::ImportUsersHeader::default()
    };
    header.set_format(format);
    header.set_password_type(passwords);
    header
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_keys_is_imported_and_what_is_exported_reads_back() -> Result<()> {
    let (cluster, client) = one_node().await?;
    let keys = pencil();
    let key = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();
    let (salt, stored, server) = (key("salt"), key("storedKey"), key("serverKey"));
    let file = format!(
        "user_id,password_hash,salt,iterations,stored_key,server_key,is_superuser\n\
         keyed,,{salt},4096,{stored},{server},true\n\
         \u{2168},,{salt},4096,{stored},{server},\n\
         written,SCRAM-SHA-256$4096:{salt}${stored}:{server},,,,,\n\
         \u{202e}prohibited,,{salt},4096,{stored},{server},\n\
         short,,{salt},4096,{stored},c2hvcnQ=,\n\
         few,,{salt},none,{stored},{server},\n\
         other,{hash},,,,,\n\
         salted,SCRAM-SHA-256$4096:{salt}${stored}:{server},x,,,,\n",
        hash = "ab".repeat(32),
    );
    let done = import(
        &client,
        header(SCRAM, Format::Csv, PasswordType::Hash),
        Bytes::from(file),
    )
    .await?;
    assert_eq!((done.created, done.failed), (3, 5), "{done:?}");
    assert_eq!(done.hashes.get("SCRAM-SHA-256"), Some(&3));
    let faults: Vec<_> = done
        .bad_rows
        .iter()
        .map(|row| (row.line, row.column.as_str()))
        .collect();
    assert_eq!(
        faults,
        [
            (5, "user_id"),
            (6, "server_key"),
            (7, "iterations"),
            (8, "password_hash"),
            (9, "salt")
        ]
    );
    for name in ["keyed", "written", "IX", "\u{2168}"] {
        assert!(proves(&client, name, "pencil").await?, "{name}");
    }

    let copy = json!({"authenticator": {"id": "copy", "mechanism": "scram", "backend": "built_in_database",
        "settings": {"algorithm": "sha512"}}});
    let copy: v1::CreateAuthenticatorRequest = message(copy)?;
    client.authenticators().create(copy).await?;
    let (csv, count) = export(&client, SCRAM, UserFileFormat::Csv).await?;
    assert_eq!(count, 4);
    for (file_format, format) in [
        (UserFileFormat::Csv, Format::Csv),
        (UserFileFormat::Json, Format::Json),
        (UserFileFormat::Ndjson, Format::Ndjson),
    ] {
        let (file, _) = export(&client, SCRAM, file_format).await?;
        let done = import(&client, header(SCRAM, format, PasswordType::Hash), file.clone()).await?;
        assert_eq!((done.unchanged, done.total), (4, 4), "{done:?}");
        let done = import(&client, header("copy", format, PasswordType::Hash), file).await?;
        assert_eq!((done.total, done.failed), (4, 0), "{done:?}");
    }
    assert!(
        export(&client, "copy", UserFileFormat::Csv).await?.0 == csv,
        "the files differ"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_of_a_file_that_no_client_can_present_is_a_bad_row() -> Result<()> {
    let (cluster, client) = one_node().await?;
    let file = "user_id,password\none,caf\u{e9}\ntwo,\u{202e}x\nthree,\u{ad}\nfour,paper\n";
    for dry_run in [true, false] {
        let mut header = header(SCRAM, Format::Csv, PasswordType::Plain);
        header.dry_run = dry_run;
        let done = import(&client, header, Bytes::from(file)).await?;
        assert_eq!((done.created, done.failed), (2, 2), "{done:?}");
        assert_eq!(done.hashes.get("SCRAM-SHA-256"), Some(&2));
        let faults: Vec<_> = done
            .bad_rows
            .iter()
            .map(|row| (row.line, row.column.as_str()))
            .collect();
        assert_eq!(faults, [(3, "password"), (4, "password")]);
    }
    assert!(proves(&client, "one", "caf\u{e9}").await? && proves(&client, "four", "paper").await?);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_prepared_when_set_and_found_as_it_is_typed() -> Result<()> {
    let (cluster, client) = one_node().await?;
    let user = |name: &str| json!({"user": {"authenticator": SCRAM, "userId": name}, "password": {"password": "x"}});
    for name in ["\u{202e}ann", "\u{ad}", "a\u{e000}", "\u{1f41a}", "a\u{627}"] {
        let status = refused(create(&client, user(name)).await);
        assert_eq!(
            (status.code(), faulty_fields(&status)),
            (Code::InvalidArgument, vec!["user_id".to_owned()]),
            "{name:?}"
        );
        let details = status.get_details_bad_request().context("no details")?;
        assert!(
            details.field_violations[0].description.contains("SASLprep"),
            "{details:?}"
        );
    }
    assert_eq!(
        create(&client, user("zoe\u{308} \u{2168}")).await?.user_id,
        "zo\u{eb} IX"
    );
    let twice = refused(create(&client, user("zo\u{eb}\u{a0}IX")).await);
    assert_eq!(twice.code(), Code::AlreadyExists);
    for typed in ["zo\u{eb} IX", "zoe\u{308} \u{2168}", "zo\u{eb}\u{a0}I\u{ad}X"] {
        assert_eq!(get_scram(&client, typed).await?.user_id, "zo\u{eb} IX");
        let update: v1::UpdateUserRequest = message(json!({
            "user": {"authenticator": SCRAM, "userId": typed, "disabled": true}, "updateMask": {"paths": ["disabled"]},
        }))?;
        assert_eq!(client.users().update(update).await?.into_inner().user_id, "zo\u{eb} IX");
    }
    create(&client, user("IV")).await?;
    let request = v1::BatchDeleteUsersRequest {
        authenticator: SCRAM.into(),
        user_ids: ["IV", "\u{2163}", "zoe\u{308} \u{2168}", "\u{2164}"]
            .map(str::to_owned)
            .to_vec(),
        ..v1::BatchDeleteUsersRequest::default()
    };
    let gone = client.users().batch_delete(request).await?.into_inner();
    assert_eq!((gone.deleted, gone.missing), (2, 1));

    create(&client, user("I\u{ad}V")).await?;
    let delete = v1::DeleteUserRequest {
        authenticator: SCRAM.into(),
        user_id: "\u{2163}".into(),
        ..v1::DeleteUserRequest::default()
    };
    client.users().delete(delete.clone()).await?;
    assert_eq!(refused(client.users().delete(delete).await).code(), Code::NotFound);
    let request = v1::ListUsersRequest {
        authenticator: SCRAM.into(),
        ..v1::ListUsersRequest::default()
    };
    let left: Vec<_> = list_users(&client, request)
        .await?
        .into_iter()
        .map(|user| user.user_id)
        .collect();
    ensure!(left == ["ann"], "{left:?}");

    // A database of passwords keeps names byte by byte.
    let byte_by_byte = json!({"user": {"userId": "\u{2168}"}, "password": {"password": "x"}});
    assert_eq!(create(&client, byte_by_byte).await?.user_id, "\u{2168}");
    assert_eq!(refused(get_user(&client, "IX").await).code(), Code::NotFound);
    cluster.passed()
}
