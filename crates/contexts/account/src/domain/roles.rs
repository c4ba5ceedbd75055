//! What an account may be, as one number in its row.

use pulse_kernel::Role;

/// How many shops one account may work for: its access token names them all, and one of more than 8 KiB is refused.
pub const SHOPS_MAX: usize = 200;

/// A set of roles. Being a consumer needs no bit: everybody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(i64);

const BITS: [(Role, i64); 3] = [(Role::MerchantStaff, 1), (Role::Courier, 2), (Role::Operator, 4)];

impl Roles {
    /// From the number in the row.
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// The number for the row.
    #[must_use]
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// With this role too.
    #[must_use]
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | bit(role))
    }

    /// Without this role.
    #[must_use]
    pub fn without(self, role: Role) -> Self {
        Self(self.0 & !bit(role))
    }

    /// Whether the role is in the set.
    #[must_use]
    pub fn has(self, role: Role) -> bool {
        role == Role::Consumer || self.0 & bit(role) != 0
    }

    /// The roles beside being a consumer.
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
