//! Configuration values that hold a password or a key. They are printed and serialized without it.

use serde::{Deserialize, Serialize, Serializer};

/// A URL that may hold a password.
#[derive(Clone, Default, Deserialize)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// From its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole text. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text with the password replaced by stars.
    #[must_use]
    pub fn masked(&self) -> String {
        match self.0.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
            Some((scheme, (user, host))) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{scheme}://{user}:***@{host}")
            }
            None => match self.0.split_once('?') {
                // A password may stand among the options, too.
                Some((url, options)) if options.contains("password=") => format!("{url}?***"),
                _ => self.0.clone(),
            },
        }
    }
}

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

/// A key or a signing secret: printed and serialized as three stars.
#[derive(Clone, Default, Deserialize)]
pub struct SecretText(String);

impl SecretText {
    /// From its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn stars(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "***" }
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.stars())
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.stars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_keys_are_never_printed() {
        let url = SecretUrl::new("postgres://me:hunter2@host/db");
        assert_eq!(format!("{url:?}"), "postgres://me:***@host/db");
        assert_eq!(SecretUrl::new("postgres://host/db?user=u&password=p").masked(), "postgres://host/db?***");
        assert_eq!(SecretUrl::new("sqlite:pulse.db").masked(), "sqlite:pulse.db");
        let key = SecretText::new("sk_test_1");
        assert_eq!((format!("{key:?}"), key.expose()), ("***".to_owned(), "sk_test_1"));
        assert_eq!(format!("{:?}", SecretText::default()), "");
    }
}
