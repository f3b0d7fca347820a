//! What one link may ask of whoever takes its frames: how many may wait to be taken, and how long the link rests.
//!
//! All links hand their frames to one queue. If one could fill it, the frames of all others would stand behind; so each may
//! have a few there, and is not read further until they were handled. And whoever handles them may let the link rest: then its
//! peer is held up, and nobody else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The longest that a link rests.
const MAX_REST: Duration = Duration::from_secs(5);

/// The frames of a link that wait to be handled. The link's task asks, whoever handles frames answers.
pub(in crate::net) struct Intake {
    room: usize,
    state: Mutex<State>,
    handled: Notify,
}

#[derive(Default)]
struct State {
    /// Frames that were handed over and not handled; at most [`Intake::room`].
    waiting: usize,
    /// Until when the link rests.
    until: Option<Instant>,
}

/// Why a frame is not handed over yet.
enum Wait {
    Room,
    Until(Instant),
}

impl Intake {
    /// Makes the intake of a link of which so many frames may wait.
    pub(in crate::net) fn new(room: usize) -> Intake {
        Intake { room, state: Mutex::default(), handled: Notify::new() }
    }

    /// Waits until another frame may be handed over, and counts it as handed over.
    pub(super) async fn admit(&self) {
        loop {
            match self.try_admit(Instant::now()) {
                None => return,
                Some(Wait::Room) => self.handled.notified().await,
                Some(Wait::Until(until)) => sleep_until(until).await,
            }
        }
    }

    fn try_admit(&self, now: Instant) -> Option<Wait> {
        let mut state = self.lock();
        if state.waiting >= self.room {
            return Some(Wait::Room);
        }
        if let Some(until) = state.until.filter(|until| *until > now) {
            return Some(Wait::Until(until));
        }
        state.waiting += 1;
        None
    }

    /// One of the frames was handled.
    pub(in crate::net) fn handled(&self) {
        let mut state = self.lock();
        // A frame of the link before this one may be counted here.
        state.waiting = state.waiting.saturating_sub(1);
        drop(state);
        self.handled.notify_one();
    }

    /// Lets the link rest for so long, after what rest there is already; at most [`MAX_REST`] in all.
    pub(in crate::net) fn rest(&self, rest: Duration) {
        self.rest_from(Instant::now(), rest);
    }

    fn rest_from(&self, now: Instant, rest: Duration) {
        let mut state = self.lock();
        let from = state.until.filter(|until| *until > now).unwrap_or(now);
        state.until = Some((from + rest).min(now + MAX_REST));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while the lock is held, and the state is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(intake: &Intake) -> usize {
        (0..100).take_while(|_| intake.try_admit(Instant::now()).is_none()).count()
    }

    #[test]
    fn as_many_as_there_is_room_for_and_one_more_for_each_that_was_handled() {
        let intake = Intake::new(4);
        assert_eq!(admits(&intake), 4);
        intake.handled();
        intake.handled();
        assert_eq!(admits(&intake), 2);
        (0..9).for_each(|_| intake.handled());
        assert_eq!(admits(&intake), 4, "never more");
    }

    #[test]
    fn a_link_that_rests_hands_nothing_over_until_it_is_over() {
        let (intake, start, ms) = (Intake::new(4), Instant::now(), Duration::from_millis(1));
        intake.rest_from(start, 300 * ms);
        intake.rest_from(start, 300 * ms);
        assert!(intake.try_admit(start + 599 * ms).is_some());
        assert!(intake.try_admit(start + 600 * ms).is_none());
        intake.rest_from(start, 1_000_000 * ms);
        assert!(intake.try_admit(start + MAX_REST - ms).is_some() && intake.try_admit(start + MAX_REST).is_none());
    }

    #[tokio::test]
    async fn who_waits_for_room_is_woken() {
        let intake = Intake::new(1);
        intake.admit().await;
        tokio::join!(intake.admit(), async { intake.handled() });
    }
}
