//! What is registered at which node, and what is looked up there. Pure.
//!
//! The engine says under which namespaces this peer can be found, and when to look again who else is there. Here it is
//! seen to that each node where we hold a place knows it: after each new place and each change of our addresses all is
//! registered anew, and again when three quarters of the time that the node granted are over. A node that was reached is
//! asked for all namespaces once. So many questions a second go to one node, and the others wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{Namespace, PeerId};

/// Namespaces under which we are to be found.
pub(super) const MAX_NAMESPACES: usize = 256;

/// Questions that may go to one node at once; one more each [`PACE`]. A node takes eight at once on a connection.
const BURST: u32 = 6;

/// How long after a question the next may go to the same node, when the burst is used up.
const PACE: Duration = Duration::from_millis(250);

/// How long a registration that was refused waits.
const RETRY: Duration = Duration::from_secs(60);

/// How long a node may take to answer a registration.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be asked of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Let others find us under this namespace.
    Register(PeerId, Namespace),
    /// Let them find us no more.
    Unregister(PeerId, Namespace),
    /// Who is there?
    Discover(PeerId, Namespace),
}

/// All nodes, and what each was asked.
#[derive(Debug, Default)]
pub(super) struct Rendezvous {
    wanted: BTreeSet<Namespace>,
    nodes: BTreeMap<PeerId, Node>,
}

#[derive(Debug)]
struct Node {
    /// Whether we hold a place there: without one there is no address to register.
    reachable: bool,
    /// When each namespace is to be registered again.
    registered: BTreeMap<Namespace, Instant>,
    unregister: VecDeque<Namespace>,
    discover: VecDeque<Namespace>,
    budget: u32,
    /// When the budget grew last.
    grew: Instant,
}

impl Rendezvous {
    /// Replaces the namespaces under which we are to be found.
    pub(super) fn want(&mut self, namespaces: Vec<Namespace>) {
        let wanted: BTreeSet<Namespace> = namespaces.into_iter().take(MAX_NAMESPACES).collect();
        for node in self.nodes.values_mut() {
            let gone: Vec<Namespace> =
                node.registered.keys().filter(|namespace| !wanted.contains(namespace)).copied().collect();
            for namespace in gone {
                node.registered.remove(&namespace);
                node.unregister.push_back(namespace);
            }
            node.discover.retain(|namespace| wanted.contains(namespace));
            for namespace in wanted.difference(&self.wanted) {
                node.seek(*namespace);
            }
        }
        self.wanted = wanted;
    }

    /// Looks again who is there. A namespace under which we are not to be found is not looked up.
    pub(super) fn seek(&mut self, namespaces: &[Namespace]) {
        for namespace in namespaces.iter().filter(|namespace| self.wanted.contains(namespace)) {
            self.nodes.values_mut().for_each(|node| node.seek(*namespace));
        }
    }

    /// A node was reached.
    pub(super) fn connected(&mut self, peer: PeerId, now: Instant) {
        let wanted = &self.wanted;
        self.nodes.entry(peer).or_insert_with(|| Node {
            reachable: false,
            registered: BTreeMap::new(),
            unregister: VecDeque::new(),
            discover: wanted.iter().copied().collect(),
            budget: BURST,
            grew: now,
        });
    }

    /// A node is gone.
    pub(super) fn lost(&mut self, peer: &PeerId) {
        self.nodes.remove(peer);
    }

    /// We hold a place at a node, or none any more.
    pub(super) fn reachable(&mut self, peer: &PeerId, reachable: bool) {
        if let Some(node) = self.nodes.get_mut(peer) {
            node.reachable = reachable;
            node.registered.clear();
        }
    }

    /// Where we are reachable changed.
    pub(super) fn moved(&mut self) {
        self.nodes.values_mut().for_each(|node| node.registered.clear());
    }

    /// A node keeps a registration for so long.
    pub(super) fn registered(&mut self, peer: &PeerId, namespace: Namespace, granted: Duration, now: Instant) {
        if let Some(node) = self.nodes.get_mut(peer).filter(|node| node.registered.contains_key(&namespace)) {
            node.registered.insert(namespace, now + (granted / 4).saturating_mul(3).max(RETRY));
        }
    }

    /// A node refused a registration.
    pub(super) fn refused(&mut self, peer: &PeerId, namespace: Namespace, now: Instant) {
        if let Some(node) = self.nodes.get_mut(peer).filter(|node| node.registered.contains_key(&namespace)) {
            node.registered.insert(namespace, now + RETRY);
        }
    }

    /// Returns what is to be asked now, and takes it for asked.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Question> {
        let mut questions = Vec::new();
        for (peer, node) in &mut self.nodes {
            node.grow(now);
            while node.budget > 0
                && let Some(question) = node.next(*peer, &self.wanted, now)
            {
                node.budget -= 1;
                questions.push(question);
            }
        }
        questions
    }

    /// Returns when to ask [`Rendezvous::due`] again if nothing happens.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.nodes.values().filter_map(|node| node.next_due(&self.wanted)).min()
    }
}

impl Node {
    fn seek(&mut self, namespace: Namespace) {
        // As each is there at most once, there are never more than namespaces.
        if !self.discover.contains(&namespace) {
            self.discover.push_back(namespace);
        }
    }

    fn grow(&mut self, now: Instant) {
        while self.budget < BURST && now.duration_since(self.grew) >= PACE {
            self.grew += PACE;
            self.budget += 1;
        }
        if self.budget >= BURST {
            self.grew = now;
        }
    }

    fn next(&mut self, peer: PeerId, wanted: &BTreeSet<Namespace>, now: Instant) -> Option<Question> {
        if let Some(namespace) = self.unregister.pop_front() {
            return Some(Question::Unregister(peer, namespace));
        }
        let is_due = |namespace: &&Namespace| self.registered.get(*namespace).is_none_or(|at| *at <= now);
        if let Some(namespace) = wanted.iter().find(is_due).filter(|_| self.reachable) {
            self.registered.insert(*namespace, now + PATIENCE);
            return Some(Question::Register(peer, *namespace));
        }
        self.discover.pop_front().map(|namespace| Question::Discover(peer, namespace))
    }

    fn next_due(&self, wanted: &BTreeSet<Namespace>) -> Option<Instant> {
        if self.unregister.is_empty() && self.discover.is_empty() && !self.reachable {
            return None;
        }
        let has_question = !self.unregister.is_empty()
            || !self.discover.is_empty()
            || wanted.iter().any(|namespace| !self.registered.contains_key(namespace));
        if has_question { Some(self.grew + PACE) } else { self.registered.values().min().copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: PeerId = PeerId([1; 32]);

    fn namespaces(count: u8) -> Vec<Namespace> {
        (0..count).map(|number| Namespace([number; 16])).collect()
    }

    #[test]
    fn a_node_that_was_reached_is_asked_and_told_all() {
        let now = Instant::now();
        let mut rendezvous = Rendezvous::default();
        let [a, b] = namespaces(2)[..] else { panic!() };
        rendezvous.want(vec![a, b]);
        assert_eq!(rendezvous.due(now), []);
        rendezvous.connected(NODE, now);
        assert_eq!(rendezvous.due(now), [Question::Discover(NODE, a), Question::Discover(NODE, b)]);
        rendezvous.reachable(&NODE, true);
        assert_eq!(rendezvous.due(now), [Question::Register(NODE, a), Question::Register(NODE, b)]);
        assert_eq!(rendezvous.due(now), []);
        rendezvous.seek(&[b, Namespace([9; 16])]);
        assert_eq!(rendezvous.due(now), [Question::Discover(NODE, b)]);
    }

    #[test]
    fn registrations_are_renewed_before_they_end_and_after_each_move() {
        let now = Instant::now();
        let mut rendezvous = Rendezvous::default();
        let a = Namespace([0; 16]);
        rendezvous.want(vec![a]);
        rendezvous.connected(NODE, now);
        rendezvous.reachable(&NODE, true);
        rendezvous.due(now);
        rendezvous.registered(&NODE, a, Duration::from_secs(7200), now);
        assert_eq!(rendezvous.next_due(), Some(now + Duration::from_secs(5400)));
        assert_eq!(rendezvous.due(now + Duration::from_secs(5399)), []);
        assert_eq!(rendezvous.due(now + Duration::from_secs(5400)), [Question::Register(NODE, a)]);
        rendezvous.refused(&NODE, a, now);
        assert_eq!(rendezvous.due(now + RETRY), [Question::Register(NODE, a)]);
        rendezvous.moved();
        assert_eq!(rendezvous.due(now), [Question::Register(NODE, a)]);
        rendezvous.reachable(&NODE, false);
        assert_eq!((rendezvous.due(now), rendezvous.next_due()), (vec![], None));
    }

    #[test]
    fn yesterdays_namespaces_are_taken_back() {
        let now = Instant::now();
        let mut rendezvous = Rendezvous::default();
        let [a, b] = namespaces(2)[..] else { panic!() };
        rendezvous.want(vec![a]);
        rendezvous.connected(NODE, now);
        rendezvous.reachable(&NODE, true);
        rendezvous.due(now);
        rendezvous.want(vec![b]);
        assert_eq!(
            rendezvous.due(now),
            [Question::Unregister(NODE, a), Question::Register(NODE, b), Question::Discover(NODE, b)]
        );
        // The answer to what was taken back comes late.
        rendezvous.registered(&NODE, a, Duration::from_secs(7200), now);
        rendezvous.want(vec![]);
        assert_eq!(rendezvous.due(now), [Question::Unregister(NODE, b)]);
    }

    #[test]
    fn a_node_is_asked_no_faster_than_it_may_be() {
        let now = Instant::now();
        let mut rendezvous = Rendezvous::default();
        rendezvous.want(namespaces(200));
        rendezvous.connected(NODE, now);
        assert_eq!(rendezvous.due(now).len(), BURST as usize);
        assert_eq!(rendezvous.due(now), []);
        assert_eq!(rendezvous.next_due(), Some(now + PACE));
        assert_eq!(rendezvous.due(now + 4 * PACE).len(), 4);
        rendezvous.want(vec![]);
        assert_eq!(rendezvous.due(now + 8 * PACE), []);
        rendezvous.want((0..u16::MAX).map(|n| Namespace(std::array::from_fn(|_| n as u8))).collect());
        assert!(rendezvous.wanted.len() <= MAX_NAMESPACES);
    }
}
