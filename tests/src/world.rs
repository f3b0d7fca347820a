//! The simulated world: some peers, one network, one clock. The same seed gives the same world, to the last byte.
//!
//! Stories say who does what ([`World::says`], [`World::edits`] …), when links are there ([`World::link`],
//! [`World::part_all`]) and how long to wait ([`World::run`]). In the end [`World::make_peace`] mends everything, waits until
//! all peers agree, and panics if they never do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bayou_core::conversation::EntryId;
use bayou_core::engine::{CallId, Effect, Errand, Input, MailAnswer, MailTicket};
use bayou_core::envelope::Frame;
use bayou_core::id::{Address, Namespace, PeerId};
use bayou_core::identity::JoinLink;
use bayou_core::rpc::{InviteOptions, Reply, Request, RpcError};
use bayou_core::store::memory::MemoryStore;
use bytes::Bytes;

use crate::board::{self, Board};
use crate::dice::Dice;
use crate::mailboxes::Mailboxes;
use crate::network::{Network, Posted, Weather, pair};
use crate::peer::{Peer, TICK_MS};
use crate::truth;

/// How long a call may take, in milliseconds of the world.
const PATIENCE_MS: u64 = 5_000;

/// How long to wait between looks at whether all agree: a bit more than heads are told.
const ROUND_MS: u64 = 31_000;

/// Rounds after which peers that still differ never will agree.
const ROUNDS: u32 = 40;

/// Names a peer of a world.
pub type Who = usize;

/// What a stranger, who is no peer of this world, was sent.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// The frames.
    pub frames: Vec<Bytes>,
    /// Whether the link was closed on it.
    pub closed: bool,
}

/// A frame that a peer sent to another.
#[derive(Debug, Clone)]
pub struct Taped {
    /// Who sent it.
    pub from: Who,
    /// To whom.
    pub to: Who,
    /// What.
    pub frame: Bytes,
}

/// Chooses frames that never arrive: by who sent them, to whom.
pub type Swallow = Box<dyn Fn(Who, Who, &Frame) -> bool>;

/// The world.
pub struct World {
    /// The seed that it grew from.
    pub seed: u64,
    /// Milliseconds since it began.
    pub now: u64,
    /// Who is there.
    pub peers: Vec<Peer>,
    /// What joins them.
    pub network: Network,
    /// Chance, for whoever tells a story.
    pub dice: Dice,
    /// Links that invite to each conversation.
    pub invites: Vec<String>,
    /// What strangers were sent, by whom they are linked to and by their name.
    pub strangers: BTreeMap<(Who, PeerId), Mailbox>,
    /// The node that everyone uses, if there is one. Dials lead somewhere only over it.
    pub board: Option<Board>,
    /// Nodes where mail waits.
    pub mailboxes: Mailboxes,
    /// Answers of mailboxes that are on their way: when they arrive, to whom.
    answers: BTreeMap<u64, Vec<(Who, Input)>>,
    /// All that was sent over links, if somebody keeps it.
    pub tape: Option<Vec<Taped>>,
    /// What never arrives, without anybody noticing.
    pub swallow: Option<Swallow>,
    /// Whether dials lead to whom they are for, without a node. Stories say who is linked, otherwise.
    pub dials: bool,
    /// Frames with new changes, unasked, that were sent.
    pub pushed: u64,
    /// Pairs that cannot be linked now.
    apart: BTreeSet<(Who, Who)>,
    inbox: VecDeque<(Who, Input)>,
    /// Dials that are under way, by whom and to whom.
    dialled: VecDeque<(Who, Who)>,
}

impl World {
    /// Makes an empty world.
    pub fn new(seed: u64) -> Self {
        World {
            seed,
            now: 0,
            peers: Vec::new(),
            network: Network::new(Dice::new(seed, 1)),
            dice: Dice::new(seed, 2),
            invites: Vec::new(),
            strangers: BTreeMap::new(),
            board: None,
            mailboxes: Mailboxes::default(),
            answers: BTreeMap::new(),
            tape: None,
            swallow: None,
            dials: false,
            pushed: 0,
            apart: BTreeSet::new(),
            inbox: VecDeque::new(),
            dialled: VecDeque::new(),
        }
    }

    /// Brings a person into the world, with a new home.
    pub fn person(&mut self, name: &str) -> Who {
        let peer = Peer::new(name, Dice::new(self.seed, 1000 + self.peers.len() as u64));
        self.settle_in(peer)
    }

    /// Copies a person's home to another machine, where it runs on as somebody else's.
    pub fn copy(&mut self, who: Who) -> Who {
        let dice = Dice::new(self.seed, 1000 + self.peers.len() as u64);
        let copy = self.peers[who].copy(&format!("{}'s copy", self.peers[who].name), dice);
        let copy = self.settle_in(copy);
        self.peers[copy].online = false;
        copy
    }

    /// Brings another device of a person's into the world, made by the recovery phrase: as one of several, or because all
    /// others were lost.
    pub fn device(&mut self, who: Who, is_back: bool) -> Who {
        let dice = Dice::new(self.seed, 1000 + self.peers.len() as u64);
        let device = self.peers[who].another_device(self.now, is_back, dice);
        self.settle_in(device)
    }

    fn settle_in(&mut self, peer: Peer) -> Who {
        let who = self.peers.len();
        self.peers.push(peer);
        self.start(who);
        who
    }

    // ---- what people do ------------------------------------------------------------------------------------------

    /// Begins a conversation in which everyone named takes part; they are linked for it, and parted again.
    pub fn begin(&mut self, title: &str, who: &[Who]) {
        let Some((first, others)) = who.split_first() else { return };
        let conversation = match self.does(*first, Request::New { title: title.into() }) {
            Ok(Reply::New { conversation }) => conversation,
            other => panic!("no conversation: {other:?}"),
        };
        let options = InviteOptions { uses: 1000, hours: 8784, ..InviteOptions::default() };
        let invite = Request::Invite { conversation, options };
        let Ok(Reply::Invite { link, .. }) = self.does(*first, invite) else { panic!("no link") };
        self.invites.push(link.clone());
        for other in others {
            self.does(*other, Request::Join { link: link.clone() }).expect("joins");
        }
        self.link_all(who);
        self.run(2_000);
        self.part_all();
    }

    /// Joins a conversation by its link.
    pub fn joins(&mut self, who: Who, link: &str) {
        self.does(who, Request::Join { link: link.into() }).expect("joins");
    }

    /// Writes a message; returns its id.
    pub fn says(&mut self, who: Who, text: &str) -> String {
        self.says_in(who, 0, text)
    }

    /// Writes a message in one of several conversations; returns its id.
    pub fn says_in(&mut self, who: Who, conversation: usize, text: &str) -> String {
        let request = Request::send(self.conversation(conversation), text);
        self.sends(who, request)
    }

    /// Edits a message.
    pub fn edits(&mut self, who: Who, message: &str, text: &str) {
        self.sends(who, Request::Edit { message: message.into(), text: text.into() });
    }

    /// Deletes a message.
    pub fn deletes(&mut self, who: Who, message: &str) {
        self.sends(who, Request::Delete { message: message.into() });
    }

    /// Reacts to a message.
    pub fn reacts(&mut self, who: Who, message: &str, emoji: &str) {
        self.sends(who, Request::React { message: message.into(), emoji: emoji.into(), off: false });
    }

    /// Returns the id of a conversation, as calls take it.
    pub fn conversation(&self, number: usize) -> String {
        self.link_of(number).conversation.to_string()
    }

    /// Returns the link that invites to a conversation.
    pub fn link_of(&self, number: usize) -> JoinLink {
        JoinLink::from_link(&self.invites[number]).expect("the world's own link")
    }

    /// Returns the timeline as a person sees it, printed.
    pub fn sees(&self, who: Who) -> String {
        let name = |user| match self.peers.iter().find(|peer| peer.user() == user) {
            Some(peer) => peer.name.clone(),
            None => "somebody".to_owned(),
        };
        truth::print(&self.peers[who].store, name)
    }

    fn sends(&mut self, who: Who, request: Request) -> String {
        match self.does(who, request) {
            Ok(Reply::Sent { id }) => id,
            other => panic!("{} could not: {other:?}", self.peers[who].name),
        }
    }

    /// Asks for something and waits for the answer.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn does(&mut self, who: Who, request: Request) -> Result<Reply, RpcError> {
        let call = self.asks(who, request);
        let until = self.now + PATIENCE_MS;
        while self.now < until {
            if let Some(answer) = self.peers[who].answer(call) {
                return answer;
            }
            self.run(1);
        }
        panic!("{} was not answered", self.peers[who].name)
    }

    /// Asks for something and does not wait.
    pub fn asks(&mut self, who: Who, request: Request) -> CallId {
        let (call, effects) = self.peers[who].ask(self.now, request);
        self.carry_out(who, effects);
        self.hand_out();
        call
    }

    // ---- what befalls them ---------------------------------------------------------------------------------------

    /// Starts a peer.
    pub fn start(&mut self, who: Who) {
        let effects = self.peers[who].start(self.now);
        self.carry_out(who, effects);
        let address = Address(format!("/memory/{who}"));
        self.give(who, Input::Listening { dialable: address.clone(), address });
        if self.board.is_some() {
            self.give(who, Input::Relayed(vec![board::way(who)]));
        }
        self.hand_out();
    }

    /// Lets everyone use one node from now on.
    pub fn build_node(&mut self) {
        self.board = Some(Board::default());
        (0..self.peers.len()).for_each(|who| self.give(who, Input::Relayed(vec![board::way(who)])));
        self.hand_out();
    }

    /// Lets somebody's own nodes be these mailboxes, until they go.
    pub fn uses_mailboxes(&mut self, who: Who, nodes: &[String]) {
        self.give(who, Input::Mailboxes(nodes.iter().cloned().map(Address).collect()));
        self.hand_out();
    }

    /// Takes a peer's power away, for so many milliseconds.
    pub fn crash(&mut self, who: Who, ms: u64) {
        self.peers[who].crash();
        self.board.iter_mut().for_each(|board| board.register(who, &[]));
        self.peers[who].back_at = Some(self.now + ms);
        self.fell(who);
        self.hand_out();
    }

    /// Puts a backup in the place of a peer's home, and starts it.
    pub fn restore(&mut self, who: Who, backup: &MemoryStore, kept: usize) {
        self.peers[who].restore(backup, kept);
        self.fell(who);
        self.hand_out();
        self.start(who);
    }

    /// Lets the other of two copies of a home be the one that is connected.
    pub fn swap(&mut self, one: Who, other: Who) {
        for who in [one, other] {
            self.unplug(who);
            self.peers[who].online = !self.peers[who].online;
        }
        self.hand_out();
    }

    /// Links two peers, if both run, are connected, and nothing stands between them.
    pub fn link(&mut self, a: Who, b: Who) -> bool {
        let link = pair(a, b);
        let linked = |who: Who, to: PeerId| {
            self.network
                .links()
                .iter()
                .any(|(x, y)| (*x == who && self.peers[*y].id == to) || (*y == who && self.peers[*x].id == to))
        };
        let (one, other) = (&self.peers[a], &self.peers[b]);
        let can = one.is_up() && other.is_up() && one.online && other.online && one.id != other.id;
        if !can || self.apart.contains(&link) || linked(a, other.id) || linked(b, one.id) {
            return false;
        }
        let binding = self.network.link(link);
        for (who, other) in [(a, b), (b, a)] {
            let address = Address(format!("/memory/{other}"));
            let peer = self.peers[other].id;
            self.inbox.push_back((
                who,
                Input::LinkUp { peer, binding, listens: vec![address.clone()], address, relayed: false },
            ));
        }
        self.hand_out();
        self.network.echo(self.now, link);
        true
    }

    /// Breaks the link between two peers.
    pub fn cut(&mut self, a: Who, b: Who) {
        self.unlink(pair(a, b));
        self.hand_out();
    }

    /// Links all of some people with each other.
    pub fn link_all(&mut self, who: &[Who]) {
        for (at, a) in who.iter().enumerate() {
            who.iter().skip(at + 1).for_each(|b| _ = self.link(*a, *b));
        }
    }

    /// Breaks all links.
    pub fn part_all(&mut self) {
        for link in self.network.links() {
            self.unlink(link);
        }
        self.hand_out();
    }

    /// Keeps some people apart from all others until [`World::reunite`].
    pub fn partition(&mut self, some: &[Who]) {
        for a in some {
            for b in (0..self.peers.len()).filter(|b| !some.contains(b)) {
                self.apart.insert(pair(*a, b));
                self.unlink(pair(*a, b));
            }
        }
        self.hand_out();
    }

    /// Ends all partitions.
    pub fn reunite(&mut self) {
        self.apart.clear();
    }

    /// Links a stranger to a peer: what it is sent is put into its mailbox.
    pub fn link_stranger(&mut self, who: Who, stranger: PeerId, binding: [u8; 32]) {
        self.strangers.insert((who, stranger), Mailbox::default());
        let address = Address("/memory/stranger".into());
        self.give(who, Input::LinkUp { peer: stranger, binding, listens: vec![], address, relayed: false });
        self.hand_out();
    }

    // ---- how time passes -----------------------------------------------------------------------------------------

    /// Lets time pass.
    pub fn run(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.turn();
        }
        self.now = until;
    }

    fn next(&self) -> Option<u64> {
        let own = self.peers.iter().flat_map(|peer| {
            let tick = peer.is_up().then_some(peer.tick_at);
            let own = |at: Option<u64>| at.filter(|_| peer.is_up());
            [tick, own(peer.disk_at), own(peer.alarm_at), peer.back_at]
        });
        own.flatten().chain(self.network.next()).chain(self.answers.keys().next().copied()).min()
    }

    fn turn(&mut self) {
        while let Some((to, from, frame, drained)) = self.network.arrived(self.now) {
            if drained {
                self.inbox.push_back((from, Input::Drained(self.peers[to].id)));
            }
            self.inbox.push_back((to, Input::Frame(self.peers[from].id, frame)));
            self.hand_out();
        }
        while let Some(answers) = self.answers.first_entry().filter(|entry| *entry.key() <= self.now) {
            self.inbox.extend(answers.remove());
            self.hand_out();
        }
        let due = |at: Option<u64>, now| at.is_some_and(|at| at <= now);
        for who in 0..self.peers.len() {
            if due(self.peers[who].back_at, self.now) {
                self.start(who);
            }
            if due(self.peers[who].disk_at, self.now) {
                let effects = self.peers[who].disk(self.now);
                self.carry_out(who, effects);
            }
            if due(self.peers[who].alarm_at, self.now) {
                self.peers[who].alarm_at = None;
                self.give(who, Input::Alarm);
            }
            if self.peers[who].is_up() && self.peers[who].tick_at <= self.now {
                self.peers[who].tick_at = self.now + TICK_MS;
                self.give(who, Input::Tick);
            }
            self.hand_out();
        }
    }

    /// Gives a peer an input, and carries out what follows.
    pub fn give(&mut self, who: Who, input: Input) {
        let effects = self.peers[who].handle(self.now, input);
        self.carry_out(who, effects);
    }

    fn hand_out(&mut self) {
        while let Some((who, input)) = self.inbox.pop_front() {
            self.give(who, input);
        }
        while let Some((who, other)) = self.dialled.pop_front() {
            self.link(who, other);
        }
    }

    fn carry_out(&mut self, who: Who, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(to, frame) => self.post(who, to, frame),
                Effect::Mail(ticket, errand) => self.mail(who, ticket, &errand),
                Effect::Close(to) => match self.strangers.get_mut(&(who, to)) {
                    Some(mailbox) => mailbox.closed = true,
                    None => drop(self.linked(who, to).map(|other| self.unlink(pair(who, other)))),
                },
                Effect::Dial(_, addresses) => self.dial(who, &addresses),
                Effect::Register(namespaces) => {
                    self.board.iter_mut().for_each(|board| board.register(who, &namespaces));
                }
                Effect::Seek(namespaces) => self.seek(who, &namespaces),
                _ => {}
            }
        }
        if !self.peers[who].is_up() {
            self.fell(who);
        }
    }

    /// Links whom a dial reaches: over the node, or directly if dials lead there.
    fn dial(&mut self, who: Who, addresses: &[Address]) {
        let over = self.board.is_some();
        let leads = |other: &Who| {
            let direct = self.dials && addresses.contains(&Address(format!("/memory/{other}")));
            direct || (over && addresses.contains(&board::way(*other)))
        };
        self.dialled.extend((0..self.peers.len()).find(leads).map(|other| (who, other)));
    }

    fn seek(&mut self, who: Who, namespaces: &[Namespace]) {
        let Some(board) = &mut self.board else { return };
        let found: BTreeSet<Who> = namespaces.iter().flat_map(|namespace| board.seek(who, namespace)).collect();
        for other in found {
            self.inbox.push_back((who, Input::Found(self.peers[other].id, vec![board::way(other)])));
        }
    }

    fn post(&mut self, who: Who, to: PeerId, frame: Bytes) {
        if let Some(mailbox) = self.strangers.get_mut(&(who, to)) {
            return mailbox.frames.push(frame);
        }
        let Some(other) = self.linked(who, to) else { return };
        if let Some(tape) = &mut self.tape {
            tape.push(Taped { from: who, to: other, frame: frame.clone() });
        }
        let is_swallowed = |swallow: &Swallow| Frame::decode(&frame).is_ok_and(|frame| swallow(who, other, &frame));
        if self.swallow.as_ref().is_some_and(is_swallowed) {
            return;
        }
        // The kind of a frame is its second byte.
        self.pushed += u64::from(frame.get(1) == Some(&6));
        if self.network.post(self.now, (who, other), frame) == Posted::Congested {
            self.inbox.push_back((who, Input::Congested(to)));
        }
    }

    fn mail(&mut self, who: Who, ticket: MailTicket, errand: &Errand) {
        let at = self.now + 1 + self.network.weather.delay;
        let answer = match self.peers[who].online {
            true => self.mailboxes.answer(self.peers[who].time(self.now), errand),
            false => MailAnswer::Unreachable("it is down".to_owned()),
        };
        self.answers.entry(at).or_default().push((who, Input::Mailed(ticket, answer)));
    }

    fn linked(&self, who: Who, to: PeerId) -> Option<Who> {
        (0..self.peers.len()).find(|other| self.peers[*other].id == to && self.network.is_up(pair(who, *other)))
    }

    fn unlink(&mut self, link: (Who, Who)) {
        if !self.network.is_up(link) {
            return;
        }
        for (to, from, frame) in self.network.cut(link) {
            self.inbox.push_back((to, Input::Frame(self.peers[from].id, frame)));
        }
        for (who, other) in [link, (link.1, link.0)] {
            self.inbox.push_back((who, Input::LinkDown(self.peers[other].id)));
        }
    }

    fn unplug(&mut self, who: Who) {
        (0..self.peers.len()).for_each(|other| self.unlink(pair(who, other)));
    }

    /// Does what follows from a crash for the others; the peer comes back soon unless it is known when.
    fn fell(&mut self, who: Who) {
        self.unplug(who);
        self.answers.values_mut().for_each(|answers| answers.retain(|(to, _)| *to != who));
        self.peers[who].back_at.get_or_insert(self.now + 50);
    }

    // ---- how it ends ---------------------------------------------------------------------------------------------

    /// Ends all faults, links everyone, and waits until all agree and nothing is left to do.
    ///
    /// # Panics
    /// When they never agree, with what they differ in.
    pub fn make_peace(&mut self) {
        let all: Vec<Who> = (0..self.peers.len()).collect();
        self.make_peace_among(&|_| all.clone());
    }

    /// As [`World::make_peace`]; only those whom `who` names need to agree.
    ///
    /// # Panics
    /// When they never do.
    pub fn make_peace_among(&mut self, who: &dyn Fn(&mut World) -> Vec<Who>) {
        self.network.weather = Weather::CALM;
        self.reunite();
        for peer in &mut self.peers {
            (peer.fuse, peer.full) = (None, 0);
        }
        self.run(1_000);
        let mut last = String::new();
        for _ in 0..ROUNDS {
            self.let_all_meet();
            let who = who(self);
            match self.disagreement_among(&who) {
                None => return self.take_out_the_dead(),
                Some(what) => last = what,
            }
        }
        panic!("they never agree: {last}");
    }

    /// Waits until bodies that were deleted are compacted away, one stream a tick.
    fn take_out_the_dead(&mut self) {
        for _ in 0..ROUNDS {
            self.run(TICK_MS * 4);
            if self.peers.iter().all(|peer| truth::erasing(&peer.store) == 0) {
                return;
            }
        }
    }

    /// Links everyone for a round; where several have one home, each has its turn.
    fn let_all_meet(&mut self) {
        let all: Vec<Who> = (0..self.peers.len()).collect();
        self.link_all(&all);
        self.run(ROUND_MS);
        let absent: Vec<Who> = all.iter().copied().filter(|who| !self.peers[*who].online).collect();
        for who in absent {
            let twin =
                all.iter().find(|other| self.peers[**other].online && self.peers[**other].id == self.peers[who].id);
            let twin = *twin.expect("one of each home is connected");
            self.swap(who, twin);
            self.link_all(&all);
            self.run(ROUND_MS);
        }
    }

    /// Says in what two peers differ, as far as their indexes and the records of authority tell.
    pub fn disagreement(&self) -> Option<String> {
        self.disagreement_among(&(0..self.peers.len()).collect::<Vec<Who>>())
    }

    /// As [`World::disagreement`], among some.
    pub fn disagreement_among(&self, who: &[Who]) -> Option<String> {
        let (first, others) = who.split_first()?;
        let first = &self.peers[*first];
        let (ours, items) = (truth::index(&first.store), truth::items(&first.store));
        others.iter().map(|other| &self.peers[*other]).find_map(|other| {
            let what = truth::difference(&ours, &truth::index(&other.store)).or_else(|| {
                (items != truth::items(&other.store)).then(|| "who may do what, or the group keys".to_owned())
            })?;
            Some(format!("{} and {}: {what}", first.name, other.name))
        })
    }

    /// Returns who is in the first conversation, as somebody knows it: names with roles, the highest first.
    pub fn members(&mut self, who: Who) -> Vec<(String, String)> {
        let conversation = self.conversation(0);
        match self.does(who, Request::Members { conversation }) {
            Ok(Reply::Members { members, .. }) => members.into_iter().map(|m| (m.name, m.role)).collect(),
            other => panic!("no members: {other:?}"),
        }
    }

    /// Returns the ids of the messages that a peer sees, with whether it may change them.
    pub fn messages(&self, who: Who) -> Vec<(EntryId, bool)> {
        let user = self.peers[who].user();
        let rows = truth::rows(&self.peers[who].store);
        rows.into_iter().filter(|(_, row)| !row.deleted).map(|(id, row)| (id, row.author == user)).collect()
    }
}
