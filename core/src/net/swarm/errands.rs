//! Errands to mailboxes: one request to one node, dialled if need be.

use libp2p::request_response::Event;

use super::super::address::{split_peer, theirs};
use super::super::mailbox::{Answer, Request, client};
use super::super::{Circle, NetEvent};
use super::Hub;
use crate::id::Address;

impl Hub {
    /// Asks a mailbox. Its address names the node.
    pub(super) fn ask_mailbox(&mut self, errand: u64, node: &Address, request: Request) {
        let split = split_peer(node).ok().filter(|_| self.circle != Circle::Lan);
        let place = split.and_then(|(address, peer)| Some((address.0.parse().ok()?, peer?)));
        let Some((address, peer)) = place else {
            return self.say(NetEvent::Mailed(errand, Err("the mailbox's address leads nowhere".to_owned())));
        };
        self.swarm.add_peer_address(theirs(peer), address);
        let asked = client::ask(&mut self.swarm.behaviour_mut().mailbox, peer, request);
        self.errands.insert(asked, errand);
    }

    pub(super) fn on_mailbox(&mut self, event: Event<Option<Request>, Answer>) {
        let Some(outcome) = client::outcome(event) else { return };
        if let Some(errand) = self.errands.remove(&outcome.request) {
            self.say(NetEvent::Mailed(errand, outcome.answer));
        }
    }
}
