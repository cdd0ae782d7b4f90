//! Connections of clients, no more than so many at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long a client may take to say something.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a client may be silent from then on: it answers the server's pings, which are more often. One that is silent
/// within its TLS handshake, or between that and its first frame, gets no pings.
const QUIET: Duration = Duration::from_secs(60);

/// The bytes that every HTTP/2 client begins with, or more of a TLS client's greeting.
const GREETING_BYTES: usize = 24;

/// How long to wait after a connection could not be accepted: the cause rarely passes at once.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it is logged, at most, that connections are closed.
const BETWEEN_WORDS: Duration = Duration::from_secs(1);

/// A client's connection, and its place among those that there may be.
pub(super) struct Connection {
    stream: TcpStream,
    silence: Silence,
    _place: OwnedSemaphorePermit,
}

/// How long a client may be silent for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// From its arrival until it has greeted, in all.
    greeting: Duration,
    /// Then, between two things that it says.
    quiet: Duration,
}

/// A client's silence.
struct Silence {
    /// How much of the greeting is missing.
    missing: usize,
    quiet: Duration,
    end: Pin<Box<Sleep>>,
}

/// The connections that arrive at a listener; one beyond `most` is closed at once, so that its client is told and does
/// not wait for an answer.
pub(super) fn bounded(listener: TcpListener, most: usize) -> impl Stream<Item = io::Result<Connection>> + Send {
    let arrivals = Arrivals { listener, most, places: Arc::new(Semaphore::new(most)), told: None };
    futures::stream::unfold(arrivals, |mut arrivals| async move {
        let connection = arrivals.next().await;
        Some((Ok(connection), arrivals))
    })
}

struct Arrivals {
    listener: TcpListener,
    most: usize,
    places: Arc<Semaphore>,
    /// When it was last logged that a connection was closed.
    told: Option<Instant>,
}

impl Arrivals {
    async fn next(&mut self) -> Connection {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // A client that has gone again, or no file handle left: what is open goes on.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                self.tell_of_closed();
                continue;
            };
            // Without it answers are slower, not wrong.
            let _ = stream.set_nodelay(true);
            return Connection::new(stream, place, Patience { greeting: SILENCE, quiet: QUIET });
        }
    }

    fn tell_of_closed(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < BETWEEN_WORDS) {
            return;
        }
        self.told = Some(Instant::now());
        tracing::warn!(most = self.most, "connections are closed: there are as many as there may be");
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl Connection {
    /// A connection that breaks off once its client is silent for too long.
    fn new(stream: TcpStream, place: OwnedSemaphorePermit, patience: Patience) -> Self {
        let end = Box::pin(tokio::time::sleep(patience.greeting));
        let silence = Silence { missing: GREETING_BYTES, quiet: patience.quiet, end };
        Self { stream, silence, _place: place }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut connection.stream).poll_read(context, buffer);
        if polled.is_pending() {
            return connection.silence.end.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        connection.silence.heard(buffer.filled().len() - before);
        polled
    }
}

impl Silence {
    fn heard(&mut self, bytes: usize) {
        self.missing = self.missing.saturating_sub(bytes);
        if self.missing == 0 {
            self.end.as_mut().reset(tokio::time::Instant::now() + self.quiet);
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(600);

    async fn connected(patience: Patience) -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (client, Connection::new(stream, place, patience))
    }

    #[tokio::test]
    async fn a_client_that_does_not_greet_loses_its_connection() {
        let (mut client, mut connection) = connected(Patience { greeting: SHORT, quiet: LONG }).await;
        client.write_all(b"PRI").await.unwrap();
        let mut bytes = [0; 64];
        assert_eq!(connection.read(&mut bytes).await.unwrap(), 3);
        assert_eq!(connection.read(&mut bytes).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_has_greeted_may_be_silent_for_longer() {
        let (mut client, mut connection) = connected(Patience { greeting: SHORT, quiet: LONG }).await;
        client.write_all(&[b'x'; GREETING_BYTES]).await.unwrap();
        connection.read_exact(&mut [0; GREETING_BYTES]).await.unwrap();
        let more = tokio::time::timeout(Duration::from_millis(200), connection.read(&mut [0; 1])).await;
        assert!(more.is_err(), "nothing happens: {more:?}");
    }

    #[tokio::test]
    async fn a_client_that_greets_and_then_says_nothing_loses_its_connection() {
        let (mut client, mut connection) = connected(Patience { greeting: LONG, quiet: SHORT }).await;
        client.write_all(&[b'x'; GREETING_BYTES]).await.unwrap();
        connection.read_exact(&mut [0; GREETING_BYTES]).await.unwrap();
        assert_eq!(connection.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
