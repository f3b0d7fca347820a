use super::*;

/// Monday 23 November 2026, 23:58 in UTC.
const LATE: u64 = 1_795_478_280_000;
const MINUTE: u64 = 60_000;

fn row(id: &str, author: &str, at: u64, text: &str, state: &str) -> Row {
    Row {
        id: id.repeat(4),
        author: author.into(),
        user: "ee".repeat(32),
        device: "d0".into(),
        at,
        expires: None,
        text: text.into(),
        body: vec![],
        reply_to: None,
        edited: false,
        deleted: false,
        hidden: false,
        blocked: false,
        look_alike: false,
        reactions: vec![],
        state: state.into(),
    }
}

fn reaction(emoji: &str, by: &str) -> Reaction {
    Reaction { emoji: emoji.into(), by: by.into(), user: "ee".repeat(32) }
}

#[test]
fn a_conversation_reads_like_one() {
    let mut rows = [
        row("3f9a", "alice", LATE, "Are you coming?", "with 1 of 2"),
        row("77d0", "bob", LATE + MINUTE, "Yes.\nWith the boat.\n", "received"),
        row("a1b2", "alice", LATE + 2 * MINUTE, "Good, at eight", "kept"),
        row("c3d4", "bob", LATE + 3 * MINUTE, "", "received"),
        row("e5f6", "bob", LATE + 3 * MINUTE, "", "waiting"),
        row("0789", "eve\x1b[2J", u64::MAX, "\u{202e}hi\x1b]0;x\x07", "received"),
    ];
    rows[1].reactions = vec![reaction("❤", "alice"), reaction("👍", "alice"), reaction("👍", "carol")];
    rows[2].edited = true;
    rows[3].deleted = true;
    rows[3].edited = true;
    let zone = TimeZone::UTC;
    let mut page = Page::new(&zone);
    let mut lines: Vec<_> = rows.iter().map(|row| page.row(row, News::Row)).collect();
    lines.push(page.row(&rows[2], News::Content));
    let expected = "\
── Mon 23 Nov 2026 ──
23:58  3f9a3f9a  alice: Are you coming?  · with 1 of 2
23:59  77d077d0  bob: Yes.
        With the boat.  ❤ alice  👍 alice, carol
── Tue 24 Nov 2026 ──
00:00  a1b2a1b2  alice: Good, at eight  (edited)  · kept
00:01  c3d4c3d4  bob: (deleted)
00:01  e5f6e5f6  bob: (on its way)
--:--  07890789  eve[2J: hi]0;x
── Tue 24 Nov 2026 ──
00:00  a1b2a1b2  ~ alice: Good, at eight  (edited)  · kept";
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn news_is_told_once() {
    let mut shown = Shown::default();
    let mut row = row("3f9a", "alice", LATE, "hello", "kept");
    assert_eq!(shown.note(&row), News::Row);
    assert_eq!(shown.note(&row), News::None);
    row.state = "with all".into();
    assert_eq!(shown.note(&row), News::State);
    row.text = "hello!".into();
    assert_eq!(shown.note(&row), News::Content);
    row.reactions.push(reaction("👍", "bob"));
    assert_eq!(shown.note(&row), News::Content);
    assert_eq!(shown.note(&row), News::None);
}

#[test]
fn a_text_that_arrives_after_its_announcement_is_news() {
    let mut shown = Shown::default();
    let mut row = row("3f9a", "bob", LATE, "", "waiting");
    shown.note(&row);
    row.state = "received".into();
    row.text = "here".into();
    assert_eq!(shown.note(&row), News::Content);
}

#[test]
fn what_was_shown_is_remembered_within_bounds() {
    let mut shown = Shown::default();
    for n in 0..MAX_REMEMBERED + 100 {
        shown.note(&row(&n.to_string(), "alice", LATE, "x", "kept"));
    }
    assert_eq!((shown.rows.len(), shown.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
}

#[test]
fn the_words_of_who_is_blocked_are_shown_to_who_asks_for_them() {
    let zone = TimeZone::UTC;
    let mut other = row("kpg4", "bob", LATE, "me again", "received");
    other.look_alike = true;
    assert!(Page::new(&zone).row(&other, News::Row).ends_with("bob (not the one you verified): me again"));
    let mut blocked = row("kpg3", "eve", LATE, "listen!", "received");
    blocked.blocked = true;
    assert!(Page::new(&zone).row(&blocked, News::Row).ends_with("eve: (blocked)"));
    assert!(Page::new(&zone).with_blocked(true).row(&blocked, News::Row).ends_with("eve: listen!"));
}
