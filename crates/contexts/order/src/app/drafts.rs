//! Drafts: one open order page per customer and shop, also in several browser tabs (TR-27).

use pulse_contract::order::v1::{Draft, GetDraftRequest, OpenDraftRequest, StoredDraft, errors};
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::quote::quote;
use super::{App, caller};
use crate::domain::ids::PreOrderId;
use crate::store::drafts::{self, DraftRow};

pub(crate) async fn open_draft(app: &App, cx: &Cx, request: OpenDraftRequest) -> Result<Draft, Error> {
    let (customer, draft) = (caller(cx)?, request.draft.unwrap_or_default());
    let quote = quote(app, cx, &draft).await?;
    let store = &app.deps.store;
    let content = StoredDraft { draft: Some(draft) };
    store
        .attempt(cx, || async {
            let (row, commit) = open(app, cx, customer, content.clone()).await?;
            let draft = Draft {
                pre_order_id: row.pre_order_id.get(),
                draft: row.stored.draft,
                quote: Some(quote.clone()),
                expires_at: Some(row.expires_at.into()),
            };
            store.commit(cx, commit.answer(cx, &draft)).await?;
            Ok(draft)
        })
        .await
}

/// The open draft with its new content, or a new draft; and the commit that stores it.
async fn open(app: &App, cx: &Cx, customer: AccountId, stored: StoredDraft) -> Result<(DraftRow, Commit), Error> {
    let store = &app.deps.store;
    let shop = ShopId::new(stored.draft.as_ref().map_or(0, |draft| draft.shop_id));
    let expires_at = cx.now.plus(app.deps.config.draft_ttl);
    match drafts::of_page(store, customer, shop).await? {
        Some(open) if open.expires_at > cx.now => {
            let row = DraftRow { version: open.version + 1, expires_at, stored, ..open };
            let commit = drafts::update(Commit::new(), &row);
            Ok((row, commit))
        }
        expired => {
            let pre_order_id = PreOrderId::new(store.next_id(cx.now));
            let row = DraftRow { pre_order_id, customer, shop, version: 1, expires_at, stored };
            let commit = match expired {
                Some(old) => Commit::new().write(drafts::delete_version(old.pre_order_id, old.version)).expect_rows(1),
                None => Commit::new(),
            };
            let commit = drafts::insert(commit, &row);
            Ok((row, commit))
        }
    }
}

pub(crate) async fn get_draft(app: &App, cx: &Cx, request: GetDraftRequest) -> Result<Draft, Error> {
    let shop = ShopId::new(request.shop_id);
    let row = drafts::of_page(&app.deps.store, caller(cx)?, shop).await?;
    let row = row.filter(|row| row.expires_at > cx.now);
    let row = row.ok_or_else(|| {
        errors::ORDER_DRAFT_NOT_FOUND.error("the caller has no open draft at the shop").with("shop_id", request.shop_id)
    })?;
    let draft = row.stored.draft.unwrap_or_default();
    let quote = quote(app, cx, &draft).await?;
    Ok(Draft {
        pre_order_id: row.pre_order_id.get(),
        draft: Some(draft),
        quote: Some(quote),
        expires_at: Some(row.expires_at.into()),
    })
}

pub(super) fn not_found(id: PreOrderId) -> Error {
    errors::ORDER_DRAFT_NOT_FOUND
        .error("the draft does not exist, has expired, or belongs to another account")
        .with("pre_order_id", id.get())
}
