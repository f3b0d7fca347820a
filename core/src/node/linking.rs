//! A new device on its way to its user: the other side of `engine/devices.rs`, before there is a home.
//!
//! It listens, shows an offer, and waits. Whoever links to it and says a hello that fits the offer is answered; a person
//! compares the digits; then what the old device hands over makes a home.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::home::{self, Identified};
use super::key::Protection;
use super::{Network, NodeError, run};
use crate::crypto::{DeviceKey, Entropy, Secret};
use crate::engine::{Newborn, usefulness};
use crate::envelope::Frame;
use crate::id::{Address, PeerId};
use crate::identity::linking::{Linked, LinkingError, NewDevice, OFFER_LIFETIME_MS};
use crate::net::{Net, NetConfig, NetEvent, NetEvents};

/// How long to wait for further addresses after the first: the system tells them one by one, and never that it was all.
const GATHER: Duration = Duration::from_millis(300);

/// A device that asks to be linked.
pub struct Linking {
    home: PathBuf,
    net: Net,
    events: NetEvents,
    new: NewDevice,
    seeds: (Secret, Secret),
    rng: Entropy,
    /// Whoever said the hello.
    old: Option<PeerId>,
    until: Instant,
}

/// A device that was let in, and whose home is to be made.
pub struct LetIn {
    home: PathBuf,
    newborn: Newborn,
}

impl Linking {
    /// Begins to listen. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When somebody lives in the home already, or the network cannot start.
    pub async fn begin(home: &Path, network: &Network) -> Result<Self, NodeError> {
        if home.join("identity").exists() {
            return Err(NodeError::HomeExists(home.to_owned()));
        }
        let mut rng = Entropy::from_seed(home::random()?);
        let (device, transport) = (Secret::new(rng.bytes()), Secret::new(rng.bytes()));
        let boot = u64::from_be_bytes(rng.bytes());
        let config = NetConfig {
            secret: *transport.expose(),
            listen: network.listen.clone(),
            mdns: network.mdns,
            boot,
            circle: network.circle,
            ..NetConfig::default()
        };
        let (net, mut events) = Net::start(config)?;
        let until = Instant::now() + Duration::from_millis(OFFER_LIFETIME_MS);
        let addresses = gather(&mut events).await?;
        let key = DeviceKey::from_seed(device.expose());
        let new = NewDevice::begin(key, vec![(net.peer(), addresses)], run::now(), &mut rng);
        Ok(Linking { home: home.to_owned(), net, events, new, seeds: (device, transport), rng, old: None, until })
    }

    /// Returns what is to be shown to the old device, as text and as the content of a QR code.
    pub fn offer(&self) -> String {
        self.new.offer().to_link()
    }

    /// Waits for the old device, and returns the digits that both show.
    ///
    /// # Errors
    /// When none came before the offer was over.
    pub async fn digits(&mut self) -> Result<String, NodeError> {
        loop {
            let (peer, message) = self.message().await?;
            // What a stranger says is no hello, and changes nothing.
            if let Ok(reveal) = self.new.take_hello(&message, run::now()) {
                self.old = Some(peer);
                self.say(reveal);
                let digits = self.new.digits().map(|digits| digits.to_string());
                return digits.ok_or(NodeError::Linking(LinkingError::OutOfTurn));
            }
        }
    }

    /// The person saw the same digits on both screens. Waits until the old device was told so, too, and hands over.
    ///
    /// # Errors
    /// When it does not, or what it hands over does not fit.
    pub async fn confirm(mut self) -> Result<LetIn, NodeError> {
        let confirmation = self.new.confirm(run::now()).map_err(NodeError::Linking)?;
        self.say(confirmation);
        let linked: Linked = loop {
            let (peer, message) = self.message().await?;
            if self.old == Some(peer) {
                break self.new.take_answer(&message, run::now()).map_err(NodeError::Linking)?;
            }
        };
        let newborn = Newborn::of_handover((linked.user, &linked.payload), self.seeds, run::now(), &mut self.rng)?;
        Ok(LetIn { home: self.home, newborn })
    }

    fn say(&self, message: Vec<u8>) {
        if let Some(old) = self.old {
            self.net.send(old, Frame::Linking { message }.encode().into());
        }
    }

    /// Returns the next message of a linking, from anyone.
    async fn message(&mut self) -> Result<(PeerId, Vec<u8>), NodeError> {
        loop {
            let event = timeout_at(self.until, self.events.recv()).await;
            match event.map_err(|_| NodeError::Linking(LinkingError::Expired))? {
                Some(NetEvent::Frame(peer, bytes)) => {
                    if let Ok(Frame::Linking { message }) = Frame::decode(&bytes) {
                        return Ok((peer, message));
                    }
                }
                Some(NetEvent::LinkDown(peer)) if self.old == Some(peer) => return Err(NodeError::OldDeviceGone),
                Some(_) => {}
                None => return Err(NodeError::Io("the network has stopped".to_owned())),
            }
        }
    }
}

impl LetIn {
    /// Makes the home. It can be opened by each of the ways in `by`; at least one.
    ///
    /// # Errors
    /// As [`super::init`].
    pub fn settle_in(&self, by: &[Protection]) -> Result<Identified, NodeError> {
        home::settle_in(&self.home, &self.newborn, by)
    }
}

/// Returns where we listen, the most useful address first.
async fn gather(events: &mut NetEvents) -> Result<Vec<Address>, NodeError> {
    let mut addresses = Vec::new();
    loop {
        let event = match addresses.is_empty() {
            true => events.recv().await,
            false => match timeout(GATHER, events.recv()).await {
                Ok(event) => event,
                Err(_) => break,
            },
        };
        match event {
            Some(NetEvent::Listening(address)) => addresses.push(address),
            Some(_) => {}
            None => return Err(NodeError::Io("the network has stopped".to_owned())),
        }
    }
    addresses.sort_by_key(usefulness);
    Ok(addresses)
}
