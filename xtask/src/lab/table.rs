//! `docs/lab.md`, and `docs/lab-RELEASE.md` of another release of Debian: the results as a page that
//! explains itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;

use super::faults::Fault;
use super::judges::Judge;
use super::results::{Results, Row};
use super::ruling::{Outcome, Ruling, median};
use crate::machine::debian::Release;

/// The judges with a column of their own, and what heads it.
const COLUMNS: [(Judge, &str); 4] = [
    (Judge::Tripleo, "tripleo"),
    (Judge::Kolla, "kolla"),
    (Judge::Inside, "ours, inside"),
    (Judge::Outside, "ours, outside"),
];
const LONGEST_MESSAGE: usize = 160;

/// `COMMAND` and `NAME` are those of the page's release.
const INTRODUCTION: &str = "\
# The fault lab

Real OpenStack services, broken for real, and what four health checks say of it: the script that TripleO gave a service,
the command that kolla-ansible gives it, and ours, run in the container and from the host. All of them look at the same
container while the same fault lasts. Made by `COMMAND`; the same in full is in [NAME.json](NAME.json).

";

/// The names of a release's pages, without their kind.
pub(crate) fn name(release: &Release) -> String {
    match release.is_written_for() {
        true => "lab".to_owned(),
        false => format!("lab-{release}"),
    }
}

/// What brings a lab of that release up and writes its page.
fn command(release: &Release) -> String {
    match release.is_written_for() {
        true => "cargo xtask lab".to_owned(),
        false => format!("cargo xtask lab --debian {release}"),
    }
}

const KEY: &str = "
How to read the tables: **D 12 s** it failed, as it should, 12 s after the fault; for ours that takes the right blame too.
**M** missed: it went on saying healthy. **W** it failed, and blamed the wrong one or did not know. **FA** false alarm: it
failed, and nothing was wrong with the service. **ok** it rightly passed. **x** it was not healthy before, so nothing can
be said. – it has no check for this service. A check that had to be ended after 30 s has failed, as it does for every engine.
*Restarts* is what Kubernetes would do by our `--role live --deadline 4s`: yes where only a restart helps, no where something else is broken.
*Well again* is when ours said healthy from inside and from outside, counted from when the fault was undone. Rows are services
that fared alike. The judges are asked every few seconds, one look after the other: times are those of a poll, not the least
possible.
";

/// The page for these results of a release's lab; `faults` are those of the list.
pub(crate) fn page(results: &Results, faults: &[Fault], release: &Release) -> Result<String> {
    let introduction = INTRODUCTION.replace("COMMAND", &command(release));
    let mut page = introduction.replace("NAME", &name(release));
    summary(&mut page, &results.rows)?;
    page.push_str(KEY);
    let mut sections: Vec<&str> = Vec::new();
    for row in &results.rows {
        if !sections.contains(&row.section.as_str()) {
            sections.push(&row.section);
        }
    }
    for section in sections {
        write!(page, "\n## {section}\n\n| what happened | to be seen at |")?;
        for (_, heading) in COLUMNS {
            write!(page, " {heading} |")?;
        }
        page.push_str(
            " restarts | ours says | well again |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        let mut last = "";
        for group in groups(results.rows.iter().filter(|row| row.section == section)) {
            // Beneath its first line, a fault's name would only hide that it is the same one.
            let title = if group[0].fault == last { "" } else { &group[0].title };
            line(&mut page, title, &group)?;
            last = &group[0].fault;
        }
    }
    out_of_reach(&mut page, results, faults)?;
    not_run(&mut page, results, faults)?;
    about(&mut page, results, release)?;
    Ok(page)
}

fn summary(page: &mut String, rows: &[Row]) -> Result<()> {
    page.push_str("| |");
    for (_, heading) in COLUMNS {
        write!(page, " {heading} |")?;
    }
    page.push_str("\n|---|---|---|---|---|\n");
    let mut put = |what: &str, cell: &dyn Fn(Judge) -> String| -> Result<()> {
        write!(page, "| {what} |")?;
        for (judge, _) in COLUMNS {
            write!(page, " {} |", cell(judge))?;
        }
        page.push('\n');
        Ok(())
    };
    let count = |judge: Judge, of: &dyn Fn(&Row, &Ruling) -> bool| -> usize {
        rows.iter().filter(|row| row.ruling(judge).is_some_and(|ruling| of(row, ruling))).count()
    };
    put("faults detected", &|judge| {
        let seen =
            count(judge, &|row, ruling| row.must_fail() && ruling.outcome == Outcome::Detected);
        format!("**{seen}** of {}", count(judge, &|row, ruling| row.must_fail() && ruling.counts()))
    })?;
    put("false alarms", &|judge| {
        let alarms = count(judge, &|_, ruling| ruling.outcome == Outcome::FalseAlarm);
        format!(
            "**{alarms}** of {}",
            count(judge, &|row, ruling| !row.must_fail() && ruling.counts())
        )
    })?;
    put("wrong blame", &|judge| match judge.is_ours() {
        true => count(judge, &|_, ruling| ruling.outcome == Outcome::Misjudged).to_string(),
        false => "blames nobody".to_owned(),
    })?;
    put("restart probe wrong", &|judge| match judge {
        Judge::Inside => {
            let wrong = [Outcome::Missed, Outcome::FalseAlarm];
            let live = count(Judge::Live, &|_, ruling| wrong.contains(&ruling.outcome));
            format!("{live} of {}", count(Judge::Live, &|_, ruling| ruling.counts()))
        }
        _ => String::new(),
    })?;
    put("time to detection, median", &|judge| {
        let times = rows.iter().filter_map(|row| row.ruling(judge)?.detected_after()).collect();
        median(times).map_or_else(String::new, |time| format!("{time:.0} s"))
    })?;
    put("longest", &|judge| {
        let times = rows.iter().filter_map(|row| row.ruling(judge)?.detected_after());
        times.max_by(f64::total_cmp).map_or_else(String::new, |time| format!("{time:.0} s"))
    })?;
    put("CPU of one check, median", &|judge| {
        let times = rows.iter().filter_map(|row| row.ruling(judge)?.cpu_ms).collect();
        median(times).map_or_else(String::new, |time| format!("{time:.0} ms"))
    })?;
    let (faults, traps) = (names(rows, false), names(rows, true));
    writeln!(
        page,
        "\n{faults} faults and {traps} traps; each is counted once for every service that should show it.",
    )?;
    Ok(())
}

fn names(rows: &[Row], trap: bool) -> usize {
    let mut names: Vec<&str> =
        rows.iter().filter(|row| row.trap == trap).map(|row| row.fault.as_str()).collect();
    names.dedup();
    names.len()
}

/// Rows of one fault whose judges fared alike.
fn groups<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Vec<&'a Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let alike = groups.iter_mut().find(|group| group[0].is_like(row));
        match alike {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

fn line(page: &mut String, title: &str, group: &[&Row]) -> Result<()> {
    let first = group[0];
    let services: Vec<&str> = group.iter().map(|row| row.service.as_str()).collect();
    write!(page, "| {title} | {} |", services.join(", "))?;
    for (judge, _) in COLUMNS {
        write!(page, " {} |", cell(group, judge))?;
    }
    let live = first.ruling(Judge::Live).map_or("", |ruling| match ruling.outcome {
        Outcome::Detected => "yes",
        Outcome::Fine => "no",
        Outcome::Missed => "**no, in vain**",
        Outcome::FalseAlarm => "**yes, wrongly**",
        _ => "",
    });
    write!(page, " {live} | {} |", said(first))?;
    let times: Vec<f64> = group.iter().filter_map(|row| row.recovered).collect();
    let again = match times.len() == group.len() {
        true => span(&times),
        false => "**restarted by hand**".to_owned(),
    };
    writeln!(page, " {again} |")?;
    Ok(())
}

fn cell(group: &[&Row], judge: Judge) -> String {
    let rulings: Vec<&Ruling> = group.iter().filter_map(|row| row.ruling(judge)).collect();
    let Some(first) = rulings.first() else { return "–".to_owned() };
    let times: Vec<f64> = rulings.iter().filter_map(|ruling| ruling.after).collect();
    match first.outcome {
        Outcome::Detected => format!("D {}", span(&times)),
        Outcome::Misjudged => format!("**W** {}", span(&times)),
        Outcome::Missed => "**M**".to_owned(),
        Outcome::FalseAlarm => format!("**FA** {}", span(&times)),
        Outcome::Fine => "ok".to_owned(),
        Outcome::Excluded => "x".to_owned(),
        Outcome::NoCheck => "–".to_owned(),
    }
}

/// What ours says, in the words of the judge inside or else outside.
fn said(row: &Row) -> String {
    let ours = [Judge::Inside, Judge::Outside].into_iter().filter_map(|judge| row.ruling(judge));
    let Some(ruling) = ours.into_iter().find(|ruling| ruling.counts()) else {
        return String::new();
    };
    // The verdict and the service stand in the row already, where they are as they should be.
    let detected = ruling.outcome == Outcome::Detected;
    let rest = |line: &str| line.splitn(3, ": ").nth(2).map(str::to_owned);
    let line = match detected {
        true => rest(&ruling.line).unwrap_or_else(|| ruling.line.clone()),
        false => ruling.line.clone(),
    };
    let mut line: String = line.replace('|', "\\|");
    if line.chars().count() > LONGEST_MESSAGE {
        line = line.chars().take(LONGEST_MESSAGE).chain(['…']).collect();
    }
    match &row.out_of_reach {
        Some(_) if !detected => format!("{line} ([out of reach](#out-of-reach))"),
        _ => line,
    }
}

fn span(times: &[f64]) -> String {
    let least = times.iter().copied().min_by(f64::total_cmp).unwrap_or_default();
    let most = times.iter().copied().max_by(f64::total_cmp).unwrap_or_default();
    let (least, most) = (least.round(), most.round());
    if times.is_empty() {
        String::new()
    } else if least >= most {
        format!("{least} s")
    } else {
        format!("{least}–{most} s")
    }
}

fn out_of_reach(page: &mut String, results: &Results, faults: &[Fault]) -> Result<()> {
    page.push_str("\n## Out of reach\n\n");
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in &results.rows {
        let missed =
            row.ruling(Judge::Inside).is_some_and(|ruling| ruling.outcome != Outcome::Detected);
        if let Some(reason) = row.out_of_reach.as_ref().filter(|_| missed) {
            reasons.entry(reason).or_default().push(format!("{} ({})", row.title, row.service));
        }
    }
    for (reason, what) in &reasons {
        writeln!(page, "- {}: {reason}", what.join(", "))?;
    }
    for fault in faults {
        if let Some(reason) = fault.only_asked.as_ref().filter(|_| !results.has(&fault.name)) {
            writeln!(page, "- {} was not tried: {reason}", fault.title)?;
        }
    }
    for (name, reason) in &results.failed {
        if let Some(fault) = faults.iter().find(|fault| fault.name == *name) {
            let reason = reason.lines().next().unwrap_or_default();
            writeln!(page, "- {} could not be done when it was last tried: {reason}", fault.title)?;
        }
    }
    Ok(())
}

/// What the list has and the table does not: a page that is not whole says so.
fn not_run(page: &mut String, results: &Results, faults: &[Fault]) -> Result<()> {
    let is_open = |fault: &&Fault| !results.has(&fault.name) && fault.only_asked.is_none();
    let open: Vec<&Fault> = faults.iter().filter(is_open).collect();
    if open.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n## Not in this table yet\n\n{} of {} faults and traps:\n",
        open.len(),
        faults.len()
    )?;
    for fault in open {
        writeln!(page, "- {} (`{}`)", fault.title, fault.name)?;
    }
    Ok(())
}

fn about(page: &mut String, results: &Results, release: &Release) -> Result<()> {
    let about = &results.about;
    let commits: BTreeSet<&str> = results.rows.iter().map(|row| row.commit.as_str()).collect();
    let commits = commits.into_iter().collect::<Vec<_>>().join(", ");
    write!(page, "\n## This run\n\n{}, commit {commits}, on {}", about.date, about.machine)?;
    if let Some(took) = about.took {
        write!(page, "; all faults together took {:.0} minutes", took / 60.0)?;
    }
    page.push_str(".\n\n| package | version |\n|---|---|\n");
    for (package, version) in &about.versions {
        writeln!(page, "| {package} | {version} |")?;
    }
    let up = command(release).replacen("lab", "lab up", 1);
    writeln!(
        page,
        "\nTo run it: `{}` (as root, with Docker: it brings up the services, does every fault, writes this page \
         and removes all of it). One fault: `{up}`, then `cargo xtask lab run broker-frozen`, which writes its \
         rows anew. The faults are data: \
         [lab/faults.toml](../lab/faults.toml).",
        command(release)
    )?;
    Ok(())
}

impl Row {
    /// What came of `judge`, where it was asked.
    fn ruling(&self, judge: Judge) -> Option<&Ruling> {
        self.rulings.get(&judge)
    }

    /// Whether saying that all is well would be wrong.
    fn must_fail(&self) -> bool {
        !self.expected.starts_with("healthy") && !self.expected.starts_with("degraded")
    }

    fn is_like(&self, other: &Self) -> bool {
        let outcome = |row: &Self, judge| row.ruling(judge).map(|ruling| ruling.outcome);
        let answer =
            |row: &Self| row.ruling(Judge::Inside).and_then(|ruling| ruling.answer.clone());
        self.fault == other.fault
            && self.expected == other.expected
            && self.out_of_reach == other.out_of_reach
            && answer(self) == answer(other)
            && Judge::ALL.iter().all(|&judge| outcome(self, judge) == outcome(other, judge))
    }
}

impl Ruling {
    /// Whether it had a say.
    fn counts(&self) -> bool {
        !matches!(self.outcome, Outcome::NoCheck | Outcome::Excluded)
    }

    fn detected_after(&self) -> Option<f64> {
        self.after.filter(|_| self.outcome == Outcome::Detected)
    }
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::lab::judges::Judge;
    use crate::lab::results::{Results, Row};
    use crate::lab::ruling::{Outcome, Ruling};
    use crate::machine::debian::Release;

    fn ruling(outcome: Outcome, after: Option<f64>, line: &str) -> Ruling {
        Ruling {
            outcome,
            after,
            answer: None,
            line: line.to_owned(),
            before_that: None,
            looks: 9,
            failed: 3,
            cpu_ms: Some(2.0),
        }
    }

    fn row(service: &str, after: f64) -> Row {
        let said = format!("unhealthy: {service}: amqp: no answer | at all (dependency)");
        Row {
            commit: "c".to_owned(),
            fault: "broker-frozen".to_owned(),
            title: "RabbitMQ frozen".to_owned(),
            section: "The message bus".to_owned(),
            trap: false,
            service: service.to_owned(),
            expected: "unhealthy (dependency)".to_owned(),
            out_of_reach: None,
            window: 90.0,
            settled: 0.0,
            rulings: [
                (Judge::Tripleo, ruling(Outcome::Missed, None, "ok")),
                (Judge::Kolla, ruling(Outcome::NoCheck, None, "")),
                (Judge::Inside, ruling(Outcome::Detected, Some(after), &said)),
                (Judge::Live, ruling(Outcome::Fine, None, &said)),
                (Judge::Outside, ruling(Outcome::Misjudged, Some(after), &said)),
            ]
            .into(),
            recovered: Some(4.0),
        }
    }

    fn release() -> Release {
        "trixie".parse().unwrap()
    }

    #[test]
    fn each_release_has_its_page() {
        let page = page(&Results::default(), &[], &release()).unwrap();
        for wanted in [
            "Made by `cargo xtask lab --debian trixie`",
            "(lab-trixie.json)",
            "One fault: `cargo xtask lab up --debian trixie`",
        ] {
            assert!(page.contains(wanted), "{wanted}: {page}");
        }
    }

    #[test]
    fn services_that_fared_alike_share_a_line() {
        let rows = vec![row("nova-conductor", 6.2), row("nova-compute", 9.1)];
        let page = page(&Results { rows, ..Results::default() }, &[], &release()).unwrap();
        let line = "| RabbitMQ frozen | nova-conductor, nova-compute | **M** | – | D 6–9 s | **W** 6–9 s | no | \
                    amqp: no answer \\| at all (dependency) | 4 s |";
        assert!(page.lines().any(|own| own == line), "{page}");
    }

    #[test]
    fn what_a_judge_has_no_check_for_is_not_counted() {
        let rows = vec![row("nova-conductor", 6.2), row("nova-compute", 9.1)];
        let page = page(&Results { rows, ..Results::default() }, &[], &release()).unwrap();
        let line = "| faults detected | **0** of 2 | **0** of 0 | **2** of 2 | **0** of 2 |";
        assert!(page.lines().any(|own| own == line), "{page}");
        assert!(page.contains("1 faults and 0 traps"), "{page}");
    }
}
