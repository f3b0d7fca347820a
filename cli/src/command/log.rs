use bayou_core::rpc::{Reply, Request, Row};

use super::asked_to_stop;
use crate::failure::Failure;
use crate::follow::Followed;
use crate::notice::{Item, interleave, notices};
use crate::output::Output;
use crate::peer::{NetworkArguments, Peer};
use crate::row::{News, Page};
use crate::unlock::Home;

/// The most rows that the peer gives at once.
const MAX_ROWS: u32 = 1000;

/// Print the newest messages of a conversation, oldest first
///
/// With --follow, new and changed ones follow until it is interrupted. If no peer runs in the home, this process is the
/// peer for that time, network included.
#[derive(clap::Args)]
pub(crate) struct Log {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,

    /// Also show the words of people whom you blocked
    #[arg(long)]
    all: bool,

    /// Go on with what is new or changes
    #[arg(long)]
    follow: bool,

    /// Instead, what devices that wrote two histories wrote from where these part: it counts for nothing, and others may
    /// have something else
    #[arg(long, conflicts_with = "follow")]
    disputed: bool,

    #[command(flatten)]
    network: NetworkArguments,
}

impl Log {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let peer = match self.follow {
            true => Peer::reach_or_host(home, &self.network).await?,
            false => Peer::reach(home).await?,
        };
        let outcome = match self.follow {
            true => self.follow(&peer, output).await,
            false => self.print(&peer, output).await,
        };
        peer.leave().await;
        outcome
    }

    /// Prints the newest rows.
    async fn print(&self, peer: &Peer, output: &Output) -> Result<(), Failure> {
        let rows = self.read(peer).await?;
        let notices = match self.disputed {
            true => Vec::new(),
            false => notices(peer, output, &self.conversation, &rows, self.limit).await?,
        };
        let mut page = Page::new(output.zone()).with_blocked(self.all);
        interleave(&rows, &notices).into_iter().try_for_each(|item| match item {
            Item::Row(row) => output.say(row, || page.row(row, News::Row)),
            Item::Notice(notice) => output.say(notice, || page.notice(notice)),
        })?;
        if rows.is_empty() {
            output.remark(if self.disputed { "nothing is disputed" } else { "no messages yet" });
        }
        Ok(())
    }

    /// Prints the newest rows, and what comes.
    async fn follow(&self, peer: &Peer, output: &Output) -> Result<(), Failure> {
        if matches!(peer, Peer::Hosted(_)) {
            output.remark("no peer was running in this home: this process is the peer until it ends; Ctrl-C ends it");
        }
        let stop = asked_to_stop();
        tokio::pin!(stop);
        let limit = self.limit.min(MAX_ROWS);
        let mut followed = Followed::begin(peer, output, self.conversation.clone(), limit, self.all).await?;
        loop {
            tokio::select! {
                event = followed.next() => followed.show(event).await?,
                stopped = &mut stop => return Ok(stopped?),
            }
        }
    }

    /// Reads the newest rows, oldest first, page by page: the peer gives fewer than asked when they are long.
    async fn read(&self, peer: &Peer) -> Result<Vec<Row>, Failure> {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let before = rows.first().map(|row| row.id.clone());
            // A limit of 0 is asked for once, so that the peer says what is wrong with it.
            let missing = self.limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            let (conversation, limit) = (self.conversation.clone(), missing.min(MAX_ROWS));
            let request = match self.disputed {
                true => Request::Disputed { conversation, limit, before },
                false => Request::Log { conversation, limit, before },
            };
            let Reply::Log { rows: older, .. } = peer.call(request).await? else { return Err(Failure::unexpected()) };
            let all = older.is_empty();
            rows.splice(0..0, older);
            if all || u32::try_from(rows.len()).is_ok_and(|got| got >= self.limit) {
                return Ok(rows);
            }
        }
    }
}
