//! What is found as assistive technology finds it: by its role and its name.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that JSON does not have is null, and is asked for what it is"
)]

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use thirtyfour::components::SelectElement;
use thirtyfour::{By, WebDriver, WebElement};

/// Something on a page with a role and a name.
#[derive(Clone, Debug)]
pub struct Thing {
    /// What it is called.
    pub name: String,
    /// What else is said of it: its help, its fault, why it cannot be used.
    pub description: String,
    /// What it holds.
    pub value: String,
    properties: BTreeMap<String, Value>,
    node: i64,
    element: WebElement,
}

impl Thing {
    /// Everything of that role within `scope`, which is a node of the page or the whole of it.
    pub(super) async fn all(
        driver: &WebDriver,
        scope: Option<i64>,
        role: &str,
        name: Option<&str>,
    ) -> Result<Vec<Self>> {
        // The whole tree and not a query of it: while a page is being replaced, a query of the old one crashes Chromium's tab.
        let tree = driver.cdp().send_raw("Accessibility.getFullAXTree", json!({})).await?;
        let nodes = tree["nodes"].as_array().context("no nodes")?;
        let scope = scope.map(|scope| within(nodes, scope));
        let fits = |node: &&Value| {
            node["ignored"] != true
                && node["role"]["value"] == role
                && name.is_none_or(|name| node["name"]["value"] == name)
                && scope
                    .as_ref()
                    .is_none_or(|scope| node["nodeId"].as_str().is_some_and(|id| scope.contains(id)))
        };
        let seen: Vec<&Value> = nodes.iter().filter(fits).collect();
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        // chromedriver's references are those of the document, with the number of the node at their end.
        let html = driver.find(By::Css("html")).await?.to_json()?;
        let (key, reference) = html
            .as_object()
            .and_then(|html| html.iter().next())
            .context("no reference")?;
        let reference = reference.as_str().context("no reference")?;
        let (document, _) = reference.rsplit_once('.').context("not the reference of a node")?;
        let thing = |node: &&Value| {
            let number = node["backendDOMNodeId"].as_i64()?;
            let reference = json!({ key: format!("{document}.{number}") });
            let element = WebElement::from_json(reference, driver.handle().clone()).ok()?;
            Some(Self::of(node, number, element))
        };
        Ok(seen.iter().filter_map(thing).collect())
    }

    fn of(node: &Value, number: i64, element: WebElement) -> Self {
        let text = |member: &str| match &node[member]["value"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let properties = node["properties"].as_array().map(Vec::as_slice).unwrap_or_default();
        let property = |one: &Value| Some((one["name"].as_str()?.to_owned(), one["value"]["value"].clone()));
        Self {
            name: text("name"),
            description: text("description"),
            value: text("value"),
            properties: properties.iter().filter_map(property).collect(),
            node: number,
            element,
        }
    }

    pub(super) fn node(&self) -> i64 {
        self.node
    }

    /// The element, for what roles and names do not tell.
    pub fn element(&self) -> &WebElement {
        &self.element
    }

    /// Whether it has that property: `disabled`, `focused`, `checked`, `pressed`, `expanded`, `invalid`, `required`.
    pub fn is(&self, property: &str) -> bool {
        match self.properties.get(property) {
            Some(Value::Bool(held)) => *held,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// Presses it, as a pointer does.
    pub async fn click(&self) -> Result<()> {
        self.element.scroll_into_view().await?;
        self.element
            .click()
            .await
            .with_context(|| format!("cannot click `{}`", self.name))
    }

    /// Puts this text in the place of what it holds.
    pub async fn fill(&self, text: &str) -> Result<()> {
        self.element.clear().await?;
        self.element
            .send_keys(text)
            .await
            .with_context(|| format!("cannot fill in `{}`", self.name))
    }

    /// Types on, or presses keys.
    pub async fn press(&self, keys: impl Into<thirtyfour::TypingData>) -> Result<()> {
        Ok(self.element.send_keys(keys).await?)
    }

    /// Chooses one of a list by what it says.
    pub async fn choose(&self, option: &str) -> Result<()> {
        let list = SelectElement::new(&self.element).await?;
        list.select_by_exact_text(option)
            .await
            .with_context(|| format!("`{}` offers no `{option}`", self.name))
    }

    /// What it shows.
    pub async fn text(&self) -> Result<String> {
        Ok(self.element.text().await?)
    }
}

/// The nodes of a tree beneath that node of the page, by their ids. Parents come before their children.
fn within(nodes: &[Value], scope: i64) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for node in nodes {
        let parent = node["parentId"].as_str();
        let is_inside = parent.is_some_and(|parent| found.contains(parent)) || node["backendDOMNodeId"] == scope;
        if let Some(id) = node["nodeId"].as_str().filter(|_| is_inside) {
            found.insert(id);
        }
    }
    found
}
