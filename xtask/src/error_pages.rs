//! `docs/errors`: one page per code. The head of a page and the index are written from the contract;
//! the three sections below the head are written by people and stay.

use std::fs;

use crate::catalogue::{self, Entry};
use crate::repository::Repository;

const FOLDER: &str = "docs/errors";

/// What a page must tell, in this order.
pub(crate) const SECTIONS: [&str; 3] = ["## What happened", "## What the client does", "## What the operator does"];

/// Writes missing pages, the heads of the others, and the index. With `check`, only says what it would write.
pub(crate) fn run(check: bool) -> Result<String, String> {
    let repository = Repository::read()?;
    let entries = catalogue::read(&repository);
    let mut stale = Vec::new();
    for (path, text) in pages(&repository, &entries) {
        if repository.file(&path).is_some_and(|file| file.text() == text) {
            continue;
        }
        stale.push(path.clone());
        if !check {
            fs::create_dir_all(repository.root.join(FOLDER)).map_err(|error| format!("{FOLDER}: {error}"))?;
            fs::write(repository.root.join(&path), text).map_err(|error| format!("{path}: {error}"))?;
        }
    }
    match (check, stale.is_empty()) {
        (_, true) => Ok(format!("errors: {} codes, every page is as the contract says", entries.len())),
        (true, false) => Err(format!("errors: stale, run `cargo xtask errors`:\n{}", stale.join("\n"))),
        (false, false) => Ok(format!("errors: wrote {} files:\n{}", stale.len(), stale.join("\n"))),
    }
}

/// Path and text of every page as it should be, and of the index.
pub(crate) fn pages(repository: &Repository, entries: &[Entry]) -> Vec<(String, String)> {
    let mut pages = vec![(format!("{FOLDER}/README.md"), index(entries))];
    for entry in entries {
        let path = path(entry);
        let body = repository.file(&path).and_then(|file| file.text().split_once(SECTIONS[0]));
        let body = body.map_or_else(|| first_body(entry), |(_, body)| format!("{}{body}", SECTIONS[0]));
        pages.push((path, head(entry) + &body));
    }
    pages
}

/// Where the page of a code stands.
pub(crate) fn path(entry: &Entry) -> String {
    format!("{FOLDER}/{}.md", entry.code)
}

fn index(entries: &[Entry]) -> String {
    let mut text =
        "# Error codes\n\nWritten by `cargo xtask errors` from the `errors.proto` files; do not edit this list by \
                    hand.\nHow errors travel is described in [API-DESIGN.md](../API-DESIGN.md#errors).\n\n\
                    | Code | HTTP | gRPC | Retry | Title |\n|---|---|---|---|---|\n"
            .to_owned();
    for entry in entries {
        let Entry { code, title, retry, .. } = entry;
        let (_, http, grpc) = wire(entry);
        let retry = retry.to_lowercase();
        text += &format!("| [{code}]({code}.md) | {http} | {grpc} | {retry} | {title} |\n");
    }
    text
}

fn head(entry: &Entry) -> String {
    let Entry { code, number, title, title_zh, domain, path, .. } = entry;
    let (kind, http, grpc) = wire(entry);
    let wait = if ["429", "503"].contains(&http) { " with `Retry-After`" } else { "" };
    let retry = match entry.retry.as_str() {
        "SAME_KEY" => "`same_key`: repeat at once with the same `Idempotency-Key`",
        "BACKOFF" => "`backoff`: repeat later, with growing pauses",
        _ => "`never`: the same request gets the same answer",
    };
    format!(
        "# {code}\n\n**{title}** / {title_zh}\n\n| | |\n|---|---|\n| Kind | {kind} |\n| HTTP | {http}{wait} |\n\
         | gRPC | {grpc} |\n| Retry | {retry} |\n| Domain | `{domain}` |\n| Defined in | `{path}`, number {number} |\n\n"
    )
}

/// The name of the kind, the HTTP status and the gRPC status.
fn wire(entry: &Entry) -> (&'static str, &str, &'static str) {
    let (kind, http, grpc) = match entry.kind.as_str() {
        "INVALID_ARGUMENT" => ("InvalidArgument", "400", "INVALID_ARGUMENT"),
        "UNAUTHENTICATED" => ("Unauthenticated", "401", "UNAUTHENTICATED"),
        "PERMISSION_DENIED" => ("PermissionDenied", "403", "PERMISSION_DENIED"),
        "NOT_FOUND" => ("NotFound", "404", "NOT_FOUND"),
        "ALREADY_EXISTS" => ("AlreadyExists", "409", "ALREADY_EXISTS"),
        "FAILED_PRECONDITION" => ("FailedPrecondition", "409", "FAILED_PRECONDITION"),
        "ABORTED" => ("Aborted", "409", "ABORTED"),
        "RESOURCE_EXHAUSTED" => ("ResourceExhausted", "429", "RESOURCE_EXHAUSTED"),
        "DEADLINE_EXCEEDED" => ("DeadlineExceeded", "504", "DEADLINE_EXCEEDED"),
        "UNAVAILABLE" => ("Unavailable", "503", "UNAVAILABLE"),
        "INTERNAL" => ("Internal", "500", "INTERNAL"),
        _ => ("unknown kind", "?", "?"),
    };
    (kind, if entry.http.is_empty() { http } else { &entry.http }, grpc)
}

/// What is true for every code of the kind, until somebody who knows this code says more.
fn first_body(entry: &Entry) -> String {
    let client = match entry.kind.as_str() {
        "INVALID_ARGUMENT" => "Mend the request; `errors[]` and `detail` name what is wrong with it.",
        "UNAUTHENTICATED" => "Sign in again, then repeat the request with the new access token.",
        "PERMISSION_DENIED" => "Do not repeat the request; offer the action only to those who may do it.",
        "NOT_FOUND" => "Take the thing off the screen; it may have been removed since it was listed.",
        "ALREADY_EXISTS" | "FAILED_PRECONDITION" => "Load the present state, show it, and let the person decide again.",
        "ABORTED" => "Repeat the request at once with the same `Idempotency-Key`.",
        "RESOURCE_EXHAUSTED" | "UNAVAILABLE" => "Wait as long as `Retry-After` says, then repeat with the same key.",
        "DEADLINE_EXCEEDED" => {
            "Repeat with the same `Idempotency-Key`; a finished attempt answers with its saved result."
        }
        _ => "Show that something went wrong on our side, with the `instance` of the answer.",
    };
    let operator = match entry.kind.as_str() {
        "UNAVAILABLE" | "DEADLINE_EXCEEDED" => {
            "Look for what does not answer: readiness, then the log line of the trace id."
        }
        "INTERNAL" => "This is a defect: find the log line by the trace id and open an issue with it.",
        "RESOURCE_EXHAUSTED" => "Nothing, unless one caller stands out or honest callers meet the limit often.",
        _ => "Nothing: this is an answer, not an incident.",
    };
    let [happened, client_head, operator_head] = SECTIONS;
    format!("{happened}\n\n{}\n\n{client_head}\n\n{client}\n\n{operator_head}\n\n{operator}\n", entry.comment)
}
