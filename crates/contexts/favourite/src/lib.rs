//! Favourites: shops and products that customers have marked.
//!
//! **Invariants:** an account marks a subject once; the counts of accounts and of subjects are the number of their marks,
//! changed by the commit that adds or removes a mark; an account has at most [`MARKS_MAX`] marks.

mod app;
mod deps;
mod store;
mod verify;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::favourite::v1::FavouriteClient;

pub use app::MARKS_MAX;
pub use deps::FavouriteDeps;
pub use store::TABLES;

pulse_contract::forward_favourite!(app::App, app);

/// Starts the context. Nothing is read before the first request.
#[must_use]
pub fn start(deps: FavouriteDeps) -> (FavouriteClient, Context) {
    let store = deps.store.clone();
    let client = FavouriteClient::in_process(app::App { deps: Arc::new(deps) }, Arc::new(store.clone()));
    let context = Context::new(&store)
        .service(client.served())
        .verify(|store, _is_repair| async move { verify::verify(&store).await });
    (client, context)
}
