//! What a command line says: which program it runs, also where an interpreter
//! runs it or the process gave itself a title, and what its options are.

use std::path::Path;

/// The kernel keeps this many bytes of a process's short name (TASK_COMM_LEN less its NUL).
const SHORT_NAME: usize = 15;

/// Shells; one with `-c` holds other programs' names without being them.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "rbash"];

/// The name of the program that a command line runs: the base name of its
/// first word, or of the script after an interpreter, or the name a title
/// begins with (`nginx: worker process`). `None` where there is no command line.
///
/// A title that quotes a script's command runs that, whatever it begins with: workers of
/// `neutron-rpc-server` call themselves `neutron-server: rpc worker (/usr/bin/python3
/// /usr/bin/neutron-rpc-server …)`.
pub fn program(arguments: &[String]) -> Option<&str> {
    if let [title] = arguments
        && let Some(quoted) = quoted(title)
        && let Some((first, rest)) = quoted.split_first()
        && let Some(Interpreter::Python) = base_name(first).and_then(interpreter)
        && let Some(script) = python_script(rest).and_then(base_name)
    {
        return Some(script);
    }
    let words = title_words(arguments);
    let (&first, rest) = words.split_first()?;
    let name = base_name(first)?;
    let run = match interpreter(name) {
        Some(Interpreter::Shell) => shell_script(rest),
        Some(Interpreter::Python) => python_script(rest),
        Some(Interpreter::Other) => other_script(rest),
        Some(Interpreter::Busybox) => match rest.split_first() {
            Some((&applet, rest)) if SHELLS.contains(&applet) => {
                shell_script(rest).or(Some(applet))
            }
            Some((&applet, _)) => Some(applet),
            None => None,
        },
        None => None,
    };
    run.and_then(base_name).or(Some(name))
}

/// Whether this is a shell that runs no script of its own: an interactive one,
/// or one with `-c`, whose command may name any service without being it.
pub fn is_shell(arguments: &[String]) -> bool {
    program(arguments).is_some_and(|name| SHELLS.contains(&name))
}

/// Whether a program's name is the wanted one. Either may have been cut to the
/// 15 bytes that the kernel keeps.
pub fn is_named(wanted: &str, name: &str) -> bool {
    let cut = |short: &str, long: &str| short.len() == SHORT_NAME && long.starts_with(short);
    wanted == name || cut(wanted, name) || cut(name, wanted)
}

/// The value of the last of these options on a command line. `-p` is found as
/// `-p 1`, `-p1` and `-p=1`, `--port` as `--port 1` and `--port=1`.
pub fn option<'a>(arguments: &'a [String], names: &[&str]) -> Option<&'a str> {
    options(arguments, names).pop()
}

/// The values of all of these options, in their order on the command line.
pub fn options<'a>(arguments: &'a [String], names: &[&str]) -> Vec<&'a str> {
    let words = command_words(arguments);
    let mut values = Vec::new();
    let mut rest = words.iter().copied().skip(1);
    while let Some(word) = rest.next() {
        if word == "--" {
            break;
        }
        if names.contains(&word) {
            values.extend(rest.next());
        } else if let Some(value) = names.iter().find_map(|name| attached(word, name)) {
            values.push(value);
        }
    }
    values
}

/// The words of the command line, of which a title quotes the whole:
/// `neutron-server: api worker (/usr/bin/neutron-server --config-file …)`.
pub fn command_words(arguments: &[String]) -> Vec<&str> {
    let [title] = arguments else { return arguments.iter().map(String::as_str).collect() };
    quoted(title).unwrap_or_else(|| title_words(arguments))
}

/// The words of the command line that a title quotes.
fn quoted(title: &str) -> Option<Vec<&str>> {
    let (start, close) = [(" (/", ')'), (" [/", ']')]
        .iter()
        .filter_map(|&(open, close)| Some((title.find(open)? + 2, close)))
        .min_by_key(|&(start, _)| start)?;
    let inner = title.get(start..).unwrap_or_default();
    Some(match inner.rfind(close) {
        Some(end) => inner.get(..end).unwrap_or_default().split_whitespace().collect(),
        // The title was cut, and nobody knows where in its last word.
        None => inner
            .rsplit_once(char::is_whitespace)
            .map_or(Vec::new(), |(whole, _)| whole.split_whitespace().collect()),
    })
}

/// A title is one string whose words nothing separates but blanks.
fn title_words(arguments: &[String]) -> Vec<&str> {
    match arguments {
        [title] => title.split_whitespace().collect(),
        several => several.iter().map(String::as_str).collect(),
    }
}

/// `1` of `--port=1`, `-p1` or `-p=1`.
fn attached<'a>(word: &'a str, name: &str) -> Option<&'a str> {
    let value = word.strip_prefix(name)?;
    match value.strip_prefix('=') {
        Some(value) => Some(value),
        None => (name.len() == 2 && !name.starts_with("--") && !value.is_empty()).then_some(value),
    }
}

/// The last component of a path, without what a title appends to a name.
fn base_name(word: &str) -> Option<&str> {
    let word = match word.split_once(": ") {
        Some((name, _)) => name,
        None => word.trim_end_matches(':'),
    };
    // A login shell's name begins with a dash, and mod_wsgi's with a parenthesis.
    let word = word.trim_start_matches(['-', '(']).trim_end_matches(')');
    Path::new(word).file_name()?.to_str().filter(|name| !name.is_empty())
}

enum Interpreter {
    Shell,
    Python,
    Busybox,
    Other,
}

fn interpreter(name: &str) -> Option<Interpreter> {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match bare {
        "python" | "pypy" => Some(Interpreter::Python),
        "perl" | "ruby" => Some(Interpreter::Other),
        "busybox" => Some(Interpreter::Busybox),
        shell if SHELLS.contains(&shell) => Some(Interpreter::Shell),
        _ => None,
    }
}

/// The script of `bash -eu -o pipefail script`; `None` for `bash -c …`.
fn shell_script<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--" => return words.next(),
            "--rcfile" | "--init-file" => drop(words.next()),
            long if long.starts_with("--") => {}
            // `-o` takes a word; of `-c` and `-s` neither runs a script.
            short if short.len() > 1 && short.starts_with(['-', '+']) => {
                if short.starts_with('-') && short.contains(['c', 's']) {
                    return None;
                }
                if short.ends_with(['o', 'O']) {
                    words.next();
                }
            }
            script => return Some(script),
        }
    }
    None
}

/// The script, or the module of `python3 -m module`; `None` for `-c …`.
fn python_script<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        if word == "--check-hash-based-pycs" {
            words.next();
        } else if word == "-" {
            return None;
        } else if !word.starts_with('-') {
            return Some(word);
        } else if !word.starts_with("--")
            && let Some(at) = word.find(['c', 'm', 'W', 'X'])
        {
            let value = word.get(at + 1..).filter(|value| !value.is_empty());
            let value = value.or_else(|| words.next());
            match word.as_bytes().get(at) {
                Some(b'c') => return None,
                Some(b'm') => return value,
                _ => {}
            }
        }
    }
    None
}

/// The script of perl or ruby; `None` for `-e …`.
fn other_script<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--" => return words.next(),
            "-I" | "-C" | "-r" => drop(words.next()),
            code if code.starts_with("-e") || code.starts_with("-E") || code == "-" => return None,
            flag if flag.starts_with('-') => {}
            script => return Some(script),
        }
    }
    None
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
