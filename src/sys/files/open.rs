//! Opens regular files, and reads them up to a limit. It must never wait for a pipe or a device.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

/// Flags with which an open waits neither for a pipe nor for a terminal.
const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// The reason for a file that was not opened or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The path leads to a pipe, socket or device.
    #[error("it is not a regular file")]
    NotAFile,
    /// The path leads to a directory.
    #[error("it is a directory, not a file")]
    Directory,
    /// The path is a link that leads out of the directory in which it lies.
    #[error("it is a link that leads out of its folder")]
    LeadsOut,
    /// The file has more bytes than the limit.
    #[error("it is longer than {0} MiB")]
    TooLong(u64),
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// The bytes of a file, and its metadata from before they were read.
pub(crate) struct Whole {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) metadata: Metadata,
}

/// Opens the regular file that the path leads to; symbolic links are followed.
fn regular(path: &Path) -> Result<(File, Metadata), OpenError> {
    // The type is checked before the open, since opening alone can have an effect (a watchdog
    // device), and again after it, since the file may have been replaced; in that case the flags
    // keep the open from blocking.
    check(&std::fs::metadata(path)?)?;
    opened(rustix::fs::open(path, FLAGS, Mode::empty()).map_err(io::Error::from)?)
}

/// Opens a regular file of the directory. Links are followed as long as they stay inside.
fn regular_within(directory: &Path, path: &Path) -> Result<(File, Metadata), OpenError> {
    check(&std::fs::metadata(path)?)?;
    let name = path
        .strip_prefix(directory)
        .map_err(|_| OpenError::LeadsOut)?;
    match open_beneath(directory, name) {
        // The kernel refuses every link with an absolute path, even one that leads back inside.
        Err(Errno::XDEV) => {
            let (directory, path) = (directory.canonicalize()?, path.canonicalize()?);
            let name = path.strip_prefix(&directory);
            let name = name.map_err(|_| OpenError::LeadsOut)?;
            opened(open_beneath(&directory, name).map_err(|errno| match errno {
                Errno::XDEV => OpenError::LeadsOut,
                errno => OpenError::Failed(errno.into()),
            })?)
        }
        Ok(file) => opened(file),
        Err(errno) => Err(OpenError::Failed(errno.into())),
    }
}

fn open_beneath(directory: &Path, name: &Path) -> rustix::io::Result<rustix::fd::OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(CWD, directory, flags, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(&folder, name, FLAGS, Mode::empty(), resolve) {
        // Kernels before 5.6, and containers that block the system call.
        Err(Errno::NOSYS | Errno::PERM) => open_canonical(directory, name),
        opened => opened,
    }
}

/// Opens a file as [`open_beneath`] does, without the help of the kernel: a link that is replaced
/// between the check and the open is not noticed.
fn open_canonical(directory: &Path, name: &Path) -> rustix::io::Result<rustix::fd::OwnedFd> {
    let canonical = |path: PathBuf| {
        let errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        path.canonicalize().map_err(errno)
    };
    let (folder, path) = (
        canonical(directory.to_owned())?,
        canonical(directory.join(name))?,
    );
    if !path.starts_with(folder) {
        return Err(Errno::XDEV);
    }
    rustix::fs::open(&path, FLAGS | OFlags::NOFOLLOW, Mode::empty())
}

fn opened(file: rustix::fd::OwnedFd) -> Result<(File, Metadata), OpenError> {
    let file = File::from(file);
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata))
}

fn check(metadata: &Metadata) -> Result<(), OpenError> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(OpenError::Directory)
    } else {
        Err(OpenError::NotAFile)
    }
}

/// Reads at most `length_max` bytes; `within` is the directory that links must not leave.
pub(crate) fn read_start(
    path: &Path,
    within: Option<&Path>,
    length_max: usize,
) -> Result<Whole, OpenError> {
    let (file, metadata) = match within {
        Some(directory) => regular_within(directory, path)?,
        None => regular(path)?,
    };
    // The capacity has some bytes to spare, so that the buffer of a small file is never
    // reallocated and leaves no copy of a token behind.
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    let capacity = length.max(1 << 10).min(length_max).min(64 << 10);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 64));
    file.take(length_max as u64).read_to_end(&mut bytes)?;
    Ok(Whole { bytes, metadata })
}

/// Reads a file of at most `mebibytes_max` MiB.
pub(crate) fn read_whole(path: &Path, mebibytes_max: u64) -> Result<Vec<u8>, OpenError> {
    let length_max = usize::try_from(mebibytes_max << 20).unwrap_or(usize::MAX);
    let mut whole = read_start(path, None, length_max.saturating_add(1))?;
    if whole.bytes.len() > length_max {
        return Err(OpenError::TooLong(mebibytes_max));
    }
    Ok(std::mem::take(&mut *whole.bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::FileType;

    use super::*;

    fn text(within: Option<&Path>, path: &Path) -> Result<String, OpenError> {
        let whole = read_start(path, within, 100)?;
        Ok(String::from_utf8(whole.bytes.to_vec()).unwrap())
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let private = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, private, 0).unwrap();
        let link = directory.path().join("link");
        symlink("/dev/zero", &link).unwrap();
        // A socket cannot even be opened, and is reported as what it is all the same.
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&*pipe, &*link, &*socket, directory.path()] {
            let refusals = [
                text(None, path).err(),
                text(path.parent(), path).err(),
                read_whole(path, 1).err(),
            ];
            for refused in refusals {
                assert!(
                    match refused {
                        Some(OpenError::Directory) => path == directory.path(),
                        Some(OpenError::NotAFile) => path != directory.path(),
                        _ => false,
                    },
                    "{path:?}"
                );
            }
        }
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("huge");
        File::create(&path).unwrap().set_len(10 << 30).unwrap();
        assert_eq!(read_start(&path, None, 100).unwrap().bytes.len(), 100);
        let refused = read_whole(&path, 1);
        assert!(matches!(refused, Err(OpenError::TooLong(1))));
        File::create(&path).unwrap().set_len(1 << 20).unwrap();
        assert_eq!(read_whole(&path, 1).unwrap().len(), 1 << 20);
    }

    #[test]
    fn links_are_followed_inside_a_folder_and_not_out_of_it() {
        let root = tempfile::tempdir().unwrap();
        let pool = root.path().join("pool");
        std::fs::create_dir_all(pool.join("..v1")).unwrap();
        std::fs::write(pool.join("..v1/alice"), "abc").unwrap();
        std::fs::write(root.path().join("outside"), "secret").unwrap();
        symlink("..v1", pool.join("..data")).unwrap();
        symlink("..data/alice", pool.join("alice")).unwrap();
        symlink(pool.join("..v1/alice"), pool.join("bob")).unwrap();
        symlink("../outside", pool.join("carol")).unwrap();
        symlink(root.path().join("outside"), pool.join("dave")).unwrap();
        symlink("..", pool.join("up")).unwrap();
        symlink("up/outside", pool.join("eve")).unwrap();
        // The folder itself may be reached through a link: that is the operator's choice.
        let linked = root.path().join("linked");
        symlink("pool", &linked).unwrap();
        for folder in [&pool, &linked] {
            for name in ["alice", "bob"] {
                let path = folder.join(name);
                assert_eq!(text(Some(folder), &path).unwrap(), "abc", "{name}");
                let name = Path::new(name);
                assert!(open_canonical(folder, name).is_ok(), "{name:?}");
            }
            for name in ["carol", "dave", "eve"] {
                let path = folder.join(name);
                assert_eq!(text(None, &path).unwrap(), "secret", "{name}");
                let refused = text(Some(folder), &path);
                assert!(matches!(refused, Err(OpenError::LeadsOut)), "{refused:?}");
                let refused = open_canonical(folder, Path::new(name));
                assert_eq!(refused.err(), Some(Errno::XDEV), "{name}");
            }
        }
    }
}
