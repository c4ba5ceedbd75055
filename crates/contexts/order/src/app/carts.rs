//! Carts: chosen items per customer and shop.

use pulse_contract::order::v1::{
    Cart, GetCartRequest, ListCartsRequest, ListCartsResponse, PutCartRequest, StoredCart,
};
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store};

use super::{App, caller};
use crate::store::carts::{self, CartRow};

/// Maximum number of carts of an account. One more replaces the cart with the oldest change.
const CARTS_MAX: usize = 50;

pub(crate) async fn put_cart(app: &App, cx: &Cx, request: PutCartRequest) -> Result<Cart, Error> {
    let (customer, shop) = (caller(cx)?, ShopId::new(request.shop_id));
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            let old = carts::find(store, customer, shop).await?;
            if request.lines.is_empty() {
                if let Some(old) = &old {
                    store.commit(cx, Commit::new().write(carts::delete(old)).expect_rows(1)).await?;
                }
                return Ok(empty(shop));
            }
            let stored = StoredCart { lines: request.lines.clone() };
            let version = old.as_ref().map_or(0, |old| old.version) + 1;
            let row = CartRow { customer, shop, version, updated_at: cx.now, stored };
            let commit = if old.is_some() { Commit::new() } else { make_room(store, customer).await? };
            store.commit(cx, carts::put(commit, &row)).await?;
            Ok(view(row))
        })
        .await
}

/// A commit that deletes the oldest cart if the account has the maximum number of carts.
async fn make_room(store: &Store, customer: AccountId) -> Result<Commit, Error> {
    let carts = carts::of_customer(store, customer, limit()).await?;
    let oldest = carts.get(CARTS_MAX - 1..).and_then(<[CartRow]>::first);
    Ok(oldest.map_or_else(Commit::new, |oldest| Commit::new().write(carts::delete(oldest))))
}

pub(crate) async fn get_cart(app: &App, cx: &Cx, request: GetCartRequest) -> Result<Cart, Error> {
    let (customer, shop) = (caller(cx)?, ShopId::new(request.shop_id));
    Ok(carts::find(&app.deps.store, customer, shop).await?.map_or_else(|| empty(shop), view))
}

pub(crate) async fn list_carts(app: &App, cx: &Cx, _request: ListCartsRequest) -> Result<ListCartsResponse, Error> {
    let carts = carts::of_customer(&app.deps.store, caller(cx)?, limit()).await?;
    Ok(ListCartsResponse { carts: carts.into_iter().map(view).collect() })
}

fn limit() -> i64 {
    i64::try_from(CARTS_MAX).unwrap_or(i64::MAX)
}

fn empty(shop: ShopId) -> Cart {
    Cart { shop_id: shop.get(), ..Cart::default() }
}

fn view(row: CartRow) -> Cart {
    Cart { shop_id: row.shop.get(), lines: row.stored.lines, updated_at: Some(row.updated_at.into()) }
}
