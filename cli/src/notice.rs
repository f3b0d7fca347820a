//! What happened in a conversation besides its messages, as people read it between them.

use bayou_core::rpc::{Notice, NoticeKind, Reply, Request, Row};

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer::Peer;

/// The most notices that the peer gives at once.
const MAX_NOTICES: u32 = 1000;

/// One line of a conversation.
pub(crate) enum Item<'a> {
    Row(&'a Row),
    Notice(&'a Notice),
}

/// Reads what happened since the first of some rows, or at all if all of them are shown. Nothing for programs, to which a
/// line is a row.
pub(crate) async fn notices(
    peer: &Peer,
    output: &Output,
    conversation: &str,
    rows: &[Row],
    limit: u32,
) -> Result<Vec<Notice>, Failure> {
    if output.is_json() {
        return Ok(Vec::new());
    }
    let are_all = u32::try_from(rows.len()).is_ok_and(|shown| shown < limit);
    let after = rows.first().filter(|_| !are_all).map_or(0, |row| row.at);
    let request = Request::Notices { conversation: conversation.into(), after, before: None, limit: MAX_NOTICES };
    match peer.call(request).await? {
        Reply::Notices { notices, .. } => Ok(notices),
        _ => Err(Failure::unexpected()),
    }
}

/// Puts notices between rows, by time. The rows stay in their order, which is that of the conversation.
pub(crate) fn interleave<'a>(rows: &'a [Row], notices: &'a [Notice]) -> Vec<Item<'a>> {
    let mut notices = notices.iter().peekable();
    let mut items = Vec::new();
    for row in rows {
        while let Some(notice) = notices.next_if(|notice| notice.at <= row.at) {
            items.push(Item::Notice(notice));
        }
        items.push(Item::Row(row));
    }
    items.extend(notices.map(Item::Notice));
    items
}

/// Says what happened.
pub(crate) fn words(notice: &Notice) -> String {
    let by = clean_line(&notice.by);
    let who = notice.who.as_deref().map_or_else(|| "somebody".to_owned(), clean_line);
    let what = clean_line(notice.what.as_deref().unwrap_or_default());
    let said = match notice.kind {
        NoticeKind::Began => format!("{by} began “{what}”"),
        NoticeKind::Joined => format!("{by} let {who} in as {what}"),
        NoticeKind::Role => format!("{by} made {who} {what}"),
        NoticeKind::Removed => format!("{by} removed {who}"),
        NoticeKind::Left => format!("{by} left"),
        NoticeKind::Title => format!("{by} called it “{what}”"),
        NoticeKind::Topic if what.is_empty() => format!("{by} took the topic away"),
        NoticeKind::Topic => format!("{by} set the topic: {what}"),
        NoticeKind::History if what == "all" => format!("{by}: who comes in reads all that was written before"),
        NoticeKind::History => format!("{by}: who comes in reads nothing that was written before"),
        NoticeKind::Disappear if what == "0" => format!("{by}: what is written from now on stays"),
        NoticeKind::Disappear => format!("{by}: what is written from now on disappears after {}", span(&what)),
        NoticeKind::Mailboxes if what.is_empty() => format!("{by}: no mail waits for who is away"),
        NoticeKind::Mailboxes => format!("{by}: mail for who is away waits at {what}"),
        NoticeKind::DeviceAdded => format!("{by} uses one more device, {}", short(&what)),
        NoticeKind::DeviceRetired => format!("{by} retired their device {}", short(&what)),
        NoticeKind::KeyChanged => format!("{by} has another key now, {}: compare it before you trust it", short(&what)),
        NoticeKind::Disputed => {
            format!("a device of {by}, {}, wrote two histories: what it wrote from here on is not shown", short(&what))
        }
    };
    format!("— {said}")
}

/// Writes seconds as people say them.
fn span(seconds: &str) -> String {
    let Ok(seconds) = seconds.parse::<u64>() else { return "a while".to_owned() };
    let units = [(7 * 24 * 3600, "w"), (24 * 3600, "d"), (3600, "h"), (60, "m")];
    let fits = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length));
    fits.map_or_else(|| format!("{seconds}s"), |(length, unit)| format!("{}{unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(at: u64, kind: NoticeKind, what: &str) -> Notice {
        let (id, by, user, who) = ("0e".into(), "alice".into(), "ee".into(), Some("bob".into()));
        Notice { id, at, by, user, kind, who, what: Some(what.into()) }
    }

    #[test]
    fn what_happened_is_said_in_words() {
        let says = |kind, what: &str| words(&notice(1, kind, what));
        assert_eq!(says(NoticeKind::Joined, "member"), "— alice let bob in as member");
        assert_eq!(says(NoticeKind::Disappear, "604800"), "— alice: what is written from now on disappears after 1w");
        assert_eq!(says(NoticeKind::Disappear, "90"), "— alice: what is written from now on disappears after 90s");
        assert_eq!(says(NoticeKind::Title, "a\x1b[2Jb"), "— alice called it “a[2Jb”");
    }
}
