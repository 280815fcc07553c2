//! The status line and the headers.

use super::error::{HttpError, Trouble};
use super::input::Input;
use super::{Head, Limits};
use crate::text::shown;
use httparse::{EMPTY_HEADER, ParserConfig};
use std::io::Read;

/// What every answer begins with.
const BEGINNING: &[u8] = b"HTTP/1.";

/// A TLS alert: its type, and the major version.
const ALERT: &[u8] = &[0x15, 0x03];

/// The head of the final answer; interim ones (`100 Continue`) are passed over.
pub(super) fn read<S: Read>(input: &mut Input<S>, limits: Limits) -> Result<Head, HttpError> {
    let mut left = limits.head;
    loop {
        let length = wait(input, left, limits)?;
        let head = parse(input.ahead().get(..length).unwrap_or_default(), limits)?;
        input.take(length);
        left -= length;
        // 101 is final: what follows is another protocol.
        if head.status >= 200 || head.status == 101 {
            return Ok(head);
        }
    }
}

/// Waits until a whole head is there; its length with the empty line.
fn wait<S: Read>(input: &mut Input<S>, left: usize, limits: Limits) -> Result<usize, HttpError> {
    let mut searched = 0;
    loop {
        let ahead = input.ahead();
        let common = ahead.len().min(BEGINNING.len());
        if ahead.get(..common) != BEGINNING.get(..common) {
            return Err(not_http(ahead));
        }
        if let Some(length) = end(ahead, searched) {
            return if length <= left {
                Ok(length)
            } else {
                Err(HttpError::HeadTooLong(limits.head))
            };
        }
        let bytes = ahead.len();
        if bytes > left {
            return Err(HttpError::HeadTooLong(limits.head));
        }
        // The empty line may begin in what was searched already.
        searched = bytes.saturating_sub(3);
        let trouble = match input.fill() {
            Ok(0) => Trouble::Closed,
            Ok(_) => continue,
            Err(trouble) => trouble,
        };
        // An interim answer is a beginning too.
        let bytes = bytes + (limits.head - left);
        return Err(if bytes == 0 {
            trouble.into()
        } else {
            HttpError::HeadCut { bytes, trouble }
        });
    }
}

/// Where the head ends; some servers end lines without a carriage return.
fn end(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len()).find_map(|at| {
        let rest = bytes.get(at..)?;
        if rest.starts_with(b"\n\r\n") {
            Some(at + 3)
        } else if rest.starts_with(b"\n\n") {
            Some(at + 2)
        } else {
            None
        }
    })
}

fn not_http(bytes: &[u8]) -> HttpError {
    if bytes.starts_with(ALERT) {
        return HttpError::Tls;
    }
    HttpError::NotHttp(first(bytes))
}

/// The first words of what came, safe to show.
fn first(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes));
    shown(text.lines().next().unwrap_or_default(), 60)
}

fn parse(bytes: &[u8], limits: Limits) -> Result<Head, HttpError> {
    let mut headers = vec![EMPTY_HEADER; limits.headers];
    let mut response = httparse::Response::new(&mut headers);
    // A server that is a little wrong is judged by its answer, as curl does.
    let parsed = ParserConfig::default()
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .parse_response(&mut response, bytes);
    match parsed {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(HttpError::TooManyHeaders(limits.headers));
        }
        Ok(httparse::Status::Partial) | Err(_) => return Err(HttpError::NotHttp(first(bytes))),
    }
    let status = response.code.unwrap_or_default();
    if !(100..=999).contains(&status) {
        return Err(HttpError::NotHttp(first(bytes)));
    }
    let headers = response
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    Ok(Head { status, reason: response.reason.unwrap_or_default().to_owned(), headers })
}
