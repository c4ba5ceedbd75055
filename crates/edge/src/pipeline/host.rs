//! The rules of HTTP about the header `Host` (RFC 9112, section 3.2).

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Version};
use pulse_contract::errors;
use pulse_kernel::Error;

/// Refuses a request whose `Host` is missing although HTTP/1.1 requires it, comes more than once, or names no host. Two
/// parties that read different hosts from one request could be played off against each other.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Error> {
    let malformed = |detail: &'static str| Err(errors::MALFORMED_REQUEST.error(detail));
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => malformed("the header Host is required"),
        (None, _) => Ok(()),
        (Some(_), Some(_)) => malformed("the header Host must come once"),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => malformed("the header Host must be a host name or an address, with an optional port"),
    }
}

/// Whether the value is empty, or a host with an optional port and without a user.
fn is_host(value: &[u8]) -> bool {
    value.is_empty() || Authority::try_from(value).is_ok_and(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E9: one host, and a valid one.
    #[test]
    fn a_request_has_one_host() {
        for (version, hosts, is_fine) in [
            (Version::HTTP_11, &["shop.example"][..], true),
            (Version::HTTP_11, &["shop.example:8080"], true),
            (Version::HTTP_11, &["[::1]:80"], true),
            (Version::HTTP_11, &[""], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_11, &["a", "b"], false),
            (Version::HTTP_11, &["a", "a"], false),
            (Version::HTTP_11, &["a b"], false),
            (Version::HTTP_11, &["a/b"], false),
            (Version::HTTP_11, &["me@shop.example"], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &["a", "b"], false),
            (Version::HTTP_2, &[], true),
            (Version::HTTP_2, &["a", "b"], false),
        ] {
            let request =
                hosts.iter().fold(Request::builder().version(version), |request, host| request.header(HOST, *host));
            assert_eq!(check(&request.body(()).unwrap()).is_ok(), is_fine, "{version:?} {hosts:?}");
        }
    }
}
