//! Issues the tokens of a session.

use pulse_contract::account::v1::Session;
use pulse_kernel::{Error, Principal, Timestamp};
use pulse_token::Claims;

use super::{App, view};
use crate::domain::refresh::SESSION_TTL;
use crate::secret::RefreshClaims;
use crate::store::accounts::AccountRow;

/// The tokens of a session with the current roles of its account.
pub(super) async fn mint(app: &App, row: AccountRow, claims: RefreshClaims, now: Timestamp) -> Result<Session, Error> {
    let shops = view::shops_of(app, &row).await?;
    let principal = Principal {
        account: row.id,
        session: claims.session.get(),
        roles: row.roles.iter().collect(),
        shops: shops.clone(),
    };
    let access = Claims::new(principal, now, app.deps.config.access_ttl);
    Ok(Session {
        access_token: app.deps.keys.sign(&access),
        access_expires_at: Some(access.expires_at.into()),
        refresh_token: app.deps.secret.refresh_token(claims),
        refresh_expires_at: Some(now.plus(SESSION_TTL).into()),
        account: Some(view::account(row, &shops)),
    })
}
