//! Writes a token to a file from which applications read it.
//!
//! The file is replaced as a whole: readers find the earlier token or the new one, never a part of
//! one and never an empty file, whenever the process or the machine ends. It must never write
//! through a link, or give the content to more users than configured, not even for a moment.
//!
//! Limit: if the process is killed during a write, its temporary file stays beside the sink, with
//! the mode and the owner of the sink. The next write replaces it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::{Group, User};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{Fingerprint, TOKEN_LENGTH_MAX, Token};

/// The part of a path that stands for the name of the session.
pub const SESSION_PLACEHOLDER: &str = "{name}";

/// The longest content, in bytes: each byte of a token can take up to two, and the rest is short.
const CONTENT_MAX: usize = 2 * TOKEN_LENGTH_MAX + 2048;

/// A file that holds a session's token for applications.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sink {
    /// The absolute path of the file.
    pub file: PathBuf,
    /// The form of the content.
    pub format: SinkFormat,
    /// The permissions of the file: read and write for owner, group and others.
    pub mode: u32,
    /// The name or the number of the owner; `None` for the user of the daemon.
    pub owner: Option<String>,
    /// The name or the number of the group; `None` for the one that the system chooses.
    pub group: Option<String>,
}

/// The form of a sink's content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum SinkFormat {
    /// The token and a line ending.
    #[default]
    Bare,
    /// Variables for a shell or a service manager.
    Env,
    /// One JSON object.
    Json,
    /// The configuration file of the official command line, with one profile.
    GcProfile,
}

impl SinkFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Bare, Self::Env, Self::Json, Self::GcProfile];

    /// Returns the word for configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Env => "env",
            Self::Json => "json",
            Self::GcProfile => "gc-profile",
        }
    }
}

/// A token and the facts that a sink holds beside it.
#[derive(Clone, Copy, Debug)]
pub struct SinkContent<'a> {
    /// The token.
    pub token: &'a Token,
    /// The number of the token among those of its session.
    pub generation: u32,
    /// The end of the token's lifetime, if it is known.
    pub expires_at: Option<Timestamp>,
    /// The address of the API.
    pub api: &'a str,
    /// The name and the domain of the region, if the API is one of a known region.
    pub region: Option<(&'a str, &'a str)>,
}

/// The result of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SinkState {
    /// The file was replaced. Holds the fingerprint of the whole content.
    Written(Fingerprint),
    /// The file held this content already.
    Unchanged(Fingerprint),
}

/// The reason for which a sink was not written or removed.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The directory cannot be opened.
    #[error("its folder {} cannot be used: create it, and allow the daemon to write there", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    /// The path leads to a link, a directory, a pipe or a device.
    #[error("it is {0}, which is never replaced: remove it, or name another file")]
    NotAFile(&'static str),
    /// There is no such user or group.
    #[error("there is no {kind} {name}: create it, or change `{kind}` of the sink")]
    Unknown {
        /// `owner` or `group`.
        kind: &'static str,
        /// The configured name.
        name: String,
    },
    /// The owner or the group may not be set.
    #[error(
        "its owner and group may not be set to {0}: the daemon needs to be a member of the group, or root for another owner"
    )]
    Owner(String, #[source] io::Error),
    /// The token has a character that no file of this format can hold.
    #[error(
        "the token has a quote, which the format \"env\" cannot hold: use \"bare\" or \"json\""
    )]
    Quote,
    /// Another call of the system failed.
    #[error("it cannot be {0}: the daemon must be allowed to write in its folder")]
    Failed(&'static str, #[source] io::Error),
}

impl Sink {
    /// Returns this sink for the session of this name, which takes the place of [`SESSION_PLACEHOLDER`].
    #[must_use]
    pub fn of_session(&self, name: &str) -> Self {
        let path = self.file.as_os_str().to_string_lossy();
        Self {
            file: PathBuf::from(path.replace(SESSION_PLACEHOLDER, name)),
            ..self.clone()
        }
    }

    /// Replaces the file by one with this content, unless that is what it holds.
    ///
    /// The call blocks. The file gets its owner and its mode before its content.
    ///
    /// # Errors
    ///
    /// [`SinkError`]; the earlier file is then unchanged.
    pub fn write(&self, content: &SinkContent<'_>) -> Result<SinkState, SinkError> {
        let bytes = content.bytes(self.format)?;
        let hash = Fingerprint::of(&bytes);
        let owner = find_id("owner", self.owner.as_deref(), |name| {
            Ok(User::from_name(name)?.map(|user| user.uid.as_raw()))
        })?;
        let group = find_id("group", self.group.as_deref(), |name| {
            Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
        })?;
        let (directory, name) = self.open_directory()?;
        if self.holds(&directory, &name, &bytes, owner, group)? {
            return Ok(SinkState::Unchanged(hash));
        }
        let temporary = temporary_name(&name);
        let written = self.write_new(&directory, &temporary, &bytes, owner, group);
        let written = written.and_then(|()| {
            rustix::fs::renameat(&directory, &temporary, &directory, &name)
                .map_err(failed("replaced"))
        });
        if let Err(error) = written {
            let _may_be_gone = rustix::fs::unlinkat(&directory, &temporary, AtFlags::empty());
            return Err(error);
        }
        // Some file systems cannot do this. The content is in the file even so.
        let _unsupported = rustix::fs::fsync(&directory);
        Ok(SinkState::Written(hash))
    }

    /// Removes the file if it has the content with this fingerprint. Returns true if it was
    /// removed. The call blocks.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the file exists and cannot be read or removed.
    pub fn remove(&self, content: Fingerprint) -> Result<bool, SinkError> {
        let (directory, name) = self.open_directory()?;
        match read(&directory, &name)? {
            Some(present) if Fingerprint::of(&present.bytes) == content => {}
            Some(_) | None => return Ok(false),
        }
        rustix::fs::unlinkat(&directory, &name, AtFlags::empty()).map_err(failed("removed"))?;
        let _unsupported = rustix::fs::fsync(&directory);
        Ok(true)
    }

    fn open_directory(&self) -> Result<(OwnedFd, OsString), SinkError> {
        let directory = self.file.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(CWD, directory, flags, Mode::empty());
        let opened = opened
            .map_err(|errno| SinkError::Directory(directory.to_owned(), io::Error::from(errno)))?;
        let name = self.file.file_name().unwrap_or(OsStr::new("")).to_owned();
        Ok((opened, name))
    }

    /// Returns true if the file has this content, mode and owner already.
    fn holds(
        &self,
        directory: &OwnedFd,
        name: &OsStr,
        bytes: &[u8],
        owner: Option<u32>,
        group: Option<u32>,
    ) -> Result<bool, SinkError> {
        let Some(PresentFile {
            file,
            bytes: present,
        }) = read(directory, name)?
        else {
            return Ok(false);
        };
        let metadata = file
            .metadata()
            .map_err(|cause| SinkError::Failed("read", cause))?;
        Ok(**present == *bytes
            && metadata.permissions().mode() & 0o7777 == self.mode
            && owner.is_none_or(|owner| owner == metadata.uid())
            && group.is_none_or(|group| group == metadata.gid()))
    }

    fn write_new(
        &self,
        directory: &OwnedFd,
        name: &OsStr,
        bytes: &[u8],
        owner: Option<u32>,
        group: Option<u32>,
    ) -> Result<(), SinkError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Nobody else may read the file before it has its owner.
        let mode = Mode::from_raw_mode(0o600);
        let mut opened = rustix::fs::openat(directory, name, flags, mode);
        if opened.as_ref().is_err_and(|errno| *errno == Errno::EXIST) {
            // A killed process left it.
            rustix::fs::unlinkat(directory, name, AtFlags::empty()).map_err(failed("written"))?;
            opened = rustix::fs::openat(directory, name, flags, mode);
        }
        let mut file = File::from(opened.map_err(failed("written"))?);
        // The unit forbids to change owners; the file of a folder with the set-group-ID bit has its
        // group already.
        let created = file
            .metadata()
            .map_err(|cause| SinkError::Failed("written", cause))?;
        let owner = owner.filter(|owner| *owner != created.uid());
        let group = group.filter(|group| *group != created.gid());
        if owner.is_some() || group.is_some() {
            let ids = (owner.map(Uid::from_raw), group.map(Gid::from_raw));
            rustix::fs::fchown(&file, ids.0, ids.1).map_err(|errno| {
                let names = [self.owner.as_deref(), self.group.as_deref()];
                let names = names.map(Option::unwrap_or_default).join(":");
                SinkError::Owner(names, errno.into())
            })?;
        }
        // The file's creation is subject to the process's mask, and a change of the mode is not.
        rustix::fs::fchmod(&file, Mode::from_raw_mode(self.mode)).map_err(failed("written"))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|cause| SinkError::Failed("written", cause))
    }
}

impl SinkContent<'_> {
    /// Returns the content of a file.
    fn bytes(&self, format: SinkFormat) -> Result<Zeroizing<Vec<u8>>, SinkError> {
        // The capacity keeps the buffer in place, so that no unwiped copy stays behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(CONTENT_MAX));
        let token = self.token.expose();
        match format {
            SinkFormat::Bare => {
                bytes.extend_from_slice(token);
                bytes.push(b'\n');
            }
            SinkFormat::Env => {
                if token.contains(&b'\'') {
                    return Err(SinkError::Quote);
                }
                bytes.extend_from_slice(b"GENESYSCLOUD_ACCESS_TOKEN='");
                bytes.extend_from_slice(token);
                bytes.extend_from_slice(b"'\n");
                if let Some((region, _)) = self.region {
                    bytes.extend_from_slice(format!("GENESYSCLOUD_REGION='{region}'\n").as_bytes());
                }
            }
            SinkFormat::Json => self.add_json(&mut bytes),
            SinkFormat::GcProfile => {
                bytes.extend_from_slice(b"[DEFAULT]\n");
                if let Some((_, domain)) = self.region {
                    bytes.extend_from_slice(format!("environment = \"{domain}\"\n").as_bytes());
                }
                bytes.extend_from_slice(b"access_token = \"");
                add_escaped(&mut bytes, token);
                bytes.extend_from_slice(b"\"\n");
            }
        }
        Ok(bytes)
    }

    fn add_json(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(b"{\"access_token\":\"");
        add_escaped(bytes, self.token.expose());
        bytes.extend_from_slice(b"\",\"token_type\":\"bearer\"");
        if let Some(at) = self.expires_at {
            bytes.extend_from_slice(format!(",\"expires_at\":\"{at:.0}\"").as_bytes());
        }
        if let Some((region, _)) = self.region {
            bytes.extend_from_slice(format!(",\"region\":\"{region}\"").as_bytes());
        }
        bytes.extend_from_slice(b",\"api\":\"");
        add_escaped(bytes, self.api.as_bytes());
        let (generation, fingerprint) = (self.generation, self.token.fingerprint());
        let rest = format!("\",\"generation\":{generation},\"fingerprint\":\"{fingerprint}\"}}\n");
        bytes.extend_from_slice(rest.as_bytes());
    }
}

/// Adds visible ASCII to a string of JSON or TOML.
fn add_escaped(bytes: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            bytes.push(b'\\');
        }
        bytes.push(*byte);
    }
}

fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".session-keepalive.tmp");
    temporary
}

/// An open file and its content.
struct PresentFile {
    file: File,
    bytes: Zeroizing<Vec<u8>>,
}

/// Reads the present file; `None` if there is none.
fn read(directory: &OwnedFd, name: &OsStr) -> Result<Option<PresentFile>, SinkError> {
    let status = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(status) => status,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("read")(errno)),
    };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(SinkError::NotAFile("a link")),
        FileType::Directory => return Err(SinkError::NotAFile("a folder")),
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => {
            return Err(SinkError::NotAFile("a pipe, a socket or a device"));
        }
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        // It belongs to another user; the daemon may replace it even so.
        Err(Errno::ACCESS | Errno::PERM | Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("read")(errno)),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(CONTENT_MAX + 64));
    let limited = (&file).take(CONTENT_MAX as u64).read_to_end(&mut bytes);
    limited.map_err(|cause| SinkError::Failed("read", cause))?;
    Ok(Some(PresentFile { file, bytes }))
}

fn failed(what: &'static str) -> impl Fn(Errno) -> SinkError {
    move |errno| SinkError::Failed(what, errno.into())
}

/// Returns the number of a user or a group.
fn find_id(
    kind: &'static str,
    name: Option<&str>,
    find: impl FnOnce(&str) -> nix::Result<Option<u32>>,
) -> Result<Option<u32>, SinkError> {
    let Some(name) = name else {
        return Ok(None);
    };
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    match find(name) {
        Ok(Some(number)) => Ok(Some(number)),
        Ok(None) | Err(_) => Err(SinkError::Unknown {
            kind,
            name: name.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn token(text: &str) -> Token {
        Token::from_bytes(text.into()).unwrap()
    }

    fn content(token: &Token) -> SinkContent<'_> {
        SinkContent {
            token,
            generation: 3,
            expires_at: Some("2026-11-29T10:00:00.5Z".parse().unwrap()),
            api: "https://api.mypurecloud.de",
            region: Some(("eu-central-1", "mypurecloud.de")),
        }
    }

    fn sink(file: PathBuf) -> Sink {
        Sink {
            file,
            format: SinkFormat::Bare,
            mode: 0o640,
            owner: None,
            group: None,
        }
    }

    fn rendered(token: &Token, format: SinkFormat) -> String {
        let bytes = content(token).bytes(format).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn each_format_holds_the_token_and_what_is_known_of_it() {
        let token = token("a-b_c*d");
        assert_eq!(rendered(&token, SinkFormat::Bare), "a-b_c*d\n");
        assert_eq!(
            rendered(&token, SinkFormat::Env),
            "GENESYSCLOUD_ACCESS_TOKEN='a-b_c*d'\nGENESYSCLOUD_REGION='eu-central-1'\n"
        );
        let fingerprint = token.fingerprint();
        assert_eq!(
            rendered(&token, SinkFormat::Json),
            format!(
                "{{\"access_token\":\"a-b_c*d\",\"token_type\":\"bearer\",\
                 \"expires_at\":\"2026-11-29T10:00:00Z\",\"region\":\"eu-central-1\",\
                 \"api\":\"https://api.mypurecloud.de\",\"generation\":3,\
                 \"fingerprint\":\"{fingerprint}\"}}\n"
            )
        );
        assert_eq!(
            rendered(&token, SinkFormat::GcProfile),
            "[DEFAULT]\nenvironment = \"mypurecloud.de\"\naccess_token = \"a-b_c*d\"\n"
        );
    }

    #[test]
    fn a_token_with_quotes_is_escaped_or_refused() {
        let token = token("a\"b\\c'd");
        let json: serde_json::Value =
            serde_json::from_str(&rendered(&token, SinkFormat::Json)).unwrap();
        assert_eq!(json["access_token"], "a\"b\\c'd");
        let profile = rendered(&token, SinkFormat::GcProfile);
        let profile: toml_edit::DocumentMut = profile.parse().unwrap();
        assert_eq!(
            profile["DEFAULT"]["access_token"].as_str(),
            Some("a\"b\\c'd")
        );
        let error = content(&token).bytes(SinkFormat::Env).unwrap_err();
        assert!(matches!(error, SinkError::Quote));
    }

    #[test]
    fn the_longest_token_fits_without_moving_the_buffer() {
        let token = token(&"\\".repeat(TOKEN_LENGTH_MAX));
        for format in [SinkFormat::Bare, SinkFormat::Json, SinkFormat::GcProfile] {
            let bytes = content(&token).bytes(format).unwrap();
            assert!(bytes.len() < CONTENT_MAX && bytes.capacity() == CONTENT_MAX);
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_left_alone_if_nothing_changed() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(folder.path().join("token"));
        let (one, two) = (token("one"), token("two"));
        assert!(matches!(
            sink.write(&content(&one)),
            Ok(SinkState::Written(_))
        ));
        let before = fs::metadata(&sink.file).unwrap();
        assert_eq!(before.permissions().mode() & 0o7777, 0o640);
        assert!(matches!(
            sink.write(&content(&one)),
            Ok(SinkState::Unchanged(_))
        ));
        assert_eq!(fs::metadata(&sink.file).unwrap().ino(), before.ino());
        // A leftover of a killed process is no obstacle.
        fs::write(folder.path().join(".token.session-keepalive.tmp"), "part").unwrap();
        assert!(matches!(
            sink.write(&content(&two)),
            Ok(SinkState::Written(_))
        ));
        assert_eq!(fs::read_to_string(&sink.file).unwrap(), "two\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_mode_is_corrected_though_the_content_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(folder.path().join("token"));
        let one = token("one");
        sink.write(&content(&one)).unwrap();
        fs::set_permissions(&sink.file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(
            sink.write(&content(&one)),
            Ok(SinkState::Written(_))
        ));
        let mode = fs::metadata(&sink.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
    }

    #[test]
    fn links_and_folders_are_never_replaced_and_a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("precious"), "precious").unwrap();
        symlink(path("precious"), path("link")).unwrap();
        symlink(path("nowhere"), path("dangling")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        let one = token("one");
        for (name, expected) in [
            ("link", "it is a link"),
            ("dangling", "it is a link"),
            ("folder", "it is a folder"),
            ("none/token", "cannot be used: create it"),
        ] {
            let error = sink(path(name)).write(&content(&one)).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(path("precious")).unwrap(), "precious");
        assert!(!path("nowhere").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn an_unknown_owner_or_group_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let one = token("one");
        let sink = Sink {
            group: Some("no-such-group".into()),
            ..sink(folder.path().join("token"))
        };
        let error = sink.write(&content(&one)).unwrap_err();
        assert!(
            error.to_string().contains("no group no-such-group"),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_file_that_was_written_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(folder.path().join("token"));
        let (one, two) = (token("one"), token("two"));
        let Ok(SinkState::Written(first)) = sink.write(&content(&one)) else {
            panic!("a new file is written");
        };
        let Ok(SinkState::Written(second)) = sink.write(&content(&two)) else {
            panic!("another token is written");
        };
        assert!(!sink.remove(first).unwrap() && sink.file.exists());
        assert!(sink.remove(second).unwrap() && !sink.file.exists());
        assert!(!sink.remove(second).unwrap());
    }
}
