//! A conversation shown as it goes on: what `log --follow` and `chat` share.

use bayou_core::rpc::{Event, Notice, Reply, Request, Row};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::failure::Failure;
use crate::notice::{Item, interleave, notices};
use crate::output::{Output, clean_line, short};
use crate::peer::Peer;
use crate::row::{News, Page, Shown};

/// Rows that are read again after something was missed.
const MAX_REREAD: u32 = 1000;

/// A followed conversation.
pub(crate) struct Followed<'a> {
    peer: &'a Peer,
    output: &'a Output,
    conversation: String,
    events: broadcast::Receiver<Event>,
    page: Page<'a>,
    shown: Shown,
}

impl<'a> Followed<'a> {
    /// Shows the newest rows, and is ready for more.
    pub(crate) async fn begin(
        peer: &'a Peer,
        output: &'a Output,
        conversation: String,
        limit: u32,
        shows_blocked: bool,
    ) -> Result<Self, Failure> {
        // Before the rows are read, so that nothing falls between them and the first event.
        let events = peer.events();
        let Reply::Log { conversation, rows } = peer.call(Request::Follow { conversation, limit }).await? else {
            return Err(Failure::unexpected());
        };
        let notices = notices(peer, output, &conversation, &rows, limit).await?;
        let (page, shown) = (Page::new(output.zone()).with_blocked(shows_blocked), Shown::default());
        let mut followed = Followed { peer, output, conversation, events, page, shown };
        for item in interleave(&rows, &notices) {
            match item {
                Item::Row(row) => followed.show_row(row)?,
                Item::Notice(notice) => followed.show_notice(notice)?,
            }
        }
        Ok(followed)
    }

    /// Returns the whole id of the conversation.
    pub(crate) fn conversation(&self) -> &str {
        &self.conversation
    }

    /// Waits for the next event. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&mut self) -> Result<Event, RecvError> {
        self.events.recv().await
    }

    /// Shows what an event brought.
    pub(crate) async fn show(&mut self, event: Result<Event, RecvError>) -> Result<(), Failure> {
        match event {
            Ok(Event::Row { conversation, row, .. }) if conversation == self.conversation => self.show_row(&row),
            Ok(Event::Joining { conversation, state }) if conversation == self.conversation => {
                self.output.remark(&match state.as_str() {
                    "in" => "you are in now".to_owned(),
                    "out" => "you are not in this conversation any more".to_owned(),
                    state => clean_line(state),
                });
                Ok(())
            }
            Ok(Event::Guest { conversation, user, name }) if conversation == self.conversation => {
                let (user, name) = (short(&user), clean_line(&name));
                self.output
                    .remark(&format!("{name} ({user}) asks to come in: bayou admit {} {user}", short(&conversation)));
                Ok(())
            }
            Ok(Event::Notice { conversation, notice, .. }) if conversation == self.conversation => {
                self.show_notice(&notice)
            }
            Ok(
                Event::Row { .. }
                | Event::Notice { .. }
                | Event::Gone { .. }
                | Event::Guest { .. }
                | Event::Joining { .. }
                | Event::Draft { .. }
                | Event::Settings { .. }
                | Event::Read { .. }
                | Event::Conversation(_)
                | Event::Status(_)
                | Event::Profile { .. }
                | Event::Asker(_)
                | Event::Asked(_),
            ) => Ok(()),
            Ok(Event::Lagged) | Err(RecvError::Lagged(_)) => self.catch_up().await,
            Err(RecvError::Closed) => {
                Err(Failure::machine("the running peer stopped: start it again with `bayou serve`"))
            }
        }
    }

    /// Reads the newest rows again and shows what was not shown yet.
    pub(crate) async fn catch_up(&mut self) -> Result<(), Failure> {
        let (conversation, limit) = (self.conversation.clone(), MAX_REREAD);
        let Reply::Log { rows, .. } = self.peer.call(Request::Log { conversation, limit, before: None }).await? else {
            return Err(Failure::unexpected());
        };
        // What lies before the first row that was shown was not asked for.
        let first = rows.iter().position(|row| self.shown.knows(row)).unwrap_or(0);
        self.show_all(rows.get(first..).unwrap_or_default())
    }

    fn show_all(&mut self, rows: &[Row]) -> Result<(), Failure> {
        rows.iter().try_for_each(|row| self.show_row(row))
    }

    /// Programs read what happened by a call of its own: a line is a row to them.
    fn show_notice(&mut self, notice: &Notice) -> Result<(), Failure> {
        if self.output.is_json() { Ok(()) } else { self.output.say(notice, || self.page.notice(notice)) }
    }

    fn show_row(&mut self, row: &Row) -> Result<(), Failure> {
        let page = &mut self.page;
        match self.shown.note(row) {
            News::None => Ok(()),
            // People see a state when its row is shown for another reason; a line for each step would drown the talk.
            News::State => self.output.say(row, String::new),
            news => self.output.say(row, || page.row(row, news)),
        }
    }
}
