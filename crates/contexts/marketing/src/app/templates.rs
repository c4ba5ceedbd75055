//! Makes templates with their quotas, shows them, closes them.

use pulse_contract::marketing::v1::{
    CloseTemplateRequest, CouponTemplate, CreatePlatformTemplateRequest, CreateTemplateRequest, Distribution,
    GetTemplateRequest, ListTemplatesRequest, ListTemplatesResponse, TemplateDraft, errors,
};
use pulse_contract::page::{self, Page};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Role, Timestamp, Violation};
use pulse_store::Commit;

use super::{App, quota, view};
use crate::domain::category::Subtree;
use crate::domain::template::TemplateId;
use crate::store::templates::{self, TemplateRow};

pub(crate) async fn create_template(
    app: &App,
    cx: &Cx,
    request: CreateTemplateRequest,
) -> Result<CouponTemplate, Error> {
    create(app, cx, ShopId::new(request.shop_id), request.template.unwrap_or_default()).await
}

pub(crate) async fn create_platform_template(
    app: &App,
    cx: &Cx,
    request: CreatePlatformTemplateRequest,
) -> Result<CouponTemplate, Error> {
    create(app, cx, ShopId::new(0), request.template.unwrap_or_default()).await
}

async fn create(app: &App, cx: &Cx, shop: ShopId, mut draft: TemplateDraft) -> Result<CouponTemplate, Error> {
    let store = &app.deps.store;
    draft.set_distribution(match draft.distribution() {
        Distribution::Unspecified | Distribution::Claim => Distribution::Claim,
        kind @ (Distribution::Grant | Distribution::Purchase) => kind,
    });
    let id = TemplateId::new(store.next_id(cx.now));
    let row = TemplateRow { id, shop, draft, is_closed: false, created_at: cx.now, version: 1 };
    check(&row, cx.now)?;
    // The quota first: dying after it leaves a resource that nobody asks for, and never a template without limit.
    quota::make(app, cx, &row).await?;
    let commit = Commit::new().insert(templates::insert(&row));
    let template = view::template(row);
    store.commit(cx, commit.answer(cx, &template)).await?;
    Ok(template)
}

/// Says everything that is wrong with a new template.
fn check(row: &TemplateRow, now: Timestamp) -> Result<(), Error> {
    let draft = &row.draft;
    let mut flaws = view::rules(row).flaws(now);
    if draft.category_codes.iter().any(|code| Subtree::of(*code).is_none()) {
        flaws.push(("category_codes", "no category can have this code"));
    }
    if row.shop.get() != 0 && !draft.shop_ids.is_empty() {
        flaws.push(("shop_ids", "a shop's own template is for that shop"));
    }
    if draft.quota < 1 || draft.per_customer_limit < 1 {
        flaws.push(("quota", "nobody could have one"));
    }
    if flaws.is_empty() {
        return Ok(());
    }
    let violation = |(field, message): (&'static str, &'static str)| Violation {
        field: format!("template.{field}").into(),
        code: errors::MARKETING_TEMPLATE_INVALID.code.into(),
        message: message.into(),
    };
    let detail = flaws.first().map_or("", |flaw| flaw.1);
    Err(errors::MARKETING_TEMPLATE_INVALID.error(detail).with_violations(flaws.into_iter().map(violation)))
}

pub(crate) async fn get_template(app: &App, _cx: &Cx, request: GetTemplateRequest) -> Result<CouponTemplate, Error> {
    Ok(view::template(load(app, TemplateId::new(request.template_id)).await?))
}

pub(crate) async fn list_templates(
    app: &App,
    cx: &Cx,
    request: ListTemplatesRequest,
) -> Result<ListTemplatesResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = page.after::<1>()?.map_or(TemplateId::new(0), |[id]| TemplateId::new(id));
    let shop = ShopId::new(request.shop_id);
    let rows = templates::on_offer(&app.deps.store, shop, cx.now, after, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.id.get()]));
    Ok(ListTemplatesResponse { templates: rows.into_iter().map(view::template).collect(), next_page_token })
}

pub(crate) async fn close_template(app: &App, cx: &Cx, request: CloseTemplateRequest) -> Result<CouponTemplate, Error> {
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            let row = managed(app, cx, TemplateId::new(request.template_id)).await?;
            if row.is_closed {
                return Ok(view::template(row));
            }
            let commit = Commit::new().write(templates::close(&row)).expect_rows(1);
            let closed = view::template(TemplateRow { is_closed: true, version: row.version + 1, ..row });
            store.commit(cx, commit.answer(cx, &closed)).await?;
            Ok(closed)
        })
        .await
}

pub(super) async fn load(app: &App, id: TemplateId) -> Result<TemplateRow, Error> {
    templates::by_id(&app.deps.store, id).await?.ok_or_else(|| not_found(id))
}

/// The template, when the caller works for its shop; for others there is no such template.
pub(super) async fn managed(app: &App, cx: &Cx, id: TemplateId) -> Result<TemplateRow, Error> {
    let row = load(app, id).await?;
    let is_theirs = if row.shop.get() == 0 { cx.actor.has_role(Role::Operator) } else { cx.actor.works_for(row.shop) };
    if is_theirs { Ok(row) } else { Err(not_found(id)) }
}

pub(super) fn not_found(id: TemplateId) -> Error {
    errors::MARKETING_TEMPLATE_NOT_FOUND.error("there is no such coupon template").with("template_id", id.get())
}
