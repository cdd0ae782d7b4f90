//! Streams of answers: no more than so many at a time, and none beyond its deadline or the server's end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::{Semaphore, watch};
use tonic::Status;

use super::status::ApiError;

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Where streams begin.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    places: Arc<Semaphore>,
    most: usize,
    stopping: watch::Receiver<bool>,
}

impl Streams {
    /// At most so many, until `stopping` says so.
    pub(super) fn new(most: usize, stopping: watch::Receiver<bool>) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), most, stopping }
    }

    /// A stream of what comes of `events`, for as long as its client waits.
    pub(super) fn open<T, E: Into<ApiError>>(
        &self,
        events: impl Stream<Item = Result<T, E>> + Send + 'static,
        left: Option<Duration>,
    ) -> Result<Answers<T>, ApiError>
    where
        T: Send + 'static,
    {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| ApiError::TooManyStreams { most: self.most })?;
        let end = ended(self.stopping.clone(), left);
        let events = events.map(|event| {
            event.map_err(|error| {
                let error: ApiError = error.into();
                Status::from(error)
            })
        });
        let answers = futures::stream::unfold(
            (Box::pin(events), Box::pin(end), place, false),
            |(mut events, mut end, place, is_over)| async move {
                if is_over {
                    return None;
                }
                let next = tokio::select! {
                    biased;
                    event = events.next() => event?,
                    error = &mut end => Err(Status::from(error)),
                };
                // An error is the last word.
                let is_over = next.is_err();
                Some((next, (events, end, place, is_over)))
            },
        );
        Ok(Box::pin(answers))
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
        (Streams::new(most, stopping), stop)
    }

    fn some(events: Vec<Result<u8, ApiError>>) -> impl Stream<Item = Result<u8, ApiError>> + Send + 'static {
        futures::stream::iter(events)
    }

    #[tokio::test]
    async fn there_are_no_more_streams_than_allowed_and_a_place_is_free_again() {
        let (streams, _stop) = streams(1);
        let first = streams.open(some(vec![Ok(1)]), None).unwrap();
        let Err(refused) = streams.open(some(vec![]), None) else { panic!("one too many") };
        assert_eq!(Status::from(refused).code(), Code::ResourceExhausted);
        drop(first);
        assert!(streams.open(some(vec![]), None).is_ok());
    }

    #[tokio::test]
    async fn an_error_is_the_last_answer() {
        let (streams, _stop) = streams(1);
        let answers = streams.open(some(vec![Ok(1), Err(ApiError::Stopping), Ok(2)]), None).unwrap();
        let answers: Vec<_> = answers.collect().await;
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[1].as_ref().unwrap_err().code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn a_stream_ends_at_its_deadline_and_with_the_server() {
        let (streams, stop) = streams(2);
        let never = || futures::stream::pending::<Result<u8, ApiError>>();
        let mut late = streams.open(never(), Some(Duration::from_millis(1))).unwrap();
        assert_eq!(late.next().await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
        assert!(late.next().await.is_none());
        let mut stopped = streams.open(never(), None).unwrap();
        stop.send_replace(true);
        assert_eq!(stopped.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    }
}
