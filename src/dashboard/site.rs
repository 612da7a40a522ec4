//! What every page stands on.

use std::sync::Arc;

use super::assets::Assets;
use super::history::History;
use super::live::Hub;
use super::settings::Settings;
use crate::admin::Admin;
use crate::auth::Clock;
use crate::net::Drain;

/// What the dashboard is built of.
pub struct Parts {
    /// Everything an operator can do.
    pub admin: Admin,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ends the streams of open pages.
    pub drain: Drain,
    /// What can be set.
    pub settings: Settings,
}

/// What every page stands on. Cheap to clone.
#[derive(Clone)]
pub(super) struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    assets: Assets,
    history: History,
    hub: Hub,
}

impl Site {
    pub(super) fn new(parts: Parts) -> Self {
        let hub = Hub::new(parts.settings.max_live_pages);
        Self {
            inner: Arc::new(Inner {
                parts,
                assets: Assets::embedded(),
                history: History::default(),
                hub,
            }),
        }
    }

    pub(super) fn admin(&self) -> &Admin {
        &self.inner.parts.admin
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.inner.parts.clock
    }

    pub(super) fn drain(&self) -> &Drain {
        &self.inner.parts.drain
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.inner.parts.settings
    }

    pub(super) fn assets(&self) -> &Assets {
        &self.inner.assets
    }

    pub(super) fn history(&self) -> &History {
        &self.inner.history
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.inner.hub
    }
}
