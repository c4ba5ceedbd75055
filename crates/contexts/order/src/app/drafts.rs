//! The order page: one open draft per customer and shop, found again from another tab (TR-27).

use pulse_contract::order::v1::{Draft, GetDraftRequest, OpenDraftRequest, StoredDraft, errors};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::quote::quote;
use super::{App, caller};
use crate::store::drafts::{self, DraftRow};

pub(crate) async fn open_draft(app: &App, cx: &Cx, request: OpenDraftRequest) -> Result<Draft, Error> {
    let (customer, draft) = (caller(cx)?, request.draft.unwrap_or_default());
    let quote = quote(app, cx, &draft).await?;
    let (store, shop) = (&app.deps.store, ShopId::new(draft.shop_id));
    let expires_at = cx.now.plus(app.deps.config.draft_ttl);
    store
        .attempt(cx, || async {
            let stored = StoredDraft { draft: Some(draft.clone()) };
            let open = drafts::of_page(store, customer, shop).await?;
            let (row, commit) = match open {
                Some(open) if open.expires_at > cx.now => {
                    let row = DraftRow { version: open.version + 1, expires_at, stored, ..open };
                    let commit = drafts::update(Commit::new(), &row);
                    (row, commit)
                }
                old => {
                    let pre_order_id = store.next_id(cx.now);
                    let row = DraftRow { pre_order_id, customer, shop, version: 1, expires_at, stored };
                    let commit = match old {
                        Some(old) => {
                            Commit::new().write(drafts::delete_version(old.pre_order_id, old.version)).expect_rows(1)
                        }
                        None => Commit::new(),
                    };
                    let commit = drafts::insert(commit, &row);
                    (row, commit)
                }
            };
            let draft = Draft {
                pre_order_id: row.pre_order_id,
                draft: row.stored.draft,
                quote: Some(quote.clone()),
                expires_at: Some(expires_at.into()),
            };
            store.commit(cx, commit.answer(cx, &draft)).await?;
            Ok(draft)
        })
        .await
}

pub(crate) async fn get_draft(app: &App, cx: &Cx, request: GetDraftRequest) -> Result<Draft, Error> {
    let shop = ShopId::new(request.shop_id);
    let row = drafts::of_page(&app.deps.store, caller(cx)?, shop).await?;
    let row = row.filter(|row| row.expires_at > cx.now);
    let row = row.ok_or_else(|| errors::ORDER_DRAFT_NOT_FOUND.error("no order page is open at this shop"))?;
    let draft = row.stored.draft.unwrap_or_default();
    let quote = quote(app, cx, &draft).await?;
    Ok(Draft {
        pre_order_id: row.pre_order_id,
        draft: Some(draft),
        quote: Some(quote),
        expires_at: Some(row.expires_at.into()),
    })
}

pub(super) fn not_found(pre_order_id: i64) -> Error {
    errors::ORDER_DRAFT_NOT_FOUND.error("there is no such draft").with("pre_order_id", pre_order_id)
}
