//! The `http` kind against real servers, kind ones and hostile ones: the same
//! answer from inside and from outside, and the right one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod answers;
mod elsewhere;
mod encrypted;
mod hostile;
mod places;
mod server;

use healthcheck::definition::Definition;
use healthcheck::evaluate::{Finding, evaluate};
use healthcheck::plan::{Plan, Request};
use std::sync::Arc;
use std::time::Duration;
use vantage::{Pid, Vantage};

/// Enough for any answer that comes.
const LONG: Duration = Duration::from_secs(30);

/// A `[[check]]` of kind http with these fields, after these settings.
fn definition(settings: &str, fields: &str) -> Definition {
    let text = format!(
        "service = \"api\"\n[settings]\n{settings}\n[[check]]\nkind = \"http\"\n{fields}\n"
    );
    Definition::parse(&text, "api.toml").unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// As often may a look be starved.
const STARVED: usize = 20;

/// What was found, looked at from inside and then from outside.
fn look(definition: &Definition, deadline: Duration) -> [Finding; 2] {
    let own = Pid::new(std::process::id());
    [Vantage::inside().unwrap(), Vantage::outside(own).unwrap()].map(|vantage| {
        let vantage = Arc::new(vantage);
        let request = Request { deadline: Some(deadline), ..Request::default() };
        // Tests beside this one may leave it no processor, and it says so; that is asked again.
        for _ in 0..STARVED {
            let plan = Plan::new(definition, &request, &vantage);
            let found = evaluate(&plan, &vantage).remove(0);
            if !found.because().contains("waited for a CPU") {
                return found;
            }
        }
        panic!("starved {STARVED} times");
    })
}

/// The verdict in a line, the same from both places: `unhealthy (self): why`,
/// `healthy: proof`. Times are left out.
fn verdict(fields: &str, deadline: Duration) -> String {
    let [inside, outside] = look(&definition("", fields), deadline).map(|found| line(&found));
    assert_eq!(inside, outside, "from inside and from outside");
    inside
}

fn line(found: &Finding) -> String {
    let blame = found.verdict.blame().map_or(String::new(), |blame| format!(" ({})", blame.word()));
    let proof = || found.proof.clone().unwrap_or_default();
    let because = found.verdict.because().map_or_else(proof, str::to_owned);
    let line = format!("{}{blame}: {because}", found.verdict.word());
    // How long it took, and how much came until then, differs.
    let times = regex_lite::Regex::new(r" in \d+ ms").unwrap().replace(&line, "").into_owned();
    regex_lite::Regex::new(r"after \d+ bytes(: no more|$)")
        .unwrap()
        .replace(&times, "after some bytes$1")
        .into_owned()
}
