//! `/openstack/healthcheck`: the command every container carries.

use healthcheck::catalog::Catalog;
use healthcheck::evaluate::evaluate;
use healthcheck::maintenance::{self, Maintenance};
use healthcheck::plan::{Plan, Request};
use healthcheck::report::Report;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use vantage::Vantage;

/// The whole command.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    match run(&arguments) {
        Ok(report) => {
            print!("{}", report.to_text());
            ExitCode::from(u8::from(report.exit()))
        }
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[OsString]) -> Result<Report, Box<dyn std::error::Error>> {
    let from = Arc::new(Vantage::inside()?);
    let catalog = Catalog::embedded();
    let name = match arguments.get(1) {
        Some(name) => name.to_string_lossy().into_owned(),
        None => catalog.running(&from)?.to_owned(),
    };
    let definition = catalog.definition(&name)?;
    let request = Request::default();
    let plan = Plan::new(&definition, &request, &from);
    let findings = evaluate(&plan, &from);
    let maintenance = Maintenance::look(Path::new(maintenance::FILE), &from);
    Ok(Report { service: plan.service, role: plan.role, findings, maintenance })
}
