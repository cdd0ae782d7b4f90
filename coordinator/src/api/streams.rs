//! Streams of answers: no more than so many at a time, in all and of one caller, and none beyond its deadline, the server's
//! end, or the patience with a client that does not read it.
//!
//! A task of its own feeds each stream, through a channel that holds a few answers: what a client does not read waits
//! there, and the task notices.

mod places;

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

use super::status::ApiError;
use places::Places;
pub(super) use places::{Holder, MostStreams};

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers that wait for a client, beside what its connection holds.
const MOST_UNREAD: usize = 4;

/// How long an answer may wait for its client. Somebody who looks at a log page by page is given that long a page.
const UNREAD: Duration = Duration::from_secs(900);

/// Where streams begin.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    places: Places,
    unread: Duration,
    stopping: watch::Receiver<bool>,
}

impl Streams {
    /// At most so many, until `stopping` says so.
    pub(super) fn new(most: MostStreams, stopping: watch::Receiver<bool>) -> Self {
        Self { places: Places::new(most), unread: UNREAD, stopping }
    }

    /// A stream of what comes of `events`, for as long as its client waits and reads.
    ///
    /// # Errors
    /// When there are as many streams as there may be, or the holder has as many as one may have.
    pub(super) fn open<T, E>(
        &self,
        holder: Holder,
        events: impl Stream<Item = Result<T, E>> + Send + 'static,
        left: Option<Duration>,
    ) -> Result<Answers<T>, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        let place = self.places.take(holder)?;
        let end = ended(self.stopping.clone(), left);
        let (told, mut heard) = mpsc::channel(MOST_UNREAD);
        let (last_word, mut said) = oneshot::channel();
        let unread = self.unread;
        tokio::spawn(async move {
            let _place = place;
            let last = tokio::select! {
                last = feed(Box::pin(events), &told, unread) => last,
                error = end => Some(error),
                () = told.closed() => None,
            };
            if let Some(error) = last {
                // Whoever does not listen any more needs no last word.
                let _ = last_word.send(error);
            }
        });
        let answers = futures::stream::poll_fn(move |context| match heard.poll_recv(context) {
            std::task::Poll::Ready(None) => std::task::Poll::Ready(said.try_recv().ok().map(|error| Err(error.into()))),
            other => other.map(|answer| answer.map(Ok)),
        });
        Ok(Box::pin(answers))
    }
}

/// Passes events on until they end; why they end before, if they do.
async fn feed<T, E: Into<ApiError>>(
    mut events: Pin<Box<impl Stream<Item = Result<T, E>>>>,
    told: &mpsc::Sender<T>,
    unread: Duration,
) -> Option<ApiError> {
    loop {
        let event = match events.next().await? {
            Ok(event) => event,
            // An error is the last word.
            Err(error) => return Some(error.into()),
        };
        match tokio::time::timeout(unread, told.send(event)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(ApiError::Unread { after: unread }),
        }
    }
}

/// Why a stream ends before its events do.
async fn ended(mut stopping: watch::Receiver<bool>, left: Option<Duration>) -> ApiError {
    let passed = async {
        match left {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // A server whose handle is gone stops as well.
        _ = stopping.wait_for(|is_stopping| *is_stopping) => ApiError::Stopping,
        () = passed => ApiError::DeadlinePassed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn streams(most: usize) -> (Streams, watch::Sender<bool>) {
        let (stop, stopping) = watch::channel(false);
        (Streams::new(MostStreams { in_all: most, of_one: most }, stopping), stop)
    }

    fn ana() -> Holder {
        Holder::Caller("ana".parse().unwrap())
    }

    fn some(events: Vec<Result<u8, ApiError>>) -> impl Stream<Item = Result<u8, ApiError>> + Send + 'static {
        futures::stream::iter(events)
    }

    fn never() -> impl Stream<Item = Result<u8, ApiError>> + Send + 'static {
        futures::stream::pending()
    }

    async fn place_is_free(streams: &Streams) {
        while streams.open(ana(), never(), None).is_err() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn there_are_no_more_streams_than_allowed_and_a_place_is_free_again() {
        let (streams, _stop) = streams(1);
        let first = streams.open(ana(), never(), None).unwrap();
        let Err(refused) = streams.open(ana(), some(vec![]), None) else { panic!("one too many") };
        assert_eq!(Status::from(refused).code(), Code::ResourceExhausted);
        drop(first);
        place_is_free(&streams).await;
    }

    #[tokio::test]
    async fn a_stream_that_nobody_reads_loses_its_place_and_is_told_so() {
        let (streams, _stop) = streams(1);
        let streams = Streams { unread: Duration::from_millis(20), ..streams };
        let endless = futures::stream::repeat_with(|| Ok::<u8, ApiError>(7));
        let unread = streams.open(ana(), endless, None).unwrap();
        place_is_free(&streams).await;
        let answers: Vec<_> = unread.collect().await;
        assert_eq!(answers.len(), MOST_UNREAD + 1);
        assert_eq!(answers[MOST_UNREAD].as_ref().unwrap_err().code(), Code::Aborted);
    }

    #[tokio::test]
    async fn an_error_is_the_last_answer() {
        let (streams, _stop) = streams(1);
        let answers = streams.open(ana(), some(vec![Ok(1), Err(ApiError::Stopping), Ok(2)]), None).unwrap();
        let answers: Vec<_> = answers.collect().await;
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[1].as_ref().unwrap_err().code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn a_stream_ends_at_its_deadline_and_with_the_server() {
        let (streams, stop) = streams(2);
        let mut late = streams.open(ana(), never(), Some(Duration::from_millis(1))).unwrap();
        assert_eq!(late.next().await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
        assert!(late.next().await.is_none());
        let mut stopped = streams.open(ana(), never(), None).unwrap();
        stop.send_replace(true);
        assert_eq!(stopped.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    }
}
