//! What axe does not look at: structure, names, the size of targets, the way of the focus.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that JSON does not have is null, and is asked for what it is"
)]

use std::time::Instant;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use thirtyfour::Key;

use super::window::Browser;

const STRUCTURE: &str = include_str!("structure.js");
/// Roles that are nothing without a name.
const NAMED: &[&str] = &[
    "button",
    "link",
    "textbox",
    "searchbox",
    "checkbox",
    "radio",
    "combobox",
    "switch",
    "spinbutton",
    "DisclosureTriangle",
    "option",
    "dialog",
    "region",
    "progressbar",
    "image",
];
/// No page has so many stops.
const MOST_STOPS: usize = 400;
const STOP: &str = "
    const at = document.activeElement;
    if (!at || at === document.body) return null;
    const box = at.getBoundingClientRect();
    const style = getComputedStyle(at);
    const bar = document.querySelector('.bar');
    const sticky = bar && getComputedStyle(bar).position === 'sticky' && !bar.contains(at) && !at.classList.contains('skip');
    const top = sticky ? bar.getBoundingClientRect().bottom : 0;
    const seen = Math.min(box.bottom, innerHeight) - Math.max(box.top, top);
    at.dataset.stops = Number(at.dataset.stops ?? 0) + 1;
    return {
      name: `<${at.tagName.toLowerCase()}> ${(at.getAttribute('aria-label') ?? at.id ?? '')} ${at.textContent.trim().slice(0, 30)}`,
      outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
      seen, height: box.height, again: at.dataset.stops > 1,
    };";

/// Everything wrong with the page as it stands; `framed` pages have a bar and a navigation.
pub async fn faults(browser: &Browser, framed: bool) -> Result<Vec<String>> {
    let mut faults: Vec<String> = serde_json::from_value(browser.run(STRUCTURE, vec![framed.into()]).await?)?;
    let tree = browser.tell("Accessibility.getFullAXTree", json!({})).await?;
    let nodes = tree["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let nameless = nodes.iter().filter(|node| {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let name = node["name"]["value"].as_str().unwrap_or_default();
        node["ignored"] != true && NAMED.contains(&role) && name.trim().is_empty()
    });
    faults.extend(nameless.map(|node| format!("a {} has no name", node["role"]["value"].as_str().unwrap_or_default())));
    Ok(faults)
}

/// One stop of the focus.
#[derive(Clone, Debug, Deserialize)]
pub struct Tabbed {
    /// What it is.
    pub name: String,
    /// The width of its outline.
    pub outline: f64,
    /// How much of its height can be seen.
    pub seen: f64,
    /// Its height.
    pub height: f64,
    again: bool,
}

/// Presses Tab from the top until the focus has been everywhere; an error if it never comes round.
pub async fn tab_through(browser: &Browser) -> Result<Vec<Tabbed>> {
    let begun = Instant::now();
    browser
        .run("document.activeElement?.blur(); window.scrollTo(0, 0)", vec![])
        .await?;
    let mut stops = Vec::new();
    loop {
        browser.keys(Key::Tab + "").await?;
        let stop = browser.run(STOP, vec![]).await?;
        if stop == Value::Null {
            return Ok(stops);
        }
        let stop: Tabbed = serde_json::from_value(stop)?;
        if stop.again {
            return Ok(stops);
        }
        stops.push(stop);
        ensure!(
            stops.len() < MOST_STOPS,
            "the focus does not come round in {} stops and {:?}",
            stops.len(),
            begun.elapsed()
        );
    }
}
