//! How much a meeting place does, for all and for each.

use std::time::Duration;

/// How much a meeting place does. The defaults fit a machine with one core, 512 MiB and 5,000 guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections in all.
    pub connections: u32,
    /// Connections that are not made yet.
    pub pending: u32,
    /// Connections of one peer.
    pub connections_per_peer: u32,
    /// Connections from one IPv4 address or IPv6 /64. Many homes may share one address.
    pub connections_per_subnet: u32,
    /// New connections a minute from one subnet, on average; four times as many at once.
    pub new_connections_per_subnet: u32,
    /// Peers that may hold a reservation.
    pub reservations: u32,
    /// Reservations of one peer, one on each of its connections.
    pub reservations_per_peer: u32,
    /// Reservations a minute for one subnet, on average; ten times as many at once.
    pub new_reservations_per_subnet: u32,
    /// How long a reservation holds until it is renewed.
    pub reservation: Duration,
    /// Relayed connections in all.
    pub circuits: u32,
    /// Relayed connections that one peer may begin.
    pub circuits_per_peer: u32,
    /// Relayed connections a minute from one subnet, on average; ten times as many at once.
    pub new_circuits_per_subnet: u32,
    /// How long a relayed connection may last; libp2p knows no "without end".
    pub circuit: Duration,
    /// Bytes that may pass each way through a relayed connection; 0: any number.
    pub circuit_bytes: u64,
    /// Names under which peers may be found, in all.
    pub registrations: u32,
    /// Names under which one peer may be found.
    pub registrations_per_peer: u32,
    /// KiB of envelopes a minute from one subnet, on average; 64 MiB at once.
    pub mail_per_subnet: u32,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 8192,
            pending: 512,
            connections_per_peer: 8,
            connections_per_subnet: 256,
            new_connections_per_subnet: 120,
            reservations: 4096,
            reservations_per_peer: 4,
            new_reservations_per_subnet: 60,
            reservation: Duration::from_secs(3600),
            circuits: 4096,
            circuits_per_peer: 64,
            new_circuits_per_subnet: 120,
            circuit: Duration::from_secs(12 * 3600),
            circuit_bytes: 0,
            registrations: 50_000,
            registrations_per_peer: 512,
            mail_per_subnet: 256,
        }
    }
}
