//! People of a test: they sign up the way everybody does.

use pulse_contract::account::v1::request_code_request::Destination;
use pulse_contract::account::v1::{
    AccountRole, GrantRoleRequest, RefreshSessionRequest, RequestCodeRequest, Session, SignInWithCodeRequest,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Clock, Cx};

use crate::TestNode;

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who it is.
    pub account: AccountId,
    /// Goes into `Authorization: Bearer`.
    pub access_token: String,
    /// Buys the next pair.
    pub refresh_token: String,
    actor: Actor,
    clock: Clock,
}

impl Person {
    /// What the session makes of somebody.
    ///
    /// # Panics
    /// When the access token is not one of the node.
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

    /// The context of a request of this person, now.
    #[must_use]
    pub fn cx(&self) -> Cx {
        Cx::system("test", self.clock.now()).with_actor(self.actor.clone())
    }

    /// The account as the wire carries it.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.account.get()
    }
}

impl TestNode {
    /// Somebody with this phone, who has an account afterwards. Twice in a minute is too fast.
    ///
    /// # Panics
    /// When signing in does not work.
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

    /// Has a code sent.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn send_code(&self, to: Destination) {
        let request = RequestCodeRequest { destination: Some(to) };
        self.accounts().request_code(&self.anonymous(), request).await.expect("a code is sent");
    }

    /// The same person with fresh tokens, which carry the roles of now.
    ///
    /// # Panics
    /// When the refresh token does not work.
    pub async fn refresh(&self, person: &Person) -> Person {
        let request = RefreshSessionRequest { refresh_token: person.refresh_token.clone() };
        let session = self.accounts().refresh_session(&self.anonymous(), request).await;
        Person::of(self, session.expect("the refresh token works"))
    }

    /// Somebody with this phone and this role.
    ///
    /// # Panics
    /// When signing up or granting does not work.
    pub async fn sign_up_as(&self, phone: &str, role: AccountRole, shops: &[i64]) -> Person {
        let person = self.sign_up(phone).await;
        let request = GrantRoleRequest { account_id: person.id(), role: role.into(), shop_ids: shops.to_vec() };
        self.accounts().grant_role(&self.cx(), request).await.expect("the role is granted");
        self.refresh(&person).await
    }

    /// Somebody who runs the platform.
    ///
    /// # Panics
    /// When signing up does not work; there is one operator per test.
    pub async fn operator(&self) -> Person {
        self.sign_up_as("+8613900000001", AccountRole::Operator, &[]).await
    }
}
