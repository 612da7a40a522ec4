//! What axe finds wrong with a page: the rules of WCAG 2.2 A and AA that a program can check, and what is good practice.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::window::Browser;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests-python/axe.min.js");
const CHECK: &str = "
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const still = Promise.allSettled(document.getAnimations().map((one) => one.finished));
    still.then(() => axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })).then(
      (result) => done(result.violations.map((one) => {
        const where = one.nodes.map((node) => node.target.join(' ') + ' (' + node.failureSummary.replace(/\\s+/g, ' ') + ')');
        return one.id + ': ' + one.help + ' at ' + where.join('; ');
      })),
      (error) => done(['axe failed: ' + error]),
    );";

/// Each rule that the page breaks, and where.
pub async fn violations(browser: &Browser) -> Result<Vec<String>> {
    let axe = fs::read_to_string(Path::new(FILE))
        .with_context(|| format!("`{FILE}` is missing: `cluster-tests/run` takes it from PyPI"))?;
    browser.driver().execute(axe, Vec::new()).await?;
    let found = browser.driver().execute_async(CHECK, Vec::new()).await?;
    Ok(serde_json::from_value(found.json().clone())?)
}
