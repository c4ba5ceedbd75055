//! The interactive API reference: Swagger UI, compiled into the binary. It loads nothing from other hosts.

use std::borrow::Cow;
use std::sync::OnceLock;

use rust_embed::RustEmbed;

use super::document::Document;

/// Allows scripts, styles and images of the page itself, and calls to this node.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// A file of the API reference.
#[derive(Debug)]
pub(crate) struct Asset {
    file: &'static str,
    kind: &'static str,
    document: OnceLock<Document>,
}

pub(super) static INDEX: Asset = Asset::new("docs/index.html", "text/html; charset=utf-8");
pub(super) static INIT: Asset = Asset::new("docs/init.js", "text/javascript; charset=utf-8");
pub(super) static STYLE: Asset = Asset::new("swagger-ui/swagger-ui.css", "text/css; charset=utf-8");
pub(super) static BUNDLE: Asset = Asset::new("swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8");
pub(super) static ICON: Asset = Asset::new("swagger-ui/favicon-32x32.png", "image/png");

impl Asset {
    const fn new(file: &'static str, kind: &'static str) -> Self {
        Self { file, kind, document: OnceLock::new() }
    }

    /// The file as a document, created by the first request; `None` when it is not compiled in.
    pub(super) fn document(&self) -> Option<&Document> {
        if let Some(known) = self.document.get() {
            return Some(known);
        }
        let made = Document::new(self.kind, self.bytes()?);
        Some(self.document.get_or_init(|| made))
    }

    fn bytes(&self) -> Option<Cow<'static, [u8]>> {
        Assets::get(self.file).map(|file| file.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_is_there_and_loads_nothing_from_elsewhere() {
        for asset in [&INDEX, &INIT, &STYLE, &BUNDLE, &ICON] {
            assert!(!asset.bytes().unwrap().is_empty(), "{}", asset.file);
        }
        for asset in [&INDEX, &INIT] {
            let text = String::from_utf8(asset.bytes().unwrap().into_owned()).unwrap();
            assert!(
                !text.contains("http://") && !text.contains("https://") && !text.contains("src=\"//"),
                "{}",
                asset.file
            );
        }
    }
}
