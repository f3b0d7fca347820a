//! A flooder on a real network: Mallory at the end of a link, who sends as fast as the link takes it.

use std::io;
use std::time::Duration;

use bayou_core::authority::{Item, Said};
use bayou_core::envelope::{Frame, Tips};
use bayou_core::id::{Address, ConversationId, PeerId};
use bayou_core::identity::JoinLink;
use bayou_core::net::{Net, NetConfig, NetEvent, NetEvents, peer_of};
use bytes::Bytes;
use tokio::time::timeout;

use crate::craft::Author;
use crate::mallory::Mallory;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Frames that are handed to the link at once. It drops what it cannot take, and says when it can again.
const VOLLEY: usize = 256;

/// What is sent without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// Large frames of a conversation that the victim does not have.
    Frames,
    /// Knocks at doors that are none.
    Knocks,
    /// Questions for all that there is of a conversation.
    Questions,
    /// Messages, each in a frame of its own.
    Changes,
    /// Group keys that nobody has, each in a frame of its own.
    Records,
}

impl Flood {
    /// All of them.
    pub const ALL: [Flood; 5] = [Flood::Frames, Flood::Knocks, Flood::Questions, Flood::Changes, Flood::Records];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Flood::Frames => "frames",
            Flood::Knocks => "knocks",
            Flood::Questions => "questions",
            Flood::Changes => "changes",
            Flood::Records => "records",
        }
    }
}

/// Mallory, linked to one peer and in one of its conversations.
pub struct Flooder {
    mallory: Mallory,
    author: Author,
    net: Net,
    events: NetEvents,
    victim: PeerId,
}

impl Flooder {
    /// Links to the peer at an address, proves a device, and comes in by a link.
    ///
    /// # Errors
    /// When she is not let in.
    pub async fn enters(link: &str, address: &str) -> io::Result<Flooder> {
        let link = JoinLink::from_link(link).map_err(io::Error::other)?;
        let secret = [0x67; 32];
        let mut mallory = Mallory::holding(link, 0x66);
        mallory.peer = peer_of(&secret);
        let listen = vec![Address("/ip4/127.0.0.1/udp/0/quic-v1".into())];
        let (net, mut events) =
            Net::start(NetConfig { secret, listen, boot: 7, ..NetConfig::default() }).map_err(io::Error::other)?;
        net.dial(None, vec![Address(address.into())]);
        let (victim, binding) = hears(&mut events, |event| match event {
            NetEvent::LinkUp { peer, binding, .. } => Some((peer, binding)),
            _ => None,
        })
        .await?;
        let tell = |frame: &Frame| net.send(victim, Bytes::from(frame.encode()));
        tell(&mallory.proof_on(&binding, victim));
        tell(&mallory.knock_on(&binding));
        let invite = hears_frame(&mut events, |frame| match frame {
            Frame::Door { invite, .. } => Some(invite),
            _ => None,
        })
        .await?;
        tell(&mallory.enter(invite));
        mallory.secret = hears_frame(&mut events, |frame| match frame {
            Frame::Welcome { secret, .. } => Some(secret),
            _ => None,
        })
        .await?;
        tell(&mallory.tags_on(&binding));
        tell(&Frame::Names { conversation: mallory.conversation(), names: vec![] });
        let unknown = mallory.grant;
        while mallory.grant == unknown {
            let frame = hears_frame(&mut events, Some).await?;
            mallory.learns(&frame);
        }
        let author = mallory.author(0);
        Ok(Flooder { mallory, author, net, events, victim })
    }

    /// Sends until she is told to stop; returns how many frames the link took.
    pub async fn floods(&mut self, flood: Flood, mut stop: tokio::sync::oneshot::Receiver<()>) -> u64 {
        let mut taken = 0;
        while stop.try_recv().is_err() {
            for _ in 0..VOLLEY {
                let frame = self.next(flood);
                self.net.send(self.victim, Bytes::from(frame.encode()));
                taken += 1;
            }
            // The last of a volley may have been dropped: a message that is missing makes all later ones wait.
            while let Some(event) = self.events.try_recv() {
                if matches!(event, NetEvent::Congested(_)) {
                    let drained = |event| matches!(event, NetEvent::Drained(_)).then_some(());
                    tokio::select! {
                        _ = hears(&mut self.events, drained) => {}
                        _ = &mut stop => return taken,
                    }
                    self.author = self.mallory.author(0);
                    self.author.header.nonce = taken_nonce(taken);
                    self.author.actor = self.author.header.actor(self.author.home.genesis().hash());
                }
            }
            tokio::task::yield_now().await;
        }
        taken
    }

    fn next(&mut self, flood: Flood) -> Frame {
        let conversation = self.mallory.conversation();
        match flood {
            Flood::Frames => Frame::Names { conversation: ConversationId([9; 32]), names: vec![[7; 8]; 8 * 1024] },
            Flood::Knocks => Frame::Knock { tag: [7; 16] },
            Flood::Questions => Frame::Have { conversation, segment: 0, tips: Tips::new() },
            Flood::Changes => {
                let sent = self.author.says(&["what nobody wants to read, about as long as what one writes"]);
                self.mallory.push(0, vec![vec![sent]])
            }
            Flood::Records => {
                let commitment = self.mallory.key.sign("noise", &[&self.author.header.nonce]).0[..32].try_into();
                let record = self.mallory.control(Said::Epoch { commitment: commitment.expect("32 bytes") });
                self.author.header.nonce =
                    taken_nonce(u64::from_be_bytes(record.hash().0[..8].try_into().expect("8 bytes")));
                self.mallory.controls(&[Item::Record(record).to_bytes()])
            }
        }
    }
}

fn taken_nonce(number: u64) -> [u8; 16] {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce
}

async fn hears<T>(events: &mut NetEvents, pick: impl Fn(NetEvent) -> Option<T>) -> io::Result<T> {
    let heard = async {
        loop {
            match events.recv().await {
                Some(event) => match pick(event) {
                    Some(picked) => return Ok(picked),
                    None => continue,
                },
                None => return Err(io::Error::other("the flooder's network has ended")),
            }
        }
    };
    timeout(PATIENCE, heard).await.map_err(io::Error::other)?
}

async fn hears_frame<T>(events: &mut NetEvents, pick: impl Fn(Frame) -> Option<T>) -> io::Result<T> {
    hears(events, |event| match event {
        NetEvent::Frame(_, bytes) => Frame::decode(&bytes).ok().and_then(&pick),
        _ => None,
    })
    .await
}
