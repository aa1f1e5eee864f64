//! Simulates a daemon without files, network and clock, whose configurations, disks and servers
//! change at random.
//!
//! The parts of the daemon that need the runtime are imitated. The parts that decide are the real
//! ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;

use super::disk::Disk;
use super::shelf;
use super::truth::Truth;
use crate::config::{ApiBase, Config};
use crate::daemon::pools::Pools;
use crate::daemon::session_table::SessionTable;
use crate::keeper::{
    Command, Failure, HostId, Keeper, Limits, Operation, Outcome, Refusal, SessionId, TokenReport,
    Touch, Verdict,
};
use crate::time::{Instant, ServerTime};
use crate::token::{Fingerprint, Source, Token};

/// The organisation of each host. The second host is a gateway of the first.
pub(super) const ORGANISATIONS: [u32; 3] = [0, 0, 1];

const IDLE_TIMEOUT: Duration = Duration::from_secs(900);
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// The state of a token at its server.
pub(super) struct Issued {
    pub(super) organisation: u32,
    pub(super) is_revoked: bool,
    reset_at: Instant,
}

/// A daemon and its environment.
pub(super) struct Model {
    pub(super) random: Rng,
    pub(super) now: Instant,
    /// The configuration as written, which a reload makes active.
    pub(super) written: Config,
    pub(super) disk: Disk,
    /// True for each host that fails.
    pub(super) failing: [bool; 3],
    pub(super) issued: BTreeMap<u32, Issued>,
    pub(super) table: SessionTable,
    pub(super) leaving: BTreeSet<SessionId>,
    pub(super) truth: Truth,
    numbers: BTreeMap<Fingerprint, u32>,
    /// The configuration with the sessions of all pools.
    pub(super) config: Config,
    pub(super) pools: Pools,
    pub(super) waiting: BTreeSet<SessionId>,
    reads: BTreeMap<(Instant, u64), (SessionId, Source)>,
    flights: BTreeMap<(Instant, u64), Command>,
    /// True if each step is printed.
    pub(super) is_printed: bool,
    /// Sessions whose command ran at least once.
    read_once: BTreeSet<SessionId>,
    next: u64,
}

pub(super) fn host(api: &ApiBase) -> HostId {
    let host = shelf::hosts().iter().position(|known| known == api);
    HostId(u32::try_from(host.unwrap()).unwrap())
}

pub(super) fn organisation(api: &ApiBase) -> u32 {
    ORGANISATIONS[host(api).0 as usize]
}

fn secret(number: u32) -> Token {
    Token::from_bytes(format!("token-{number}").into_bytes()).unwrap()
}

pub(super) fn fingerprint(number: u32) -> Fingerprint {
    secret(number).fingerprint()
}

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        let config = shelf::config().clone();
        Self {
            random: Rng::with_seed(seed),
            now: Instant::from_boot(Duration::from_secs(1000)),
            written: config.clone(),
            disk: Disk::default(),
            failing: [false; 3],
            issued: BTreeMap::new(),
            table: SessionTable::new(Keeper::new(Limits::default(), seed)),
            leaving: BTreeSet::new(),
            truth: Truth::default(),
            numbers: BTreeMap::new(),
            config,
            pools: Pools::default(),
            waiting: BTreeSet::new(),
            reads: BTreeMap::new(),
            flights: BTreeMap::new(),
            is_printed: false,
            read_once: BTreeSet::new(),
            next: 0,
        }
    }

    pub(super) fn print(&self, text: impl FnOnce() -> String) {
        if self.is_printed {
            println!("{:?} {}", self.now, text());
        }
    }

    /// Issues a new token. Returns its number.
    pub(super) fn issue(&mut self) -> u32 {
        let number = u32::try_from(self.issued.len()).unwrap();
        let issued = Issued {
            organisation: u32::from(self.random.u8(0..5) == 0),
            is_revoked: false,
            reset_at: self.now,
        };
        self.issued.insert(number, issued);
        self.numbers.insert(secret(number).fingerprint(), number);
        number
    }

    pub(super) fn number(&self, fingerprint: Fingerprint) -> u32 {
        self.numbers[&fingerprint]
    }

    pub(super) fn lives(&self, number: u32) -> bool {
        let issued = &self.issued[&number];
        !issued.is_revoked && self.now < issued.reset_at + IDLE_TIMEOUT
    }

    /// Advances the time, and does everything that becomes due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.turn();
        loop {
            let next = [
                self.table.keeper.poll_timeout(),
                self.pools.poll_timeout(),
                self.table.ownership.poll_timeout(),
                self.reads.keys().next().map(|&(at, _)| at),
                self.flights.keys().next().map(|&(at, _)| at),
            ];
            let next = next.into_iter().flatten().min().filter(|at| *at <= end);
            self.now = next.unwrap_or(end).max(self.now);
            Truth::check(self);
            if next.is_none() {
                return;
            }
            self.turn();
        }
    }

    fn soon(&mut self, milliseconds: u64) -> (Instant, u64) {
        self.next += 1;
        let delay = Duration::from_millis(self.random.u64(0..=milliseconds));
        (self.now + delay, self.next)
    }

    fn turn(&mut self) {
        while let Some(read) = self.reads.first_entry()
            && read.key().0 <= self.now
        {
            let (id, source) = read.remove();
            self.handle_reading(id, &source);
        }
        while let Some(pool) = self.pools.poll_due(self.now) {
            self.list(&pool);
        }
        while let Some(command) = self.table.keeper.poll_command(self.now) {
            self.send(command);
        }
        while let Some(flight) = self.flights.first_entry()
            && flight.key().0 <= self.now
        {
            let command = flight.remove();
            self.answer(command);
        }
        loop {
            while let Some(event) = self.table.keeper.poll_event() {
                self.print(|| format!("{:?} {:?}", event.session, event.kind));
                self.table.handle_event(&event);
            }
            if !self.carry_out_decisions() {
                break;
            }
        }
        for id in self.leaving.clone() {
            if !self.table.keeper.knows(id) {
                self.table.forget(id);
                self.leaving.remove(&id);
            }
        }
        if self.table.take_dropped() {
            self.reread_waiting_sessions();
        }
        Truth::note(self);
    }

    fn send(&mut self, command: Command) {
        let managed = &self.table.by_id[&command.ticket.session];
        let token = managed.token(command.ticket.generation).unwrap();
        let number = self.number(token.fingerprint());
        if command.operation == Operation::Revoke {
            Truth::check_revocation(self, number);
        }
        let at = self.soon(300);
        self.flights.insert(at, command);
    }

    fn answer(&mut self, command: Command) {
        let Some(managed) = self.table.by_id.get(&command.ticket.session) else {
            return;
        };
        let Some(token) = managed.token(command.ticket.generation) else {
            return;
        };
        let number = self.number(token.fingerprint());
        let api = managed.config.api.clone();
        let is_failing = self.failing[host(&api).0 as usize];
        let lives = self.lives(number) && self.issued[&number].organisation == organisation(&api);
        let processed = lives && (!is_failing || self.random.bool());
        let issued = self.issued.get_mut(&number).unwrap();
        match command.operation {
            Operation::Revoke => issued.is_revoked |= processed,
            Operation::Touch(_) | Operation::ReadTimeout if processed => issued.reset_at = self.now,
            Operation::Touch(_) | Operation::ReadTimeout | Operation::Peek => {}
        }
        let time = |at: Instant| {
            let since = i64::try_from(at.since_boot().as_millis()).unwrap();
            ServerTime::from_unix_milliseconds(1_764_000_000_000 + since)
        };
        let report = TokenReport {
            organisation: Some("o".into()),
            organisation_name: None,
            client: None,
            client_end: None,
            idles_at: Some(time(issued.reset_at + IDLE_TIMEOUT)),
        };
        let verdict = match command.operation {
            _ if is_failing => Verdict::Unreachable(Failure::ServerError(503)),
            Operation::Touch(Touch::Head) if !lives => Verdict::Refused(Refusal::Unread),
            _ if !lives => Verdict::Refused(Refusal::BadCredentials),
            Operation::Touch(Touch::Head) | Operation::Revoke => Verdict::Accepted,
            Operation::ReadTimeout => Verdict::Timeout(crate::keeper::TimeoutReport {
                organisation: Some(IDLE_TIMEOUT),
                groups: Vec::new(),
            }),
            Operation::Peek | Operation::Touch(Touch::Get) => Verdict::Alive(report),
        };
        let outcome = Outcome {
            verdict,
            status: None,
            date: Some(time(self.now)),
            is_cached: false,
            correlation_id: Some("of the model".into()),
        };
        self.table
            .keeper
            .handle_outcome(command.ticket, &outcome, self.now);
    }

    pub(super) fn drop_requests_of(&mut self, id: SessionId) {
        let of_session = |command: &Command| command.ticket.session == id;
        let dropped = self
            .flights
            .extract_if(.., |_, command| of_session(command));
        for (_, command) in dropped.collect::<Vec<_>>() {
            // The server may have processed the dropped request.
            let managed = &self.table.by_id[&id];
            let token = managed.token(command.ticket.generation);
            if let Some(token) = token.filter(|_| command.operation == Operation::Revoke)
                && self.random.bool()
            {
                let number = self.number(token.fingerprint());
                self.issued.get_mut(&number).unwrap().is_revoked = true;
            }
        }
    }

    pub(super) fn read(&mut self, id: SessionId) {
        let source = self.table.by_id[&id].config.token.clone();
        let at = self.soon(500);
        self.reads.insert(at, (id, source));
    }

    /// Reports the change of the file at a path to the daemon, after a short delay.
    pub(super) fn changed(&mut self, path: &Path) {
        let at = self.now + Duration::from_millis(self.random.u64(0..400));
        let directory = path.parent().unwrap();
        for config in self.written.pools.values() {
            if Disk::resolve(config.token_dir()) == directory {
                self.pools.handle_change(config.token_dir(), at);
            }
        }
        let ids: Vec<_> = self.table.by_name.values().copied().collect();
        for id in ids {
            if let Source::File(file) = &self.table.by_id[&id].config.token
                && Disk::resolve(file) == path
            {
                // A reading in progress may have found the earlier content, so another one is
                // scheduled.
                let source = Source::File(file.clone());
                self.next += 1;
                self.reads.insert((at, self.next), (id, source));
            }
        }
    }

    fn handle_reading(&mut self, id: SessionId, source: &Source) {
        if !self.table.is_configured(id) {
            return;
        }
        if *source != self.table.by_id[&id].config.token {
            return self.read(id);
        }
        let is_command = matches!(source, Source::Command(_));
        let found = match self.disk.content(source) {
            // The command of a session without a token may fail at first.
            Some(_)
                if is_command
                    && !self.table.by_id[&id].has_token()
                    && self.read_once.insert(id)
                    && self.random.u8(0..4) == 0 =>
            {
                None
            }
            found => found,
        };
        self.print(|| format!("{} {id:?} reads {found:?}", self.table.by_id[&id].name));
        match found {
            Some(number) => self.offer_token(id, number),
            None if self.pools.of(&self.table.by_id[&id].name).is_some() => {
                self.table.ownership.handle_missing(id);
            }
            None => self.table.ownership.handle_read(id, None),
        }
        if is_command && self.table.is_configured(id) && !self.table.by_id[&id].has_token() {
            let source = source.clone();
            self.next += 1;
            self.reads
                .insert((self.now + Duration::from_secs(2), self.next), (id, source));
        }
    }

    fn offer_token(&mut self, id: SessionId, number: u32) {
        let token = secret(number);
        let fingerprint = token.fingerprint();
        self.table.ownership.handle_read(id, Some(fingerprint));
        self.carry_out_decisions();
        if !self.table.is_configured(id) {
            return;
        }
        if self.table.ownership.other_keeper(id, fingerprint).is_some() {
            self.waiting.insert(id);
            return;
        }
        self.waiting.remove(&id);
        match self
            .table
            .keeper
            .handle_token(id, fingerprint, crate::keeper::Offer::Seen, self.now)
        {
            Some(generation) => self.table.add_token(id, generation, token),
            None => _ = self.table.handle_given_again(id, fingerprint),
        }
    }

    pub(super) fn reread_waiting_sessions(&mut self) {
        for id in std::mem::take(&mut self.waiting) {
            if self.table.is_configured(id) {
                self.read(id);
            }
        }
    }
}
