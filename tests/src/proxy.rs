//! A proxy in front of an S3 server that fails as it is told: what real stores and the networks before them do.

mod message;
mod storm;

use std::collections::BTreeMap;
use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use message::{Message, ask, ask_half};
pub use storm::Storm;

/// Pieces in which a slow answer comes.
const PIECES: usize = 4;
/// The pause between them.
const PAUSE: Duration = Duration::from_millis(25);

/// A request as a plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The path, bucket first.
    pub path: String,
    /// What follows the `?`.
    pub query: String,
    /// Whether it is to be done only if nothing is there.
    pub is_conditional: bool,
    /// Whether it asks for a range of an object.
    pub is_ranged: bool,
    /// How many requests of this method, path and query (an upload's id left out) there were before.
    pub before: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Misfortune {
    /// None: it is answered.
    None,
    /// 500, and nothing was done.
    ErrorBefore,
    /// 503 as S3 asks to slow down, and nothing was done.
    SlowDown,
    /// It was done, and the answer is 500.
    ErrorAfter,
    /// 409 ConditionalRequestConflict, and nothing was done.
    Conflict,
    /// The connection is cut before the server sees the request.
    CutBefore,
    /// The server gets half of the body, and both connections are cut.
    CutUpload,
    /// It was done, and the connection is cut before the answer.
    CutAfter,
    /// The connection is cut in the middle of the answer.
    CutAnswer,
    /// Half of the body, under a content length that says so too.
    ShortAnswer,
    /// The answer comes in pieces, with pauses.
    Slow,
    /// It was done, and there is no answer until the client gives up.
    Silence,
    /// What was answered the first time.
    Stale,
}

type Plan = dyn Fn(&Call) -> Misfortune + Send + Sync;

struct Shared {
    server: SocketAddr,
    plan: Box<Plan>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: BTreeMap<String, u64>,
    happened: BTreeMap<Misfortune, u64>,
    first_answers: BTreeMap<String, Message>,
}

/// A running proxy, on threads of its own; it stops when this is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// A proxy before `server` that does with each request as `plan` says.
    ///
    /// # Panics
    /// If no thread or port can be had.
    pub fn start(server: SocketAddr, plan: impl Fn(&Call) -> Misfortune + Send + Sync + 'static) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a thread");
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_nonblocking(true).expect("a socket that does not block");
        let address = socket.local_addr().expect("an address");
        let shared = Arc::new(Shared { server, plan: Box::new(plan), seen: Mutex::default() });
        runtime.spawn(serve(socket, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often what happened so far.
    pub fn happened(&self) -> BTreeMap<Misfortune, u64> {
        self.shared.seen().happened.clone()
    }

    /// How many requests did not get what they asked for as they asked for it.
    pub fn misfortunes(&self) -> u64 {
        self.happened().iter().filter(|(what, _)| **what != Misfortune::None).map(|(_, times)| times).sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(socket: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(socket).expect("a socket that does not block");
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A connection that breaks is what this proxy is for.
        tokio::spawn(async move { shared.answer(client).await.ok() });
    }
}

impl Shared {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, mut client: TcpStream) -> Result<()> {
        let Some(request) = Message::read(&mut client).await? else { return Ok(()) };
        let call = self.call(&request);
        let misfortune = (self.plan)(&call);
        *self.seen().happened.entry(misfortune).or_default() += 1;
        match misfortune {
            Misfortune::ErrorBefore => client.write_all(&refusal("500 Internal Server Error")).await,
            Misfortune::SlowDown => client.write_all(&refusal("503 Slow Down")).await,
            Misfortune::Conflict => client.write_all(&refusal("409 Conflict")).await,
            Misfortune::CutBefore => Ok(()),
            Misfortune::CutUpload => ask_half(self.server, &request).await,
            Misfortune::None
            | Misfortune::ErrorAfter
            | Misfortune::CutAfter
            | Misfortune::CutAnswer
            | Misfortune::ShortAnswer
            | Misfortune::Slow
            | Misfortune::Silence
            | Misfortune::Stale => {
                let answer = ask(self.server, &request).await?;
                self.pass_on(&call, answer, misfortune, client).await
            }
        }
    }

    /// Gives the client of the server's answer what the misfortune leaves of it.
    async fn pass_on(&self, call: &Call, answer: Message, misfortune: Misfortune, mut client: TcpStream) -> Result<()> {
        let answer = self.remembered(call, answer, misfortune);
        let whole = answer.bytes();
        match misfortune {
            Misfortune::ErrorAfter => client.write_all(&refusal("500 Internal Server Error")).await,
            Misfortune::CutAfter => Ok(()),
            Misfortune::CutAnswer => client.write_all(&whole[..answer.head.len() + answer.body.len() / 2]).await,
            Misfortune::ShortAnswer => client.write_all(&shortened(answer).bytes()).await,
            Misfortune::Slow => trickle(&whole, &mut client).await,
            // The client hangs up when it has waited for long enough.
            Misfortune::Silence => client.read_to_end(&mut Vec::new()).await.map(|_| ()),
            Misfortune::None
            | Misfortune::Stale
            | Misfortune::ErrorBefore
            | Misfortune::SlowDown
            | Misfortune::Conflict
            | Misfortune::CutBefore
            | Misfortune::CutUpload => client.write_all(&whole).await,
        }
    }

    fn remembered(&self, call: &Call, answer: Message, misfortune: Misfortune) -> Message {
        if call.method != "GET" {
            return answer;
        }
        let mut seen = self.seen();
        let first = seen.first_answers.entry(format!("{}?{}", call.path, call.query)).or_insert_with(|| answer.clone());
        if misfortune == Misfortune::Stale { first.clone() } else { answer }
    }

    fn call(&self, request: &Message) -> Call {
        let line = request.first_line();
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_known = |part: &&str| !part.starts_with("uploadId=") && !part.starts_with("continuation-token=");
        let query: Vec<&str> = query.split('&').filter(is_known).collect();
        let query = query.join("&");
        let mut seen = self.seen();
        let times = seen.calls.entry(format!("{method} {path}?{query}")).or_default();
        let before = *times;
        *times += 1;
        Call {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            is_conditional: request.header("if-none-match").is_some(),
            is_ranged: request.header("range").is_some(),
            before,
        }
    }
}

fn refusal(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Half of an answer that says its length; another one as it is.
fn shortened(mut answer: Message) -> Message {
    if answer.header("content-length").is_none() {
        return answer;
    }
    answer.body.truncate(answer.body.len() / 2);
    let length = answer.body.len().to_string();
    answer.with_header("Content-Length", &length)
}

async fn trickle(bytes: &[u8], client: &mut TcpStream) -> Result<()> {
    for piece in bytes.chunks(bytes.len().div_ceil(PIECES).max(1)) {
        client.write_all(piece).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
