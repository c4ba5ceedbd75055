//! Accounts for tests, created with the same calls as real accounts.

use pulse_contract::account::v1::request_code_request::Destination;
use pulse_contract::account::v1::{
    AccountRole, GrantRoleRequest, RefreshSessionRequest, RequestCodeRequest, Session, SignInWithCodeRequest,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Clock, Cx};

use crate::TestNode;

/// Signed-in account.
#[derive(Clone, Debug)]
pub struct Person {
    /// ID of the account.
    pub account: AccountId,
    /// Access token for `Authorization: Bearer`.
    pub access_token: String,
    /// Refresh token, valid for one refresh.
    pub refresh_token: String,
    actor: Actor,
    clock: Clock,
}

impl Person {
    /// Creates a person from a session.
    ///
    /// # Panics
    /// If the node has not signed the access token.
    #[must_use]
    pub fn of(node: &TestNode, session: Session) -> Self {
        let claims = node.keys().verify(&session.access_token, node.now()).expect("the node signs its tokens");
        Self {
            account: claims.principal.account,
            access_token: session.access_token,
            refresh_token: session.refresh_token,
            actor: Actor::Principal(claims.principal.into()),
            clock: node.clock(),
        }
    }

    /// Returns the context of a request of this person at the current time.
    #[must_use]
    pub fn cx(&self) -> Cx {
        Cx::system("test", self.clock.now()).with_actor(self.actor.clone())
    }

    /// Returns the ID of the account as a number.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.account.get()
    }
}

impl TestNode {
    /// Creates an account with this phone and signs it in. The rate limit allows one code per phone and minute.
    ///
    /// # Panics
    /// If a call fails.
    pub async fn sign_up(&self, phone: &str) -> Person {
        self.send_code(Destination::Phone(phone.to_owned())).await;
        let request = SignInWithCodeRequest {
            phone: phone.to_owned(),
            code: self.code_for(phone),
            display_name: format!("Person {phone}"),
        };
        let session = self.accounts().sign_in_with_code(&self.anonymous(), request).await;
        Person::of(self, session.expect("the code signs in"))
    }

    /// Requests a one-time code.
    ///
    /// # Panics
    /// If the call fails.
    pub async fn send_code(&self, to: Destination) {
        let request = RequestCodeRequest { destination: Some(to) };
        self.accounts().request_code(&self.anonymous(), request).await.expect("a code is sent");
    }

    /// Refreshes the tokens of a person. The new access token contains the current roles.
    ///
    /// # Panics
    /// If the call fails.
    pub async fn refresh(&self, person: &Person) -> Person {
        let request = RefreshSessionRequest { refresh_token: person.refresh_token.clone() };
        let session = self.accounts().refresh_session(&self.anonymous(), request).await;
        Person::of(self, session.expect("the refresh token works"))
    }

    /// Creates an account with this phone and this role.
    ///
    /// # Panics
    /// If a call fails.
    pub async fn sign_up_as(&self, phone: &str, role: AccountRole, shops: &[i64]) -> Person {
        let person = self.sign_up(phone).await;
        let request = GrantRoleRequest { account_id: person.id(), role: role.into(), shop_ids: shops.to_vec() };
        self.accounts().grant_role(&self.cx(), request).await.expect("the role is granted");
        self.refresh(&person).await
    }

    /// Creates an account with the role of an operator, at most one per test.
    ///
    /// # Panics
    /// If a call fails.
    pub async fn operator(&self) -> Person {
        self.sign_up_as("+8613900000001", AccountRole::Operator, &[]).await
    }
}
