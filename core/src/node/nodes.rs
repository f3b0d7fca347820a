//! The nodes that a person chose, which make this peer reachable and known to those it talks to.
//!
//! ```text
//! <home>/nodes      sealed: addresses of nodes, each with /p2p/…, one a line
//! ```

use std::path::{Path, PathBuf};

use super::{NodeError, Vault, home};
use crate::id::{Address, PeerId};
use crate::net::{split_peer, through};
use crate::rpc::{ErrorCode, RpcError};

const PLACE: [&[u8]; 2] = [b"file", b"nodes"];

/// Addresses of nodes that are kept.
const MAX_ADDRESSES: usize = 32;

/// The nodes that are in use: those that are kept, and those that were named for this run.
pub(super) struct Nodes {
    path: PathBuf,
    kept: Vec<Address>,
    named: Vec<Address>,
}

impl Nodes {
    /// Reads what is kept; `named` are used until this peer stops.
    ///
    /// # Errors
    /// When one of `named` is not the address of a node, or the file is damaged.
    pub(super) fn open(home: &Path, vault: &Vault, named: &[Address]) -> Result<Nodes, NodeError> {
        let path = home.join("nodes");
        let kept = match std::fs::read(&path) {
            Ok(sealed) => {
                let opened = vault.open(&PLACE, &sealed).and_then(|bytes| String::from_utf8(bytes).ok());
                let text = opened.ok_or_else(|| NodeError::BadNodes(path.clone()))?;
                text.lines().map(|line| Address(line.to_owned())).collect()
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(NodeError::Io(format!("cannot read {}: {error}", path.display()))),
        };
        let named = named.iter().map(|address| checked(address).map(|(_, address)| address));
        Ok(Nodes { path, kept, named: named.collect::<Result<_, _>>()? })
    }

    /// Returns all addresses in use.
    pub(super) fn all(&self) -> Vec<Address> {
        let named = self.named.iter().filter(|address| !self.kept.contains(address));
        self.kept.iter().chain(named).cloned().collect()
    }

    /// Returns where they make us reachable.
    pub(super) fn ways(&self) -> Vec<Address> {
        self.all().iter().map(through).collect()
    }

    /// Keeps one more.
    pub(super) fn add(&mut self, vault: &Vault, text: &str, me: PeerId) -> Result<(), RpcError> {
        let (node, address) =
            checked(&Address(text.to_owned())).map_err(|error| RpcError::new(ErrorCode::Invalid, error.to_string()))?;
        if node == me {
            return Err(RpcError::new(ErrorCode::Invalid, "that is this peer itself, not a node"));
        }
        if self.kept.contains(&address) {
            return Ok(());
        }
        if self.kept.len() >= MAX_ADDRESSES {
            let full = format!("there are {MAX_ADDRESSES} addresses of nodes already: `bayou node remove` makes room");
            return Err(RpcError::new(ErrorCode::Invalid, full));
        }
        self.kept.push(address);
        self.write(vault)
    }

    /// Keeps one no longer: a single address, or all of a node that is named by what stands behind its `/p2p/`.
    pub(super) fn remove(&mut self, vault: &Vault, text: &str) -> Result<(), RpcError> {
        let named = format!("/p2p/{text}");
        let before = self.kept.len();
        self.kept.retain(|address| address.0 != text && !address.0.ends_with(&named));
        if self.kept.len() == before {
            return Err(RpcError::new(ErrorCode::NotFound, "no such node: `bayou node list` lists them"));
        }
        self.write(vault)
    }

    fn write(&self, vault: &Vault) -> Result<(), RpcError> {
        let lines: Vec<&str> = self.kept.iter().map(|address| address.0.as_str()).collect();
        let written = home::replace(&self.path, &vault.seal(&PLACE, lines.join("\n").as_bytes()));
        written.map_err(|error| RpcError::new(ErrorCode::Machine, error.to_string()))
    }
}

/// Reads the address of a node.
fn checked(address: &Address) -> Result<(PeerId, Address), NodeError> {
    let no_node = || NodeError::NoNode(address.0.clone());
    let (bare, peer) = split_peer(address).map_err(|_| no_node())?;
    let peer = peer.filter(|_| !bare.0.contains("/p2p-circuit")).ok_or_else(no_node)?;
    Ok((peer, crate::net::with_peer(&bare, peer)))
}
