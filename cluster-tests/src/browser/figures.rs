//! What a page weighs, as the browser has measured it.

use anyhow::Result;
use serde::Deserialize;

use super::window::Browser;

const MEASURE: &str = "
    const done = arguments[arguments.length - 1];
    let shift = 0;
    const add = (list) => { for (const one of list) shift += one.value; };
    const shifts = new PerformanceObserver((list) => add(list.getEntries()));
    shifts.observe({ type: 'layout-shift', buffered: true });
    const resources = performance.getEntriesByType('resource').filter((one) => !one.name.includes('/ui/events'));
    const painted = performance.getEntriesByName('first-contentful-paint')[0];
    const answered = performance.getEntriesByType('navigation')[0];
    requestAnimationFrame(() => requestAnimationFrame(() => {
      add(shifts.takeRecords());
      done({
        nodes: document.querySelectorAll('*').length,
        fetched: resources.filter((one) => one.transferSize > 0).map((one) => one.name),
        shift,
        painted_ms: painted ? painted.startTime : 0,
        first_byte_ms: answered.responseStart - answered.requestStart,
      });
    }));";

/// What one page costs.
#[derive(Clone, Debug, Deserialize)]
pub struct Weight {
    /// Elements.
    pub nodes: usize,
    /// What came over the wire beside the page itself; the stream of events is not counted.
    pub fetched: Vec<String>,
    /// How far things moved by themselves.
    pub shift: f64,
    /// When something could be seen.
    pub painted_ms: f64,
    /// How long the node took to answer.
    pub first_byte_ms: f64,
}

/// What the page costs that is open now.
pub async fn weight(browser: &Browser) -> Result<Weight> {
    let measured = browser.driver().execute_async(MEASURE, Vec::new()).await?;
    Ok(serde_json::from_value(measured.json().clone())?)
}
