use super::{MAX_FIRST_LINE, MAX_OUTPUT, Report};
use crate::evaluate::Finding;
use crate::maintenance::Maintenance;
use crate::verdict::{Blame, Exit, Role, Verdict};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use std::time::{Duration, SystemTime};

fn report(role: Role, findings: Vec<Finding>) -> Report {
    Report { service: "nova-compute".into(), role, findings, maintenance: Maintenance::None }
}

fn finding(verdict: Verdict) -> Finding {
    Finding::new("connected", verdict.into(), None)
}

fn in_maintenance(mut report: Report) -> Report {
    let finding = Finding::new("maintenance", Verdict::degraded("in maintenance").into(), None);
    report.maintenance = Maintenance::Active(finding);
    report
}

#[test]
fn the_first_line_is_verdict_service_kind_reason_blame() {
    let healthy = finding(Verdict::Healthy);
    let cases = [
        (vec![], "unknown: nova-compute: no check applies here"),
        (vec![healthy.clone()], "healthy: nova-compute: 1 check"),
        (vec![healthy.clone(); 3], "healthy: nova-compute: 3 checks"),
        (
            vec![healthy, finding(Verdict::dependency("no answer from 172.17.1.20:5671 for 34 s"))],
            "unhealthy: nova-compute: connected: no answer from 172.17.1.20:5671 for 34 s (dependency)",
        ),
    ];
    for (findings, expected) in cases {
        let text = report(Role::Health, findings).to_text();
        assert_eq!(text.lines().next(), Some(expected));
    }
}

#[test]
fn a_reason_that_is_cut_is_told_in_full_beneath_and_keeps_its_blame() {
    let because = "x".repeat(300);
    let report = report(Role::Health, vec![finding(Verdict::own_fault(&because))]);
    let text = report.to_text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("x… (self)"), "{text}");
    assert_eq!(lines[1], format!("unhealthy: nova-compute: connected: {because} (self)"));
}

#[test]
fn maintenance_speaks_where_it_decides() {
    let healthy = || report(Role::Ready, vec![finding(Verdict::Healthy)]);
    let ready = in_maintenance(healthy());
    assert_eq!(ready.exit(), Exit::Fail);
    assert_eq!(ready.first_line(), "degraded: nova-compute: maintenance: in maintenance");
    assert!(ready.to_json(SystemTime::UNIX_EPOCH).starts_with("{\"status\":\"fail\""));
    assert_eq!(ready.nagios_status(), 2);

    let live = in_maintenance(Report { role: Role::Live, ..healthy() });
    assert_eq!(live.exit(), Exit::Pass);
    assert_eq!(live.first_line(), "degraded: nova-compute: maintenance: in maintenance");

    let broken = report(Role::Ready, vec![finding(Verdict::own_fault("it is not running"))]);
    let line = in_maintenance(broken).first_line();
    assert_eq!(line, "unhealthy: nova-compute: connected: it is not running (self)");
}

#[test]
fn what_a_role_passes_is_a_warning_to_others() {
    let report = report(Role::Live, vec![finding(Verdict::dependency("no answer"))]);
    assert_eq!(report.exit(), Exit::Pass);
    assert_eq!(report.nagios_status(), 1);
    let json: serde_json::Value =
        serde_json::from_str(&report.to_json(SystemTime::UNIX_EPOCH)).unwrap();
    assert_eq!(json["status"], "warn");
    assert_eq!(json["checks"]["connected:connected"][0]["status"], "fail");
    assert_eq!(json["checks"]["connected:connected"][0]["blame"], "dependency");
}

#[test]
fn a_plugin_never_says_a_pipe_that_is_not_its_own() {
    let report = report(Role::Health, vec![finding(Verdict::own_fault("a|b"))]);
    let said = report.to_nagios(Duration::from_millis(4));
    assert_eq!(said, "NOVA-COMPUTE CRITICAL - connected: a/b (self) | time=0.004s\n");
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let because = prop_oneof![any::<String>(), ".{0,30}", Just("y".repeat(5000))];
    let blame = prop_oneof![Just(Blame::Itself), Just(Blame::Dependency), Just(Blame::Environment)];
    (because, blame, 0..4).prop_map(|(because, blame, which)| match which {
        0 => Verdict::Healthy,
        1 => Verdict::Degraded { because },
        2 => Verdict::unknown(because),
        _ => Verdict::Unhealthy { because, blame },
    })
}

fn findings() -> impl Strategy<Value = Finding> {
    let hint = prop::option::of(any::<String>());
    (verdicts(), any::<String>(), hint, 0_usize..3000).prop_map(|(verdict, check, hint, size)| {
        let seen = Some(serde_json::json!({ "bytes": "z".repeat(size) }));
        Finding { check, hint, ..Finding::new("connected", verdict.into(), seen) }
    })
}

proptest! {
    #[test]
    fn every_format_fits_and_keeps_its_form(
        findings in prop::collection::vec(findings(), 0..40),
        service in any::<String>(),
        ready in any::<bool>(),
        maintained in any::<bool>(),
    ) {
        let role = if ready { Role::Ready } else { Role::Health };
        let mut report = Report { service, ..report(role, findings) };
        if maintained {
            report = in_maintenance(report);
        }
        let fails = report.exit() == Exit::Fail;

        let text = report.to_text();
        assert!(text.len() <= MAX_OUTPUT);
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'));
        let first = text.lines().next().unwrap();
        assert!(first.len() <= MAX_FIRST_LINE, "{first}");
        assert!(first.starts_with(report.verdict().word()) || maintained, "{first}");
        if let Some(blame) = report.verdict().blame() {
            assert!(first.ends_with(&format!(" ({blame})")), "{first}");
        }

        let json = report.to_json(SystemTime::UNIX_EPOCH);
        assert!(json.len() <= MAX_OUTPUT);
        assert_eq!(json.matches('\n').count(), 1);
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document["status"] == "fail", fails);
        if fails && !report.findings.is_empty() {
            let kept = document["checks"].as_object().unwrap();
            assert!(!kept.is_empty(), "the worst is always told: {json}");
        }

        let said = report.to_nagios(Duration::ZERO);
        assert!(said.len() <= MAX_OUTPUT);
        assert_eq!(said.matches('|').count(), 1);
        assert_eq!(report.nagios_status() >= 2, fails);
    }
}
