//! Runs the threads on which files are read, and counts those that are stuck.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::directory;

/// The number of files that are read at the same time, as long as each is quick.
const QUICK_MAX: usize = 8;

/// The time after which a reading does not count as quick any more, which admits the next one.
const QUICK: Duration = Duration::from_millis(250);

/// The number of files of one directory that are read at the same time.
const DIRECTORY_MAX: usize = 4;

/// The number of stuck readings below one mount at which further ones there are refused.
const MOUNT_MAX: usize = 8;

/// The number of stuck readings at which all further ones are refused.
const STUCK_MAX: usize = 256;

/// The time after which an idle thread ends.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The stack size of a thread: enough to parse the deepest configuration.
const STACK_SIZE: usize = 1 << 20;

/// The reason for which the work on a file has no result.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The file system did not answer within this time.
    #[error("its file system does not answer")]
    TooSlow(Duration),
    /// Too many other files are stuck.
    #[error("{STUCK_MAX} other files are stuck, their file systems do not answer")]
    TooMany,
    /// The system cannot start a thread.
    #[error("cannot start a thread")]
    NoThread(#[source] io::Error),
}

type Job = Box<dyn FnOnce() + Send>;

/// All threads of this process that read files.
static THREADS: LazyLock<Threads> = LazyLock::new(|| Threads {
    table: Mutex::default(),
    quick: Arc::new(Semaphore::new(QUICK_MAX)),
});

struct Threads {
    table: Mutex<ThreadTable>,
    quick: Arc<Semaphore>,
}

#[derive(Default)]
struct ThreadTable {
    idle: VecDeque<(u64, mpsc::Sender<Job>)>,
    running: BTreeMap<u64, Running>,
    stuck: usize,
    directories: BTreeMap<PathBuf, Arc<Semaphore>>,
    /// The mount points, as of the last reading that got stuck.
    mounts: Vec<PathBuf>,
    last_number: u64,
}

struct Running {
    path: PathBuf,
    is_stuck: bool,
}

/// Runs `work`, which concerns the file at the path, on another thread.
///
/// If the future is dropped, the thread is abandoned.
///
/// # Errors
///
/// [`NoAnswer`] if it takes longer than `limit`, or if readings of the same place are stuck already.
///
/// # Panics
///
/// If `work` panics.
pub(crate) async fn run<T: Send + 'static>(
    path: &Path,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let threads = &*THREADS;
    // The permit of the directory comes first: readings that wait for a directory that hangs must
    // not hold the permits that all directories share.
    let lane = threads.lane(directory(&path));
    let of_directory = loop {
        threads.admit(&path, limit)?;
        if let Ok(Ok(permit)) = timeout(limit, Arc::clone(&lane).acquire_owned()).await {
            break permit;
        }
    };
    let quick = Arc::clone(&threads.quick).acquire_owned().await;
    threads.admit(&path, limit)?;
    let (sender, receiver) = oneshot::channel();
    let number = threads.begin(path, sender, of_directory, work)?;
    let guard = WaitGuard {
        number,
        is_over: false,
    };
    let mut receiver = pin!(receiver);
    let mut done = timeout(QUICK.min(limit), receiver.as_mut()).await;
    drop(quick);
    if done.is_err() {
        done = timeout(limit.saturating_sub(QUICK), receiver).await;
    }
    match done {
        Ok(done) => {
            guard.end();
            Ok(done.expect("reading a file does not panic"))
        }
        Err(_elapsed) => Err(NoAnswer::TooSlow(limit)),
    }
}

/// Runs `work` on another thread and blocks until it is done.
///
/// For use before the loop runs, which must not block.
///
/// # Errors
///
/// [`NoAnswer`] if it takes longer than `limit`.
pub(crate) fn run_blocking<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let (sender, receiver) = mpsc::channel();
    let job: Job = Box::new(move || {
        // Sending fails if the receiver has given up waiting.
        drop(sender.send(work()));
    });
    THREADS.dispatch(job)?;
    match receiver.recv_timeout(limit) {
        Ok(done) => Ok(done),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(NoAnswer::TooSlow(limit)),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("reading a file does not panic"),
    }
}

/// A guard that counts a reading as stuck if it is dropped before the reading has ended.
struct WaitGuard {
    number: u64,
    is_over: bool,
}

impl WaitGuard {
    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        if !self.is_over {
            THREADS.give_up(self.number);
        }
    }
}

impl Threads {
    fn table(&self) -> MutexGuard<'_, ThreadTable> {
        // A poisoned lock can be used: no change of the state can panic halfway.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, directory: &Path) -> Arc<Semaphore> {
        let mut table = self.table();
        if table.directories.len() > 2 * STUCK_MAX {
            table
                .directories
                .retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let lanes = &mut table.directories;
        if let Some(lane) = lanes.get(directory) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Semaphore::new(DIRECTORY_MAX));
        lanes.insert(directory.to_owned(), Arc::clone(&lane));
        lane
    }

    /// Refuses a reading that would probably get stuck as well.
    fn admit(&self, path: &Path, limit: Duration) -> Result<(), NoAnswer> {
        let table = self.table();
        if table.stuck == 0 {
            return Ok(());
        }
        if table.stuck >= STUCK_MAX {
            return Err(NoAnswer::TooMany);
        }
        let stuck = || {
            let running = table.running.values();
            running
                .filter(|reading| reading.is_stuck)
                .map(|reading| &*reading.path)
        };
        let in_directory = stuck().filter(|stuck| directory(stuck) == directory(path));
        let mount = table.mount(path);
        // The root is not limited, since a path on it may be a link to any other mount.
        let is_root = mount.is_none_or(|mount| mount == Path::new("/"));
        let below_mount = stuck().filter(|stuck| !is_root && table.mount(stuck) == mount);
        if stuck().any(|stuck| stuck == path)
            || in_directory.count() >= DIRECTORY_MAX
            || below_mount.count() >= MOUNT_MAX
        {
            return Err(NoAnswer::TooSlow(limit));
        }
        Ok(())
    }

    fn begin<T: Send + 'static>(
        &'static self,
        path: PathBuf,
        sender: oneshot::Sender<T>,
        of_directory: OwnedSemaphorePermit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<u64, NoAnswer> {
        let number = {
            let mut table = self.table();
            let number = table.number();
            let is_stuck = false;
            table.running.insert(number, Running { path, is_stuck });
            number
        };
        let job = Box::new(move || {
            let done = work();
            self.end(number);
            drop(of_directory);
            // Sending fails if the receiver has given up waiting.
            drop(sender.send(done));
        });
        self.dispatch(job).inspect_err(|_| self.end(number))?;
        Ok(number)
    }

    fn end(&self, number: u64) {
        let mut table = self.table();
        let ended = table.running.remove(&number);
        if ended.is_some_and(|reading| reading.is_stuck) {
            table.stuck -= 1;
        }
    }

    fn give_up(&'static self, number: u64) {
        {
            let mut table = self.table();
            let Some(running) = table.running.get_mut(&number) else {
                return;
            };
            running.is_stuck = true;
            table.stuck += 1;
        }
        // The mounts are read on a thread as well. If none can be started, only the limits per
        // directory apply.
        let _no_thread = self.dispatch(Box::new(|| {
            let mounts = mounts();
            self.table().mounts = mounts;
        }));
    }

    fn dispatch(&'static self, mut job: Job) -> Result<(), NoAnswer> {
        loop {
            // A statement of its own releases the lock before the thread is woken.
            let idle = self.table().idle.pop_back();
            let Some((_, worker)) = idle else { break };
            match worker.send(job) {
                Ok(()) => return Ok(()),
                Err(returned) => job = returned.0,
            }
        }
        let (sender, jobs) = mpsc::channel();
        let number = self.table().number();
        let own = sender.clone();
        let work = move || self.work(number, &own, &jobs);
        let thread = thread::Builder::new().name("files".to_owned());
        let started = thread.stack_size(STACK_SIZE).spawn(work);
        started.map_err(NoAnswer::NoThread)?;
        let _taken = sender.send(job);
        Ok(())
    }

    fn work(&self, number: u64, own: &mpsc::Sender<Job>, jobs: &mpsc::Receiver<Job>) {
        loop {
            if let Ok(job) = jobs.recv_timeout(KEEP_ALIVE) {
                job();
                self.table().idle.push_back((number, own.clone()));
                continue;
            }
            let mut table = self.table();
            let before = table.idle.len();
            table.idle.retain(|(idle, _)| *idle != number);
            if table.idle.len() < before {
                return;
            }
            // This thread was removed from the idle ones a moment ago: its next job is on the way.
        }
    }
}

impl ThreadTable {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Returns the innermost mount point above the path, without following links.
    fn mount(&self, path: &Path) -> Option<&Path> {
        let above = self.mounts.iter().filter(|mount| path.starts_with(mount));
        let innermost = above.max_by_key(|mount| mount.as_os_str().len());
        innermost.map(PathBuf::as_path)
    }
}

/// Returns the mount points of this process. This cannot hang: the kernel answers without a request
/// to any file system.
fn mounts() -> Vec<PathBuf> {
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let lines = table.split(|byte| *byte == b'\n');
    let points = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(unescaped).collect()
}

/// Decodes the octal escapes of spaces, tabs, line ends and backslashes.
fn unescaped(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| first == b'\\');
        let byte = octal.and_then(|digits| {
            let digits = str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        rest = if byte.is_some() { &after[3..] } else { after };
        bytes.push(byte.unwrap_or(first));
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    /// Starts a reading that ends when the returned sender is dropped.
    async fn stuck(path: &str) -> (mpsc::Sender<()>, NoAnswer) {
        let (release, wait) = channel::<()>();
        let path = Path::new(path);
        let stuck = run(path, SHORT, move || wait.recv().is_ok()).await;
        (release, stuck.expect_err("it does not end"))
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_done_on_another_thread_is_brought_back() {
        let here = thread::current().id();
        let there = run(Path::new("/a/quick"), LONG, || thread::current().id());
        assert_ne!(there.await.unwrap(), here);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_that_is_stuck_is_refused_at_once_until_it_comes_back() {
        let path = Path::new("/stuck-file/token");
        let (release, why) = stuck("/stuck-file/token").await;
        assert!(matches!(why, NoAnswer::TooSlow(SHORT)));
        let again = run(path, LONG, || panic!("it is not begun")).await;
        assert!(matches!(again, Err(NoAnswer::TooSlow(LONG))));
        let other = run(Path::new("/stuck-file/other"), LONG, || 7).await;
        assert_eq!(other.unwrap(), 7);
        drop(release);
        while THREADS.admit(path, LONG).is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(run(path, LONG, || 7).await.unwrap(), 7);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_directory_that_is_stuck_occupies_few_threads_and_no_place_of_others() {
        let names: Vec<String> = (0..100).map(|name| format!("/stuck-many/{name}")).collect();
        let begun = Arc::new(());
        let readings = names.iter().map(|name| {
            let (begun, (release, wait)) = (Arc::clone(&begun), channel::<()>());
            let work = move || drop((begun, wait.recv()));
            async move { (run(Path::new(name), SHORT, work).await, release) }
        });
        let all = futures_util::future::join_all(readings).await;
        assert!(all.iter().all(|(result, _)| result.is_err()));
        // Only the stuck threads still own their work.
        assert_eq!(Arc::strong_count(&begun) - 1, DIRECTORY_MAX);
        for number in 0..50 {
            let done = run(Path::new("/not-stuck/token"), LONG, move || number).await;
            assert_eq!(done.unwrap(), number);
        }
    }

    #[test]
    fn blocking_ends_when_the_time_is_over() {
        let (_release, wait) = channel::<()>();
        let stuck = run_blocking(SHORT, move || wait.recv().is_ok());
        assert!(matches!(stuck, Err(NoAnswer::TooSlow(SHORT))));
        assert_eq!(run_blocking(LONG, || 7).unwrap(), 7);
    }

    #[test]
    fn the_innermost_mount_counts() {
        let table = ThreadTable {
            mounts: ["/", "/mnt", "/mnt/a"].map(PathBuf::from).to_vec(),
            ..ThreadTable::default()
        };
        let mount = |path| table.mount(Path::new(path)).unwrap();
        assert_eq!(mount("/mnt/a/token"), Path::new("/mnt/a"));
        assert_eq!(mount("/mnt/ab/token"), Path::new("/mnt"));
        assert_eq!(mount("/etc/token"), Path::new("/"));
    }

    #[test]
    fn the_root_is_mounted_and_names_with_spaces_are_read() {
        assert!(mounts().contains(&PathBuf::from("/")));
        assert_eq!(unescaped(b"/a\\040b\\134"), Path::new("/a b\\"));
    }
}
