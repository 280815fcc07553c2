//! A scenario, played: the services come up, each fault is done, seen and undone, and every wait
//! for it is bounded and shown.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::outside::Outside;
use super::scenario::{Act, Errand, Expected, Scenario};
use super::screen::Screen;
use crate::lab::{Health, Lab, Standing};
use crate::progress::Hue;
use crate::session::Session;

const LOOK_EVERY: Duration = Duration::from_millis(400);
const COMMAND: &str = "/openstack/healthcheck";

/// A scenario in a lab, on a screen.
pub(super) struct Play<'a> {
    session: &'a Session,
    lab: &'a Lab<'a>,
    scenario: &'a Scenario,
    outside: Option<&'a Outside>,
    screen: Screen,
}

impl<'a> Play<'a> {
    /// Nothing has happened yet.
    pub(super) fn new(
        session: &'a Session,
        lab: &'a Lab<'a>,
        scenario: &'a Scenario,
        outside: Option<&'a Outside>,
    ) -> Self {
        let screen = Screen::new(session.progress.terminal(), scenario.services());
        Self { session, lab, scenario, outside, screen }
    }

    /// Plays all of it; returns a line for each act, as a summary.
    pub(super) fn run(mut self) -> Result<Vec<String>> {
        let mut lines = vec![self.come_up()?];
        for act in &self.scenario.acts {
            lines.push(self.perform(act)?);
        }
        Ok(lines)
    }

    fn come_up(&mut self) -> Result<String> {
        let progress = &self.session.progress;
        for (service, before) in &self.scenario.cast {
            if let Some(Errand { what, needs, command }) = before {
                let step = progress.start(*what);
                self.wait_for_one(needs)?;
                self.lab.run_once(service, command)?;
                step.done("");
            }
            let step = progress.start(format!("start {}", service.name));
            self.lab.run(service, self.scenario.pace)?;
            step.done("");
        }
        progress.heading(&format!("Services come up; the engine calls {COMMAND} in each"));
        let took = self
            .watch(self.scenario.patience, are_healthy)
            .context("not every container turned healthy")?;
        let service = self.scenario.spotlight;
        self.session.progress.say(&format!("\n  What it looks at in {service}:"));
        let (_, explained) = self.lab.exec(service, &[COMMAND])?;
        for line in explained.lines() {
            self.session.progress.say(&format!("    {line}"));
        }
        Ok(format!("{:<44} {:>5.1} s", "all healthy after", took.as_secs_f64()))
    }

    /// Waits until the engine calls the container of `service` healthy.
    fn wait_for_one(&self, service: &str) -> Result<()> {
        let mut only = self.scenario.services();
        only.retain(|each| each.name == service);
        let deadline = Instant::now() + self.scenario.patience;
        loop {
            let now = self.lab.look(&only)?;
            if are_healthy(&now) {
                return Ok(());
            }
            self.session.interrupt.check()?;
            if Instant::now() > deadline {
                let said = now.first().map_or("", |standing| standing.message.as_str());
                bail!(
                    "{service} is not healthy after {} s: {said}",
                    self.scenario.patience.as_secs()
                );
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn perform(&mut self, act: &Act) -> Result<String> {
        let progress = &self.session.progress;
        let scenario = self.scenario;
        progress.heading(&format!("Fault: {}", act.fault.describe()));
        progress.say(&format!("  {}", act.why));
        self.lab.inject(act.fault)?;
        let is_seen = |now: &[Standing]| {
            act.expected.iter().all(|each| each.is_met(&scenario.services(), now))
        };
        let seen = self
            .watch(act.patience, is_seen)
            .with_context(|| format!("fault not seen as expected ({})", act.describe_expected()))?;
        for each in &act.expected {
            self.tell_what_else_is_seen(each)?;
        }
        let undone = format!("  Undo: {}", act.fault.describe_undoing());
        progress.say(&progress.terminal().paint(Hue::Strong, &undone));
        self.lab.undo(act.fault)?;
        let recovered = self
            .watch(act.patience, are_healthy)
            .context("not everything recovered after the fault was undone")?;
        Ok(format!(
            "{:<44} seen after {:>5.1} s: {}; healthy again after {:>5.1} s",
            act.fault.describe(),
            seen.as_secs_f64(),
            act.describe_expected(),
            recovered.as_secs_f64(),
        ))
    }

    /// What probes of each role would be told meanwhile, and what is seen from outside.
    fn tell_what_else_is_seen(&self, each: &Expected) -> Result<()> {
        let service = each.service;
        let say = |line: &str| self.session.progress.say(&format!("  {service}: {line}"));
        for (role, expected, meaning) in each.roles() {
            let (status, said) = self.lab.exec(service, &[COMMAND, "--role", role])?;
            if status != expected {
                bail!(
                    "{service}: --role {role}: expected exit status {expected}, found {status}: {said}"
                );
            }
            say(&format!("--role {role:<5} exits {status}: {meaning}"));
        }
        if let Some(outside) = self.outside {
            let seen = outside.sees(self.session, self.lab, each)?;
            say(&format!("healthctl, from outside: {seen}"));
        }
        Ok(())
    }

    /// Shows the containers until `until` holds of them; returns how long that took.
    fn watch(
        &mut self,
        patience: Duration,
        until: impl Fn(&[Standing]) -> bool,
    ) -> Result<Duration> {
        let services = self.scenario.services();
        let started = Instant::now();
        self.screen.begin();
        loop {
            let now = self.lab.look(&services)?;
            self.screen.show(&now);
            if until(&now) {
                return Ok(started.elapsed());
            }
            self.session.interrupt.check()?;
            if started.elapsed() > patience {
                bail!("waited {} s in vain; the last state is above", patience.as_secs());
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn are_healthy(now: &[Standing]) -> bool {
    now.iter().all(|each| each.health == Health::Healthy)
}
