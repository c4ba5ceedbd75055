//! Base URL of the payment pages of the sandbox.

use std::sync::{Arc, OnceLock};

/// Base URL of payment pages. Clones share it. It is empty until it is set, and then does not change.
#[derive(Clone, Debug, Default)]
pub struct PageBase(Arc<OnceLock<String>>);

impl PageBase {
    /// Sets the base URL, for example `https://shop.example`. An empty URL and a second call have no effect.
    pub fn set(&self, url: &str) {
        if !url.is_empty() {
            self.0.get_or_init(|| url.trim_end_matches('/').to_owned());
        }
    }

    /// The absolute URL of a path below the base; other URLs are returned unchanged.
    pub(crate) fn absolute(&self, url: &str) -> String {
        match self.0.get() {
            Some(base) if url.starts_with('/') => format!("{base}{url}"),
            Some(_) | None => url.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_base_makes_paths_absolute() {
        let base = PageBase::default();
        base.set("");
        assert_eq!(base.absolute("/pay/x"), "/pay/x");
        base.set("https://shop.example/");
        base.set("http://127.0.0.1:8080");
        for (url, expected) in
            [("/pay/x", "https://shop.example/pay/x"), ("", ""), ("https://pay.example/x", "https://pay.example/x")]
        {
            assert_eq!(base.absolute(url), expected);
        }
    }
}
