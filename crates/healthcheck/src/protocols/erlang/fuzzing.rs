//! All that a node says, as anybody could have said it.

use super::{Call, Node, Ourselves, Version, greet, names};
use crate::protocols::scripted::Scripted;
use crate::settings::secret::Secret;

/// Where it begins, then what is said: 0 a greeting, 1 the answers of a node
/// that knows us, anything else the port mapper's.
pub(crate) fn node(bytes: &[u8]) {
    let Some((stage, said)) = bytes.split_first() else { return };
    let said = Scripted::new(said);
    let ourselves = Ourselves { name: "healthcheck-1@localhost".to_owned(), creation: 1 };
    match stage {
        0 => {
            let cookie = Secret::new("Xq7secret2");
            // What it says of its own is no secret: libFuzzer finds it in what we compare.
            let guessed = String::from_utf8_lossy(bytes).contains("Xq7secret2");
            if let Err(trouble) = greet(said, Version::Six, &ourselves, Some(&cookie)) {
                assert!(guessed || !trouble.words.contains("Xq7secret2"));
            }
        }
        1 => {
            let call = |module, function| Call { module, function, arguments: Vec::new() };
            let calls = [
                call("rabbit", "is_running"),
                call("rabbit_nodes", "list_members"),
                call("rabbit_alarm", "get_alarms"),
            ];
            let mut node = Node::new(said, "rabbit@rabbit1".to_owned(), &ourselves);
            let _ = node.call(&calls, |_| false);
        }
        _ => drop(names(said)),
    }
}
