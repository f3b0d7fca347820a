use bayou_core::rpc::{Peer, Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::unlock::Home;

/// List the peers that are known
#[derive(clap::Args)]
pub(crate) struct Peers {}

impl Peers {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Peers).await?;
        let Reply::Peers { peers } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || match &peers[..] {
            [] => "no peers known yet: bayou serve finds those on the local network, --peer dials others".into(),
            some => some.iter().map(line).collect::<Vec<_>>().join("\n"),
        })
    }
}

fn line(peer: &Peer) -> String {
    let name = peer.name.as_deref().map_or_else(|| "-".into(), clean_line);
    let linked = if peer.linked { "linked" } else { "away" };
    let address = peer.address.as_deref().map_or_else(String::new, |address| format!("  {}", clean_line(address)));
    let plural = if peer.shared == 1 { "" } else { "s" };
    format!("{}  {name}  {linked}  {} conversation{plural} in common{address}", short(&peer.peer), peer.shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_takes_a_line() {
        let mut peer = Peer {
            peer: "aabb".repeat(16),
            name: Some("bob\n".into()),
            linked: true,
            address: Some("/ip4/192.0.2.7/tcp/4001".into()),
            shared: 1,
        };
        assert_eq!(line(&peer), "aabbaabb  bob   linked  1 conversation in common  /ip4/192.0.2.7/tcp/4001");
        peer = Peer { name: None, linked: false, address: None, shared: 0, ..peer };
        assert_eq!(line(&peer), "aabbaabb  -  away  0 conversations in common");
    }
}
