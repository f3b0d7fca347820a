use super::*;

const ME: PeerId = PeerId([9; 32]);

fn node(number: u8) -> PeerId {
    PeerId([number; 32])
}

fn address(number: u8) -> Address {
    Address(format!("/ip4/192.0.2.{number}/tcp/1"))
}

fn reservations(nodes: &[u8]) -> Reservations {
    let mut reservations = Reservations::new(ME);
    reservations.set(nodes.iter().map(|number| (node(*number), address(*number))).collect());
    reservations
}

fn dial(number: u8) -> Wanted {
    Wanted::Dial(node(number), vec![address(number)])
}

fn holds(all: &Reservations, number: u8) -> bool {
    all.nodes[&node(number)].place == Place::Held
}

/// Brings three nodes up of which the first answers first and the third is nearer than the second.
fn settled(start: Instant) -> (Reservations, Instant) {
    let mut all = reservations(&[1, 2, 3]);
    let mut dials = all.due(start);
    dials.sort_by_key(|wanted| format!("{wanted:?}"));
    assert_eq!(dials, [dial(1), dial(2), dial(3)]);
    all.connected(&node(1), start + Duration::from_millis(10));
    assert_eq!(all.due(start + Duration::from_millis(10)), [Wanted::Reserve(node(1))]);
    all.granted(&node(1));
    all.connected(&node(2), start + Duration::from_millis(50));
    all.answered(&node(2), Duration::from_millis(90));
    assert_eq!(all.due(start + Duration::from_millis(50)), [], "the third may be nearer");
    all.connected(&node(3), start + Duration::from_millis(60));
    all.answered(&node(3), Duration::from_millis(30));
    let now = start + Duration::from_millis(60);
    assert_eq!(all.due(now), [Wanted::Reserve(node(3))]);
    all.granted(&node(3));
    (all, now)
}

#[test]
fn the_first_that_answers_and_the_nearest_of_the_others_hold_a_place() {
    let (mut all, now) = settled(Instant::now());
    assert!(holds(&all, 1) && holds(&all, 3) && !holds(&all, 2));
    assert_eq!((all.due(now), all.next_due()), (vec![], None));
}

#[test]
fn a_node_that_does_not_answer_holds_nobody_up() {
    let start = Instant::now();
    let mut all = reservations(&[1, 2, 3]);
    all.due(start);
    all.connected(&node(1), start);
    all.connected(&node(2), start);
    assert_eq!(all.due(start).len(), 1);
    let later = all.next_due().unwrap();
    assert_eq!(later, start + GRACE);
    assert_eq!(all.due(later).len(), 1);
}

#[test]
fn another_node_takes_the_place_of_one_that_is_lost() {
    let (mut all, now) = settled(Instant::now());
    // It had no place for us, so the connection ended for want of use.
    all.lost(&node(2), now);
    all.lost(&node(1), now);
    assert_eq!(all.due(now), [dial(2)]);
    all.connected(&node(2), now);
    assert_eq!(all.due(now), [Wanted::Reserve(node(2))]);
    all.granted(&node(2));
    assert_eq!(all.due(now + LONGEST_WAIT), [], "two places are enough");
}

#[test]
fn a_lone_node_is_asked_again_at_once_and_then_less_and_less_often() {
    let start = Instant::now();
    let mut all = reservations(&[1]);
    all.due(start);
    all.connected(&node(1), start);
    all.due(start);
    all.granted(&node(1));
    let (mut now, mut waits) = (start, Vec::new());
    for _ in 0..12 {
        all.lost(&node(1), now);
        assert_eq!(all.due(now), []);
        let again = all.next_due().unwrap();
        waits.push(again - now);
        now = again;
        assert_eq!(all.due(now), [dial(1)]);
    }
    assert!(waits[0] <= FIRST_WAIT && waits[0] >= FIRST_WAIT / 2, "{waits:?}");
    assert!(waits[11] <= LONGEST_WAIT && waits[11] >= LONGEST_WAIT / 2, "{waits:?}");
    all.lost(&node(1), now);
    all.hurry();
    assert_eq!(all.due(now), [dial(1)], "on another network it may work");
}

#[test]
fn a_node_that_refuses_or_says_nothing_is_passed_over_for_a_while() {
    let start = Instant::now();
    let mut all = reservations(&[1, 2]);
    all.due(start);
    all.connected(&node(1), start);
    all.connected(&node(2), start);
    assert_eq!(all.due(start).len(), 2);
    all.refused(&node(1), start);
    assert_eq!(all.due(start), []);
    // The other one never answers.
    let late = start + PATIENCE;
    assert_eq!(all.due(late), [Wanted::Reserve(node(1))]);
    assert!(all.next_due().unwrap() > late);
}

#[test]
fn many_peers_spread_over_equally_near_nodes() {
    let start = Instant::now();
    let mut places = [0; 4];
    for peer in 0..200 {
        let mut all = Reservations::new(PeerId([peer; 32]));
        all.set((0..4).map(|number| (node(number), address(number))).collect());
        all.due(start);
        for number in 0..4 {
            all.connected(&node(number), start);
            all.answered(&node(number), Duration::from_millis(5));
        }
        for wanted in all.due(start) {
            let Wanted::Reserve(PeerId([number, ..])) = wanted else { panic!("{wanted:?}") };
            places[usize::from(number)] += 1;
        }
    }
    assert!(places.iter().all(|taken| (60..140).contains(taken)), "{places:?}");
}

#[test]
fn nodes_can_change_while_we_run() {
    let (mut all, now) = settled(Instant::now());
    let gone = all.set(vec![(node(1), address(1)), (node(4), address(4))]);
    assert_eq!(gone, [node(2), node(3)]);
    assert!(holds(&all, 1) && !all.contains(&node(3)));
    assert_eq!(all.due(now), [dial(4)]);
}

#[test]
fn quic_has_a_head_start_and_the_other_ways_follow_when_it_fails_or_is_slow() {
    let start = Instant::now();
    let quic = Address("/ip4/192.0.2.1/udp/1/quic-v1".into());
    let all = || {
        let mut all = Reservations::new(ME);
        all.set(vec![(node(1), address(1)), (node(1), quic.clone())]);
        assert_eq!(all.due(start), [Wanted::Dial(node(1), vec![quic.clone()])]);
        all
    };
    let mut slow = all();
    assert_eq!(slow.next_due(), Some(start + HEAD_START));
    assert_eq!(slow.due(start + HEAD_START), [dial(1)]);
    let mut refused = all();
    refused.lost(&node(1), start);
    assert_eq!(refused.due(start), [dial(1)]);
    refused.lost(&node(1), start);
    assert_eq!(refused.due(start), [], "now it has failed");
    let mut quick = all();
    quick.connected(&node(1), start);
    assert_eq!(quick.due(start + HEAD_START), [Wanted::Reserve(node(1))]);
}
