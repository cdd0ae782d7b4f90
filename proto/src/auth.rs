//! The token that a request carries, and the check of it.

use std::fmt;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// The environment variable that hands a worker its token.
pub const TOKEN_VARIABLE: &str = "KINDRED_WORKER_TOKEN";

/// The environment variable by which a local coordinator says which process its worker must not outlive.
pub const PARENT_VARIABLE: &str = "KINDRED_WORKER_PARENT";

/// The exit status of a worker that ended because it lost touch with its coordinator: nothing is wrong with its work.
pub const LOST_TOUCH_STATUS: u8 = 75;

/// A secret that a run's workers share with their coordinator. It is never printed.
#[derive(Clone)]
pub struct Token {
    header: MetadataValue<Ascii>,
}

impl Token {
    /// A token from its text; `None` unless it is 16 to 256 printable ASCII characters without blanks.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (16..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let header = legal.then(|| format!("Bearer {text}"))?;
        let mut header: MetadataValue<Ascii> = header.parse().ok()?;
        header.set_sensitive(true);
        Some(Self { header })
    }

    /// Its text, for the environment of a child process.
    pub fn secret(&self) -> &str {
        self.header.to_str().ok().and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default()
    }

    /// The client's side: puts the token into every request.
    pub fn attach(&self) -> impl Interceptor + Clone + use<> {
        let header = self.header.clone();
        move |mut request: Request<()>| {
            request.metadata_mut().insert("authorization", header.clone());
            Ok(request)
        }
    }

    /// The server's side: turns down every request without this token.
    pub fn require(&self) -> Bearer {
        Bearer { expected: self.clone() }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Turns down every request that does not carry one token.
#[derive(Debug, Clone)]
pub struct Bearer {
    expected: Token,
}

impl Interceptor for Bearer {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let sent = request.metadata().get("authorization").map(|header| header.as_bytes());
        match sent {
            None => Err(Status::unauthenticated("this needs an `authorization: Bearer …` header")),
            Some(sent) if same(sent, self.expected.header.as_bytes()) => Ok(request),
            Some(_) => Err(Status::unauthenticated("the token is not this run's")),
        }
    }
}

/// Whether two byte strings are equal, in a time that does not tell where they differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |difference, (l, r)| difference | (l ^ r)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::parse(text).unwrap()
    }

    fn checked(sent: Option<&Token>, expected: &Token) -> Result<Request<()>, Status> {
        let request = match sent {
            Some(token) => token.attach().call(Request::new(())).unwrap(),
            None => Request::new(()),
        };
        expected.require().call(request)
    }

    #[test]
    fn only_the_run_s_own_token_passes() {
        let expected = token("0123456789abcdef");
        assert!(checked(Some(&expected), &expected).is_ok());
        for wrong in ["0123456789abcdeF", "0123456789abcdef0", "fedcba9876543210"] {
            let status = checked(Some(&token(wrong)), &expected).unwrap_err();
            assert_eq!(status.code(), tonic::Code::Unauthenticated);
        }
        assert_eq!(checked(None, &expected).unwrap_err().code(), tonic::Code::Unauthenticated);
    }

    #[test]
    fn a_token_is_long_and_printable_and_stays_out_of_debug_output() {
        for bad in ["", "short", "0123456789 abcdef", "0123456789\nabcdef", "0123456789abcdefü"] {
            assert!(Token::parse(bad).is_none(), "{bad:?}");
        }
        let secret = token("0123456789abcdef");
        assert_eq!(secret.secret(), "0123456789abcdef");
        assert!(!format!("{secret:?} {:?}", secret.require()).contains("0123456789abcdef"));
    }
}
