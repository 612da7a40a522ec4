//! A window of a browser: where it goes, what is found there, how it looks, and what its console says.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that JSON does not have is null, and is asked for what it is"
)]

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use thirtyfour::{By, WebDriver};

use super::program::Program;
use super::thing::Thing;
use crate::cluster::PATIENCE;
use crate::wait::wait_for;

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// `light` or `dark`.
    pub theme: &'static str,
    /// Of the window, in CSS pixels.
    pub width: u32,
}

/// A window with a profile of its own.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    program: Program,
    expected: Vec<&'static str>,
}

impl Browser {
    /// A new window.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// A new window of somebody who needs text of so many pixels; others have 16.
    pub async fn with_text_of(pixels: u32) -> Result<Self> {
        Self::start_with(&[("webkit.webprefs.default_font_size", pixels.into())]).await
    }

    async fn start_with(preferences: &[(&str, Value)]) -> Result<Self> {
        let (program, driver) = Program::start(preferences).await?;
        Ok(Self {
            driver,
            program,
            expected: Vec::new(),
        })
    }

    /// For what is not offered here.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// A command of the DevTools protocol.
    pub async fn tell(&self, method: &str, parameters: Value) -> Result<Value> {
        let told = self.driver.cdp().send_raw(method, parameters).await;
        told.with_context(|| format!("the browser refuses {method}"))
    }

    /// Runs a function body in the page.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.driver.execute(script, arguments).await?.json().clone())
    }

    /// Goes to an address.
    pub async fn go(&self, url: &str) -> Result<()> {
        self.driver
            .goto(url)
            .await
            .with_context(|| format!("cannot go to {url}"))
    }

    /// Path and query of where it is.
    pub async fn path(&self) -> Result<String> {
        let url = self.driver.current_url().await?;
        Ok(url
            .query()
            .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
    }

    /// Waits until it is at this path, whatever the query.
    pub async fn at(&self, path: &str) -> Result<()> {
        wait_for(&format!("the page {path}"), PATIENCE, async || {
            let here = self.path().await?;
            ensure!(here.split('?').next() == Some(path), "the page is {here}");
            Ok(Some(()))
        })
        .await
    }

    // ---- finding

    /// The one thing of that role and name; waits for it.
    pub async fn find(&self, role: &str, name: &str) -> Result<Thing> {
        wait_for(&format!("the {role} `{name}`"), PATIENCE, async || {
            let mut found = self.find_all(role, name).await?;
            ensure!(
                found.len() == 1,
                "there are {} of role {role} called `{name}`",
                found.len()
            );
            Ok(found.pop())
        })
        .await
    }

    /// The one thing of that role whose name begins so; waits for it.
    pub async fn find_by_start(&self, role: &str, start: &str) -> Result<Thing> {
        wait_for(&format!("the {role} `{start}…`"), PATIENCE, async || {
            let mut found = self.every(role).await?;
            found.retain(|thing| thing.name.starts_with(start));
            ensure!(
                found.len() == 1,
                "there are {} of role {role} called `{start}…`",
                found.len()
            );
            Ok(found.pop())
        })
        .await
    }

    /// Everything of that role and name that is there now.
    pub async fn find_all(&self, role: &str, name: &str) -> Result<Vec<Thing>> {
        Thing::all(&self.driver, None, role, Some(name)).await
    }

    /// Everything of that role.
    pub async fn every(&self, role: &str) -> Result<Vec<Thing>> {
        Thing::all(&self.driver, None, role, None).await
    }

    /// Everything of that role within something.
    pub async fn within(&self, thing: &Thing, role: &str) -> Result<Vec<Thing>> {
        Thing::all(&self.driver, Some(thing.node()), role, None).await
    }

    /// Whether something of that role and name is there now.
    pub async fn has(&self, role: &str, name: &str) -> Result<bool> {
        Ok(!self.find_all(role, name).await?.is_empty())
    }

    /// What the page shows outside its frame.
    pub async fn text(&self) -> Result<String> {
        Ok(self.driver.find(By::Css("main")).await?.text().await?)
    }

    /// Waits until the page shows that.
    pub async fn shows(&self, text: &str) -> Result<()> {
        wait_for(&format!("the page to show `{text}`"), PATIENCE, async || {
            let shown = self.text().await?;
            ensure!(shown.contains(text), "it shows `{shown}`");
            Ok(Some(()))
        })
        .await
    }

    /// What that element shows.
    pub async fn text_of(&self, selector: &str) -> Result<String> {
        Ok(self.driver.find(By::Css(selector)).await?.text().await?)
    }

    /// What was said last to those who listen.
    pub async fn spoken(&self) -> Result<String> {
        let said = self
            .run("return document.getElementById('spoken').textContent", vec![])
            .await?;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until that is said.
    pub async fn says(&self, text: &str) -> Result<()> {
        wait_for(&format!("`{text}` to be said"), PATIENCE, async || {
            let said = self.spoken().await?;
            ensure!(said.contains(text), "what is said is `{said}`");
            Ok(Some(()))
        })
        .await
    }

    // ---- doing

    /// Presses the button of that name.
    pub async fn press(&self, button: &str) -> Result<()> {
        self.find("button", button).await?.click().await
    }

    /// Follows the link of that name.
    pub async fn follow(&self, link: &str) -> Result<()> {
        self.find("link", link).await?.click().await
    }

    /// Fills in the field of that name.
    pub async fn fill(&self, field: &str, text: &str) -> Result<()> {
        self.find("textbox", field).await?.fill(text).await
    }

    /// Chooses one of that list by what it says.
    pub async fn choose(&self, list: &str, option: &str) -> Result<()> {
        self.find("combobox", list).await?.choose(option).await
    }

    /// Loads the page anew.
    pub async fn reload(&self) -> Result<()> {
        Ok(self.driver.refresh().await?)
    }

    /// Types where the focus is.
    pub async fn keys(&self, keys: impl Into<thirtyfour::TypingData>) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(keys).perform().await?)
    }

    /// The name of what has the focus, from its label or its text.
    pub async fn focused(&self) -> Result<String> {
        let script = "const at = document.activeElement; return at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent";
        let name = self.run(script, vec![]).await?;
        Ok(name.as_str().unwrap_or_default().trim().to_owned())
    }

    // ---- looking

    /// Whether the scripts of pages run from now on.
    pub async fn scripts(&self, run: bool) -> Result<()> {
        self.tell("Emulation.setScriptExecutionDisabled", json!({ "value": !run }))
            .await?;
        Ok(())
    }

    /// Looks at pages that way from now on.
    pub async fn look(&self, look: Look) -> Result<()> {
        self.prefer(&[("prefers-color-scheme", look.theme)]).await?;
        let size = json!({ "width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// What the person prefers: media features and their values.
    pub async fn prefer(&self, features: &[(&str, &str)]) -> Result<()> {
        let features: Vec<_> = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features }))
            .await?;
        Ok(())
    }

    /// Puts a cookie of the dashboard in, as if a node had set it.
    pub async fn take_session(&self, url: &str, cookie: &str) -> Result<()> {
        let (name, value) = cookie.split_once('=').context("not a cookie")?;
        let cookie = json!({
            "name": name, "value": value, "url": url, "path": "/", "secure": true, "httpOnly": true, "sameSite": "Lax",
        });
        let set = self.tell("Network.setCookie", cookie).await?;
        ensure!(set["success"] == true, "the browser takes no cookie");
        Ok(())
    }

    // ---- afterwards

    /// The console may say that: a refusal that the test is about.
    pub fn expect(&mut self, words: &'static str) {
        self.expected.push(words);
    }

    /// What the console has complained of since the last time: errors, warnings, breaches of the content policy.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let said = self.driver.browser_log().await?;
        let said = said
            .into_iter()
            .filter(|entry| ["SEVERE", "WARNING"].contains(&entry.level.as_str()));
        let unexpected = said.filter(|entry| !self.expected.iter().any(|words| entry.message.contains(words)));
        Ok(unexpected
            .map(|entry| {
                format!(
                    "{} ({}): {}",
                    entry.level,
                    entry.source.unwrap_or_default(),
                    entry.message
                )
            })
            .collect())
    }

    /// A picture of the window.
    pub async fn picture(&self, file: &Path) -> Result<()> {
        Ok(self.driver.screenshot(file).await?)
    }

    /// Where files go that it saves.
    pub fn downloads(&self) -> PathBuf {
        self.program.downloads()
    }

    /// Picture, source and console, for whoever looks into a failure.
    pub(super) async fn leave_evidence(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("chromedriver.log"), self.program.log())?;
        self.picture(&folder.join("page.png")).await?;
        let page = format!(
            "<!-- {} -->\n{}",
            self.driver.current_url().await?,
            self.driver.source().await?
        );
        std::fs::write(folder.join("page.html"), page)?;
        Ok(())
    }

    /// Closes it. What its console complained of, and nobody expected, is an error.
    pub async fn end(self) -> Result<()> {
        let complaints = self.complaints().await?;
        self.driver.clone().quit().await?;
        self.program.end().await?;
        ensure!(
            complaints.is_empty(),
            "the console complains:\n{}",
            complaints.join("\n")
        );
        Ok(())
    }
}
