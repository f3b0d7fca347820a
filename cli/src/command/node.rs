use bayou_core::rpc::{Node, Reply, Request, Words};

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
        /// What to show there, where the operator lets in only who has a token: a file that holds it, or the token itself,
        /// which others on this machine may see while the command runs
        #[arg(long, value_name = "FILE-or-TEXT")]
        token: Option<String>,
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
            What::Add { address, token } => {
                let token = token.map(read_token).transpose()?;
                let reply = peer::ask(home, Request::AddNode { address, token }).await?;
                output.say(&reply, || "added: it is used whenever this peer runs".to_owned())
            }
            What::Remove { node } => {
                let reply = peer::ask(home, Request::RemoveNode { node }).await?;
                output.say(&reply, || "removed".to_owned())
            }
        }
    }
}

/// Reads a token: the first line of a file, or the text itself where there is no such file.
fn read_token(text: String) -> Result<Words, Failure> {
    match std::fs::read_to_string(&text) {
        Ok(held) => Ok(Words::new(held.lines().next().unwrap_or_default().trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Words::new(text)),
        Err(error) => Err(Failure::invalid(format!("cannot read the token in {text}: {error}"))),
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
    let mail = if node.mail { "keeps mail" } else { "-" };
    let token = if node.token { "  (a token is shown)" } else { "" };
    let problem = node.problem.as_ref().map(|problem| format!("\n  {}", clean_line(problem))).unwrap_or_default();
    format!("{state:<17}  {mail:<10}  {}{token}{problem}", clean_line(&node.address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_takes_a_line() {
        let address = "/ip4/192.0.2.7/tcp/4001/p2p/12D3\n".into();
        let mut node = Node { address, reachable: true, mail: true, token: false, problem: None };
        assert_eq!(line(&node), "reachable over it  keeps mail  /ip4/192.0.2.7/tcp/4001/p2p/12D3 ");
        (node.reachable, node.mail, node.token, node.problem) = (false, false, true, Some("no\nway".into()));
        let shown = "-                  -           /ip4/192.0.2.7/tcp/4001/p2p/12D3   (a token is shown)\n  no way";
        assert_eq!(line(&node), shown);
    }
}
