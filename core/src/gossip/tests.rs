//! A few machines by hand; thousands of them are in `cargo xtask sim gossip`.

use super::*;

const HERE: ConversationId = ConversationId([1; 32]);
const CHAIN: (u32, ActorId) = (0, ActorId([7; 16]));

fn peer(n: u8) -> PeerId {
    PeerId([n; 32])
}

fn news(seq: u32) -> Vec<News> {
    vec![News { segment: CHAIN.0, actor: CHAIN.1, seq, hops: 0 }]
}

/// A machine in a conversation with so many others, linked with peers 1 to `links`.
fn machine(others: usize, links: u8) -> Gossip {
    let mut gossip = Gossip::new(peer(0), [0; 32]);
    gossip.handle(Timestamp(0), Input::Crowd(HERE, others));
    for n in 1..=links {
        gossip.handle(Timestamp(0), Input::Up(HERE, peer(n)));
    }
    gossip
}

fn own(gossip: &mut Gossip, now: u64, seq: u32) -> (Vec<PeerId>, Vec<Told>) {
    pushed(gossip, now, seq, &[], None)
}

fn pushed(gossip: &mut Gossip, now: u64, seq: u32, told: &[Told], from: Option<PeerId>) -> (Vec<PeerId>, Vec<Told>) {
    let input =
        Input::New { conversation: HERE, news: news(seq), from, told: told.to_vec(), hops: u8::from(from.is_some()) };
    let effects = gossip.handle(Timestamp(now), input);
    let push = effects.into_iter().find_map(|effect| match effect {
        Effect::Push(to, told, _) => Some((to, told)),
        _ => None,
    });
    push.unwrap_or_default()
}

#[test]
fn in_a_full_mesh_nobody_is_told_twice() {
    let (to, told) = own(&mut machine(3, 3), 0, 1);
    assert_eq!(to, [1, 2, 3].map(peer));
    for n in 1..4 {
        let mut other = Gossip::new(peer(n), [n; 32]);
        (0..4).filter(|m| *m != n).for_each(|m| drop(other.handle(Timestamp(0), Input::Up(HERE, peer(m)))));
        assert_eq!(pushed(&mut other, 0, 1, &told, Some(peer(0))).0, []);
    }
}

#[test]
fn in_a_line_the_middle_passes_it_on() {
    let mut middle = machine(2, 2);
    let told = [Told::from(peer(1)), Told::from(peer(0))];
    assert_eq!(pushed(&mut middle, 0, 1, &told, Some(peer(1))).0, [peer(2)]);
}

#[test]
fn in_a_large_conversation_few_are_pushed_to_and_the_others_are_told_once_later() {
    let mut gossip = machine(100, 10);
    let (to, told) = own(&mut gossip, 0, 1);
    assert_eq!((to.len(), told.len()), (5, 6));
    own(&mut gossip, 50, 2);
    let lazy: Vec<PeerId> = (1..=10).map(peer).filter(|peer| !to.contains(peer)).collect();
    // One of them has it already.
    let held = Input::Announced { conversation: HERE, from: lazy[0], lacking: vec![], held: news(2) };
    gossip.handle(Timestamp(100), held);
    let effects = gossip.handle(Timestamp(200), Input::Alarm);
    let expected: Vec<Effect> = lazy[1..].iter().map(|peer| Effect::Announce(HERE, *peer, news(2))).collect();
    assert_eq!(effects, expected);
    assert_eq!(gossip.handle(Timestamp(1000), Input::Alarm), []);
}

#[test]
fn who_was_pushed_to_in_vain_is_not_pushed_that_chain_again_until_asking_for_it() {
    let mut gossip = machine(100, 10);
    let (to, _) = own(&mut gossip, 0, 1);
    gossip.handle(Timestamp(1), Input::Pruned(HERE, to[0], vec![CHAIN]));
    assert_eq!(own(&mut gossip, 2, 2).0, to[1..]);
    let lazy = (1..=10).map(peer).find(|peer| !to.contains(peer)).unwrap();
    gossip.handle(Timestamp(3), Input::Grafted(HERE, lazy, vec![CHAIN]));
    assert!(own(&mut gossip, 4, 3).0.contains(&lazy));
    // Another chain is pushed as before.
    let other = vec![News { segment: 0, actor: ActorId([8; 16]), seq: 1, hops: 0 }];
    let effects =
        gossip.handle(Timestamp(5), Input::New { conversation: HERE, news: other, from: None, told: vec![], hops: 0 });
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Push(whom, ..) if *whom == to)));
}

#[test]
fn a_push_of_what_is_here_makes_the_link_lazy_on_both_ends() {
    let mut gossip = machine(100, 10);
    let (to, _) = own(&mut gossip, 0, 1);
    let stale = gossip.handle(Timestamp(1), Input::Stale(HERE, to[0], vec![CHAIN], 3));
    assert_eq!(stale, [Effect::Prune(HERE, to[0], vec![CHAIN])]);
    assert!(!own(&mut gossip, 2, 2).0.contains(&to[0]));
    assert_eq!(machine(12, 12).handle(Timestamp(1), Input::Stale(HERE, peer(1), vec![CHAIN], 3)), []);
}

#[test]
fn a_shorter_way_takes_the_place_of_a_longer_one() {
    let mut gossip = machine(100, 10);
    let long = |gossip: &mut Gossip, seq| {
        let (told, from) = (vec![], Some(peer(1)));
        gossip.handle(Timestamp(0), Input::New { conversation: HERE, news: news(seq), from, told, hops: 9 });
    };
    long(&mut gossip, 1);
    let stale = gossip.handle(Timestamp(1), Input::Stale(HERE, peer(2), vec![CHAIN], 5));
    assert_eq!(stale, [Effect::Prune(HERE, peer(1), vec![CHAIN])], "the first to come goes");

    long(&mut gossip, 2);
    let announced = |hops| {
        let held = vec![News { segment: CHAIN.0, actor: CHAIN.1, seq: 2, hops }];
        Input::Announced { conversation: HERE, from: peer(3), lacking: vec![], held }
    };
    assert_eq!(gossip.handle(Timestamp(2), announced(8)), [], "as long, with the hop to us");
    let shorter = gossip.handle(Timestamp(2), announced(4));
    let wanted = [Effect::Graft(HERE, peer(3), vec![CHAIN]), Effect::Prune(HERE, peer(1), vec![CHAIN])];
    assert_eq!(shorter, wanted);

    // Announced first, it comes by a longer way nevertheless.
    let lacking = vec![News { segment: CHAIN.0, actor: CHAIN.1, seq: 3, hops: 2 }];
    gossip.handle(Timestamp(3), Input::Announced { conversation: HERE, from: peer(4), lacking, held: vec![] });
    let (told, from) = (vec![], Some(peer(1)));
    let came = Input::New { conversation: HERE, news: news(3), from, told, hops: 9 };
    let effects = gossip.handle(Timestamp(4), came);
    let wanted = [Effect::Graft(HERE, peer(4), vec![CHAIN]), Effect::Prune(HERE, peer(1), vec![CHAIN])];
    assert!(wanted.iter().all(|wanted| effects.contains(wanted)), "{effects:?}");
}

#[test]
fn what_was_announced_and_does_not_come_is_asked_for_of_one_after_the_other() {
    let mut gossip = machine(100, 4);
    let announced = |n| Input::Announced { conversation: HERE, from: peer(n), lacking: news(3), held: vec![] };
    assert_eq!(gossip.handle(Timestamp(0), announced(1)), [Effect::Alarm(Timestamp(500))]);
    gossip.handle(Timestamp(10), announced(2));
    assert_eq!(gossip.handle(Timestamp(499), Input::Alarm), []);
    let effects = gossip.handle(Timestamp(500), Input::Alarm);
    assert_eq!(effects, [Effect::Graft(HERE, peer(1), vec![CHAIN]), Effect::Alarm(Timestamp(1500))]);
    let effects = gossip.handle(Timestamp(1500), Input::Alarm);
    assert_eq!(effects, [Effect::Graft(HERE, peer(2), vec![CHAIN]), Effect::Alarm(Timestamp(2500))]);
    pushed(&mut gossip, 1600, 3, &[], Some(peer(2)));
    assert!(!gossip.handle(Timestamp(2500), Input::Alarm).iter().any(|e| matches!(e, Effect::Graft(..))));
}

#[test]
fn what_comes_in_time_is_not_asked_for() {
    let mut gossip = machine(100, 4);
    let announced = Input::Announced { conversation: HERE, from: peer(1), lacking: news(3), held: vec![] };
    gossip.handle(Timestamp(0), announced);
    pushed(&mut gossip, 100, 3, &[], Some(peer(2)));
    let effects = gossip.handle(Timestamp(500), Input::Alarm);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Graft(..))), "{effects:?}");
}

#[test]
fn a_large_conversation_dials_until_it_has_links_enough_and_a_small_one_everybody() {
    let dials = |others, links| {
        let mut gossip = machine(others, links);
        let all: Vec<PeerId> = (1..=100).map(peer).collect();
        gossip.handle(Timestamp(0), Input::Known(HERE, all.clone()));
        let ready = all[usize::from(links)..].to_vec();
        let effects = gossip.handle(Timestamp(1), Input::Ready(ready));
        effects.iter().filter(|effect| matches!(effect, Effect::Dial(_))).count()
    };
    assert_eq!([dials(100, 0), dials(100, 5), dials(100, 8), dials(12, 8)], [8, 3, 0, 16]);
}

#[test]
fn who_is_in_several_large_conversations_is_dialled_first() {
    let other = ConversationId([2; 32]);
    let mut gossip = machine(100, 0);
    gossip.handle(Timestamp(0), Input::Crowd(other, 100));
    gossip.handle(Timestamp(0), Input::Known(HERE, (1..=100).map(peer).collect()));
    gossip.handle(Timestamp(0), Input::Known(other, (93..=192).map(peer).collect()));
    let effects = gossip.handle(Timestamp(1), Input::Ready((1..=192).map(peer).collect()));
    let dialled: BTreeSet<PeerId> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Dial(peer) => Some(*peer),
            _ => None,
        })
        .collect();
    assert_eq!(dialled, (93..=100).map(peer).collect());
}

#[test]
fn a_link_too_many_is_given_up_when_both_ends_have_enough() {
    let mut hub = machine(100, 20);
    let effects = hub.handle(Timestamp(10_000), Input::Ready(vec![]));
    let asked = effects.iter().filter(|effect| matches!(effect, Effect::Enough(_))).count();
    assert_eq!(asked, 20 - 12);
    let again = hub.handle(Timestamp(11_000), Input::Ready(vec![]));
    assert!(!again.iter().any(|effect| matches!(effect, Effect::Enough(_))), "asks each once in a while");

    assert_eq!(machine(100, 6).handle(Timestamp(0), Input::Enough(peer(1))), [], "it would have too few");
    assert_eq!(machine(12, 12).handle(Timestamp(0), Input::Enough(peer(1))), [], "a small one has all links");
    assert_eq!(machine(100, 7).handle(Timestamp(0), Input::Enough(peer(1))), [Effect::Close(peer(1))]);
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_for_years() {
    let mut gossip = machine(100, 10);
    own(&mut gossip, 1_000_000_000, 1);
    let effects = gossip.handle(Timestamp(0), Input::Alarm);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Announce(..))), "{effects:?}");
}

#[test]
fn whoever_claims_too_much_fills_no_memory() {
    let mut gossip = machine(100, 2);
    for n in 0..10_000_u32 {
        let mut actor = [0; 16];
        actor[..4].copy_from_slice(&n.to_be_bytes());
        let (actor, mut id) = (ActorId(actor), [9; 32]);
        id[..4].copy_from_slice(&n.to_be_bytes());
        let lacking = vec![News { segment: n, actor, seq: n, hops: 0 }];
        gossip.handle(Timestamp(0), Input::Grafted(HERE, peer(1), vec![(n, actor)]));
        gossip.handle(Timestamp(0), Input::Announced { conversation: HERE, from: peer(1), lacking, held: vec![] });
        gossip.handle(Timestamp(0), Input::Known(HERE, vec![PeerId(id)]));
    }
    let (routes, missing, known) = gossip.crowds[&HERE].sizes();
    assert!(routes <= 1024 && missing <= 1024 && known <= 4096, "{routes} {missing} {known}");
}

#[test]
fn what_came_over_a_lost_link_is_asked_of_the_nearest_of_the_others() {
    let mut gossip = machine(100, 4);
    let came = |gossip: &mut Gossip| {
        let (told, from) = (vec![], Some(peer(1)));
        gossip.handle(Timestamp(0), Input::New { conversation: HERE, news: news(1), from, told, hops: 2 });
    };
    let announced = |gossip: &mut Gossip, n, hops| {
        let held = vec![News { segment: CHAIN.0, actor: CHAIN.1, seq: 1, hops }];
        gossip.handle(Timestamp(1), Input::Announced { conversation: HERE, from: peer(n), lacking: vec![], held });
    };
    came(&mut gossip);
    announced(&mut gossip, 2, 6);
    announced(&mut gossip, 3, 3);
    announced(&mut gossip, 4, 5);
    let graft = |n| Effect::Graft(HERE, peer(n), vec![CHAIN]);
    assert_eq!(gossip.handle(Timestamp(2), Input::Gone(peer(1))), [graft(3)]);
    // Who asks us while it is to come from them goes in a circle with us.
    let circle = gossip.handle(Timestamp(3), Input::Grafted(HERE, peer(3), vec![CHAIN]));
    assert_eq!(circle, [graft(4)]);
    assert_eq!(gossip.handle(Timestamp(4), Input::Down(HERE, peer(4))), [graft(2)]);
    assert_eq!(gossip.handle(Timestamp(5), Input::Gone(peer(2))), [], "nobody is left to ask");
}

#[test]
fn what_was_fetched_is_on_no_way_until_somebody_announces_it() {
    let mut gossip = machine(100, 4);
    gossip.handle(Timestamp(0), Input::Fetched(HERE, peer(1), news(1)));
    assert_eq!(gossip.hops(&HERE, CHAIN.0, CHAIN.1), u8::MAX);
    let held = vec![News { segment: CHAIN.0, actor: CHAIN.1, seq: 1, hops: 3 }];
    let announced = Input::Announced { conversation: HERE, from: peer(2), lacking: vec![], held };
    assert!(gossip.handle(Timestamp(1), announced).contains(&Effect::Graft(HERE, peer(2), vec![CHAIN])));
    assert_eq!(gossip.hops(&HERE, CHAIN.0, CHAIN.1), 4);
}
