//! Expires a reservation that was not confirmed in time.

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::App;
use crate::domain::command::Verb;
use crate::domain::reservation::Key;
use crate::timers;

/// The commit that decides also removes the timer. If the process dies before, the timer fires again.
pub(crate) async fn expire_reservation(app: &App, due: &DueTimer) -> Result<(), Error> {
    let cx = Cx::system("stock.expire", app.deps.store.clock().now());
    let Some(owner) = timers::owner_of(&due.kind) else {
        return Ok(app.deps.store.commit(&cx, Commit::new().fired(due)).await?);
    };
    let verb = Verb::Expire { key: Key { id: due.key, owner } };
    app.batcher.execute(&cx, verb).await.map(|_reply| ())
}
