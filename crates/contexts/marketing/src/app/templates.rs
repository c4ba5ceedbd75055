//! Creates templates with their quotas, returns and closes them.

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
    // The quota first: a crash after it leaves an unused resource, and never a template without a quota.
    quota::create(app, cx, &row).await?;
    let commit = Commit::new().insert(templates::insert(&row));
    let template = view::template(row);
    store.commit(cx, commit.answer(cx, &template)).await?;
    Ok(template)
}

/// Checks a new template.
///
/// # Errors
/// `MARKETING_TEMPLATE_INVALID` with all violations.
fn check(row: &TemplateRow, now: Timestamp) -> Result<(), Error> {
    let draft = &row.draft;
    let mut broken = view::rules(row).violations(now);
    if let Some(code) = draft.category_codes.iter().find(|code| Subtree::of(**code).is_none()) {
        broken.push(("category_codes", format!("must be valid category codes, got {code}")));
    }
    if row.shop.get() != 0 && !draft.shop_ids.is_empty() {
        broken.push(("shop_ids", "must be empty in a template of a shop".to_owned()));
    }
    if draft.quota < 1 || draft.per_customer_limit < 1 {
        let (quota, limit) = (draft.quota, draft.per_customer_limit);
        broken.push(("quota", format!("quota and per_customer_limit must be at least 1, got {quota} and {limit}")));
    }
    let Some((field, rule)) = broken.first() else { return Ok(()) };
    let detail = format!("template.{field} {rule}");
    let violation = |(field, message): (&'static str, String)| Violation {
        field: format!("template.{field}").into(),
        code: errors::MARKETING_TEMPLATE_INVALID.code.into(),
        message: message.into(),
    };
    Err(errors::MARKETING_TEMPLATE_INVALID.error(detail).with_violations(broken.into_iter().map(violation)))
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

/// The template, when the caller manages it: staff of its shop, and operators for templates of the platform.
///
/// # Errors
/// `MARKETING_TEMPLATE_NOT_FOUND` for other callers, too.
pub(super) async fn managed(app: &App, cx: &Cx, id: TemplateId) -> Result<TemplateRow, Error> {
    let row = load(app, id).await?;
    let is_managed = if row.shop.get() == 0 { cx.actor.has_role(Role::Operator) } else { cx.actor.works_for(row.shop) };
    if is_managed { Ok(row) } else { Err(not_found(id)) }
}

pub(super) fn not_found(id: TemplateId) -> Error {
    let id = id.get();
    errors::MARKETING_TEMPLATE_NOT_FOUND.error(format!("coupon template {id} does not exist")).with("template_id", id)
}
