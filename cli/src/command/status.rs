use bayou_core::rpc::{self, Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::unlock::Home;

/// Tell how this peer is: who it is, where it listens, who is behind; or how a conversation gets on with its members
#[derive(clap::Args)]
pub(crate) struct Status {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: Option<String>,
}

impl Status {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        if let Some(conversation) = self.conversation {
            let reply = peer::ask(home, Request::ConversationStatus { conversation }).await?;
            let Reply::Standing { standing } = &reply else { return Err(Failure::unexpected()) };
            return output.say(&reply, || standing_lines(standing));
        }
        let reply = peer::ask(home, Request::Status).await?;
        let Reply::Status(status) = &reply else { return Err(Failure::unexpected()) };
        let Reply::Nodes { nodes } = peer::ask(home, Request::Nodes).await? else { return Err(Failure::unexpected()) };
        output.say(&reply, || [lines(status), node_lines(&nodes)].concat().join("\n"))
    }
}

fn standing_lines(standing: &rpc::Standing) -> String {
    let mut lines = vec![format!("{}  {}", short(&standing.conversation), clean_line(&standing.title))];
    for member in &standing.members {
        let you = if member.you { " (you)" } else { "" };
        lines.push(format!("{}{you}: {}", clean_line(&member.name), clean_line(&member.says)));
        lines.extend(member.devices.iter().map(device_line));
    }
    lines.extend(standing.mailboxes.iter().flat_map(mailbox_lines));
    let counted = [
        (standing.writing, "on their way to this disk"),
        (standing.awaited, "texts are announced and have not arrived"),
        (standing.asked_again, "times a linked peer that did not get on was asked again"),
        (standing.redialled, "times its link was dropped and dialled anew"),
    ];
    lines.extend(counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    lines.extend(standing.problem.iter().map(|problem| format!("problem: {}", clean_line(problem))));
    lines.join("\n")
}

fn mailbox_lines(mailbox: &rpc::MailboxStanding) -> Vec<String> {
    let what = if mailbox.named { "mailbox" } else { "also looked into" };
    let reached = if mailbox.reached { "answers" } else { "not reached" };
    let address = clean_line(&mailbox.address);
    let mut lines = vec![format!("{what}: {reached}, {} errands on their way, {address}", mailbox.errands)];
    lines.extend(mailbox.problem.iter().map(|problem| format!("  {}", clean_line(problem))));
    lines.extend(mailbox.useless_because.iter().map(|why| {
        format!("  {} envelopes of it were good for nothing; of the last: {}", mailbox.useless, clean_line(why))
    }));
    lines
}

fn device_line(device: &rpc::DeviceStanding) -> String {
    let mut parts = vec![format!("  device {}", short(&device.device))];
    parts.extend(device.round_trip.map(|ms| format!("{ms} ms there and back")));
    parts.extend(device.addresses.first().map(|address| clean_line(address)));
    parts.extend((device.addresses.len() > 1).then(|| format!("{} more", device.addresses.len().saturating_sub(1))));
    parts.extend((device.lacks > 0).then(|| format!("lacks {}", device.lacks)));
    parts.extend((device.ahead > 0).then(|| format!("ahead in {} segments", device.ahead)));
    parts.extend(device.rules_differ.then(|| "has other records of who may do what".to_owned()));
    parts.join(", ")
}

/// Tells of the nodes that are of no use now.
fn node_lines(nodes: &[rpc::Node]) -> Vec<String> {
    let line = |node: &rpc::Node| {
        let problem = node.problem.as_ref()?;
        Some(format!("node           {}: {}", clean_line(&node.address), clean_line(problem)))
    };
    nodes.iter().filter_map(line).collect()
}

fn lines(status: &rpc::Status) -> Vec<String> {
    let online = match (status.online, status.links) {
        (false, _) => "no: bayou serve runs the network".into(),
        (true, 1) => "yes, 1 link".into(),
        (true, links) => format!("yes, {links} links"),
    };
    let mut lines = vec![
        format!("name           {}", clean_line(&status.name)),
        format!("user           {}", short(&status.user)),
        format!("device         {}", short(&status.device)),
        format!("peer           {}", short(&status.peer)),
        format!("online         {online}"),
        format!("conversations  {}", status.conversations),
    ];
    lines.extend(status.addresses.iter().map(|address| format!("listens at     {}", clean_line(address))));
    lines.extend(status.behind.iter().map(|behind| {
        let (name, conversation) = (clean_line(&behind.name), short(&behind.conversation));
        format!("behind         {name} lacks {} in {conversation}", behind.lacks)
    }));
    if status.erasing > 0 {
        lines.push(format!("erasing        {} deleted texts are still on this disk, for a moment", status.erasing));
    }
    lines.extend(status.problem.iter().map(|problem| format!("problem        {}", clean_line(problem))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use bayou_core::rpc::Behind;

    #[test]
    fn each_member_of_a_conversation_has_a_sentence_and_its_devices_below() {
        let device = rpc::DeviceStanding {
            device: "d00d".repeat(16),
            peer: Some("aabb".repeat(16)),
            linked: true,
            relayed: true,
            round_trip: Some(31),
            addresses: vec!["/ip4/192.0.2.7/tcp/4001".into(), "/ip4/192.0.2.8/tcp/4001".into()],
            seen: Some(5),
            failure: None,
            lacks: 12,
            ahead: 1,
            rules_differ: false,
        };
        let (user, name, says) = ("ee".repeat(32), "bob".into(), "linked over a relay, 12 behind".into());
        let standing = rpc::Standing {
            conversation: "3f9a".repeat(16),
            title: "Boats".into(),
            members: vec![rpc::MemberStanding { user, name, you: false, says, devices: vec![device] }],
            mailboxes: vec![rpc::MailboxStanding {
                address: "/ip4/192.0.2.9/tcp/4001".into(),
                named: true,
                reached: false,
                errands: 2,
                problem: Some("the node did not answer in time".into()),
                useless: 3,
                useless_because: Some("it is no envelope".into()),
            }],
            awaited: 0,
            writing: 0,
            asked_again: 2,
            redialled: 0,
            problem: None,
        };
        let expected = "\
3f9a3f9a  Boats
bob: linked over a relay, 12 behind
  device d00dd00d, 31 ms there and back, /ip4/192.0.2.7/tcp/4001, 1 more, lacks 12, ahead in 1 segments
mailbox: not reached, 2 errands on their way, /ip4/192.0.2.9/tcp/4001
  the node did not answer in time
  3 envelopes of it were good for nothing; of the last: it is no envelope
2 times a linked peer that did not get on was asked again";
        assert_eq!(standing_lines(&standing), expected);
    }

    #[test]
    fn nodes_are_told_of_when_they_are_of_no_use() {
        let node = |problem: Option<&str>| rpc::Node {
            address: "/ip4/192.0.2.7/tcp/4001/p2p/12D3".into(),
            reachable: false,
            mail: false,
            token: false,
            problem: problem.map(str::to_owned),
        };
        let told = node_lines(&[node(None), node(Some("not reached: timed out"))]);
        assert_eq!(told, ["node           /ip4/192.0.2.7/tcp/4001/p2p/12D3: not reached: timed out"]);
    }

    #[test]
    fn a_status_names_what_is_wrong() {
        let status = rpc::Status {
            name: "alice".into(),
            user: "ee".repeat(32),
            device: "d00d".repeat(16),
            peer: "aabb".repeat(16),
            online: true,
            addresses: vec!["/ip4/192.0.2.7/tcp/4001/p2p/12D3".into()],
            links: 1,
            conversations: 2,
            behind: vec![Behind { conversation: "3f9a".repeat(16), name: "bob".into(), lacks: 4 }],
            erasing: 2,
            problem: Some("the disk is full".into()),
        };
        let expected = "\
name           alice
user           eeeeeeee
device         d00dd00d
peer           aabbaabb
online         yes, 1 link
conversations  2
listens at     /ip4/192.0.2.7/tcp/4001/p2p/12D3
behind         bob lacks 4 in 3f9a3f9a
erasing        2 deleted texts are still on this disk, for a moment
problem        the disk is full";
        assert_eq!(lines(&status).join("\n"), expected);
    }
}
