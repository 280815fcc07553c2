//! What a document says of a service's health: one of the IETF's draft
//! (`application/health+json`, draft-inadarei-api-health-check-06), also as the
//! specifications of nova's and manila's per-process endpoints have it; and what
//! oslo.middleware's healthcheck answers, as JSON and as HTML, plain and `detailed`.

use crate::settings::secret::redact;
use crate::text::shown;
use serde::Serialize;
use serde_json::Value;

/// What a document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Health {
    /// Its word; oslo.middleware's says it by the status alone.
    pub(super) standing: Option<Standing>,
    /// What it says is not well, safe to show; of oslo.middleware's all that it says.
    pub(super) reasons: Vec<String>,
    /// Whether these are of what the service has to do with, each with its name.
    pub(super) named: bool,
}

/// How well a service says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    Pass,
    Warn,
    Fail,
}

/// As many reasons as are kept, and how much of each is, in bytes.
const MOST: usize = 8;
const SHOWN: usize = 120;

/// What oslo.middleware's says of a backend that is content.
const CONTENT: &str = "OK";

impl Standing {
    /// The draft's words and what it takes for them.
    fn of(value: &Value) -> Option<Self> {
        match value.as_str()?.to_ascii_lowercase().as_str() {
            "pass" | "ok" | "up" => Some(Self::Pass),
            "warn" => Some(Self::Warn),
            "fail" | "error" | "down" => Some(Self::Fail),
            _ => None,
        }
    }
}

impl Health {
    /// What a body says; `None` where it is no such document.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim();
        if text.starts_with('<') {
            return from_html(text);
        }
        // What is no document needs no error that tells where.
        if !text.starts_with('{') {
            return None;
        }
        let document: Value = serde_json::from_str(text).ok()?;
        match document.get("status").and_then(Standing::of) {
            Some(standing) => Some(by_draft(standing, &document)),
            None => from_oslo(&document),
        }
    }

    /// What is not well, in a line.
    pub(super) fn told(&self) -> String {
        self.reasons.join(", ")
    }
}

fn plain(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shown(&redact(&text), SHOWN)
}

/// `checks` is an object of objects to nova, of lists to manila and the draft, and
/// a list of objects with names to others.
fn by_draft(standing: Standing, document: &Value) -> Health {
    let mut reasons = Vec::new();
    let name_of = |check: &Value| {
        let name = check.get("name").or(check.get("componentId")).and_then(Value::as_str);
        name.unwrap_or("a check").to_owned()
    };
    match document.get("checks") {
        Some(Value::Object(checks)) => {
            for (name, check) in checks {
                match check {
                    Value::Array(several) => several.iter().for_each(|one| {
                        let component = one.get("componentId").and_then(Value::as_str);
                        let component = component.map_or(String::new(), |id| format!(" {id}"));
                        reasons.extend(reason(&format!("{name}{component}"), one));
                    }),
                    one => reasons.extend(reason(name, one)),
                }
            }
        }
        Some(Value::Array(checks)) => {
            reasons.extend(checks.iter().filter_map(|check| reason(&name_of(check), check)));
        }
        _ => {}
    }
    // The worst first; of a kind, as they came.
    reasons.sort_by_key(|(standing, _)| std::cmp::Reverse(*standing));
    let mut reasons: Vec<_> = reasons.into_iter().map(|(_, words)| words).take(MOST).collect();
    let named = !reasons.is_empty();
    if let (false, Some(output)) = (named, document.get("output").and_then(Value::as_str)) {
        reasons.push(plain(output));
    }
    Health { standing: Some(standing), reasons, named }
}

/// What one check says, if it is not well.
fn reason(name: &str, check: &Value) -> Option<(Standing, String)> {
    let standing = check.get("status").and_then(Standing::of)?;
    let word = match standing {
        Standing::Pass => return None,
        Standing::Warn => "warn",
        Standing::Fail => "fail",
    };
    let output = check.get("output").and_then(Value::as_str).filter(|output| !output.is_empty());
    Some((standing, plain(&format!("{name}: {}", output.unwrap_or(word)))))
}

/// `reasons` is a list of texts, or of objects where it is `detailed`.
fn from_oslo(document: &Value) -> Option<Health> {
    document.get("detailed")?.as_bool()?;
    let said = document.get("reasons")?.as_array()?.iter().filter_map(|one| {
        let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
        match one.as_str() {
            Some(reason) => Some((reason.to_owned(), String::new())),
            None if one.is_object() => Some((text("reason").into(), text("details").into())),
            None => None,
        }
    });
    Some(of_backends(said))
}

/// A table of reasons, or of kinds, reasons and details.
fn from_html(text: &str) -> Option<Health> {
    let (_, rest) = text.split_once("<TITLE>Healthcheck Status</TITLE>")?;
    let (_, rest) = rest.split_once("<H2>Result of ")?;
    let (table, _) = rest.split_once("</TABLE>").unwrap_or((rest, ""));
    let said = table.split("<TR>").filter_map(|row| {
        let cells = row.split("<TD>").skip(1);
        let cells: Vec<_> = cells.map(|cell| cell.split("</TD>").next().unwrap_or(cell)).collect();
        match cells.as_slice() {
            [reason] => Some((unescaped(reason), String::new())),
            [_, reason, details] => Some((unescaped(reason), unescaped(details))),
            _ => None,
        }
    });
    Some(of_backends(said))
}

/// Reasons and details of backends; those that are content are left out where another is not.
fn of_backends(said: impl Iterator<Item = (String, String)>) -> Health {
    let said: Vec<_> = said.filter(|(reason, _)| !reason.is_empty()).take(MOST).collect();
    let all_content = said.iter().all(|(reason, _)| reason == CONTENT);
    let reasons = said.iter().filter(|(reason, _)| all_content || reason != CONTENT);
    let reasons = reasons.map(|(reason, details)| match details.as_str() {
        "" => plain(reason),
        details => plain(&format!("{reason} ({details})")),
    });
    Health { standing: None, reasons: reasons.collect(), named: false }
}

/// Text from between tags, as Jinja escapes it.
fn unescaped(text: &str) -> String {
    let text = text.trim().replace("&#39;", "'").replace("&#34;", "\"");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Reads any body.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(body: &[u8]) {
    if let Some(health) = Health::read(body) {
        assert!(health.reasons.len() <= MOST);
        for reason in &health.reasons {
            assert!(reason.len() <= SHOWN && !reason.contains(char::is_control), "{reason:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, Standing};
    use proptest::prelude::*;

    #[test]
    fn what_the_draft_and_its_users_say_is_understood() {
        // As the specifications of nova and manila have it.
        let nova = r#"{"status": "fail", "version": "1.0", "description": "nova-compute",
            "notes": {"host": "c1", "hostname": "c1"},
            "checks": {"message_bus": {"status": "pass", "time": "2021-12-17T16:02:55+00:00"},
                       "hypervisor": {"status": "fail", "output": "Libvirt Error: ..."}}}"#;
        let manila = r#"{"status": "fail", "checks": {
            "database": [{"status": "pass"}],
            "message_bus": [{"status": "warn"}],
            "backend_driver": [
                {"componentId": "s1@cephfs", "status": "fail", "output": "timed out"},
                {"componentId": "s2@netapp", "status": "pass"}]}}"#;
        for (body, standing, told, named) in [
            (nova, Standing::Fail, "hypervisor: Libvirt Error: ...", true),
            (
                manila,
                Standing::Fail,
                "backend_driver s1@cephfs: timed out, message_bus: warn",
                true,
            ),
            (r#"{"status": "pass"}"#, Standing::Pass, "", false),
            (r#"{"status": "UP", "checks": 3}"#, Standing::Pass, "", false),
            (r#"{"status": "warn", "output": "disk\nfull"}"#, Standing::Warn, "disk full", false),
            (
                r#"{"status": "down", "checks": [{"name": "db", "status": "down"}, {"status": "fail"}, 1]}"#,
                Standing::Fail,
                "db: fail, a check: fail",
                true,
            ),
        ] {
            let health = Health::read(body.as_bytes()).unwrap();
            assert_eq!((health.standing, health.told().as_str()), (Some(standing), told));
            assert_eq!(health.named, named, "{body}");
        }
    }

    #[test]
    fn what_oslo_middleware_says_is_understood() {
        // As oslo.middleware 8.2.0 said it, without the stacks of its threads.
        let detailed = r#"{"detailed": true, "gc": {"counts": [279, 3, 7], "threshold": [700, 10, 10]},
            "greenthreads": [], "now": "2026-11-22 22:48:50.395053",
            "reasons": [{"class": "HealthcheckResult", "details": "Path '/var/dis' was found",
                         "reason": "DISABLED BY FILE"}], "threads": ["  File ..."]}"#;
        let html = "<HTML>\n<HEAD><TITLE>Healthcheck Status</TITLE></HEAD>\n<BODY>\n\n<H2>Result of 1 checks:</H2>\n<TABLE bgcolor=\"#ffffff\" border=\"1\">\n<TBODY>\n<TR>\n\n<TH>\nReason\n</TH>\n</TR>\n<TR>\n\n    <TD>FILE PATH MISSING</TD>\n\n</TR>\n</TBODY>\n</TABLE>\n<HR></HR>\n\n</BODY>\n</HTML>";
        let html_detailed = "<HTML>\n<HEAD><TITLE>Healthcheck Status</TITLE></HEAD>\n<BODY>\n<H1>Server status</H1>\n<B>Server hostname:</B><PRE>vm</PRE>\n<H2>Result of 1 checks:</H2>\n<TABLE bgcolor=\"#ffffff\" border=\"1\">\n<TBODY>\n<TR>\n<TH>\nKind\n</TH>\n<TH>\nReason\n</TH>\n<TH>\nDetails\n</TH>\n\n</TR>\n<TR>\n<TD>HealthcheckResult</TD>\n    <TD>DISABLED BY FILE</TD>\n<TD>Path &#39;/var/dis&#39; was found</TD>\n</TR>\n</TBODY>\n</TABLE>\n<HR></HR>\n<H2>1 greenthread(s) active:</H2>\n<TABLE><TR><TD>stack</TD></TR></TABLE>";
        for (body, told) in [
            (detailed, "DISABLED BY FILE (Path '/var/dis' was found)"),
            (r#"{"detailed": false, "reasons": ["OK", "DISABLED BY FILE"]}"#, "DISABLED BY FILE"),
            (r#"{"detailed": false, "reasons": ["OK"]}"#, "OK"),
            (r#"{"detailed": false, "reasons": []}"#, ""),
            (html, "FILE PATH MISSING"),
            (html_detailed, "DISABLED BY FILE (Path '/var/dis' was found)"),
        ] {
            let health = Health::read(body.as_bytes()).unwrap();
            assert_eq!((health.standing, health.told().as_str()), (None, told));
        }
    }

    #[test]
    fn what_is_no_such_document_is_none() {
        for body in [
            "",
            "OK",
            "{}",
            "[]",
            "{\"status\": 3}",
            "{\"status\": \"green\"}",
            "{\"health\": \"true\"}",
            "{\"reasons\": [\"OK\"]}",
            "{\"detailed\": true}",
            "<html>busy</html>",
        ] {
            assert_eq!(Health::read(body.as_bytes()), None, "{body}");
        }
        assert_eq!(Health::read(b"\xff{}"), None);
    }

    #[test]
    fn no_secret_and_no_screenful_is_shown() {
        let body = format!(
            "{{\"status\": \"fail\", \"checks\": {{\"db\": {{\"status\": \"fail\", \"output\": \"mysql://nova:hunter2@db {}\"}}}}}}",
            "x".repeat(500)
        );
        let told = Health::read(body.as_bytes()).unwrap().told();
        assert!(!told.contains("hunter2") && told.len() <= 120, "{told}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_body_is_survived(
            body in "\\{?\"(status|detailed)\": (\"fail\"|true), \"(checks|reasons)\": [\\[\\]{}:,\"a-z0-9 ]{0,40}\\}?",
            html in "<TITLE>Healthcheck Status</TITLE><H2>Result of (</?T[DR]>|x|&#39;){0,12}",
        ) {
            for body in [body, html] {
                if let Some(health) = Health::read(body.as_bytes()) {
                    prop_assert!(health.reasons.iter().all(|reason| reason.len() <= 120));
                }
            }
        }
    }
}
