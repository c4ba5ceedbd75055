//! Every error code has a page for clients and operators, and every page has a code.

use super::Finding;
use crate::catalogue::{self, Entry};
use crate::error_pages::{SECTIONS, pages, path};
use crate::repository::Repository;

/// A shorter section is not a sentence.
const SECTION_CHARS_MIN: usize = 30;

/// Compares every code with its page, and every page with its code.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let entries = catalogue::read(repository);
    let mut findings = Vec::new();
    for entry in &entries {
        let Entry { code, line, .. } = entry;
        for (what, text) in [("kind", &entry.kind), ("retry", &entry.retry), ("title", &entry.title_zh)] {
            if text.is_empty() {
                findings.push(Finding::new(&entry.path, *line, format!("{code} has no {what} in (pulse.error)")));
            }
        }
        let prefix = entry.domain.strip_suffix(".pulse").map(|context| context.to_uppercase() + "_");
        if prefix.is_some_and(|prefix| !code.starts_with(&prefix)) || code.chars().count() > 63 {
            findings.push(Finding::new(
                &entry.path,
                *line,
                format!("{code}: begin with the name of the context; at most 63 characters"),
            ));
        }
        match repository.file(&path(entry)) {
            None => {
                findings.push(Finding::new(&entry.path, *line, format!("{code} has no page; run `cargo xtask errors`")))
            }
            Some(page) => findings.extend(silent_sections(page.text()).map(|why| Finding::new(&page.path, 1, why))),
        }
    }
    for (path, text) in pages(repository, &entries) {
        if repository.file(&path).is_some_and(|file| file.text() != text) {
            findings.push(Finding::new(path, 1, "differs from the contract; run `cargo xtask errors`"));
        }
    }
    let is_page = |path: &str| path.starts_with("docs/errors/") && !path.ends_with("README.md");
    for page in repository.files.iter().filter(|file| is_page(&file.path)) {
        if entries.iter().all(|entry| path(entry) != page.path) {
            findings.push(Finding::new(&page.path, 1, "belongs to no code of any errors.proto"));
        }
    }
    findings
}

fn silent_sections(page: &str) -> impl Iterator<Item = String> {
    SECTIONS.iter().filter_map(move |section| {
        let text = page.split_once(section).map_or("", |(_, rest)| rest);
        let text = text.split("\n## ").next().unwrap_or_default().trim();
        (text.chars().count() < SECTION_CHARS_MIN).then(|| format!("`{section}` is empty or too short"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;
    use crate::catalogue;
    use crate::error_pages::pages;

    const PROTO: &str = "package pulse.shop.v1;\nenum ShopErrorCode {\n  // The shop has closed its doors for today.\n  \
         SHOP_SHUT = 1 [(pulse.error) = {kind: NOT_FOUND retry: NEVER title: \"Shut\" title_zh: \"\u{5173}\"}];\n}\n";

    /// DL-05: a code without a page, a page without a code and a page without advice are found.
    #[test]
    fn codes_and_pages_belong_together() {
        let path = "proto/pulse/shop/v1/errors.proto";
        let bare = planted(&[(path, PROTO), ("docs/errors/SHOP_GONE.md", "# SHOP_GONE\n")]);
        assert_eq!(places(check, &bare), ["proto/pulse/shop/v1/errors.proto:4", "docs/errors/SHOP_GONE.md:1"]);

        let written = pages(&bare, &catalogue::read(&bare));
        let [(index, index_text), (page, page_text)] = written.as_slice() else { panic!("an index and a page") };
        let whole = planted(&[(path, PROTO), (index, index_text), (page, page_text)]);
        assert!(places(check, &whole).is_empty());

        let (head, _) = page_text.split_once("## What the client does").unwrap();
        let silent = planted(&[(path, PROTO), (index, index_text), (page, head)]);
        assert_eq!(places(check, &silent).len(), 2);
    }
}
