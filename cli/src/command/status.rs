use bayou_core::rpc::{self, Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::unlock::Home;

/// Tell how this peer is: who it is, where it listens, who is behind
#[derive(clap::Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Status).await?;
        let Reply::Status(status) = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || lines(status))
    }
}

fn lines(status: &rpc::Status) -> String {
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
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bayou_core::rpc::Behind;

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
        assert_eq!(lines(&status), expected);
    }
}
