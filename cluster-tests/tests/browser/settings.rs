//! Switching authenticators off and on, changing them, and deleting them.

use anyhow::{Result, ensure};
use cluster_tests::browser::{PASSWORD, Stage, play};
use cluster_tests::calls::{BUILT_IN, create_user, declare, is_allowed, message, set_enabled};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::{self, Role};
use serde_json::{Value, json};

use super::scene::{HTTP, add_databases, add_http, add_postgresql, nobody};

const DATABASE: &str = "/authenticators/password_based:built_in_database";

async fn stored(stage: &Stage, id: &str) -> Result<v1::Authenticator> {
    let request = v1::GetAuthenticatorRequest {
        id: id.into(),
        ..v1::GetAuthenticatorRequest::default()
    };
    Ok(stage
        .operator()
        .await?
        .authenticators()
        .get(request)
        .await?
        .into_inner())
}

async fn is_on(stage: &Stage, id: &str) -> Result<bool> {
    Ok(stored(stage, id).await?.enabled == Some(true))
}

async fn settings_of(stage: &Stage, id: &str) -> Result<Value> {
    Ok(serde_json::to_value(
        stored(stage, id).await?.settings.unwrap_or_default(),
    )?)
}

/// Somebody else changes settings over gRPC.
async fn somebody_changes(stage: &Stage, id: &str, change: Value) -> Result<()> {
    let mut settings = settings_of(stage, id).await?;
    if let (Some(settings), Some(change)) = (settings.as_object_mut(), change.as_object()) {
        settings.extend(change.clone());
    }
    let request: v1::UpdateAuthenticatorRequest = message(json!({
        "authenticator": { "id": id, "settings": settings },
        "updateMask": { "paths": ["settings"] },
    }))?;
    stage.operator().await?.authenticators().update(request).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_can_be_undone_and_the_last_one_asks_before_everybody_is_let_in() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        add_databases(&client, &["second"]).await?;
        stage.sign_in(Role::Editor).await?;
        stage.open(1, "/authenticators").await?;
        let browser = &stage.browser;
        let switch = |id: &str| format!("{id} is asked");
        ensure!(
            browser.find("switch", &switch("second")).await?.is("checked"),
            "it is off before"
        );
        browser.find("switch", &switch("second")).await?.click().await?;
        browser.shows("second is not asked any more.").await?;
        ensure!(
            !browser.find("switch", &switch("second")).await?.is("checked"),
            "it is still on"
        );
        ensure!(!is_on(stage, "second").await?, "it was not stored");
        browser.press("Undo").await?;
        browser.shows("second is asked again.").await?;
        ensure!(is_on(stage, "second").await?, "the way back was not stored");

        browser.find("switch", &switch("second")).await?.click().await?;
        browser.shows("second is not asked any more.").await?;
        browser.find("switch", &switch(BUILT_IN)).await?.click().await?;
        browser.find("heading", &format!("Switch off {BUILT_IN}?")).await?;
        browser.shows("Every client will be let in.").await?;
        ensure!(is_on(stage, BUILT_IN).await?, "it was off before anybody said so");
        browser.follow("Keep it on").await?;
        browser.at("/authenticators").await?;
        ensure!(
            !browser.text().await?.contains("Every client is let in"),
            "it says so before"
        );
        browser.find("switch", &switch(BUILT_IN)).await?.click().await?;
        browser.press("Switch it off and let everybody in").await?;
        browser.shows("Every client is let in").await?;
        ensure!(is_allowed(&client, "anybody", "at all").await?, "nobody is let in");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_on_an_old_page_touches_nothing_but_the_switch() -> Result<()> {
    let server = nobody().await?;
    play(Options::new(node_binary!(), 1), async |stage| {
        add_http(&stage.operator().await?, HTTP, &server.url()).await?;
        stage.sign_in(Role::Editor).await?;
        // The overview is not loaded anew when settings change, and has a switch too.
        stage.open(1, "/authenticators/password_based:http").await?;
        somebody_changes(stage, HTTP, json!({ "request_timeout": "750ms" })).await?;
        stage
            .browser
            .find("switch", &format!("{HTTP} is asked"))
            .await?
            .click()
            .await?;
        stage.browser.shows(&format!("{HTTP} is not asked any more.")).await?;
        let timeout = &settings_of(stage, HTTP).await?["request_timeout"];
        ensure!(
            !is_on(stage, HTTP).await? && *timeout == json!("750ms"),
            "the newer settings are lost: {timeout}"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_reviewed_before_they_are_applied_and_secrets_stay_hidden() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        add_postgresql(&stage.operator().await?, "db", "127.0.0.1:1").await?;
        stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        stage.open(1, "/authenticators/db/settings").await?;
        browser.fill("Database", "accounts").await?;
        browser.fill("Password", "the new secret").await?;
        browser
            .choose("When it cannot decide", "Ask the next authenticator")
            .await?;
        browser.press("Review changes").await?;
        browser.at("/authenticators/db/settings/review").await?;
        let mut changes = Vec::new();
        for row in browser.every("row").await? {
            changes.push(row.text().await?.replace('\n', " "));
        }
        for line in [
            "settings.database users accounts",
            "settings.password (secret) (another secret)",
            "on_failure deny next",
        ] {
            ensure!(
                changes.iter().any(|change| change == line),
                "no `{line}` in {changes:?}"
            );
        }
        ensure!(changes.len() == 4, "more differs than was changed: {changes:?}");
        ensure!(
            !browser.driver().source().await?.contains("the new secret"),
            "the secret is shown"
        );
        ensure!(
            settings_of(stage, "db").await?["database"] == json!("users"),
            "it was stored before"
        );
        browser.follow("Back to the settings").await?;
        ensure!(
            browser.find("textbox", "Database").await?.value == "accounts",
            "the draft is lost"
        );
        browser.press("Review changes").await?;
        browser.press("Apply").await?;
        browser.at("/authenticators/db").await?;
        browser.shows("Saved as revision").await?;
        let now = stored(stage, "db").await?;
        ensure!(
            settings_of(stage, "db").await?["database"] == json!("accounts"),
            "it was not stored"
        );
        ensure!(now.on_failure() == v1::authenticator::OnFailure::Next, "{now:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_editors_change_at_once_is_put_together_and_asked_about() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        add_postgresql(&stage.operator().await?, "db", "127.0.0.1:1").await?;
        stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 412");
        let browser = &stage.browser;
        stage.open(1, "/authenticators/db/settings").await?;
        somebody_changes(stage, "db", json!({ "username": "theirs", "server": "127.0.0.1:2" })).await?;
        browser.fill("Database", "mine").await?;
        browser.fill("Server", "127.0.0.1:3").await?;
        browser.press("Review changes").await?;
        browser.press("Apply").await?;
        browser.find("heading", "Both changed db").await?;
        browser.shows("has changed this authenticator since you opened it").await?;
        let chosen = "return [...document.querySelectorAll('input[type=radio]:checked')].map((one) => one.name + ' ' + one.value).sort()";
        let chosen = browser.run(chosen, vec![]).await?;
        let expected = json!(["choose.settings.database yours", "choose.settings.server theirs", "choose.settings.username theirs"]);
        ensure!(chosen == expected, "chosen beforehand is {chosen}");
        let contested = browser.text_of("tr.differs th").await?;
        ensure!(contested == "settings.server", "both changed {contested}");
        let mine = browser.every("radio").await?.into_iter().find(|radio| radio.name == "127.0.0.1:3");
        mine.expect("my server can be chosen").click().await?;
        browser.press("Review the merged settings").await?;
        browser.at("/authenticators/db/settings/review").await?;
        browser.press("Apply").await?;
        browser.shows("Saved as revision").await?;
        let now = settings_of(stage, "db").await?;
        ensure!(
            [&now["database"], &now["server"], &now["username"]] == ["mine", "127.0.0.1:3", "theirs"],
            "{now}"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_hash_or_another_name_says_how_many_users_it_concerns() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        for user in ["one", "two", "three"] {
            create_user(&client, user, "secret").await?;
        }
        stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        stage.open(1, &format!("{DATABASE}/settings")).await?;
        browser.find("radio", "bcrypt").await?.click().await?;
        browser.choose("User ID type", "clientid").await?;
        browser.press("Review changes").await?;
        browser.at(&format!("{DATABASE}/settings/review")).await?;
        browser.shows("3 users keep the hash they have").await?;
        browser
            .shows("3 users are looked up by another name from then on")
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_asks_for_the_name_and_the_password_and_says_what_goes_everywhere() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        let client = stage.operator().await?;
        declare(&client, json!({ "id": "second" })).await?;
        for user in ["one", "two"] {
            create_user(&client, user, "secret").await?;
        }
        set_enabled(&client, "second", true).await?;
        let visitor = stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 422");
        let browser = &stage.browser;
        stage.cluster.agree().await?;
        stage.open(2, &format!("{DATABASE}/delete")).await?;
        browser.shows("This cannot be undone.").await?;
        browser.shows("2 users").await?;
        browser.fill("Type its name (required)", "second").await?;
        browser.fill("Your password (required)", PASSWORD).await?;
        browser.press("Delete").await?;
        browser.shows("is not the name of this authenticator").await?;
        browser.fill("Type its name (required)", BUILT_IN).await?;
        browser.fill("Your password (required)", "not my password").await?;
        browser.press("Delete").await?;
        browser.shows("is not your password").await?;
        ensure!(
            stored(stage, BUILT_IN).await.is_ok(),
            "it was deleted without the password"
        );
        browser.fill("Type its name (required)", BUILT_IN).await?;
        browser.fill("Your password (required)", PASSWORD).await?;
        browser.press("Delete").await?;
        browser.shows(&format!("{BUILT_IN} is deleted, with 2 users.")).await?;
        for node in [1, 2, 3] {
            let there = visitor.moved(stage.url(node, "")?);
            wait_for(&format!("it to be gone from n{node}"), PATIENCE, async || {
                let gone = there.get(DATABASE).await?.status == 404;
                let list = there.get("/authenticators").await?.body;
                Ok((gone && !list.contains(BUILT_IN) && list.contains("second")).then_some(()))
            })
            .await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_parameter_of_a_hash_is_told_at_its_own_field_and_a_default_is_applied_as_it_is_reviewed() -> Result<()>
{
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 422");
        let browser = &stage.browser;
        stage.open(1, &format!("{DATABASE}/settings")).await?;
        browser.fill("Longest decision", "8s").await?;
        browser.press("Review changes").await?;
        browser.press("Apply").await?;
        browser.shows("Saved as revision").await?;

        stage.open(1, &format!("{DATABASE}/settings")).await?;
        browser.fill("Longest decision", "").await?;
        browser.find("radio", "bcrypt").await?.click().await?;
        browser.fill("Salt rounds", "99").await?;
        browser.press("Review changes").await?;
        browser.shows("There is a problem").await?;
        let link = "password hash algorithm.bcrypt.salt rounds: ";
        browser.find_by_start("link", link).await?.click().await?;
        ensure!(
            browser.focused().await?.starts_with("Salt rounds"),
            "the link leads to {}",
            browser.focused().await?
        );
        let faulty = browser.find("textbox", "Salt rounds").await?;
        ensure!(faulty.is("invalid") && faulty.description.contains('✕'), "{faulty:?}");
        browser.fill("Salt rounds", "10").await?;
        browser.press("Review changes").await?;
        browser.shows("8s").await?;
        browser.press("Apply").await?;
        browser.shows("Saved as revision").await?;
        let timeout = stored(stage, BUILT_IN).await?.timeout;
        let seconds = timeout.map(|timeout| (timeout.seconds, timeout.nanos));
        ensure!(seconds == Some((5, 0)), "the timeout is {timeout:?}");
        Ok(())
    })
    .await
}
