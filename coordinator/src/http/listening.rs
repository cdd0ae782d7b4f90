//! Connections of the second port: so many at a time, and each for so long and no longer, whatever its client does.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at once; one more waits until one of them ends.
const MOST: usize = 64;

/// From a connection's arrival to its end: for one request, the slowest answer, and the way of both.
const LONGEST: Duration = Duration::from_secs(15);

/// How long to wait after a connection could not be accepted: the cause rarely passes at once.
const PAUSE: Duration = Duration::from_millis(50);

/// A listener that bounds what it accepts.
#[derive(Debug)]
pub(super) struct Listening {
    listener: TcpListener,
    places: Arc<Semaphore>,
    longest: Duration,
}

/// A connection with its place and its end.
pub(super) struct Connection {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Listening {
    pub(super) fn on(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(MOST)), longest: LONGEST }
    }
}

impl axum::serve::Listener for Listening {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the places are never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let end = Box::pin(tokio::time::sleep(self.longest));
                    return (Connection { stream, end, _place: place }, address);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection for probes could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    /// What was asked of the stream, unless that waits and the connection's time is over.
    fn in_time<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        self.end.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        let polled = Pin::new(&mut connection.stream).poll_read(context, buffer);
        connection.in_time(context, polled)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        let polled = Pin::new(&mut connection.stream).poll_write(context, bytes);
        connection.in_time(context, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::serve::Listener;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn listening(most: usize, longest: Duration) -> (Listening, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Listening { listener, places: Arc::new(Semaphore::new(most)), longest }, address)
    }

    #[tokio::test]
    async fn a_client_that_does_not_end_its_request_loses_its_connection() {
        let (mut listening, address) = listening(1, Duration::from_millis(50)).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = listening.accept().await;
        client.write_all(b"GET /").await.unwrap();
        connection.read_exact(&mut [0; 5]).await.unwrap();
        assert_eq!(connection.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_for_a_place() {
        let (mut listening, address) = listening(1, Duration::from_secs(600)).await;
        let _clients = (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (first, _) = listening.accept().await;
        assert!(tokio::time::timeout(Duration::from_millis(50), listening.accept()).await.is_err());
        drop(first);
        listening.accept().await;
    }
}
