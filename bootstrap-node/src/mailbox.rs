//! Keeps sealed envelopes for peers, and can open none.
//!
//! One thread owns the files. It takes what has come in by now, appends all of it, makes it durable with one
//! `fdatasync`, and only then says *kept*: so what was acknowledged survives `kill -9`, and many puts share one wait for
//! the disk. Envelopes are found by an index in memory, rebuilt at each start.
//!
//! When the disk or the mailbox is full, puts are refused with a clear answer, and what is there is handed out as before.

mod files;
mod frame;
mod index;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use bayou_core::id::{EnvelopeId, Topic};
use bayou_core::net::mailbox::{Answer, Batch, Errand, Letter, Letters, MAX_BATCH, Refusal};
use files::Files;
use frame::HEAD;
use index::{Index, Place};
use tokio::sync::oneshot;

/// A day, in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Letters that are dealt with at once, under one `fdatasync`.
const MAX_AT_ONCE: usize = 256;

/// How much a mailbox keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes of all files.
    pub(crate) disk: u64,
    /// Bytes of one topic.
    pub(crate) topic: u64,
    /// Whole days for which an envelope stays.
    pub(crate) days: u64,
}

/// What is counted of a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) topics: AtomicU64,
    pub(crate) envelopes: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) kept: AtomicU64,
    pub(crate) again: AtomicU64,
    pub(crate) handed_out: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) disk_errors: AtomicU64,
}

/// The mailbox: its files, and where each envelope lies in them.
pub(crate) struct Mailbox {
    files: Files,
    index: Index,
    bounds: Bounds,
    tally: Arc<Tally>,
}

/// An envelope that is written and not durable yet, and who waits for it.
struct Waiting {
    topic: Topic,
    seq: u64,
    place: Place,
    id: EnvelopeId,
    answers: Vec<oneshot::Sender<Answer>>,
}

impl Mailbox {
    /// Opens the mailbox in a folder; an empty one where there is none.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or something else lies there.
    pub(crate) fn open(folder: &Path, now: u64, bounds: Bounds, tally: Arc<Tally>) -> io::Result<Mailbox> {
        let mut index = Index::default();
        let files = Files::open(folder, now, |found| {
            let place = Place::new(found.day, found.offset, found.length, found.id);
            index.insert(found.topic, found.seq, place);
        })?;
        let mailbox = Mailbox { files, index, bounds, tally };
        mailbox.tell();
        Ok(mailbox)
    }

    /// Starts the thread that deals with letters until nobody is left who could send one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(mut self, mut letters: Letters, clock: fn() -> u64) -> io::Result<JoinHandle<()>> {
        let work = move || {
            let mut taken = Vec::with_capacity(MAX_AT_ONCE);
            while letters.blocking_recv_many(&mut taken, MAX_AT_ONCE) > 0 {
                self.deal(clock(), taken.drain(..));
            }
        };
        std::thread::Builder::new().name("mailbox".into()).spawn(work)
    }

    /// Deals with letters. Who asked for an envelope that came in the same moment finds it next time.
    fn deal(&mut self, now: u64, letters: impl Iterator<Item = Letter>) {
        // A clock that was set back makes no older file than there is.
        let today = (now / DAY).max(self.files.newest().unwrap_or(0));
        self.expire(today);
        let (mut frames, mut waiting) = (Vec::new(), Vec::new());
        for Letter { topic, errand, answer } in letters {
            match errand {
                // Who asked may have hung up.
                Errand::Get(after) => drop(answer.send(self.hand_out(topic, after))),
                Errand::Put(id, envelope) => {
                    let put = Put { topic, id, envelope, answer };
                    self.take_in(put, (today, now), &mut frames, &mut waiting);
                }
            }
        }
        self.keep(today, &frames, waiting);
        self.tell();
    }

    fn take_in(&mut self, put: Put, (today, now): (u64, u64), frames: &mut Vec<u8>, waiting: &mut Vec<Waiting>) {
        let Put { topic, id, envelope, answer } = put;
        if let Some(same) = waiting.iter_mut().find(|other| other.topic == topic && other.id == id) {
            return same.answers.push(answer);
        }
        if self.index.holds(topic, id) {
            count(&self.tally.again, 1);
            return drop(answer.send(Answer::Kept));
        }
        let new = (HEAD + envelope.len()) as u64;
        let of_topic: u64 =
            waiting.iter().filter(|other| other.topic == topic).map(|w| u64::from(w.place.length)).sum();
        let begin = self.files.end(today) + frames.len() as u64;
        let offset = u32::try_from(begin + HEAD as u64);
        let refusal = if self.index.bytes_of(topic) + of_topic + envelope.len() as u64 > self.bounds.topic {
            Some(Refusal::TopicFull)
        } else if self.files.bytes() + frames.len() as u64 + new > self.bounds.disk || self.index.is_full() {
            Some(Refusal::NodeFull)
        } else {
            None
        };
        match (refusal, offset, u32::try_from(envelope.len())) {
            (None, Ok(offset), Ok(length)) => {
                let last = waiting.last().map_or(self.index.last(), |last| last.seq);
                // Numbers go with the time, so that they still rise after all was deleted.
                let seq = now.max(last + 1);
                frame::encode(seq, topic, id, &envelope, frames);
                let place = Place::new(today, offset, length, id);
                waiting.push(Waiting { topic, seq, place, id, answers: vec![answer] });
            }
            (refusal, ..) => {
                count(&self.tally.refused, 1);
                drop(answer.send(Answer::Refused(refusal.unwrap_or(Refusal::NodeFull))));
            }
        }
    }

    /// Makes frames durable, and only then says so.
    fn keep(&mut self, today: u64, frames: &[u8], waiting: Vec<Waiting>) {
        if waiting.is_empty() {
            return;
        }
        let kept = self.files.append(today, frames).inspect_err(|reason| {
            count(&self.tally.disk_errors, 1);
            tracing::error!(kind = ?reason.kind(), "cannot write to the mailbox; puts are refused until it works again");
        });
        for Waiting { topic, seq, place, answers, .. } in waiting {
            let answer = if kept.is_ok() {
                self.index.insert(topic, seq, place);
                count(&self.tally.kept, 1);
                Answer::Kept
            } else {
                count(&self.tally.refused, 1);
                Answer::Refused(Refusal::NodeFull)
            };
            answers.into_iter().for_each(|to| drop(to.send(answer.clone())));
        }
    }

    fn hand_out(&self, topic: Topic, after: u64) -> Answer {
        let mut batch = Batch { cursor: after, begun: self.files.begun(), ..Batch::default() };
        let mut bytes = 0;
        for (seq, place) in self.index.after(topic, after) {
            bytes += place.length as usize;
            if bytes > MAX_BATCH {
                batch.more = true;
                break;
            }
            match self.files.read(place.day, place.offset, place.length) {
                Ok(envelope) => batch.envelopes.push(envelope),
                Err(reason) => {
                    count(&self.tally.disk_errors, 1);
                    tracing::error!(kind = ?reason.kind(), "cannot read from the mailbox");
                    return Answer::Refused(Refusal::Busy);
                }
            }
            batch.cursor = seq;
        }
        count(&self.tally.handed_out, batch.envelopes.len() as u64);
        Answer::Batch(batch)
    }

    fn expire(&mut self, today: u64) {
        let first = today.saturating_sub(self.bounds.days);
        if !self.files.has_before(first) {
            return;
        }
        let forgotten = self.index.forget_before(first);
        count(&self.tally.expired, forgotten as u64);
        if let Err(reason) = self.files.forget_before(first) {
            count(&self.tally.disk_errors, 1);
            tracing::error!(kind = ?reason.kind(), "cannot delete what is over");
        }
    }

    fn tell(&self) {
        self.tally.topics.store(self.index.topics() as u64, Ordering::Relaxed);
        self.tally.envelopes.store(self.index.envelopes() as u64, Ordering::Relaxed);
        self.tally.bytes.store(self.files.bytes(), Ordering::Relaxed);
    }
}

/// An envelope that came in, and who waits to hear of it.
struct Put {
    topic: Topic,
    id: EnvelopeId,
    envelope: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

fn count(what: &AtomicU64, more: u64) {
    what.fetch_add(more, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Topic = Topic([7; 16]);

    fn ask(mailbox: &mut Mailbox, now: u64, errand: Errand) -> Answer {
        let (answer, mut answered) = oneshot::channel();
        mailbox.deal(now, [Letter { topic: TOPIC, errand, answer }].into_iter());
        answered.try_recv().expect("an answer")
    }

    fn put(mailbox: &mut Mailbox, now: u64, number: u8) -> Answer {
        ask(mailbox, now, Errand::Put(EnvelopeId([number; 32]), vec![number; 256]))
    }

    /// Returns the first bytes of what is there.
    fn held(mailbox: &mut Mailbox, now: u64, after: u64) -> (Vec<u8>, u64) {
        match ask(mailbox, now, Errand::Get(after)) {
            Answer::Batch(batch) => (batch.envelopes.iter().map(|envelope| envelope[0]).collect(), batch.cursor),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_older_than_so_many_days_goes_a_day_at_a_time_and_cursors_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds { disk: 1 << 20, topic: 1 << 20, days: 3 };
        let open = |now| Mailbox::open(folder.path(), now, bounds, Arc::default()).unwrap();
        let mut mailbox = open(1000 * DAY);
        for day in 1000..1003 {
            assert_eq!(put(&mut mailbox, day * DAY + 5, (day - 1000) as u8), Answer::Kept);
        }
        let (all, cursor) = held(&mut mailbox, 1003 * DAY, 0);
        assert_eq!(all, [0, 1, 2], "three whole days");
        assert_eq!(held(&mut mailbox, 1004 * DAY, 0).0, [1, 2]);
        // A clock that is set back brings nothing back, and what comes then stays as long as the newest day.
        assert_eq!(put(&mut mailbox, 1001 * DAY, 9), Answer::Kept);
        assert_eq!(held(&mut mailbox, 1001 * DAY, 0).0, [1, 2, 9]);
        assert_eq!(held(&mut mailbox, 1001 * DAY, cursor).0, [9]);
        let mut mailbox = open(1005 * DAY);
        assert_eq!(held(&mut mailbox, 1005 * DAY, 0).0, [2, 9]);
        assert_eq!(held(&mut mailbox, 1100 * DAY, 0).0, [0; 0]);
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "only when it was begun");
        // After all is gone, what comes is behind every cursor that was ever given.
        assert_eq!(put(&mut mailbox, 1100 * DAY, 4), Answer::Kept);
        assert_eq!(held(&mut mailbox, 1100 * DAY, cursor).0, [4]);
        assert_eq!(put(&mut mailbox, 1100 * DAY, 4), Answer::Kept, "twice is once");
        assert_eq!(held(&mut mailbox, 1100 * DAY, 0).0, [4]);
    }
}
