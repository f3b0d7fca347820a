use bayou_core::rpc::{Node, Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line};
use crate::peer;
use crate::unlock::Home;

/// The nodes that make you reachable from other networks: list them, add one, remove one
///
/// A node relays what is sealed and tells those who share a conversation with you where you are. It can read nothing. No
/// node is built in: without one you reach peers on the local network and those whose address you know.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the nodes that are used
    List,
    /// Use a node from now on
    Add {
        /// Its address, as the node prints it: /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3…
        #[arg(value_name = "MULTIADDR")]
        address: String,
    },
    /// Use a node no longer
    Remove {
        /// One of its addresses, or the 12D3… at their end for all of them
        #[arg(value_name = "NODE")]
        node: String,
    },
}

impl Command {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        match self.what {
            What::List => list(home, output).await,
            What::Add { address } => {
                let reply = peer::ask(home, Request::AddNode { address }).await?;
                output.say(&reply, || "added: it is used whenever this peer runs".to_owned())
            }
            What::Remove { node } => {
                let reply = peer::ask(home, Request::RemoveNode { node }).await?;
                output.say(&reply, || "removed".to_owned())
            }
        }
    }
}

async fn list(home: &Home, output: &Output) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Nodes).await?;
    let Reply::Nodes { nodes } = &reply else { return Err(Failure::unexpected()) };
    output.say(&reply, || match &nodes[..] {
        [] => {
            "no nodes: `bayou node add MULTIADDR` uses one; without, peers on the local network are found, and those \
               whose address is known"
                .to_owned()
        }
        some => some.iter().map(line).collect::<Vec<_>>().join("\n"),
    })
}

fn line(node: &Node) -> String {
    let state = if node.reachable { "reachable over it" } else { "-" };
    format!("{state:<17}  {}", clean_line(&node.address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_takes_a_line() {
        let mut node = Node { address: "/ip4/192.0.2.7/tcp/4001/p2p/12D3\n".into(), reachable: true };
        assert_eq!(line(&node), "reachable over it  /ip4/192.0.2.7/tcp/4001/p2p/12D3 ");
        node.reachable = false;
        assert_eq!(line(&node), "-                  /ip4/192.0.2.7/tcp/4001/p2p/12D3 ");
    }
}
