//! A node of the simulated world, as far as engines see one: who can be found under which namespace.

use std::collections::{BTreeMap, BTreeSet};

use bayou_core::id::{Address, Namespace};

use crate::world::Who;

/// The node's notice board.
#[derive(Debug, Default)]
pub struct Board {
    /// Who registered under each namespace.
    pub registered: BTreeMap<Namespace, BTreeSet<Who>>,
    /// Every namespace that somebody ever registered under.
    pub ever: BTreeSet<Namespace>,
    /// How often somebody was looked for.
    pub questions: usize,
}

impl Board {
    /// Replaces the namespaces under which a peer can be found.
    pub fn register(&mut self, who: Who, namespaces: &[Namespace]) {
        for people in self.registered.values_mut() {
            people.remove(&who);
        }
        for namespace in namespaces {
            self.registered.entry(*namespace).or_default().insert(who);
            self.ever.insert(*namespace);
        }
        self.registered.retain(|_, people| !people.is_empty());
    }

    /// Returns who else can be found under a namespace.
    pub fn seek(&mut self, who: Who, namespace: &Namespace) -> Vec<Who> {
        self.questions += 1;
        let people = self.registered.get(namespace).into_iter().flatten();
        people.copied().filter(|other| *other != who).collect()
    }
}

/// Returns the way to a peer over the node.
pub fn way(who: Who) -> Address {
    Address(format!("/memory/{who}/p2p-circuit"))
}
