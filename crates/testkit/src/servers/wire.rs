//! TCP proxy between a client and its server that a test can interrupt and restore.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Error;

/// TCP proxy to a server on this machine. Dropping it closes all connections.
#[derive(Debug)]
pub struct Wire {
    is_cut: watch::Sender<bool>,
    _wire: JoinSet<()>,
}

impl Wire {
    /// Starts a proxy to the server of a URL. Returns it with the URL of the proxy.
    ///
    /// # Errors
    /// If the URL has no port of this machine, or no port is free.
    pub async fn to(url: &str) -> Result<(Self, String), Error> {
        let rest = url.split_once("127.0.0.1:").map(|(_, rest)| rest).unwrap_or_default();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let port = digits.parse().map_err(|error| Error::new(format!("{url} is not on this machine: {error}")))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let ours = listener.local_addr()?.port();
        let is_cut = watch::Sender::new(false);
        let mut wire = JoinSet::new();
        wire.spawn(carry(listener, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), is_cut.subscribe()));
        let url = url.replacen(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{ours}"), 1);
        Ok((Self { is_cut, _wire: wire }, url))
    }

    /// Closes all connections, and every new one immediately.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Accepts new connections again.
    pub fn restore(&self) {
        self.is_cut.send_replace(false);
    }
}

async fn carry(listener: TcpListener, server: SocketAddr, is_cut: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let mut is_cut = is_cut.clone();
        if *is_cut.borrow_and_update() {
            continue;
        }
        connections.spawn(async move {
            let Ok(mut server) = TcpStream::connect(server).await else { return };
            tokio::select! {
                // If one side closes the connection, both are closed.
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = is_cut.wait_for(|is_cut| *is_cut) => {}
            }
        });
    }
}
