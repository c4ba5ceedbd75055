//! The interactive API page: Swagger UI, compiled into the binary. It loads nothing from elsewhere.

use std::borrow::Cow;

use rust_embed::RustEmbed;

/// The page runs its own scripts, styles and icons, and calls this node; nothing else.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    file: &'static str,
    pub(super) kind: &'static str,
}

pub(super) static INDEX: Asset = Asset { file: "docs/index.html", kind: "text/html; charset=utf-8" };
pub(super) static INIT: Asset = Asset { file: "docs/init.js", kind: "text/javascript; charset=utf-8" };
pub(super) static STYLE: Asset = Asset { file: "swagger-ui/swagger-ui.css", kind: "text/css; charset=utf-8" };
pub(super) static BUNDLE: Asset =
    Asset { file: "swagger-ui/swagger-ui-bundle.js", kind: "text/javascript; charset=utf-8" };
pub(super) static ICON: Asset = Asset { file: "swagger-ui/favicon-32x32.png", kind: "image/png" };

impl Asset {
    /// The file; `None` when it was not compiled in.
    pub(super) fn bytes(&self) -> Option<Cow<'static, [u8]>> {
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
