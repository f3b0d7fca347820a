//! A meeting place: what a bootstrap node runs. It answers identify and ping, and can read nothing.

use futures::StreamExt;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{connection_limits, identify, ping};

use super::{NetError, address, behaviour, peer_of, transport, with_peer};
use crate::id::Address;

/// What a meeting place needs to know to start.
#[derive(Clone)]
pub struct MeetingConfig {
    /// The Ed25519 seed of its transport key. Peers know it by this key, so it must stay the same over restarts.
    pub secret: [u8; 32],
    /// Where to listen; empty: every interface, any port, by QUIC and by TCP.
    pub listen: Vec<Address>,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// Serves until `shutdown`, and calls `listening` with each address (with `/p2p/…`) at which peers find us.
pub async fn run(
    config: MeetingConfig,
    mut listening: impl FnMut(Address),
    shutdown: impl Future<Output = ()>,
) -> Result<(), NetError> {
    let behaviour = Behaviour {
        limits: behaviour::limits(),
        identify: behaviour::identify(&config.secret),
        ping: behaviour::ping(),
    };
    let mut swarm = transport::build(&config.secret, behaviour)?;
    transport::listen(&mut swarm, &config.listen)?;
    let me = peer_of(&config.secret);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => listening(with_peer(&address::bare(&address), me)),
                SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
                SwarmEvent::ListenerClosed { reason: Err(error), .. } => tracing::warn!(%error, "a listener closed"),
                _ => {}
            },
        }
    }
}
