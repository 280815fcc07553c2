//! Answers for CI: JUnit's XML, one testcase for each container.

use crate::engines::Health;
use crate::survey::Row;
use healthcheck::report::Report;
use std::fmt::Write;
use std::time::Duration;

/// The answers as a test suite. `missing` are containers that were asked for
/// and are not there.
pub(crate) fn render(rows: &[Row], missing: &[String], took: Duration) -> String {
    let failures = rows.iter().filter(|row| !row.passes()).count() + missing.len();
    let skipped = rows.iter().filter(|row| is_skipped(row)).count();
    let tests = rows.len() + missing.len();
    let seconds = took.as_secs_f64();
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\""
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<testsuites {counts}>");
    let _ = writeln!(xml, "  <testsuite name=\"healthctl wait\" {counts}>");
    for row in rows {
        let _ = write!(xml, "{}", case(row, seconds));
    }
    for name in missing {
        let _ = writeln!(
            xml,
            "    <testcase classname=\"container\" name=\"{}\" time=\"{seconds:.3}\">\n      <failure message=\"no such container\" type=\"missing\"/>\n    </testcase>",
            escape(name)
        );
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// Whether there is neither an answer of ours nor one of the engine's.
fn is_skipped(row: &Row) -> bool {
    row.looked.report.is_none() && row.passes() && row.container.health == Health::Unchecked
}

fn case(row: &Row, seconds: f64) -> String {
    let (engine, name) = (row.container.engine, escape(&row.container.name));
    let report = row.looked.report.as_ref();
    let text = report.map_or_else(|| format!("{}\n", row.told()), Report::to_text);
    let inner = if is_skipped(row) {
        "<skipped message=\"no definition\"/>".to_owned()
    } else if row.passes() {
        format!("<system-out>{}</system-out>", escape(&text))
    } else {
        let first = escape(text.lines().next().unwrap_or_default());
        let verdict = report.map(Report::verdict);
        let kind = verdict.as_ref().map_or("engine", |verdict| {
            verdict.blame().map_or(verdict.word(), |blame| blame.word())
        });
        format!("<failure message=\"{first}\" type=\"{kind}\">{}</failure>", escape(&text))
    };
    format!(
        "    <testcase classname=\"{engine}\" name=\"{name}\" time=\"{seconds:.3}\">\n      \
         {inner}\n    </testcase>\n"
    )
}

/// Text as XML 1.0 can have it: what it cannot express at all is written as
/// Rust writes it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            // Other control characters, U+FFFE and U+FFFF are no characters of XML 1.0.
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {
                escaped.extend(other.escape_unicode());
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn whatever_a_container_says_is_well_formed_xml() {
        assert_eq!(escape("a<b>&\"c\"\n"), "a&lt;b&gt;&amp;&quot;c&quot;\n");
        assert_eq!(escape("\u{0}\u{1b}[31m\u{85}\u{ffff}"), "\\u{0}\\u{1b}[31m\\u{85}\\u{ffff}");
        assert_eq!(escape("ü"), "ü");
    }
}
