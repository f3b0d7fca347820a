use bayou_core::rpc::{Guest, Member, Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::unlock::Home;

/// List who is in a conversation, and who waits to be let in
#[derive(clap::Args)]
pub(crate) struct Members {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,
}

impl Members {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Members { conversation: self.conversation }).await?;
        let Reply::Members { members, guests, .. } = &reply else { return Err(Failure::unexpected()) };
        if members.is_empty() && guests.is_empty() {
            return output.say(&reply, || "nobody is known yet: you are not let in, see `bayou conversations`".into());
        }
        output.say(&reply, || members.iter().map(member).chain(guests.iter().map(guest)).collect::<Vec<_>>().join("\n"))
    }
}

fn member(member: &Member) -> String {
    let devices = match member.devices.len() {
        1 => "1 device".into(),
        some => format!("{some} devices"),
    };
    let you = match (member.you, member.verified) {
        (true, _) => "  (you)",
        (false, true) => ", verified",
        (false, false) => "",
    };
    let status = if member.status.is_empty() { String::new() } else { format!(" ({})", clean_line(&member.status)) };
    let blocked = if member.blocked { ", blocked" } else { "" };
    let name = clean_line(&member.name);
    format!("{}  {:<7} {name}{status}, {devices}{you}{blocked}", short(&member.user), member.role)
}

fn guest(guest: &Guest) -> String {
    format!("{}  waits   {}: bayou admit CONV {0}", short(&guest.user), clean_line(&guest.name))
}
