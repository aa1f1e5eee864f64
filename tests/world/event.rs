//! The events of a world: messages, administrators, network conditions, suspension and shutdown.

use std::time::Duration;

use session_keepalive::keeper::{OnShutdown, Outcome};

use super::World;
use super::history::HistoryEntry;
use super::network::Weather;
use super::session::{SimSession, SimStop};
use super::site::GROUP;
use super::traffic::Flight;

/// A scheduled event.
#[derive(Debug)]
pub(super) enum SimEvent {
    /// A request reaches the server.
    Arrive(Flight),
    /// An answer comes back.
    Reply(Flight, Box<Outcome>),
    /// The time limit of a request ends.
    GiveUp(Flight),
    /// The keeper is offered a new token, a recent one again, or an invalid one.
    Rotate(usize),
    /// A session whose token was refused gets a new token.
    Replace(usize),
    /// The keeper is offered a token, given by the numbers of its session and itself.
    Offer(usize, usize),
    /// The application that shares the token of a session calls the API.
    Application(usize),
    /// The policy of a session changes.
    Policy(usize),
    /// A user requests a touch.
    RequestTouch(usize),
    /// A session is removed from the configuration.
    Remove(usize),
    /// A removed session is added again.
    Add(usize),
    /// An administrator revokes a session's token.
    Revoke(usize),
    /// An administrator of a site changes its settings.
    ChangeSite(usize),
    /// The network condition of a site changes.
    ChangeWeather(usize),
    /// A site refuses every token for up to 2.5s, though the tokens are alive.
    RefuseAll(usize),
    /// The network of the machine changes.
    Network,
    /// A reload changes the limits.
    Limits,
    /// The machine is suspended.
    Sleep,
    /// The shutdown begins.
    Stop,
}

impl World {
    pub(super) fn populate(&mut self) {
        for number in 0..self.scenario.sessions {
            let site = self.random.usize(0..self.sites.len());
            let groups = if self.random.bool() {
                vec![GROUP.to_owned()]
            } else {
                Vec::new()
            };
            let idle_timeout = self.sites[site].idle_timeout(&groups);
            let policy = self.scenario.policy(idle_timeout, &mut self.random);
            let id = self.keeper.handle_added(self.sites[site].host, policy);
            self.by_id.insert(id, number);
            self.sessions
                .push(SimSession::new(id, site, number, groups, policy, self.now));
            self.start_session(number);
        }
        if self.is_chaotic() {
            for site in 0..self.sites.len() {
                self.schedule_after(1.0, SimEvent::ChangeWeather(site));
                self.schedule_after(6.0, SimEvent::ChangeSite(site));
            }
            for site in 0..self.sites.len() {
                self.schedule_after(3.0, SimEvent::RefuseAll(site));
            }
            self.schedule_after(10.0, SimEvent::Sleep);
        }
        self.schedule_after(4.0, SimEvent::Network);
        self.schedule_after(12.0, SimEvent::Limits);
        self.schedule(self.now + self.scenario.duration, SimEvent::Stop);
    }

    fn start_session(&mut self, number: usize) {
        let at = self.now + Duration::from_millis(self.random.u64(0..60_000));
        self.schedule(at, SimEvent::Replace(number));
        self.schedule_after(1.0, SimEvent::Application(number));
        self.schedule_after(5.0, SimEvent::Rotate(number));
        self.schedule_after(6.0, SimEvent::Policy(number));
        self.schedule_after(8.0, SimEvent::RequestTouch(number));
        self.schedule_after(15.0, SimEvent::Revoke(number));
        self.schedule_after(20.0, SimEvent::Remove(number));
    }

    pub(super) fn schedule_after(&mut self, factor: f64, event: SimEvent) {
        let interval = self.scenario.interval(factor, &mut self.random);
        self.schedule(self.now + interval, event);
    }

    pub(super) fn handle_event(&mut self, event: SimEvent) {
        match event {
            SimEvent::Arrive(flight) => self.arrive(flight),
            SimEvent::Reply(flight, outcome) => self.reply(flight, outcome),
            SimEvent::GiveUp(flight) => self.give_up(flight),
            SimEvent::Offer(number, token) => self.offer(number, token),
            SimEvent::Application(number) => self.run_application(number),
            SimEvent::ChangeSite(site) => self.change_site(site),
            SimEvent::ChangeWeather(site) => self.change_weather(site),
            SimEvent::RefuseAll(site) => {
                let length = Duration::from_millis(self.random.u64(200..2_500));
                self.sites[site].refuses_until = self.now + length;
                self.record_event(
                    None,
                    format!("site {site} refuses every token for {length:?}"),
                );
                self.schedule_after(3.0, SimEvent::RefuseAll(site));
            }
            SimEvent::Network => {
                if !self.is_asleep() && self.stop_until.is_none() {
                    self.keeper.handle_network_changed(self.now);
                    self.summary.count_fault(Some("network changed"));
                }
                self.schedule_after(4.0, SimEvent::Network);
            }
            SimEvent::Limits => {
                self.change_limits();
                self.schedule_after(12.0, SimEvent::Limits);
            }
            SimEvent::Sleep => self.sleep(),
            SimEvent::Stop => self.stop(),
            SimEvent::Add(number) => self.add(number),
            SimEvent::Rotate(number) => {
                self.rotate(number);
                self.schedule_after(5.0, SimEvent::Rotate(number));
            }
            // The daemon cannot read a token from a file while the machine is suspended.
            SimEvent::Replace(number) if self.is_asleep() => {
                self.schedule_after(0.1, SimEvent::Replace(number));
            }
            SimEvent::Replace(number) => self.issue(number),
            SimEvent::Policy(number) => {
                self.change_policy(number);
                self.schedule_after(6.0, SimEvent::Policy(number));
            }
            SimEvent::RequestTouch(number) => {
                self.request_touch(number);
                self.schedule_after(8.0, SimEvent::RequestTouch(number));
            }
            SimEvent::Revoke(number) => {
                self.revoke_token(number);
                self.schedule_after(15.0, SimEvent::Revoke(number));
            }
            SimEvent::Remove(number) => self.remove(number),
        }
    }

    pub(super) fn record_event(&mut self, number: Option<usize>, description: String) {
        let session = number.map(|number| self.sessions[number].id);
        self.history
            .record(self.now, HistoryEntry::World(session, description));
    }

    pub(super) fn is_inactive(&self, number: usize) -> bool {
        self.is_asleep() || self.sessions[number].stop.is_some()
    }

    fn change_policy(&mut self, number: usize) {
        if self.is_inactive(number) {
            return;
        }
        self.check_alive(number);
        let session = &self.sessions[number];
        let idle_timeout = self.sites[session.site].idle_timeout(&session.groups);
        let before = session.policy();
        let mut policy = self.scenario.policy(idle_timeout, &mut self.random);
        // A healthy world does not change the intent within the last seconds of a token, because a
        // change to `keep` can come too late to keep the token.
        if self.random.bool() || (!self.is_chaotic() && self.is_near_its_end(number)) {
            policy.intent = before.intent;
        }
        let session = &mut self.sessions[number];
        session.policies.change(policy, self.now);
        session.hour.disturbances += 1;
        self.keeper.handle_policy(session.id, policy, self.now);
        self.record_event(Some(number), format!("policy becomes {policy:?}"));
        self.update_kept_since(number, before.intent);
        self.sync(number);
    }

    /// Changes the time limit of requests and the interval of timeout reads, as a reload does.
    fn change_limits(&mut self) {
        if self.is_asleep() || self.stop_until.is_some() {
            return;
        }
        self.limits.request_timeout = Duration::from_secs(self.random.u64(8..=15));
        self.limits.timeout_refresh = Duration::from_secs(self.random.u64(1800..=3600));
        self.keeper.handle_limits(self.limits, self.now);
        self.record_event(None, format!("limits become {:?}", self.limits));
    }

    fn request_touch(&mut self, number: usize) {
        if self.is_inactive(number) {
            return;
        }
        let session = &mut self.sessions[number];
        session.hour.disturbances += 1;
        let answer = self.keeper.handle_touch_wanted(session.id, self.now);
        self.record_event(Some(number), format!("a touch is asked for: {answer:?}"));
    }

    fn is_near_its_end(&self, number: usize) -> bool {
        let session = &self.sessions[number];
        let server = &self.sites[session.site].server;
        let idles_at = session
            .live
            .and_then(|(token, _)| server.idles_at(&session.tokens[token].value));
        idles_at.is_some_and(|at| at.until(self.now) < Duration::from_secs(30))
    }

    fn remove(&mut self, number: usize) {
        if self.is_inactive(number) {
            return self.schedule_after(20.0, SimEvent::Remove(number));
        }
        self.check_alive(number);
        let until = self.now + Duration::from_secs(self.random.u64(1..90));
        let revokes = self.is_to_be_revoked(number, OnShutdown::Revoke);
        let session = &mut self.sessions[number];
        session.stop = Some(SimStop { until, revokes });
        let on_shutdown = session.policy().on_shutdown;
        self.keeper
            .handle_removed(session.id, on_shutdown, until, self.now);
        self.record_event(Some(number), "is removed".to_owned());
        self.sync(number);
        self.schedule(until + Duration::from_secs(600), SimEvent::Add(number));
    }

    fn add(&mut self, number: usize) {
        if self.stop_until.is_some() {
            return;
        }
        if self.is_asleep() {
            return self.schedule_after(0.1, SimEvent::Add(number));
        }
        let session = &self.sessions[number];
        assert!(
            self.keeper.view(session.id, self.now).is_none(),
            "{} a removed session is not forgotten",
            self.location()
        );
        let (site, groups) = (session.site, session.groups.clone());
        let idle_timeout = self.sites[site].idle_timeout(&groups);
        let policy = self.scenario.policy(idle_timeout, &mut self.random);
        let id = self.keeper.handle_added(self.sites[site].host, policy);
        self.by_id.insert(id, number);
        let session = SimSession::new(id, site, number, groups, policy, self.now);
        self.sessions[number] = session;
        self.record_event(Some(number), format!("is added with {policy:?}"));
        let at = self.now + Duration::from_millis(self.random.u64(0..60_000));
        self.schedule(at, SimEvent::Replace(number));
        self.schedule_after(20.0, SimEvent::Remove(number));
    }

    fn change_site(&mut self, number: usize) {
        let site = &mut self.sites[number];
        let description = match self.random.u8(0..4) {
            0 | 1 => site.change_timeout(&self.scenario, self.now, &mut self.random),
            2 => site.change_exclusion(self.now, &mut self.random),
            _ => site.change_idle_date(self.now),
        };
        self.record_event(None, format!("site {number}: {description}"));
        self.schedule_after(6.0, SimEvent::ChangeSite(number));
    }

    fn change_weather(&mut self, number: usize) {
        let weather = if self.sites[number].weather == Weather::Fine {
            Weather::bad(&mut self.random)
        } else {
            Weather::Fine
        };
        self.sites[number].weather = weather;
        self.record_event(None, format!("site {number}: the weather is {weather:?}"));
        if weather == Weather::Fine {
            return self.schedule_after(1.0, SimEvent::ChangeWeather(number));
        }
        let longest = [30, 300, 3600, 36_000][self.random.usize(0..4)];
        let length = Duration::from_secs(self.random.u64(1..longest));
        self.schedule(self.now + length, SimEvent::ChangeWeather(number));
    }

    fn sleep(&mut self) {
        let longest = [30, 3600, 36_000][self.random.usize(0..3)];
        let wakes_at = self.now + Duration::from_secs(self.random.u64(1..longest));
        if self.stop_until.is_none() {
            self.sleeps.push((self.now, wakes_at));
            self.record_event(None, format!("sleeps until {wakes_at:?}"));
            self.summary.count_fault(Some("suspended"));
        }
        self.schedule_after(10.0, SimEvent::Sleep);
    }

    /// Handles the end of a suspension. The daemon detects most suspensions, and then drops the
    /// requests that were in flight.
    pub(super) fn wake(&mut self) {
        let Some(&(from, wakes_at)) = self.sleeps.last() else {
            return;
        };
        if self.random.u8(0..4) == 0 {
            return;
        }
        self.open_requests.clear();
        self.keeper.handle_resume(wakes_at.since(from), self.now);
        for number in 0..self.sessions.len() {
            self.sync(number);
        }
    }

    fn stop(&mut self) {
        if self.is_asleep() {
            return self.schedule_after(0.1, SimEvent::Stop);
        }
        let on_shutdown = match self.random.u8(0..4) {
            0 => OnShutdown::Leave,
            _ => OnShutdown::Revoke,
        };
        let until = self.now + Duration::from_secs(self.random.u64(5..60));
        for number in 0..self.sessions.len() {
            self.check_alive(number);
            let revokes = self.is_to_be_revoked(number, on_shutdown);
            let stop = self.sessions[number]
                .stop
                .get_or_insert(SimStop { until, revokes });
            stop.until = stop.until.min(until);
        }
        self.stop_until = Some(until);
        self.keeper.handle_shutdown(on_shutdown, until, self.now);
        self.record_event(
            None,
            format!("everything is stopped: {on_shutdown:?} until {until:?}"),
        );
        for number in 0..self.sessions.len() {
            self.sync(number);
        }
    }
}
