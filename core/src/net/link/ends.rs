//! What there is of each linked peer: held by its link's task, and found by name by everyone else.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::intake::Intake;
use super::outbox::Outbox;
use crate::id::PeerId;

/// Our end of a link.
#[derive(Clone)]
pub(in crate::net) struct End {
    /// What waits to be sent.
    pub(in crate::net) outbox: Arc<Outbox>,
    /// What waits to be handled.
    pub(in crate::net) intake: Arc<Intake>,
}

/// Our ends of all links: what [`crate::net::Net`] works on without asking the swarm.
#[derive(Clone, Default)]
pub(in crate::net) struct Ends(Arc<RwLock<HashMap<PeerId, End>>>);

impl Ends {
    pub(in crate::net) fn get(&self, peer: PeerId) -> Option<End> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned()
    }

    pub(in crate::net) fn insert(&self, peer: PeerId, end: End) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(peer, end);
    }

    pub(in crate::net) fn remove(&self, peer: PeerId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&peer);
    }
}
