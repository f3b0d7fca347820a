//! WebSocket inside TLS, with a certificate that can be replaced while the node runs.
//!
//! libp2p's WebSocket does TLS, too, and keeps for ever the certificate that it was built with; today's live for weeks. So
//! a node does it itself, below:
//!
//! ```text
//!  listens at  …/tcp/443/tls/ws    Wss         takes the /tls out, and puts it in again
//!              …/tcp/443/ws        websocket
//!              …/tcp/443           Secured     TCP; whoever comes shakes hands by TLS first
//! ```
//!
//! Nothing is dialled this way: nodes reach each other plainly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::{self, BoxFuture, FutureExt};
use futures_rustls::{TlsAcceptor, server::TlsStream};
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, Transport, tcp, websocket};

type Tcp = tcp::tokio::Transport;

/// TCP, whose guests shake hands by TLS.
pub(super) struct Secured {
    tcp: Tcp,
    acceptor: TlsAcceptor,
}

/// WebSocket over it.
pub(super) struct Wss(websocket::Config<Secured>);

type Web = websocket::Config<Secured>;

impl Wss {
    pub(super) fn new(tcp: Tcp, acceptor: TlsAcceptor, max_frame: usize) -> Wss {
        let mut web = websocket::Config::new(Secured { tcp, acceptor });
        web.set_max_data_size(max_frame);
        Wss(web)
    }
}

impl Transport for Secured {
    type Output = TlsStream<<Tcp as Transport>::Output>;
    type Error = io::Error;
    type ListenerUpgrade = BoxFuture<'static, io::Result<Self::Output>>;
    type Dial = future::Pending<io::Result<Self::Output>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.tcp.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.tcp.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let event = Pin::new(&mut self.tcp).poll(context);
        event.map(|event| {
            event.map_upgrade(|upgrade| {
                let acceptor = self.acceptor.clone();
                async move { acceptor.accept(upgrade.await?).await }.boxed()
            })
        })
    }
}

impl Transport for Wss {
    type Output = <Web as Transport>::Output;
    type Error = <Web as Transport>::Error;
    type ListenerUpgrade = <Web as Transport>::ListenerUpgrade;
    type Dial = <Web as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        match plain(&address) {
            Some(plain) => self.0.listen_on(id, plain),
            None => Err(TransportError::MultiaddrNotSupported(address)),
        }
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<Self::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.0).poll(context).map(|event| match event {
            TransportEvent::NewAddress { listener_id, listen_addr } => {
                TransportEvent::NewAddress { listener_id, listen_addr: secured(&listen_addr) }
            }
            TransportEvent::AddressExpired { listener_id, listen_addr } => {
                TransportEvent::AddressExpired { listener_id, listen_addr: secured(&listen_addr) }
            }
            TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } => {
                let (local_addr, send_back_addr) = (secured(&local_addr), secured(&send_back_addr));
                TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr }
            }
            other => other,
        })
    }
}

/// Takes TLS out of an address: `…/tls/ws` or `…/wss` becomes `…/ws`; `None` where there is none in it.
fn plain(address: &Multiaddr) -> Option<Multiaddr> {
    let mut found = false;
    let parts = address.iter().filter_map(|part| match part {
        Protocol::Tls => {
            found = true;
            None
        }
        Protocol::Wss(path) => {
            found = true;
            Some(Protocol::Ws(path))
        }
        other => Some(other),
    });
    let plain: Multiaddr = parts.collect();
    found.then_some(plain)
}

/// Puts it in.
fn secured(address: &Multiaddr) -> Multiaddr {
    let mut secured = Multiaddr::empty();
    for part in address {
        if matches!(part, Protocol::Ws(_)) {
            secured.push(Protocol::Tls);
        }
        secured.push(part);
    }
    secured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_taken_out_of_an_address_and_put_in_again() {
        for (given, told) in [
            ("/ip4/192.0.2.7/tcp/443/tls/ws", "/ip4/192.0.2.7/tcp/443/tls/ws"),
            ("/ip4/192.0.2.7/tcp/443/wss", "/ip4/192.0.2.7/tcp/443/tls/ws"),
        ] {
            let plain = plain(&given.parse().unwrap()).unwrap();
            assert_eq!(plain.to_string(), "/ip4/192.0.2.7/tcp/443/ws");
            assert_eq!(secured(&plain).to_string(), told);
        }
        assert_eq!(plain(&"/ip4/192.0.2.7/tcp/443/ws".parse().unwrap()), None);
    }
}
