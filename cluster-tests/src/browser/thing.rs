//! What is found as assistive technology finds it: by its role and its name.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that JSON does not have is null, and is asked for what it is"
)]

use std::collections::BTreeMap;

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
        let cdp = driver.cdp();
        let scope = match scope {
            Some(node) => node,
            None => {
                let document = cdp.send_raw("DOM.getDocument", json!({ "depth": 0 })).await?;
                document["root"]["backendNodeId"]
                    .as_i64()
                    .context("a page without a document")?
            }
        };
        let mut query = json!({ "backendNodeId": scope, "role": role });
        if let Some(name) = name {
            query["accessibleName"] = name.into();
        }
        let found = cdp.send_raw("Accessibility.queryAXTree", query).await?;
        let nodes = found["nodes"].as_array().context("no nodes")?;
        let seen: Vec<&Value> = nodes.iter().filter(|node| node["ignored"] != true).collect();
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
