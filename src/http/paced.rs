//! Closes a connection whose client reads an answer too slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The number of bytes that a client must read per [`TICK`], on average.
const RATE: usize = 64 * 1024;
const TICK: Duration = Duration::from_secs(1);

/// The maximum number of ticks without progress.
const TICKS_MAX: usize = 6;

/// A stream whose writes fail if the client reads more slowly than [`RATE`].
///
/// Each tick of waiting uses up credit for [`RATE`] bytes, and each written byte restores credit
/// for one.
pub(crate) struct Paced<S> {
    stream: S,
    /// The number of bytes that the client may still be behind.
    credit: usize,
    period: Duration,
    tick: Option<Interval>,
}

impl<S> Paced<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            credit: RATE * TICKS_MAX,
            period: TICK,
            tick: None,
        }
    }

    /// Waits for room to write, and fails when the credit is used up.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let period = self.period;
        let tick = self.tick.get_or_insert_with(|| {
            let mut tick = interval(period);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick of an interval is due at once, before any waiting.
            tick.reset();
            tick
        });
        loop {
            ready!(tick.poll_tick(context));
            self.credit = self.credit.saturating_sub(RATE);
            if self.credit == 0 {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn account(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.wait(context).map(Err),
            Poll::Ready(Ok(bytes)) => {
                self.credit = self.credit.saturating_add(bytes).min(RATE * TICKS_MAX);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.account(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.account(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const ANSWER: usize = 4 << 20;

    /// Returns true if a client that reads `taken` bytes per tick gets the complete answer.
    async fn is_written(taken: usize, tick: Duration) -> bool {
        let (ours, mut theirs) = duplex(16 * 1024);
        let mut paced = Paced::new(ours);
        paced.period = tick;
        let answer = vec![0; ANSWER];
        let write = async { paced.write_all(&answer).await };
        let read = async {
            let mut ticks = interval(tick);
            let mut buffer = vec![0; taken.max(1)];
            loop {
                ticks.tick().await;
                if taken > 0 {
                    theirs.read_exact(&mut buffer).await.unwrap();
                }
            }
        };
        tokio::select! {
            written = write => written.is_ok(),
            () = read => false,
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_a_reader_that_keeps_the_rate_gets_the_whole_answer() {
        assert!(is_written(ANSWER, TICK).await);
        for taken in [0, 1, 1024, RATE / 8] {
            assert!(!is_written(taken, TICK / 100).await, "{taken}");
        }
    }
}
