//! The image of a segment: what its snapshot holds.
//!
//! ```text
//! image = version u8 (1) ‖ postcard {
//!   document   Automerge's save_nocompress (the store compresses the whole image)
//!   chains     per chain: header, newest stamp, bytes, all signatures one after the other, which of them were not
//!              checked themselves
//!   payloads   salt and body of each that is held, by author
//!   erased     names of those that were erased
//!   forks      proofs against chains that are frozen
//!   ends       per forked chain of which a cut says so: which change is the last that counts
//!   aside      per forked chain: what this home had of it and does not count, without bodies
//! }
//! ```
//!
//! Hashes of changes are not in it; the document has them.

use std::collections::BTreeMap;

use automerge::Automerge;
use serde::{Deserialize, Serialize};

use super::chain::{Chain, ChainHeader, Chains, Link, Tip};
use super::fork::{End, ForkProof, Forks};
use super::gate::Sent;
use super::payload::{AuthoredPayload, Payload, Payloads};
use super::schema::{Genesis, SegmentId, actor_id};
use crate::crypto::Signature;
use crate::id::{ActorId, ChangeHash, DeviceId, PayloadId};
use crate::time::Hlc;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Image {
    #[serde(with = "serde_bytes")]
    document: Vec<u8>,
    chains: Vec<ChainImage>,
    payloads: BTreeMap<DeviceId, Vec<Payload>>,
    erased: Vec<PayloadId>,
    forks: Vec<ForkProof>,
    ends: BTreeMap<ActorId, End>,
    aside: BTreeMap<ActorId, Vec<Sent>>,
}

#[derive(Serialize, Deserialize)]
struct ChainImage {
    header: ChainHeader,
    last: Hlc,
    bytes: u64,
    #[serde(with = "serde_bytes")]
    signatures: Vec<u8>,
    unproved: Vec<u32>,
}

/// Encodes a segment whose chains and document are in step.
pub(super) fn encode(document: &Automerge, chains: &Chains, forks: &Forks, payloads: &Payloads) -> Vec<u8> {
    let chain = |chain: &Chain| ChainImage {
        header: chain.header.clone(),
        last: chain.tip.last,
        bytes: chain.tip.bytes,
        signatures: chain.links.iter().flat_map(|link| link.signature.0).collect(),
        unproved: (0..).zip(&chain.links).filter(|(_, link)| !link.proved).map(|(at, _)| at).collect(),
    };
    let mut by_author: BTreeMap<DeviceId, Vec<Payload>> = BTreeMap::new();
    for AuthoredPayload { author, payload } in payloads.held() {
        by_author.entry(*author).or_default().push(payload.clone());
    }
    let image = Image {
        document: document.save_nocompress(),
        chains: chains.values().map(chain).collect(),
        payloads: by_author,
        erased: payloads.erased().copied().collect(),
        forks: forks.found.values().map(|fork| fork.proof().clone()).collect(),
        ends: forks.ends.clone(),
        aside: forks.aside.clone(),
    };
    postcard::to_extend(&image, vec![VERSION]).expect("an image always encodes")
}

/// What an image holds.
pub(super) struct Decoded {
    pub(super) document: Automerge,
    pub(super) chains: Chains,
    pub(super) forks: Forks,
    pub(super) payloads: Payloads,
}

/// Decodes an image; the error names what is wrong with it.
pub(super) fn decode(genesis: &Genesis, id: SegmentId, bytes: &[u8]) -> Result<Decoded, &'static str> {
    let Some((&VERSION, bytes)) = bytes.split_first() else { return Err("unknown version of snapshot") };
    let image: Image = postcard::from_bytes(bytes).map_err(|_| "snapshot cannot be read")?;
    let document = Automerge::load(&image.document).map_err(|_| "document cannot be loaded")?;
    let mut chains: Chains = image
        .chains
        .into_iter()
        .map(|chain| {
            let tip = Tip { seq: 0, head: genesis.hash(), max_op: 0, last: chain.last, bytes: chain.bytes };
            let links = links(&chain);
            (chain.header.actor(genesis.hash()), Chain { header: chain.header, links, tip })
        })
        .collect();
    number_links(genesis, &document, &mut chains)?;
    let mut payloads = Payloads::default();
    for (author, bodies) in image.payloads {
        for payload in bodies {
            payloads.insert(AuthoredPayload { author, payload });
        }
    }
    for id in image.erased {
        payloads.erase(id);
    }
    let mut forks = Forks { ends: image.ends, aside: image.aside, ..Forks::default() };
    for proof in image.forks {
        let fork = proof.check(genesis, id).map_err(|_| "a fork is not proved")?;
        forks.found.insert(fork.actor(), fork);
    }
    Ok(Decoded { document, chains, forks, payloads })
}

fn links(chain: &ChainImage) -> Vec<Link> {
    let (signatures, _) = chain.signatures.as_chunks::<64>();
    (0..)
        .zip(signatures)
        .map(|(at, signature)| Link {
            hash: ChangeHash([0; 32]),
            signature: Signature(*signature),
            proved: chain.unproved.binary_search(&at).is_err(),
        })
        .collect()
}

/// Puts the hashes of the document's changes into the chains, and checks that the two agree.
fn number_links(genesis: &Genesis, document: &Automerge, chains: &mut Chains) -> Result<(), &'static str> {
    const DISAGREE: &str = "document and signatures do not agree";
    for change in document.get_changes_meta(&[]) {
        let actor = actor_id(&change.actor).ok_or(DISAGREE)?;
        if actor == genesis.actor() {
            continue;
        }
        let chain = chains.get_mut(&actor).ok_or(DISAGREE)?;
        let seq = u32::try_from(change.seq).map_err(|_| DISAGREE)?;
        let link = chain.links.get_mut(seq.saturating_sub(1) as usize).ok_or(DISAGREE)?;
        link.hash = ChangeHash(change.hash.0);
        if seq > chain.tip.seq {
            chain.tip = Tip { seq, head: link.hash, max_op: change.max_op, ..chain.tip };
        }
    }
    let complete = chains.values().all(|chain| chain.links.len() == chain.tip.seq as usize);
    if complete { Ok(()) } else { Err(DISAGREE) }
}
