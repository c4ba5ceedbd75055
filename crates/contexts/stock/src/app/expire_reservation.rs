//! Gives back what nobody confirmed in time.

use pulse_kernel::{Cx, Error};
use pulse_store::DueTimer;

use super::App;
use crate::domain::command::Verb;
use crate::domain::reservation::{Key, Owner};

/// The commit that decides takes the timer away, whatever it decides: when the process dies before, the timer fires again.
pub(crate) async fn expire_reservation(app: &App, owner: Owner, due: DueTimer) -> Result<(), Error> {
    let cx = Cx::system("stock.expire", app.deps.store.clock().now());
    let verb = Verb::Expire { key: Key { id: due.key, owner } };
    app.desk.ask(&cx, verb).await.map(|_reply| ())
}
