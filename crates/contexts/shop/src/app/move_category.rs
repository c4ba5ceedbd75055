//! Moves a category with everything below it; all codes change in one commit (TR-78).

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{CategoriesChanged, Category, MoveCategoryRequest};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::categories::{TREE_KEY, invalid, view};
use super::submit_shop_application::{category, category_not_found, check_category};
use crate::domain::category::{Code, Move};
use crate::store::categories::{self, CategoryRow};
use crate::store::{items, products, shops};

/// Number of shops that are read at once while cache and index are updated.
const BATCH: i64 = 2_000;

pub(crate) async fn move_category(app: &App, cx: &Cx, request: MoveCategoryRequest) -> Result<Category, Error> {
    let (from, parent) = (category(request.code)?, category(request.new_parent_code)?);
    let Moved { plan, view: moved, codes } = app.deps.store.attempt(cx, || commit(app, cx, from, parent)).await?;
    for code in [from.parent(), plan.to.parent(), from.parent().and_then(Code::parent), parent.parent()] {
        app.categories.invalidate(&code.unwrap_or(Code::ALL).get());
    }
    for code in codes {
        app.categories.invalidate(&code.get());
    }
    refresh(app, plan.to).await?;
    Ok(moved)
}

/// Result of a move.
struct Moved {
    plan: Move,
    view: Category,
    /// Codes of all moved categories, before and after the move.
    codes: Vec<Code>,
}

async fn commit(app: &App, cx: &Cx, from: Code, parent: Code) -> Result<Moved, Error> {
    check_category(app, parent).await?;
    let store = &app.deps.store;
    let moving = categories::subtree(store, from).await?;
    let Some(top) = moving.first().filter(|row| row.code == from).cloned() else {
        return Err(category_not_found(from.get()));
    };
    let siblings = categories::children(store, parent).await?;
    let deepest = moving.iter().map(|row| row.code.depth()).max().unwrap_or_default();
    let plan = Move::plan(from, parent, siblings.iter().map(|row| row.code), deepest).map_err(invalid)?;
    let recoded: Vec<(Code, CategoryRow)> = moving
        .iter()
        .filter_map(|row| Some((row.code, CategoryRow { code: plan.recode(row.code)?, ..row.clone() })))
        .filter(|(code, row)| *code != row.code)
        .collect();
    let mut writes = categories::lock(Commit::new(), parent);
    if !recoded.is_empty() {
        writes = categories::delete_subtree(writes, from, moving.len())
            .insert(categories::insert(recoded.iter().map(|(_, row)| row)))
            .duplicate_is(&common::STORE_CONTENDED);
    }
    for (code, row) in &recoded {
        writes = writes.write(shops::recode(*code, row.code)).write(products::recode(*code, row.code));
        writes = items::recode(*code, row.code).into_iter().fold(writes, Commit::write);
    }
    let view = view(CategoryRow { code: plan.to, ..top }, moving.len() > 1);
    let event = CategoriesChanged { code: plan.to.get().min(from.get()) };
    store.commit(cx, writes.event(TREE_KEY, &event).answer(cx, &view)).await?;
    Ok(Moved { plan, view, codes: recoded.iter().flat_map(|(code, row)| [*code, row.code]).collect() })
}

/// Updates cache and index for the shops of the moved categories.
async fn refresh(app: &App, to: Code) -> Result<(), Error> {
    let mut after = ShopId::new(0);
    loop {
        let _order = app.active.in_order().await;
        let rows = shops::in_category(&app.deps.store, to, after, BATCH).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            app.cache.invalidate(&row.id);
        }
        app.active.apply(&rows, &app.zones);
    }
}
