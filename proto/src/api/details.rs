//! The details of a failed call: an [`ErrorInfo`] in the trailer that gRPC has for them.

use prost::Message;
use tonic::{Code, Status};

use super::v1::{self, ErrorInfo};

/// Names the message in an `Any`.
const TYPE_URL: &str = "type.googleapis.com/kindred.api.v1.ErrorInfo";

/// Clients refuse trailers of more than 8 KiB with an error of their own, and these bytes travel as base64: details beyond
/// this are cut.
const MOST_DETAIL_BYTES: usize = 3584;

/// The same for the message, which is in the trailers too.
const MOST_MESSAGE_BYTES: usize = 512;

/// A status with its details. Mistakes and causes that do not fit are left out, from the end; the message says how many
/// mistakes there are in all.
pub fn status(code: Code, message: &str, mut info: ErrorInfo) -> Status {
    let message = shortened(message, MOST_MESSAGE_BYTES);
    while info.encoded_len() > MOST_DETAIL_BYTES && (info.problems.pop().is_some() || info.causes.pop().is_some()) {}
    let details = prost_types::Any { type_url: TYPE_URL.to_owned(), value: info.encode_to_vec() };
    let whole = v1::Status { code: code.into(), message: message.clone(), details: vec![details] };
    Status::with_details(code, message, whole.encode_to_vec().into())
}

/// What a failed call says beside its code and message, if it is of a coordinator.
pub fn info_of(status: &Status) -> Option<ErrorInfo> {
    let whole = v1::Status::decode(status.details()).ok()?;
    let detail = whole.details.into_iter().find(|detail| detail.type_url == TYPE_URL)?;
    ErrorInfo::decode(detail.value.as_slice()).ok()
}

fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{} …", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::{DocumentProblem, ErrorReason};

    fn info(problems: usize, message: &str) -> ErrorInfo {
        let problem = DocumentProblem { line: 7, message: message.to_owned(), ..DocumentProblem::default() };
        ErrorInfo {
            reason: ErrorReason::InvalidDocument.into(),
            causes: vec!["a cause".to_owned()],
            problems: vec![problem; problems],
        }
    }

    #[test]
    fn details_survive_the_way_through_a_status() {
        let sent = status(Code::InvalidArgument, "2 mistakes", info(2, "no such field"));
        assert_eq!((sent.code(), sent.message()), (Code::InvalidArgument, "2 mistakes"));
        assert_eq!(info_of(&sent), Some(info(2, "no such field")));
        assert_eq!(info_of(&Status::not_found("no details")), None);
        assert_eq!(info_of(&Status::with_details(Code::Unknown, "", vec![0xff; 9].into())), None);
    }

    #[test]
    fn details_stay_within_what_headers_may_hold() {
        let sent = status(Code::InvalidArgument, &"ü".repeat(4096), info(4096, &"x".repeat(100)));
        let kept = info_of(&sent).unwrap();
        assert!((10..4096).contains(&kept.problems.len()), "{}", kept.problems.len());
        assert_eq!(kept.causes.len(), 1, "mistakes go first");
        assert!(sent.details().len() < 5 << 10, "{}", sent.details().len());
        assert!(sent.message().ends_with("ü …") && sent.message().len() <= MOST_MESSAGE_BYTES + 4);
        let huge = status(Code::Internal, "m", info(1, &"x".repeat(1 << 20)));
        assert!(info_of(&huge).unwrap().problems.is_empty());
    }
}
