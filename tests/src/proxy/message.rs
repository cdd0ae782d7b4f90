//! HTTP/1.1 requests and answers as bytes: as much of it as an S3 client and its server say to each other.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A head, its empty line included, and a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Reads a request; none where the client closes the connection.
    pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<Self>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = end_of_head(&bytes) {
                break end;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let mut message = Self { body: bytes.split_off(end), head: bytes };
        let missing = message.content_length()?.unwrap_or(0).saturating_sub(message.body.len());
        let mut rest = vec![0; missing];
        stream.read_exact(&mut rest).await?;
        message.body.extend(rest);
        Ok(Some(message))
    }

    /// Cuts an answer that was read to its end.
    pub(super) fn whole(mut bytes: Vec<u8>) -> Result<Self> {
        let end = end_of_head(&bytes).ok_or(ErrorKind::UnexpectedEof)?;
        Ok(Self { body: bytes.split_off(end), head: bytes })
    }

    /// Its first line.
    pub(super) fn first_line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let mut fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    /// The same message with another value of a header, or with one more header.
    pub(super) fn with_header(mut self, name: &str, value: &str) -> Self {
        let text = self.text();
        let is_other = |line: &&str| line.split_once(':').is_none_or(|(field, _)| !field.eq_ignore_ascii_case(name));
        let mut lines: Vec<String> = text.trim_end().lines().filter(is_other).map(str::to_owned).collect();
        lines.push(format!("{name}: {value}"));
        self.head = (lines.join("\r\n") + "\r\n\r\n").into_bytes();
        self
    }

    /// Both parts together.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), self.body.as_slice()].concat()
    }

    fn content_length(&self) -> Result<Option<usize>> {
        if self.header("transfer-encoding").is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "a request in chunks"));
        }
        self.header("content-length").map(|text| text.parse().map_err(|_| ErrorKind::InvalidData.into())).transpose()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }
}

/// Asks the server over a connection of its own, and reads the answer to its end.
pub(super) async fn ask(server: SocketAddr, request: &Message) -> Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    // Not among the headers that are signed.
    stream.write_all(&request.clone().with_header("Connection", "close").bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Message::whole(answer)
}

/// Sends the server the head and half of the body, and hangs up.
pub(super) async fn ask_half(server: SocketAddr, request: &Message) -> Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&request.head).await?;
    stream.write_all(&request.body[..request.body.len() / 2]).await
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD)?;
    Some(at + END_OF_HEAD.len())
}
