//! The nodes that a person chose, which make this peer reachable and known to those it talks to.
//!
//! ```text
//! <home>/nodes      sealed: of each node its addresses, the token to show there, whether it keeps mail
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{NodeError, Vault, home};
use crate::id::{Address, PeerId};
use crate::net::token::{MAX_TOKEN, MIN_TOKEN};
use crate::net::{ChosenNode, NodeNews, split_peer, through};
use crate::rpc::{self, ErrorCode, RpcError, Words};

const PLACE: [&[u8]; 2] = [b"file", b"nodes"];

/// Addresses of nodes that are kept.
const MAX_ADDRESSES: usize = 32;

/// The nodes that are in use: those that are kept, and those that were named for this run.
pub(super) struct Nodes {
    path: PathBuf,
    kept: Vec<Kept>,
    named: Vec<Kept>,
    /// Why a node is of no use now, in words.
    problems: BTreeMap<PeerId, String>,
}

/// What is kept of a node.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    peer: PeerId,
    addresses: Vec<Address>,
    token: Option<Words>,
    /// Whether it keeps mail, as it said last.
    mail: bool,
}

impl Nodes {
    /// Reads what is kept; `named` are used until this peer stops.
    ///
    /// # Errors
    /// When one of `named` is not the address of a node, or the file is damaged.
    pub(super) fn open(home: &Path, vault: &Vault, named: &[Address]) -> Result<Nodes, NodeError> {
        let path = home.join("nodes");
        let kept: Vec<Kept> = match std::fs::read(&path) {
            Ok(sealed) => {
                let opened = vault.open(&PLACE, &sealed).and_then(|bytes| postcard::from_bytes(&bytes).ok());
                opened.ok_or_else(|| NodeError::BadNodes(path.clone()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(NodeError::Io(format!("cannot read {}: {error}", path.display()))),
        };
        let mut nodes = Nodes { path, kept, named: Vec::new(), problems: BTreeMap::new() };
        for address in named {
            let (peer, address) = checked(address)?;
            if !nodes.kept.iter().any(|node| node.addresses.contains(&address)) {
                note(&mut nodes.named, peer, address);
            }
        }
        Ok(nodes)
    }

    /// Returns all nodes in use, with what is shown there.
    pub(super) fn all(&self) -> Vec<ChosenNode> {
        let chosen = |node: &Kept| {
            let token = self.token(&node.peer).map(|token| token.expose().as_bytes().to_vec().into());
            let at = |address: &Address| ChosenNode { address: address.clone(), token: Clone::clone(&token) };
            node.addresses.iter().map(at).collect::<Vec<_>>()
        };
        self.each().flat_map(chosen).collect()
    }

    /// Tells whether a node is in use.
    pub(super) fn uses(&self, node: PeerId) -> bool {
        self.each().any(|kept| kept.peer == node)
    }

    /// Returns where they make us reachable.
    pub(super) fn ways(&self) -> Vec<Address> {
        self.each().flat_map(|node| &node.addresses).map(through).collect()
    }

    /// Returns those that keep mail, each by one address.
    pub(super) fn mailboxes(&self) -> Vec<Address> {
        let mut found: BTreeMap<PeerId, ()> = BTreeMap::new();
        let keeping = self.each().filter(|node| node.mail && found.insert(node.peer, ()).is_none());
        keeping.filter_map(|node| node.addresses.first().cloned()).collect()
    }

    /// Tells of all of them; `listening` is where we can be reached.
    pub(super) fn list(&self, listening: &[Address]) -> Vec<rpc::Node> {
        let line = |node: &Kept, address: &Address| rpc::Node {
            address: address.0.clone(),
            reachable: listening.iter().any(|listening| is_over(listening, address)),
            mail: node.mail,
            token: self.token(&node.peer).is_some(),
            problem: self.problems.get(&node.peer).cloned(),
        };
        self.each().flat_map(|node| node.addresses.iter().map(move |address| line(node, address))).collect()
    }

    /// Keeps one more, or another token for one that is kept.
    pub(super) fn add(&mut self, vault: &Vault, text: &str, token: Option<Words>, me: PeerId) -> Result<(), RpcError> {
        let invalid = |why: String| RpcError::new(ErrorCode::Invalid, why);
        let (peer, address) = checked(&Address(text.to_owned())).map_err(|error| invalid(error.to_string()))?;
        if peer == me {
            return Err(invalid("that is this peer itself, not a node".to_owned()));
        }
        if token.as_ref().is_some_and(|token| !(MIN_TOKEN..=MAX_TOKEN).contains(&token.expose().len())) {
            return Err(invalid(format!("a node's token has {MIN_TOKEN} to {MAX_TOKEN} characters: ask its operator")));
        }
        let all: usize = self.kept.iter().map(|node| node.addresses.len()).sum();
        let is_new = !self.kept.iter().any(|node| node.addresses.contains(&address));
        if is_new && all >= MAX_ADDRESSES {
            let full = format!("there are {MAX_ADDRESSES} addresses of nodes already: `bayou node remove` makes room");
            return Err(invalid(full));
        }
        if !is_new && token.is_none() {
            return Ok(());
        }
        let node = note(&mut self.kept, peer, address);
        node.token = token.or_else(|| node.token.take());
        self.problems.remove(&peer);
        self.write(vault)
    }

    /// Keeps one no longer: a single address, or all of a node that is named by what stands behind its `/p2p/`.
    pub(super) fn remove(&mut self, vault: &Vault, text: &str) -> Result<(), RpcError> {
        let named = format!("/p2p/{text}");
        let count = |nodes: &[Kept]| nodes.iter().map(|node| node.addresses.len()).sum::<usize>();
        let before = count(&self.kept);
        for node in &mut self.kept {
            node.addresses.retain(|address| address.0 != text && !address.0.ends_with(&named));
        }
        if count(&self.kept) == before {
            return Err(RpcError::new(ErrorCode::NotFound, "no such node: `bayou node list` lists them"));
        }
        self.kept.retain(|node| !node.addresses.is_empty());
        self.write(vault)
    }

    /// Takes note of what was heard of a node; tells whether other nodes keep mail now.
    pub(super) fn heard(&mut self, vault: &Vault, peer: PeerId, news: NodeNews) -> bool {
        let problem = match news {
            NodeNews::KeepsMail(mail) => return self.keeps_mail(vault, peer, mail),
            NodeNews::Admitted(true) => None,
            NodeNews::Admitted(false) if self.token(&peer).is_some() => Some(
                "it does not know the token that is kept for it: ask its operator, then `bayou node add ADDRESS --token …`"
                    .to_owned(),
            ),
            NodeNews::Admitted(false) => Some(
                "it serves only who shows a token: ask its operator for one, then `bayou node add ADDRESS --token …`"
                    .to_owned(),
            ),
            NodeNews::Unreached(why) => Some(format!("not reached: {why}")),
        };
        match problem {
            Some(problem) => drop(self.problems.insert(peer, problem)),
            None => drop(self.problems.remove(&peer)),
        }
        false
    }

    fn keeps_mail(&mut self, vault: &Vault, peer: PeerId, mail: bool) -> bool {
        let news = |node: &&mut Kept| node.peer == peer && node.mail != mail;
        let kept = self.kept.iter_mut().filter(news).map(|node| node.mail = mail).count();
        let named = self.named.iter_mut().filter(news).map(|node| node.mail = mail).count();
        // What is not remembered is heard again at the next start.
        if kept > 0
            && let Err(error) = self.write(vault)
        {
            tracing::warn!("it is not remembered which nodes keep mail: {}", error.message);
        }
        kept + named > 0
    }

    fn each(&self) -> impl Iterator<Item = &Kept> {
        self.kept.iter().chain(&self.named)
    }

    fn token(&self, peer: &PeerId) -> Option<&Words> {
        self.kept.iter().find(|node| node.peer == *peer)?.token.as_ref()
    }

    fn write(&self, vault: &Vault) -> Result<(), RpcError> {
        let machine = |error: &dyn ToString| RpcError::new(ErrorCode::Machine, error.to_string());
        let bytes = zeroize::Zeroizing::new(postcard::to_stdvec(&self.kept).map_err(|error| machine(&error))?);
        home::replace(&self.path, &vault.seal(&PLACE, &bytes)).map_err(|error| machine(&error))
    }
}

/// Notes an address of a node.
fn note(nodes: &mut Vec<Kept>, peer: PeerId, address: Address) -> &mut Kept {
    let at = nodes.iter().position(|node| node.peer == peer).unwrap_or_else(|| {
        nodes.push(Kept { peer, addresses: Vec::new(), token: None, mail: false });
        nodes.len() - 1
    });
    let node = &mut nodes[at];
    if !node.addresses.contains(&address) {
        node.addresses.push(address);
    }
    node
}

/// Tells whether an address at which we can be reached leads over a node: all of a node's addresses end in its name.
fn is_over(listening: &Address, node: &Address) -> bool {
    let name = node.0.rsplit_once("/p2p/").map(|(_, name)| format!("/p2p/{name}/p2p-circuit"));
    name.is_some_and(|name| listening.0.ends_with(&name))
}

/// Reads the address of a node.
fn checked(address: &Address) -> Result<(PeerId, Address), NodeError> {
    let no_node = || NodeError::NoNode(address.0.clone());
    let (bare, peer) = split_peer(address).map_err(|_| no_node())?;
    let peer = peer.filter(|_| !bare.0.contains("/p2p-circuit")).ok_or_else(no_node)?;
    Ok((peer, crate::net::with_peer(&bare, peer)))
}
