use bayou_core::rpc::{Conversation, Reply, Request};
use jiff::tz::TimeZone;

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::row::date_and_time;
use crate::unlock::Home;

/// List the conversations, the one with the newest message first
#[derive(clap::Args)]
pub(crate) struct Conversations {}

impl Conversations {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Conversations).await?;
        let Reply::Conversations { conversations } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || match &conversations[..] {
            [] => "no conversations yet: bayou new TITLE, or bayou join LINK".into(),
            some => some.iter().map(|one| lines(one, output.zone())).collect::<Vec<_>>().join("\n"),
        })
    }
}

/// Returns two lines: what it is, and what was said last.
fn lines(conversation: &Conversation, zone: &TimeZone) -> String {
    let id = short(&conversation.conversation);
    let title = match clean_line(&conversation.title) {
        title if title.is_empty() => "(title on its way)".into(),
        title => title,
    };
    let unread = match conversation.unread {
        0 => String::new(),
        1000.. => "  (1000+ unread)".into(),
        some => format!("  ({some} unread)"),
    };
    let topic = match clean_line(&conversation.topic) {
        topic if topic.is_empty() => String::new(),
        topic => format!(": {topic}"),
    };
    let history = if conversation.history == "since_join" { ", newcomers read nothing older" } else { "" };
    let members: Vec<_> = conversation.members.iter().map(|name| clean_line(name)).collect();
    let last = conversation.last_at.map_or_else(String::new, |at| {
        format!("\n          {}  {}", date_and_time(at, zone), clean_line(&conversation.last_text))
    });
    let standing = match (&conversation.joining, conversation.role.as_deref()) {
        (Some(joining), _) => format!("  ({})", clean_line(joining)),
        (None, None) => "  (you are out)".into(),
        (None, Some("reader")) => "  (you read only)".into(),
        (None, Some(_)) => String::new(),
    };
    format!("{id}  {title}{topic}{unread}{standing}  with {}{history}{last}", members.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_takes_two_lines() {
        let mut conversation = Conversation {
            conversation: "3f9a".repeat(16),
            with: None,
            title: "Boats".into(),
            topic: "who rows".into(),
            history: "since_join".into(),
            members: vec!["alice".into(), "bob".into()],
            role: Some("admin".into()),
            joining: None,
            disappear: 0,
            mailboxes: vec![],
            last_at: Some(1_795_478_280_000),
            last_text: "Good,\nat eight".into(),
            unread: 2,
            epoch: None,
        };
        let expected = "\
3f9a3f9a  Boats: who rows  (2 unread)  with alice, bob, newcomers read nothing older
          23 Nov 2026 23:58  Good, at eight";
        assert_eq!(lines(&conversation, &TimeZone::UTC), expected);
        conversation.title.clear();
        conversation.topic.clear();
        conversation.history = "all".into();
        conversation.unread = 1000;
        conversation.last_at = None;
        assert_eq!(
            lines(&conversation, &TimeZone::UTC),
            "3f9a3f9a  (title on its way)  (1000+ unread)  with alice, bob"
        );
    }
}
