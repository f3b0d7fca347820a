use std::io::IsTerminal;

use bayou_core::rpc::Request;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::asked_to_stop;
use crate::failure::Failure;
use crate::follow::Followed;
use crate::output::Output;
use crate::peer::{NetworkArguments, Peer};
use crate::unlock::Home;

/// Rows to begin with.
const MAX_FIRST_ROWS: u32 = 20;

/// Talk: print what comes, send each line that is typed
///
/// A line that begins with / is a command: /edit MSG TEXT, /delete MSG, /react MSG EMOJI, /quit; // sends a line that
/// begins with /. If no peer runs in the home, this process is the peer for that time, network included. The end of
/// stdin ends the chat.
#[derive(clap::Args)]
pub(crate) struct Chat {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    #[command(flatten)]
    network: NetworkArguments,
}

/// What a typed line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Ask(Request),
    Quit,
    Nothing,
    /// With what would have been right.
    Wrong(&'static str),
}

impl Chat {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let peer = Peer::reach_or_host(home, &self.network).await?;
        let outcome = tokio::select! {
            outcome = talk(&peer, output, self.conversation) => outcome,
            stopped = asked_to_stop() => stopped.map_err(Failure::from),
        };
        peer.leave().await;
        outcome
    }
}

/// Shows rows and sends lines, until the lines end.
async fn talk(peer: &Peer, output: &Output, conversation: String) -> Result<(), Failure> {
    if matches!(peer, Peer::Hosted(_)) {
        output.remark("no peer was running in this home: this chat is the peer until it ends");
    }
    if std::io::stdin().is_terminal() {
        output.remark("type a line and press Enter; /edit, /delete and /react take a message's id, /quit ends");
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut followed = Followed::begin(peer, output, conversation, MAX_FIRST_ROWS, false).await?;
    let conversation = followed.conversation().to_owned();
    loop {
        tokio::select! {
            event = followed.next() => followed.show(event).await?,
            line = lines.next_line() => match line?.map(|line| parse(&conversation, &line)) {
                // A call that fails is told and the talk goes on.
                Some(Line::Ask(request)) => match peer.call(request).await {
                    Ok(_) => {}
                    Err(error) => output.failure(&error.into()),
                },
                Some(Line::Wrong(right)) => output.failure(&Failure::invalid(right)),
                Some(Line::Nothing) => {}
                // What was sent last is shown before the end.
                Some(Line::Quit) | None => return followed.catch_up().await,
            }
        }
    }
}

/// Returns what a typed line asks for.
fn parse(conversation: &str, line: &str) -> Line {
    let line = line.trim_end();
    let Some(command) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        let text = line.strip_prefix('/').unwrap_or(line);
        let send = || Line::Ask(Request::send(conversation, text));
        return if text.is_empty() { Line::Nothing } else { send() };
    };
    let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
    let (message, rest) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    let (message, rest) = (message.to_owned(), rest.trim_start().to_owned());
    match (verb, message.is_empty(), rest.is_empty()) {
        ("quit", ..) => Line::Quit,
        ("edit", false, false) => Line::Ask(Request::Edit { message, text: rest }),
        ("edit", ..) => Line::Wrong("say /edit MSG TEXT"),
        ("delete", false, true) => Line::Ask(Request::Delete { message }),
        ("delete", ..) => Line::Wrong("say /delete MSG"),
        ("react", false, false) => Line::Ask(Request::React { message, emoji: rest, off: false }),
        ("react", ..) => Line::Wrong("say /react MSG EMOJI"),
        _ => Line::Wrong("there are /edit, /delete, /react and /quit; // sends a line that begins with /"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Line) {
        assert_eq!(parse("3f9a", line), expected);
    }

    fn send(text: &str) -> Line {
        Line::Ask(Request::send("3f9a", text))
    }

    #[test]
    fn a_line_is_sent() {
        check("hello, you\r", send("hello, you"));
        check("  indented", send("  indented"));
        check("//quit", send("/quit"));
        check("   ", Line::Nothing);
        check("", Line::Nothing);
    }

    #[test]
    fn a_slash_commands() {
        check("/quit", Line::Quit);
        check("/edit 77d0  new text", Line::Ask(Request::Edit { message: "77d0".into(), text: "new text".into() }));
        check("/delete 77d0 ", Line::Ask(Request::Delete { message: "77d0".into() }));
        let react = Request::React { message: "77d0".into(), emoji: "👍".into(), off: false };
        check("/react 77d0 👍", Line::Ask(react));
    }

    #[test]
    fn what_is_meant_as_a_command_is_never_sent() {
        check("/edit 77d0", Line::Wrong("say /edit MSG TEXT"));
        check("/delete", Line::Wrong("say /delete MSG"));
        check("/delete 77d0 77d1", Line::Wrong("say /delete MSG"));
        check("/react 77d0", Line::Wrong("say /react MSG EMOJI"));
        assert!(matches!(parse("3f9a", "/qiut"), Line::Wrong(_)));
    }
}
