//! What is counted at a meeting place: numbers, never names or addresses.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use super::Welcome;

/// Whether a number only grows, or goes up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the node runs.
    Total,
    /// It says how many there are now.
    Now,
}

/// One number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Its name, in the form of Prometheus, without a prefix.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// The number.
    pub value: i64,
}

/// Declares the numbers, each with its kind and what it counts.
macro_rules! counts {
    ($($name:ident: $kind:ident, $help:literal;)*) => {
        /// All numbers. Any thread may read them at any time.
        #[derive(Debug, Default)]
        pub struct Counts {
            welcome: AtomicU8,
            $(pub(super) $name: Number,)*
        }

        impl Counts {
            /// Returns all numbers.
            pub fn all(&self) -> Vec<Count> {
                vec![$(Count { name: stringify!($name), help: $help, kind: Kind::$kind, value: self.$name.get() },)*]
            }
        }
    };
}

counts! {
    connections: Now, "Connections that are open";
    connections_total: Total, "Connections that were made";
    refused_blocked_total: Total, "Connections refused because a list says so";
    tokens_refused_total: Total, "Tokens shown that are none of ours, and connections closed because none was shown";
    refused_busy_total: Total, "Connections refused because there are too many";
    refused_rate_total: Total, "Connections refused because one subnet makes too many a minute";
    failed_total: Total, "Connections that were begun and not made: what came was not our protocol, or nothing came";
    dead_total: Total, "Connections closed because no ping came back";
    reservations: Now, "Peers that hold a reservation";
    reservations_total: Total, "Reservations made";
    reservations_renewed_total: Total, "Reservations renewed";
    reservations_refused_total: Total, "Reservations refused";
    circuits: Now, "Relayed connections that are open";
    circuits_total: Total, "Relayed connections made";
    circuits_refused_total: Total, "Relayed connections refused";
    registrations_total: Total, "Registrations taken";
    registrations_refused_total: Total, "Registrations refused";
    discoveries_total: Total, "Discoveries answered";
    discoveries_refused_total: Total, "Discoveries refused";
    dial_backs_total: Total, "Peers dialled because they asked to be";
    dial_backs_refused_total: Total, "Wishes to be dialled at an address of somebody else";
    kademlia_total: Total, "Questions of Kademlia answered";
    mail_puts_total: Total, "Puts that were well-formed, signed and not too often";
    mail_gets_total: Total, "Gets that were well-formed, signed and not too often";
    mail_malformed_total: Total, "Requests to the mailbox that were none";
    mail_unsigned_total: Total, "Requests to the mailbox whose signature was not that of the topic, or for another node";
    mail_clock_total: Total, "Requests to the mailbox whose time was not ours";
    mail_refused_total: Total, "Requests to the mailbox refused because they were too many, or the node is busy or draining";
}

impl Counts {
    pub(super) fn welcome(&self) -> Welcome {
        match self.welcome.load(Ordering::Relaxed) {
            0 => Welcome::Open,
            1 => Welcome::Full,
            _ => Welcome::Draining,
        }
    }

    pub(super) fn set_welcome(&self, welcome: Welcome) {
        self.welcome.store(welcome as u8, Ordering::Relaxed);
    }
}

/// A number that many may change and read at once.
#[derive(Debug, Default)]
pub(super) struct Number(AtomicI64);

impl Number {
    pub(super) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: usize) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
