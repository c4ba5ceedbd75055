//! What the contract says about an rpc: who may call it, how often, how long it may take.

use pulse_kernel::id::ShopId;
use pulse_kernel::{Actor, Error, Role};

use crate::errors;

/// One rpc of the contract.
#[derive(Debug, PartialEq, Eq)]
pub struct MethodSpec {
    /// The full name of its service, for example `pulse.account.v1.AccountService`.
    pub service: &'static str,
    /// Its name, for example `GetMe`.
    pub name: &'static str,
    /// Its gRPC path, for example `/pulse.account.v1.AccountService/GetMe`.
    pub path: &'static str,
    /// Who may call it, and how.
    pub policy: Policy,
}

/// Who may call an rpc, how often, and how long it may take.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whoever is one of them may call. Never empty.
    pub callers: &'static [Caller],
    /// All of them hold at once.
    pub rates: &'static [Rate],
    /// Takes an `Idempotency-Key` and saves its answer.
    pub idempotent: bool,
    /// Whether stopping it half way leaves nothing half done.
    pub cancels_on_disconnect: bool,
    /// How long a call may take, in milliseconds.
    pub deadline_ms: u32,
}

/// Somebody who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Everybody, signed in or not.
    Anyone,
    /// Everybody who signed in.
    Consumer,
    /// Staff of the shop that the request names.
    MerchantStaff,
    /// Staff of some shop: the request names none, and the use case checks the scope in the store.
    AnyMerchantStaff,
    /// Who carries orders.
    Courier,
    /// Who runs the platform.
    Operator,
}

/// At most `count` calls in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Whose calls are counted together.
    pub per: RatePer,
    /// How many calls, greater than zero.
    pub count: u32,
    /// How long the window is, in milliseconds, greater than zero.
    pub window_ms: u32,
}

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatePer {
    /// The account; the address when nobody signed in.
    User,
    /// The address that the call comes from.
    Ip,
    /// Everybody's calls of this rpc.
    Route,
}

impl Policy {
    /// Whether `actor` may call; `scope` is the shop that the request names.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when somebody must sign in first, `PERMISSION_DENIED` when they did and still may not.
    pub fn authorize(&self, actor: &Actor, scope: Option<ShopId>) -> Result<(), Error> {
        if self.callers.iter().any(|caller| caller.is(actor, scope)) {
            return Ok(());
        }
        match actor {
            Actor::Anonymous => Err(errors::UNAUTHENTICATED.error("sign in and repeat the request with a token")),
            Actor::Principal(_) | Actor::System(_) => {
                Err(errors::PERMISSION_DENIED.error("the account may not do this"))
            }
        }
    }

    /// Whether `actor` may call for at least one shop, so that nobody else's request is read at all.
    ///
    /// # Errors
    /// As [`Policy::authorize`].
    pub fn admit(&self, actor: &Actor) -> Result<(), Error> {
        let is_staff = self.callers.contains(&Caller::MerchantStaff) && Caller::AnyMerchantStaff.is(actor, None);
        let is_operator = self.callers.contains(&Caller::MerchantStaff) && Caller::Operator.is(actor, None);
        if is_staff || is_operator { Ok(()) } else { self.authorize(actor, None) }
    }

    /// Whether everybody may call, signed in or not.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.callers.contains(&Caller::Anyone)
    }
}

impl Caller {
    fn is(self, actor: &Actor, scope: Option<ShopId>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Consumer => actor.has_role(Role::Consumer),
            Self::MerchantStaff => scope.is_some_and(|shop| actor.works_for(shop)),
            Self::AnyMerchantStaff => actor.has_role(Role::MerchantStaff),
            Self::Courier => actor.has_role(Role::Courier),
            Self::Operator => actor.has_role(Role::Operator),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pulse_kernel::Principal;
    use pulse_kernel::id::AccountId;

    use super::*;

    fn policy(callers: &'static [Caller]) -> Policy {
        Policy { callers, rates: &[], idempotent: false, cancels_on_disconnect: false, deadline_ms: 1 }
    }

    fn somebody(roles: &[Role]) -> Actor {
        let shops = vec![ShopId::new(7)];
        Actor::Principal(Arc::new(Principal { account: AccountId::new(1), session: 1, roles: roles.to_vec(), shops }))
    }

    #[test]
    fn staff_may_call_for_the_shop_that_they_work_for_and_no_other() {
        let staff = somebody(&[Role::MerchantStaff]);
        let policy = policy(&[Caller::MerchantStaff]);
        assert!(policy.authorize(&staff, Some(ShopId::new(7))).is_ok());
        for scope in [Some(ShopId::new(8)), None] {
            assert_eq!(policy.authorize(&staff, scope).unwrap_err().code(), "PERMISSION_DENIED");
        }
        assert!(policy.authorize(&somebody(&[Role::Operator]), Some(ShopId::new(8))).is_ok());
        assert!(policy.admit(&staff).is_ok() && policy.admit(&somebody(&[Role::Operator])).is_ok());
        assert!(policy.admit(&somebody(&[Role::Courier])).is_err() && policy.admit(&Actor::Anonymous).is_err());
        assert_eq!(policy.authorize(&somebody(&[]), Some(ShopId::new(7))).unwrap_err().code(), "PERMISSION_DENIED");
        assert_eq!(policy.authorize(&Actor::Anonymous, None).unwrap_err().code(), "UNAUTHENTICATED");
    }

    #[test]
    fn every_other_caller_is_a_role() {
        let roles = [
            (Caller::Consumer, Role::Consumer),
            (Caller::AnyMerchantStaff, Role::MerchantStaff),
            (Caller::Courier, Role::Courier),
            (Caller::Operator, Role::Operator),
        ];
        for (caller, role) in roles {
            let policy = Policy { callers: Box::leak(Box::new([caller])), ..policy(&[]) };
            assert!(policy.authorize(&somebody(&[role]), None).is_ok(), "{caller:?}");
            assert!(policy.authorize(&Actor::System("test"), None).is_ok(), "{caller:?}");
            assert_eq!(policy.authorize(&Actor::Anonymous, None).unwrap_err().code(), "UNAUTHENTICATED");
            let other = if role == Role::Courier { Role::MerchantStaff } else { Role::Courier };
            assert_eq!(policy.authorize(&somebody(&[other]), None).is_ok(), role == Role::Consumer, "{caller:?}");
        }
        assert!(policy(&[Caller::Anyone]).authorize(&Actor::Anonymous, None).is_ok());
    }
}
