//! Implements the protocol between daemons: a question and an answer over an abstract Unix socket.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::{Claim, DaemonIdentity, DaemonStage, Overlap, Question};
use crate::config::ApiBase;
use crate::token::Fingerprint;

/// The number of socket names for an API, and so of the daemons of a machine that can be found.
const NAMES: usize = 64;

/// The number of connections that are served at a time.
const CONNECTIONS_MAX: usize = 8;

/// The number of tokens that a question may contain.
const CLAIMS_MAX: u32 = 200_000;

/// The number of bytes of an answer that are read.
const ANSWER_MAX: u64 = 32 * 1024 * 1024;

/// The time limit for a question and its answer.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The time to wait after an error of accepting a connection.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);

/// The number of hashes after which a task yields to the other tasks of the thread.
const HASHES_IN_A_ROW: usize = 500;

const NONCE: usize = 32;
const HASH: usize = 16;

type Nonce = [u8; NONCE];
type Hash = [u8; HASH];

/// The purpose of a hash that only a holder of the token can calculate.
#[derive(Clone, Copy)]
enum ProofPurpose {
    Question,
    Answer,
}

#[derive(Serialize, Deserialize)]
struct TokenProof {
    identity: DaemonIdentity,
    stage: DaemonStage,
    shared: Vec<SharedToken>,
}

/// A token of the question that this daemon holds as well.
#[derive(Serialize, Deserialize)]
struct SharedToken {
    /// Its index in the question.
    place: u32,
    proof: Hash,
    session: String,
    is_revoked: bool,
}

/// Returns the names of the sockets for one API: daemons of different APIs cannot share a token.
fn names(api: &ApiBase) -> impl Iterator<Item = String> + use<> {
    let api = Fingerprint::of(api.as_str().as_bytes());
    (0..NAMES).map(move |number| format!("\0session-keepalive/{api}/{number}"))
}

/// Binds the first free name.
pub(super) fn bind(api: &ApiBase) -> Option<(usize, UnixListener)> {
    for (number, name) in names(api).enumerate() {
        match UnixListener::bind(name) {
            Ok(listener) => return Some((number, listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                tracing::debug!(%error, "other daemons of this machine cannot find this one");
                return None;
            }
        }
    }
    tracing::debug!("other daemons of this machine cannot find this one: no name is available");
    None
}

impl Claim {
    fn hash(&self, purpose: ProofPurpose, nonce: &Nonce) -> Hash {
        let purpose: &[u8] = match purpose {
            ProofPurpose::Question => b"question",
            ProofPurpose::Answer => b"answer",
        };
        let digest = Sha256::new()
            .chain_update(purpose)
            .chain_update(nonce)
            .chain_update(self.token.to_hex())
            .chain_update(self.api.as_str())
            .finalize();
        let mut hash = [0; HASH];
        hash.iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        hash
    }
}

/// Answers questions for as long as it is polled.
pub(super) async fn serve(
    listener: UnixListener,
    identity: DaemonIdentity,
    question_sender: mpsc::Sender<Question>,
) {
    let identity = Arc::new(identity);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    let connection = answer(stream, Arc::clone(&identity), question_sender.clone());
                    connections.spawn(tokio::time::timeout(ANSWER_WITHIN, connection));
                }
                Err(_) => {
                    let _over = tokio::time::timeout(ACCEPT_RETRY_AFTER, pending::<()>()).await;
                }
            }
        }
    }
}

async fn answer(
    mut stream: UnixStream,
    identity: Arc<DaemonIdentity>,
    question_sender: mpsc::Sender<Question>,
) -> io::Result<()> {
    let mut nonce = [0; NONCE];
    let mut question = BufReader::new(&mut stream);
    question.read_exact(&mut nonce).await?;
    let count = question.read_u32().await?;
    if count > CLAIMS_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut places = BTreeMap::new();
    for place in 0..count {
        let mut hash = [0; HASH];
        question.read_exact(&mut hash).await?;
        places.insert(hash, place);
    }
    let (sender, holdings) = oneshot::channel();
    let stopped = || io::Error::from(io::ErrorKind::BrokenPipe);
    question_sender.send(sender).await.map_err(|_| stopped())?;
    let holdings = holdings.await.map_err(|_| stopped())?;
    let mut shared = Vec::new();
    for (number, claim) in holdings.claims.iter().enumerate() {
        if number % HASHES_IN_A_ROW == HASHES_IN_A_ROW - 1 {
            tokio::task::yield_now().await;
        }
        if let Some(&place) = places.get(&claim.hash(ProofPurpose::Question, &nonce)) {
            shared.push(SharedToken {
                place,
                proof: claim.hash(ProofPurpose::Answer, &nonce),
                session: claim.session.to_string(),
                is_revoked: claim.is_revoked,
            });
        }
    }
    let answer = TokenProof {
        identity: identity.as_ref().clone(),
        stage: holdings.stage,
        shared,
    };
    stream.write_all(&serde_json::to_vec(&answer)?).await?;
    stream.shutdown().await
}

/// Returns the tokens that other daemons hold as well. Daemons that do not answer in time are
/// ignored.
///
/// `own` contains the numbers of this daemon's names.
pub(super) async fn find_overlaps(
    own: BTreeMap<ApiBase, usize>,
    claims: Vec<Claim>,
    within: Duration,
) -> Vec<Overlap> {
    let mut by_api: BTreeMap<ApiBase, Vec<Claim>> = BTreeMap::new();
    for claim in claims {
        by_api.entry(claim.api.clone()).or_default().push(claim);
    }
    let mut searches = Vec::new();
    for (api, claims) in by_api {
        let claims: Arc<[Claim]> = claims.into();
        let own = own.get(&api).copied();
        let names = names(&api).enumerate();
        for (number, name) in names.filter(|(number, _)| Some(*number) != own) {
            let ask = ask(number, name, Arc::clone(&claims));
            searches.push(tokio::time::timeout(within, ask));
        }
    }
    let answers = join_all(searches).await;
    let answers = answers.into_iter().flatten().flatten();
    answers.flatten().collect()
}

async fn ask(number: usize, name: String, claims: Arc<[Claim]>) -> io::Result<Vec<Overlap>> {
    let mut stream = UnixStream::connect(name).await?;
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let mut nonce = [0; NONCE];
    nonce.fill_with(|| fastrand::u8(..));
    let count = u32::try_from(claims.len())
        .unwrap_or(u32::MAX)
        .min(CLAIMS_MAX);
    let mut question = nonce.to_vec();
    question.extend(count.to_be_bytes());
    for (place, claim) in claims.iter().take(count as usize).enumerate() {
        if place % HASHES_IN_A_ROW == HASHES_IN_A_ROW - 1 {
            tokio::task::yield_now().await;
        }
        question.extend(claim.hash(ProofPurpose::Question, &nonce));
    }
    stream.write_all(&question).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    let answer: TokenProof = serde_json::from_slice(&answer)?;
    let overlaps = answer.shared.into_iter().filter_map(|shared| {
        let claim = claims.get(shared.place as usize)?;
        // Only a process that holds the token can calculate this proof.
        (shared.proof == claim.hash(ProofPurpose::Answer, &nonce)).then(|| Overlap {
            claim: claim.clone(),
            other: answer.identity.clone(),
            pid,
            session: shared.session,
            is_revoked_there: shared.is_revoked,
            stage: answer.stage,
            number,
        })
    });
    Ok(overlaps.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SessionName;

    fn api() -> ApiBase {
        ApiBase::new("http://127.0.0.1:9").unwrap()
    }

    fn claim(token: &str, session: &str) -> Claim {
        Claim {
            token: Fingerprint::of(token.as_bytes()),
            api: api(),
            session: SessionName::new(session).unwrap(),
            is_revoked: true,
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_the_tokens_that_both_hold_are_found_and_none_is_sent() {
        let (number, listener) = bind(&api()).unwrap();
        let identity = DaemonIdentity {
            config: Some("/etc/other.toml".into()),
            unit: None,
        };
        let (sender, mut questions) = mpsc::channel::<Question>(1);
        let holding = async {
            while let Some(question) = questions.recv().await {
                let claims = vec![
                    claim("one-of-this-test", "a"),
                    claim("two-of-this-test", "b"),
                ];
                let stage = DaemonStage::Running;
                drop(question.send(super::super::Holdings { stage, claims }));
            }
        };
        let mine = vec![
            claim("two-of-this-test", "x"),
            claim("three-of-this-test", "y"),
        ];
        let found = tokio::select! {
            found = find_overlaps(BTreeMap::new(), mine, ANSWER_WITHIN) => found,
            () = serve(listener, identity.clone(), sender) => unreachable!(),
            () = holding => unreachable!(),
        };
        let [found] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(found.number, number);
        assert_eq!(found.claim.session.as_str(), "x");
        assert_eq!(found.session, "b");
        assert_eq!(found.other, identity);
        assert!(found.is_revoked_there);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_process_that_does_not_hold_the_token_cannot_claim_it() {
        let (_number, listener) = bind(&api()).unwrap();
        let lying = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut question = [0; NONCE + 4 + HASH];
                if stream.read_exact(&mut question).await.is_err() {
                    continue;
                }
                let shared = SharedToken {
                    place: 0,
                    proof: question[NONCE + 4..].try_into().unwrap(),
                    session: "liar".to_owned(),
                    is_revoked: true,
                };
                let answer = TokenProof {
                    identity: DaemonIdentity::default(),
                    stage: DaemonStage::Running,
                    shared: vec![shared],
                };
                let answer = serde_json::to_vec(&answer).unwrap();
                drop(stream.write_all(&answer).await);
            }
        };
        let mine = vec![claim("four-of-this-test", "x")];
        let found = tokio::select! {
            found = find_overlaps(BTreeMap::new(), mine, ANSWER_WITHIN) => found,
            () = lying => unreachable!(),
        };
        assert!(found.is_empty(), "{found:?}");
    }
}
