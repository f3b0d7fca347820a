//! The mailbox's desk: judges each request before anyone looks for an envelope.
//!
//! What costs us little is asked first: how often, then the form, then the clock, and the signature last. The bucket of
//! a topic is touched only by who proved to hold its key, so outsiders cannot use up what members may do.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use libp2p::request_response::InboundRequestId;
use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

use super::{Bounds, Buckets, Subnet};
use crate::id::{PeerId, Topic};
use crate::net::mailbox::{Errand, MAX_CLOCK_ERROR, Refusal, Request, id_of};

/// Requests a minute on one connection, on average; and how many at once.
const PER_CONNECTION: (u32, u32) = (50 * 60, 500);

/// Requests a minute from one subnet, on average; and how many at once.
const PER_SUBNET: (u32, u32) = (200 * 60, 2000);

/// Puts a minute under one topic, on average; and how many at once.
const PER_TOPIC: (u32, u32) = (20 * 60, 200);

/// KiB from one subnet at once.
const KIB_AT_ONCE: u32 = 64 * 1024;

/// Gets whose answers are not written out yet, each of at most [`crate::net::mailbox::MAX_BATCH`] bytes.
const MAX_UNSENT: usize = 64;

/// The same from one subnet.
const MAX_UNSENT_PER_SUBNET: u32 = 16;

/// Who asks: the connection, and where it comes from.
pub(super) type Origin = (ConnectionId, Option<Subnet>);

/// The judge.
pub(super) struct Desk {
    me: PeerId,
    connections: Buckets<ConnectionId>,
    subnets: Buckets<Subnet>,
    topics: Buckets<Topic>,
    /// KiB by subnet: topics are made at will, so they alone would bound nothing.
    kib: Buckets<Subnet>,
    unsent: HashMap<InboundRequestId, Option<Subnet>>,
    unsent_by_subnet: HashMap<Subnet, u32>,
}

impl Desk {
    pub(super) fn new(me: PeerId, bounds: &Bounds) -> Desk {
        let (unsent, unsent_by_subnet) = (HashMap::new(), HashMap::new());
        let (connections, subnets, topics) = (buckets(PER_CONNECTION), buckets(PER_SUBNET), buckets(PER_TOPIC));
        let kib = Buckets::new(bounds.mail_per_subnet, KIB_AT_ONCE);
        Desk { me, connections, subnets, topics, kib, unsent, unsent_by_subnet }
    }

    /// Judges a request. `wall` is the time in milliseconds since 1970.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        wall: u64,
        from: Origin,
        request: Option<Request>,
        draining: bool,
    ) -> Result<(Topic, Errand), Refusal> {
        let often = !self.connections.take(from.0, now) || from.1.is_some_and(|subnet| !self.subnets.take(subnet, now));
        if often {
            return Err(Refusal::TooOften(1));
        }
        let request = request.ok_or(Refusal::Malformed)?;
        if draining && matches!(request, Request::Put(_)) {
            return Err(Refusal::Draining);
        }
        if Duration::from_millis(request.time().abs_diff(wall)) > MAX_CLOCK_ERROR {
            return Err(Refusal::Clock(wall));
        }
        if !request.is_signed_for(self.me) {
            return Err(Refusal::Signature);
        }
        let topic = request.topic();
        match request {
            Request::Put(_) if !self.topics.take(topic, now) => Err(Refusal::TooOften(1)),
            Request::Put(put) if !self.takes_in(from.1, put.envelope.len(), now) => Err(Refusal::TooOften(60)),
            Request::Put(put) => Ok((topic, Errand::Put(id_of(&put.envelope), put.envelope))),
            Request::Get(get) => Ok((topic, Errand::Get(get.after))),
        }
    }

    fn takes_in(&mut self, subnet: Option<Subnet>, bytes: usize, now: Instant) -> bool {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        subnet.is_none_or(|subnet| self.kib.take_many(subnet, kib, now))
    }

    /// Takes note that an answer to a get will be under way. Refuses when there are too many.
    pub(super) fn begin(&mut self, request: InboundRequestId, subnet: Option<Subnet>) -> Result<(), Refusal> {
        let of_subnet = subnet.and_then(|subnet| self.unsent_by_subnet.get(&subnet)).copied().unwrap_or(0);
        if self.unsent.len() >= MAX_UNSENT || of_subnet >= MAX_UNSENT_PER_SUBNET {
            return Err(Refusal::Busy);
        }
        self.unsent.insert(request, subnet);
        if let Some(subnet) = subnet {
            *self.unsent_by_subnet.entry(subnet).or_default() += 1;
        }
        Ok(())
    }

    /// Takes note that an answer is written, or never will be.
    pub(super) fn end(&mut self, request: InboundRequestId) {
        let Some(Some(subnet)) = self.unsent.remove(&request) else { return };
        if let Some(count) = self.unsent_by_subnet.get_mut(&subnet) {
            *count -= 1;
            if *count == 0 {
                self.unsent_by_subnet.remove(&subnet);
            }
        }
    }
}

fn buckets<K: Eq + Hash>((per_minute, at_once): (u32, u32)) -> Buckets<K> {
    Buckets::new(per_minute, at_once)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::DeviceKey;
    use crate::net::mailbox::{GetRequest, PutRequest};

    const NODE: PeerId = PeerId([9; 32]);
    const WALL: u64 = 1_800_000_000_000;

    fn put(seed: u8, node: PeerId, time: u64, envelope: Vec<u8>) -> Request {
        Request::Put(PutRequest::signed(&[seed; 32], node, time, envelope))
    }

    fn get(seed: u8, node: PeerId, time: u64, after: u64) -> Request {
        Request::Get(GetRequest::signed(&[seed; 32], node, time, after))
    }

    fn from(connection: usize) -> Origin {
        (ConnectionId::new_unchecked(connection), "192.0.2.7".parse().ok())
    }

    #[test]
    fn only_the_holder_of_the_key_is_heard_and_only_here_and_now() {
        let (mut desk, now) = (Desk::new(NODE, &Bounds::default()), Instant::now());
        let mut ask = |request: Request, draining| desk.judge(now, WALL, from(1), Some(request), draining).map(|_| ());
        let ten_minutes = 10 * 60 * 1000;
        assert_eq!(ask(put(1, NODE, WALL, vec![1; 256]), false), Ok(()));
        assert_eq!(ask(get(1, NODE, WALL + ten_minutes, 7), true), Ok(()), "a node that drains hands out");
        assert_eq!(ask(put(1, NODE, WALL, vec![1; 256]), true), Err(Refusal::Draining));
        assert_eq!(ask(put(1, NODE, WALL - ten_minutes - 1, vec![1; 256]), false), Err(Refusal::Clock(WALL)));
        assert_eq!(ask(get(1, PeerId([8; 32]), WALL, 7), false), Err(Refusal::Signature), "signed for another node");
        for change in 0..3 {
            let Request::Put(mut changed) = put(1, NODE, WALL, vec![1; 256]) else { unreachable!() };
            match change {
                0 => changed.envelope[9] ^= 1,
                1 => changed.time += 1,
                _ => changed.key = DeviceKey::from_seed(&[2; 32]).device().0,
            }
            assert_eq!(ask(Request::Put(changed), false), Err(Refusal::Signature), "{change}");
        }
        let Request::Get(mut other) = get(1, NODE, WALL, 7) else { unreachable!() };
        other.after = 0;
        assert_eq!(ask(Request::Get(other), false), Err(Refusal::Signature), "another place to begin");
        assert_eq!(desk.judge(now, WALL, from(1), None, false).err(), Some(Refusal::Malformed));
    }

    #[test]
    fn a_topic_a_connection_and_a_subnet_have_their_buckets() {
        let (mut desk, now) = (Desk::new(NODE, &Bounds::default()), Instant::now());
        let put = put(1, NODE, WALL, vec![1; 256]);
        let mut put_from = |connection, now| desk.judge(now, WALL, from(connection), Some(put.clone()), false).err();
        let refused = (0..201).filter_map(|_| put_from(1, now)).collect::<Vec<_>>();
        assert_eq!(refused, [Refusal::TooOften(1)], "200 at once");
        assert_eq!(put_from(2, now), Some(Refusal::TooOften(1)), "on whatever connection");
        assert_eq!(put_from(2, now + Duration::from_millis(50)), None, "then 20 a second");

        let mut nonsense = |connection, now| desk.judge(now, WALL, from(connection), None, false).err();
        let mut heard =
            |connection| (0..1000).filter(|_| nonsense(connection, now) == Some(Refusal::Malformed)).count();
        assert!(heard(3) == 500 && heard(4) == 500, "a connection");
        assert!(heard(5) == 500 && heard(6) < 500 && heard(7) == 0, "all of one subnet");
    }
}
