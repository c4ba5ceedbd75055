//! Who may see a merchant: the application that signed it, and all others when it is shared.

/// Whether an application may see a merchant that belongs to the application `owner`.
///
/// The same rule in a statement: `owner_app = ? OR is_shared = 1`. It holds for lists, searches, details and counts.
#[must_use]
pub const fn is_visible(owner: i64, is_shared: bool, asking: i64) -> bool {
    is_shared || owner == asking
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TR-79: what is not shared is never visible to another application.
    #[test]
    fn only_the_owner_sees_what_is_not_shared() {
        for (owner, is_shared, asking, expected) in
            [(1, false, 1, true), (1, false, 2, false), (1, true, 1, true), (1, true, 2, true)]
        {
            assert_eq!(is_visible(owner, is_shared, asking), expected, "{owner} {is_shared} {asking}");
        }
    }
}
