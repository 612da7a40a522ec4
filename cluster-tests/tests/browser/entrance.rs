//! Who gets in, where to, and who is kept out.

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, PASSWORD, Stage, Visitor, play, play_on};
use cluster_tests::decider::{Decider, Reply};
use cluster_tests::{Cluster, Options, node_binary};
use portcullis::wire::pb::v1::Role;
use thirtyfour::By;

async fn fill_in(browser: &Browser, fields: &[(&str, &str)]) -> Result<()> {
    for (field, text) in fields {
        browser.fill(&format!("{field} (required)"), text).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_setup_token_makes_the_first_account_once_and_no_password_works_before() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 1).prepare().await?;
    cluster.start_all()?;
    let token = cluster.initialize().await?.setup_token;
    cluster.ready().await?;
    play_on(cluster, Browser::start().await?, async |stage| {
        let stranger = Visitor::at(stage.url(1, "")?)?;
        for (name, password) in [("admin", "public"), ("admin", "admin"), ("ada", PASSWORD)] {
            let answer = stranger
                .post("/login", &[("username", name), ("password", password)])
                .await?;
            ensure!(
                answer.session.is_empty() && answer.status != 303,
                "{name} is let in: {answer:?}"
            );
        }
        stage.open(1, "/").await?;
        let browser = &mut stage.browser;
        browser.expect("status of 422");
        browser.at("/setup").await?;
        let mut fields = [
            ("Setup token", "pcs_wrong"),
            ("Username", "ada"),
            ("Password", PASSWORD),
            ("Password again", PASSWORD),
        ];
        fill_in(browser, &fields).await?;
        browser.press("Create account").await?;
        browser.shows("There is a problem").await?;
        fields[0].1 = &token;
        fill_in(browser, &fields).await?;
        browser.press("Create account").await?;
        browser.at("/authenticators").await?;
        browser.shows("Every client is let in").await?;

        let fields = [
            ("token", &*token),
            ("username", "eve"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let again = stranger.post("/setup", &fields).await?;
        ensure!(
            again.status == 303 && again.location == "/login" && again.session.is_empty(),
            "the token works twice: {again:?}"
        );
        stranger.signed_in("ada", PASSWORD).await?;
        Ok(())
    })
    .await
}

async fn sign_in_by_hand(stage: &Stage, name: &str, password: &str) -> Result<()> {
    fill_in(&stage.browser, &[("Username", name), ("Password", password)]).await?;
    stage.browser.press("Sign in").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signs_in_to_the_page_one_wanted_and_is_told_nothing_about_what_was_wrong() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.visitor(Role::Viewer).await?;
        stage.browser.expect("status of 422");
        stage.open(1, "/cluster").await?;
        stage.browser.at("/login").await?;
        let mut refusals = Vec::new();
        for (name, password) in [("vera", "not the password"), ("nobody", PASSWORD)] {
            sign_in_by_hand(stage, name, password).await?;
            stage.browser.shows("There is a problem").await?;
            refusals.push(stage.browser.text().await?);
        }
        ensure!(
            refusals[0].contains("Wrong username or password.") && refusals[0] == refusals[1],
            "{refusals:?}"
        );
        sign_in_by_hand(stage, "vera", PASSWORD).await?;
        stage.browser.at("/cluster").await?;

        stage.open(1, "/").await?;
        stage.browser.at("/authenticators").await?;
        stage.browser.find("heading", "Authenticators").await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_sent_to_another_site_after_signing_in() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.visitor(Role::Viewer).await?;
        let elsewhere = Decider::start(|_| Reply::status("204 No Content")).await?;
        let foreign = elsewhere.url();
        stage.open(1, &format!("/login?next={foreign}")).await?;
        sign_in_by_hand(stage, "vera", PASSWORD).await?;
        stage.browser.at("/authenticators").await?;
        let visitor = Visitor::at(stage.url(1, "")?)?;
        for next in [
            "//evil.example/",
            "/\\evil.example",
            "https:evil.example",
            "javascript:alert(1)",
        ] {
            let fields = [("username", "vera"), ("password", PASSWORD), ("next", next)];
            let answer = visitor.post("/login", &fields).await?;
            ensure!(
                answer.location == "/authenticators",
                "{next} leads to {}",
                answer.location
            );
        }
        ensure!(elsewhere.requests().is_empty(), "somebody went elsewhere");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_good_on_every_node_and_ends_on_every_node() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        stage.visitor(Role::Viewer).await?;
        stage.open(1, "/login").await?;
        sign_in_by_hand(stage, "vera", PASSWORD).await?;
        for node in [1, 2, 3] {
            stage.open(node, "/cluster").await?;
            stage.browser.find("heading", "Cluster").await?;
            let here = stage.browser.text_of(".bar").await?;
            ensure!(here.contains(&format!("n{node}")), "the bar of n{node} says {here}");
        }
        let browser = &stage.browser;
        let cookie = browser.driver().get_named_cookie("__Host-session").await?;
        stage.open(2, "/cluster").await?;
        browser
            .find("DisclosureTriangle", "vera · viewer")
            .await?
            .click()
            .await?;
        browser.press("Sign out").await?;
        browser.at("/login").await?;
        stage.cluster.agree().await?;
        for node in [1, 2, 3] {
            // The browser has forgotten the cookie; whoever has a copy has nothing.
            let thief = Visitor::at(stage.url(node, "")?)?.with(&format!("__Host-session={}", cookie.value));
            let answer = thief.get("/cluster").await?;
            ensure!(
                answer.status == 303 && answer.location.starts_with("/login"),
                "n{node}: {answer:?}"
            );
        }
        Ok(())
    })
    .await
}

/// What the browser keeps beyond a page.
const KEPT: &str = "return JSON.stringify({ ...sessionStorage })";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_when_a_session_ended_is_there_again_but_for_its_secrets() -> Result<()> {
    const PAGE: &str = "/authenticators/new/password_based/http?chain=tcp:default";
    const TEXTS: &[(&str, &str)] = &[
        ("id", "asked"),
        ("settings.url", "https://127.0.0.1:1/a?b=c"),
        ("precondition", "username == 'é'"),
    ];
    const SECRETS: &[(&str, &str)] = &[
        ("settings.headers", "authorization: Bearer not-to-be-kept"),
        ("settings.ssl.keyfile", "not-to-be-kept, in several lines"),
        ("settings.oauth2.client_secret", "not-to-be-kept, in one line"),
    ];
    play(Options::new(node_binary!(), 2), async |stage| {
        stage.browser.expect("status of 401");
        let visitor = stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        let unfold = "for (const one of document.querySelectorAll('main details:not(.menu)')) one.open = true";
        let field = async |name: &str| Ok::<_, anyhow::Error>(browser.driver().find(By::Name(name)).await?);
        // The chain of a listener: what is typed for one chain must not come up again for another.
        stage.open(1, PAGE).await?;
        browser.run(unfold, vec![]).await?;
        browser.choose("Method", "post").await?;
        let next = "Ask the next authenticator";
        browser.choose("When it cannot decide", next).await?;
        let encrypted = field("settings.ssl.enable").await?;
        encrypted.scroll_into_view().await?;
        encrypted.click().await?;
        for (name, text) in TEXTS.iter().chain(SECRETS) {
            field(name).await?.send_keys(*text).await?;
        }
        stage.cluster.agree().await?;
        let ended = visitor.moved(stage.url(2, "")?).post("/logout", &[]).await?;
        ensure!(ended.status == 303, "{ended:?}");
        stage.cluster.agree().await?;

        browser.press("Create").await?;
        browser.at("/login").await?;
        let held = browser.run(KEPT, vec![]).await?.to_string();
        ensure!(
            held.contains("https://127.0.0.1:1/") && !held.contains("not-to-be-kept"),
            "the browser keeps {held}"
        );
        sign_in_by_hand(stage, "edgar", PASSWORD).await?;
        browser.find("heading", "Add HTTP server").await?;
        ensure!(browser.path().await? == PAGE, "it is {}", browser.path().await?);
        for (name, text) in TEXTS.iter().copied().chain(SECRETS.iter().map(|(name, _)| (*name, ""))) {
            let held = field(name).await?.prop("value").await?.unwrap_or_default();
            ensure!(held == text, "{name} holds {held:?}");
        }
        ensure!(
            browser.find("combobox", "Method").await?.value == "post"
                && browser.find("combobox", "When it cannot decide").await?.value == next
                && field("settings.ssl.enable").await?.is_selected().await?,
            "what was chosen is lost"
        );
        let held = browser.run(KEPT, vec![]).await?;
        ensure!(held == "{}", "the browser still keeps {held}");
        browser.press("Create").await?;
        browser.shows("asked is added.").await?;
        ensure!(
            browser.path().await? == "/authenticators?chain=tcp:default",
            "it is in another chain: {}",
            browser.path().await?
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_another_site_changes_nothing() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let admin = stage.sign_in(Role::Admin).await?;
        let target = stage.url(1, "/operators/keys")?;
        let page = format!(
            "<!DOCTYPE html><title>Elsewhere</title><form method=post action='{target}'>\
             <input name=key_name value=stolen><input name=key_role value=admin><button>Win a prize</button></form>"
        );
        let elsewhere = Decider::start(move |_| {
            Reply::Raw(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html".into(),
                page.clone().into_bytes(),
            )
        })
        .await?;
        stage.browser.expect("status of 403");
        stage.browser.expect("favicon");
        stage.browser.go(&elsewhere.url()).await?;
        stage.browser.press("Win a prize").await?;
        stage.browser.at("/operators/keys").await?;
        stage.browser.shows("did not come from a page of this node").await?;

        let fields = [("key_name", "stolen"), ("key_role", "admin")];
        let host = stage.cluster.node(1)?.http;
        let (other, own) = (elsewhere.url(), format!("http://{host}"));
        for from in [
            &[][..],
            &[("origin", "null")],
            &[("origin", &*other)],
            &[("sec-fetch-site", "cross-site"), ("origin", &*own)],
        ] {
            let answer = admin.post_from("/operators/keys", &fields, from).await?;
            ensure!(answer.status == 403, "{from:?}: {answer:?}");
        }
        let keys = admin.get("/operators").await?.body;
        ensure!(!keys.contains("stolen"), "a key was made");
        let answer = admin
            .post_from(
                "/operators/keys",
                &[("key_name", "meant"), ("key_role", "viewer")],
                &[("origin", &*own)],
            )
            .await?;
        ensure!(answer.status < 400, "{answer:?}");
        ensure!(
            admin.get("/operators").await?.body.contains("meant"),
            "the control makes no key"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_a_form_too_late_comes_back_to_its_page_and_never_to_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let late = Visitor::at(format!("http://{}", cluster.node(1)?.http))?;
    let own = ("sec-fetch-site", "same-origin");
    let page = "http://n1:7602/authenticators/jwt/settings/review?chain=tcp:x&draft=7";
    for (from, next) in [
        (
            &[own, ("referer", page)][..],
            "%2Fauthenticators%2Fjwt%2Fsettings%2Freview%3Fchain%3Dtcp%3Ax%26draft%3D7",
        ),
        (&[own], "%2Fauthenticators%2Fjwt%2Fsettings%2Fapply%3Fchain%3Dtcp%3Ax"),
    ] {
        let path = "/authenticators/jwt/settings/apply?chain=tcp:x";
        let answer = late.post_from(path, &[("draft", "7")], from).await?;
        ensure!(answer.location == format!("/login?next={next}"), "{answer:?}");
    }
    for (form, page) in [
        ("/authenticators/order", "/authenticators"),
        (
            "/authenticators/jwt/enabled?chain=tcp:x",
            "/authenticators/jwt?chain=tcp:x",
        ),
        ("/authenticators/jwt/settings/apply", "/authenticators/jwt/settings"),
        ("/authenticators/db/users/ann/delete", "/authenticators/db/users/ann"),
        ("/operators/keys", "/operators"),
        ("/operators/accounts", "/operators"),
        ("/account/password", "/account"),
        ("/logout", "/"),
    ] {
        let answer = late.get(form).await?;
        ensure!(answer.status == 303 && answer.location == page, "{form}: {answer:?}");
    }
    ensure!(
        late.post("/cluster", &[]).await?.status == 404,
        "what takes no forms takes one"
    );
    cluster.passed()
}
