//! Everything that happens beside the keeper's requests: administrators, weather, sleep, the end.

use std::time::Duration;

use crate::keeper::{OnShutdown, Outcome};

use super::World;
use super::care::{Care, Stop};
use super::history::Entry;
use super::road::Weather;
use super::site::GROUP;
use super::traffic::Flight;

/// One thing that happens.
#[derive(Debug)]
pub(super) enum Happening {
    /// A request reaches the server.
    Arrive(Flight),
    /// An answer comes back.
    Reply(Flight, Box<Outcome>),
    /// A request's time is over.
    GiveUp(Flight),
    /// A session gets another token, the same again, or one that is none.
    Rotate(usize),
    /// A session whose token was refused gets another.
    Replace(usize),
    /// The keeper is shown a token.
    Offer(usize, usize),
    /// The application that shares the token of a session calls the API.
    Application(usize),
    /// A session is to get something else.
    Policy(usize),
    /// Somebody asks for a touch.
    Want(usize),
    /// A session is removed from the configuration.
    Remove(usize),
    /// And added again.
    Add(usize),
    /// An administrator ends a session's token.
    Kill(usize),
    /// An administrator of a site changes something.
    Administer(usize),
    /// The weather of a site turns.
    Turn(usize),
    /// The machine is suspended.
    Sleep,
    /// Everything is stopped.
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
            self.cares
                .push(Care::new(id, site, number, groups, policy, self.now));
            self.begin(number);
        }
        if self.is_chaotic() {
            for site in 0..self.sites.len() {
                self.arrange_after(1.0, Happening::Turn(site));
                self.arrange_after(6.0, Happening::Administer(site));
            }
            self.arrange_after(10.0, Happening::Sleep);
        }
        self.arrange(self.now + self.scenario.lasts, Happening::Stop);
    }

    fn begin(&mut self, number: usize) {
        let at = self.now + Duration::from_millis(self.random.u64(0..60_000));
        self.arrange(at, Happening::Replace(number));
        self.arrange_after(1.0, Happening::Application(number));
        self.arrange_after(5.0, Happening::Rotate(number));
        self.arrange_after(6.0, Happening::Policy(number));
        self.arrange_after(8.0, Happening::Want(number));
        self.arrange_after(15.0, Happening::Kill(number));
        self.arrange_after(20.0, Happening::Remove(number));
    }

    pub(super) fn arrange_after(&mut self, factor: f64, happening: Happening) {
        let pause = self.scenario.pause(factor, &mut self.random);
        self.arrange(self.now + pause, happening);
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive(flight) => self.arrive(flight),
            Happening::Reply(flight, outcome) => self.reply(flight, outcome),
            Happening::GiveUp(flight) => self.give_up(flight),
            Happening::Offer(number, token) => self.offer(number, token),
            Happening::Application(number) => self.application(number),
            Happening::Administer(site) => self.administer(site),
            Happening::Turn(site) => self.turn(site),
            Happening::Sleep => self.sleep(),
            Happening::Stop => self.stop(),
            Happening::Add(number) => self.add(number),
            Happening::Rotate(number) => {
                self.rotate(number);
                self.arrange_after(5.0, Happening::Rotate(number));
            }
            // A machine that sleeps reads no files.
            Happening::Replace(number) if self.is_asleep() => {
                self.arrange_after(0.1, Happening::Replace(number));
            }
            Happening::Replace(number) => self.issue(number),
            Happening::Policy(number) => {
                self.change_policy(number);
                self.arrange_after(6.0, Happening::Policy(number));
            }
            Happening::Want(number) => {
                self.want(number);
                self.arrange_after(8.0, Happening::Want(number));
            }
            Happening::Kill(number) => {
                self.kill(number);
                self.arrange_after(15.0, Happening::Kill(number));
            }
            Happening::Remove(number) => self.remove(number),
        }
    }

    pub(super) fn note(&mut self, number: Option<usize>, what: String) {
        let whose = number.map(|number| self.cares[number].id);
        self.history.note(self.now, Entry::Happened(whose, what));
    }

    pub(super) fn is_at_rest(&self, number: usize) -> bool {
        self.is_asleep() || self.cares[number].stop.is_some()
    }

    fn change_policy(&mut self, number: usize) {
        if self.is_at_rest(number) {
            return;
        }
        self.check_held(number);
        let care = &self.cares[number];
        let idle_timeout = self.sites[care.site].idle_timeout(&care.groups);
        let before = care.policy();
        let mut policy = self.scenario.policy(idle_timeout, &mut self.random);
        // Who changes it with seconds left cannot expect the token to be kept.
        if self.random.bool() || (!self.is_chaotic() && self.is_near_its_end(number)) {
            policy.intent = before.intent;
        }
        let care = &mut self.cares[number];
        care.policies.change(policy, self.now);
        care.hour.disturbances += 1;
        self.keeper.handle_policy(care.id, policy, self.now);
        self.note(Some(number), format!("policy becomes {policy:?}"));
        self.note_intent(number, before.intent);
        self.sync(number);
    }

    fn want(&mut self, number: usize) {
        if self.is_at_rest(number) {
            return;
        }
        let care = &mut self.cares[number];
        care.hour.disturbances += 1;
        let answer = self.keeper.handle_touch_wanted(care.id, self.now);
        self.note(Some(number), format!("a touch is asked for: {answer:?}"));
    }

    fn is_near_its_end(&self, number: usize) -> bool {
        let care = &self.cares[number];
        let server = &self.sites[care.site].server;
        let idles_at = care
            .held
            .and_then(|(token, _)| server.idles_at(&care.tokens[token].value));
        idles_at.is_some_and(|at| at.until(self.now) < Duration::from_secs(30))
    }

    fn remove(&mut self, number: usize) {
        if self.is_at_rest(number) {
            return self.arrange_after(20.0, Happening::Remove(number));
        }
        self.check_held(number);
        let until = self.now + Duration::from_secs(self.random.u64(1..90));
        let revokes = self.is_to_be_revoked(number, OnShutdown::Revoke);
        let care = &mut self.cares[number];
        care.stop = Some(Stop { until, revokes });
        let wanted = care.policy().on_shutdown;
        self.keeper.handle_removed(care.id, wanted, until, self.now);
        self.note(Some(number), "is removed".to_owned());
        self.sync(number);
        self.arrange(until + Duration::from_secs(600), Happening::Add(number));
    }

    fn add(&mut self, number: usize) {
        if self.stop_until.is_some() {
            return;
        }
        if self.is_asleep() {
            return self.arrange_after(0.1, Happening::Add(number));
        }
        let care = &self.cares[number];
        assert!(
            self.keeper.view(care.id, self.now).is_none(),
            "{} a removed session is not forgotten",
            self.place()
        );
        let (site, groups) = (care.site, care.groups.clone());
        let idle_timeout = self.sites[site].idle_timeout(&groups);
        let policy = self.scenario.policy(idle_timeout, &mut self.random);
        let id = self.keeper.handle_added(self.sites[site].host, policy);
        self.by_id.insert(id, number);
        let fresh = Care::new(id, site, number, groups, policy, self.now);
        self.cares[number] = fresh;
        self.note(Some(number), format!("is added with {policy:?}"));
        let at = self.now + Duration::from_millis(self.random.u64(0..60_000));
        self.arrange(at, Happening::Replace(number));
        self.arrange_after(20.0, Happening::Remove(number));
    }

    fn administer(&mut self, number: usize) {
        let site = &mut self.sites[number];
        let what = match self.random.u8(0..4) {
            0 | 1 => site.change_timeout(&self.scenario, self.now, &mut self.random),
            2 => site.change_exclusion(self.now, &mut self.random),
            _ => site.change_idle_date(self.now),
        };
        self.note(None, format!("site {number}: {what}"));
        self.arrange_after(6.0, Happening::Administer(number));
    }

    fn turn(&mut self, number: usize) {
        let weather = if self.sites[number].weather == Weather::Fine {
            Weather::foul(&mut self.random)
        } else {
            Weather::Fine
        };
        self.sites[number].weather = weather;
        self.note(None, format!("site {number}: the weather is {weather:?}"));
        if weather == Weather::Fine {
            return self.arrange_after(1.0, Happening::Turn(number));
        }
        let longest = [30, 300, 3600, 36_000][self.random.usize(0..4)];
        let length = Duration::from_secs(self.random.u64(1..longest));
        self.arrange(self.now + length, Happening::Turn(number));
    }

    fn sleep(&mut self) {
        let longest = [30, 3600, 36_000][self.random.usize(0..3)];
        let wakes = self.now + Duration::from_secs(self.random.u64(1..longest));
        if self.stop_until.is_none() {
            self.sleeps.push((self.now, wakes));
            self.note(None, format!("sleeps until {wakes:?}"));
        }
        self.arrange_after(10.0, Happening::Sleep);
    }

    fn stop(&mut self) {
        if self.is_asleep() {
            return self.arrange_after(0.1, Happening::Stop);
        }
        let wanted = match self.random.u8(0..4) {
            0 => OnShutdown::Leave,
            _ => OnShutdown::Revoke,
        };
        let until = self.now + Duration::from_secs(self.random.u64(5..60));
        for number in 0..self.cares.len() {
            self.check_held(number);
            let revokes = self.is_to_be_revoked(number, wanted);
            let stop = self.cares[number]
                .stop
                .get_or_insert(Stop { until, revokes });
            stop.until = stop.until.min(until);
        }
        self.stop_until = Some(until);
        self.keeper.handle_shutdown(wanted, until, self.now);
        self.note(
            None,
            format!("everything is stopped: {wanted:?} until {until:?}"),
        );
        for number in 0..self.cares.len() {
            self.sync(number);
        }
    }
}
