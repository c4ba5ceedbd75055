//! Roles of an account, as one number in its row.

use pulse_kernel::Role;

/// Maximum number of shops of a staff account. Its access token contains all of them, and the limit of a token is 8 KiB.
pub const SHOPS_MAX: usize = 200;

/// Set of roles. The consumer role needs no bit, because every account has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(i64);

const BITS: [(Role, i64); 3] = [(Role::MerchantStaff, 1), (Role::Courier, 2), (Role::Operator, 4)];

impl Roles {
    /// The roles of a stored number.
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// The number to store.
    #[must_use]
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// The set with this role.
    #[must_use]
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | bit(role))
    }

    /// The set without this role.
    #[must_use]
    pub fn without(self, role: Role) -> Self {
        Self(self.0 & !bit(role))
    }

    /// Whether the set contains the role.
    #[must_use]
    pub fn has(self, role: Role) -> bool {
        role == Role::Consumer || self.0 & bit(role) != 0
    }

    /// All roles except consumer.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        BITS.into_iter().filter(move |(_, bit)| self.0 & bit != 0).map(|(role, _)| role)
    }
}

fn bit(role: Role) -> i64 {
    BITS.iter().find(|(known, _)| *known == role).map_or(0, |(_, bit)| *bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_come_and_go_one_by_one() {
        let roles = Roles::default().with(Role::Operator).with(Role::Courier);
        assert!(roles.has(Role::Consumer) && roles.has(Role::Courier) && !roles.has(Role::MerchantStaff));
        assert_eq!(roles.without(Role::Courier), Roles::default().with(Role::Operator));
        assert_eq!(Roles::from_bits(roles.bits()).iter().collect::<Vec<_>>(), [Role::Courier, Role::Operator]);
    }
}
