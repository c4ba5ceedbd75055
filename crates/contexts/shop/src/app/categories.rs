//! Lists the children of a category (TR-77), and creates categories with the next free code (TR-78).

use std::collections::BTreeSet;
use std::sync::Arc;

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{
    CategoriesChanged, Category, CreateCategoryRequest, ListCategoriesRequest, ListCategoriesResponse, errors,
};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::submit_shop_application::{category, check_category};
use super::text_rules::TextRules;
use crate::domain::category::{CHILDREN_MAX, Code, DEPTH_MAX, Refusal};
use crate::store::categories::{self, CategoryRow};

/// Key of all events of the tree, so that they arrive in order.
pub(super) const TREE_KEY: i64 = 0;

pub(crate) async fn list_categories(
    app: &App,
    _cx: &Cx,
    request: ListCategoriesRequest,
) -> Result<ListCategoriesResponse, Error> {
    let parent = category(request.parent_code)?;
    let load = || {
        let app = app.clone();
        async move { load(&app, parent).await.map(Some) }
    };
    let response = app.categories.get_or_load(&parent.get(), load).await?;
    Ok(response.map(|response| (*response).clone()).unwrap_or_default())
}

async fn load(app: &App, parent: Code) -> Result<Arc<ListCategoriesResponse>, Error> {
    check_category(app, parent).await?;
    let rows = categories::children(&app.deps.store, parent).await?;
    let parents: BTreeSet<Code> = categories::parents_below(&app.deps.store, parent).await?.into_iter().collect();
    let categories = rows.into_iter().map(|row| {
        let has_children = parents.contains(&row.code);
        view(row, has_children)
    });
    Ok(Arc::new(ListCategoriesResponse { categories: categories.collect() }))
}

pub(crate) async fn create_category(app: &App, cx: &Cx, request: CreateCategoryRequest) -> Result<Category, Error> {
    let parent = category(request.parent_code)?;
    let mut rules = TextRules::default();
    let name = rules.name("name", request.name.clone());
    let name_zh = rules.optional_name("name_zh", request.name_zh.clone());
    rules.check()?;
    let request = CreateCategoryRequest { name, name_zh, ..request };
    app.deps.store.attempt(cx, || create(app, cx, parent, &request)).await
}

async fn create(app: &App, cx: &Cx, parent: Code, request: &CreateCategoryRequest) -> Result<Category, Error> {
    check_category(app, parent).await?;
    let store = &app.deps.store;
    let siblings = categories::children(store, parent).await?;
    let code = parent.next_child(siblings.iter().map(|row| row.code)).map_err(invalid)?;
    let row = CategoryRow {
        code,
        name: request.name.clone(),
        name_zh: request.name_zh.clone(),
        legacy_code: request.legacy_code.clone(),
    };
    let commit = categories::lock(Commit::new(), parent)
        .insert(categories::insert([&row]))
        .duplicate_is(&common::STORE_CONTENDED)
        .event(TREE_KEY, &CategoriesChanged { code: code.get() });
    let response = view(row, false);
    store.commit(cx, commit.answer(cx, &response)).await?;
    app.categories.invalidate(&parent.get());
    // The list of the grandparent shows whether the parent has children.
    app.categories.invalidate(&parent.parent().unwrap_or(Code::ALL).get());
    Ok(response)
}

pub(super) fn view(row: CategoryRow, has_children: bool) -> Category {
    Category {
        code: row.code.get(),
        parent_code: row.code.parent().unwrap_or(Code::ALL).get(),
        name: row.name,
        name_zh: row.name_zh,
        legacy_code: row.legacy_code,
        has_children,
    }
}

/// The error of a category that cannot be created or moved.
pub(super) fn invalid(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Full => {
            errors::SHOP_CATEGORY_FULL.error(format!("a category can have at most {CHILDREN_MAX} children"))
        }
        Refusal::TooDeep => {
            errors::SHOP_CATEGORY_MOVE_INVALID.error(format!("categories can be at most {DEPTH_MAX} levels deep"))
        }
        Refusal::UnderItself => {
            errors::SHOP_CATEGORY_MOVE_INVALID.error("the new parent must not be the category or below it")
        }
        Refusal::RootFixed => errors::SHOP_CATEGORY_MOVE_INVALID.error("the root category cannot be moved"),
    }
}
