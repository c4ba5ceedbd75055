//! The pages of error codes, `/errors` and `/errors/<CODE>`: the Markdown of `docs/errors`, compiled into the binary and
//! rendered to HTML. The member `type` of a problem links here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};
use rust_embed::RustEmbed;

use super::document::Document;
use crate::problem::ERROR_PAGES;

/// The pages have one style sheet in the page itself and load nothing.
pub(super) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEAD: &str = include_str!("../../assets/errors/head.html");

#[derive(RustEmbed)]
#[folder = "../../docs/errors"]
struct Markdown;

/// File of the list of all codes.
const INDEX: &str = "README";

/// Rendered on the first request for any of them: about a hundred pages of one kilobyte.
static PAGES: LazyLock<BTreeMap<String, Document>> = LazyLock::new(|| {
    let files = Markdown::iter().filter_map(|name| {
        let text = String::from_utf8(Markdown::get(&name)?.data.into_owned()).ok()?;
        let name = name.strip_suffix(".md")?;
        Some((name.to_owned(), Document::new("text/html; charset=utf-8", Cow::Owned(render(name, &text).into_bytes()))))
    });
    files.collect()
});

/// The page of a code; `None` when there is no such code.
pub(super) fn of_code(code: &str) -> Option<&'static Document> {
    // The list has an address of its own.
    PAGES.get(code).filter(|_| code != INDEX)
}

/// The list of all codes.
pub(super) fn index() -> Option<&'static Document> {
    PAGES.get(INDEX)
}

fn render(name: &str, markdown: &str) -> String {
    let title = if name == INDEX { "Error codes" } else { name };
    let mut page = HEAD.replace("{title}", title);
    let mut is_omitted = false;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| {
        if let Event::Start(Tag::Link { link_type, dest_url, title, id }) = event {
            let address = address(&dest_url);
            is_omitted = address.is_none();
            return Some(Event::Start(Tag::Link { link_type, dest_url: address?.into(), title, id }));
        }
        let is_end = is_omitted && matches!(event, Event::End(TagEnd::Link));
        (!is_end).then_some(event)
    });
    html::push_html(&mut page, events);
    if name != INDEX {
        page.push_str("<p><a href=\"/errors\">All error codes</a></p>\n");
    }
    page.push_str("</main></body></html>\n");
    page
}

/// The served address of a link; `None` for other documents of the repository, which the node does not serve.
fn address(link: &str) -> Option<String> {
    match link.strip_suffix(".md") {
        Some(code) if !code.contains('/') => Some(format!("{ERROR_PAGES}{code}")),
        Some(_) | None => link.contains("://").then(|| link.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_a_page_with_links_to_codes() {
        let page = render("SHOP_GONE", "# SHOP_GONE\n\n| a | b |\n|---|---|\n| [X](X_Y.md) | [Y](../Y.md#z) |\n");
        assert!(page.contains("<title>SHOP_GONE"), "{page}");
        assert!(page.contains("<td><a href=\"/errors/X_Y\">X</a></td><td>Y</td>"), "{page}");
    }

    #[test]
    fn every_code_of_the_contract_has_a_page() {
        assert!(index().is_some());
        assert!(of_code("README").is_none());
        for spec in pulse_contract::ERRORS {
            assert!(of_code(spec.code).is_some(), "{}", spec.code);
        }
    }
}
