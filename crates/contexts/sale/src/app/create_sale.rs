//! Creates a sale as a draft.

use pulse_contract::sale::v1::{ChallengeQuestion, CreateSaleRequest, Sale, SaleDraft, StoredSale, errors};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Violation};
use pulse_store::Commit;
use rand::RngCore;

use super::{App, offer, view};
use crate::domain::draft::Plan;
use crate::domain::sale_status::SaleStatus;
use crate::store::counts::{self, Count};
use crate::store::sales::{self, SaleRow};

/// Length of the secret that signs the tokens of a sale.
const SECRET_BYTES: usize = 32;

pub(crate) async fn create_sale(app: &App, cx: &Cx, request: CreateSaleRequest) -> Result<Sale, Error> {
    let draft = request.sale.unwrap_or_default();
    check(&draft, cx)?;
    let shop = ShopId::new(request.shop_id);
    offer::check_currency(app, cx, shop, &draft).await?;
    let mut secret = vec![0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut secret);
    let row = SaleRow {
        id: app.deps.store.next_id(cx.now),
        shop,
        status: SaleStatus::Draft,
        is_paused: false,
        version: 1,
        updated_at: cx.now,
        stored: StoredSale {
            sale: Some(draft),
            secret: secret.into(),
            created_at: Some(cx.now.into()),
            ..StoredSale::default()
        },
    };
    let sale = view::sale(&row, &Count::default(), cx);
    let commit = counts::insert_empty(sales::insert(Commit::new(), &row), row.id);
    app.deps.store.commit(cx, commit.answer(cx, &sale)).await?;
    Ok(sale)
}

/// Validates a draft and returns all violations.
pub(super) fn check(draft: &SaleDraft, cx: &Cx) -> Result<(), Error> {
    let item = draft.item.unwrap_or_default();
    let rate_limit = draft.rate_limit.unwrap_or_default();
    let plan = Plan {
        has_variant: item.product_id != 0 && item.variant_id != 0,
        has_template: item.template_id != 0,
        price_minor: draft.price.as_ref().map_or(0, |price| price.minor),
        units: draft.units,
        per_buyer_limit: draft.per_buyer_limit,
        window: sales::window_of(draft),
        has_rate_limit: rate_limit.per_account > 0 || rate_limit.per_device > 0 || rate_limit.per_network > 0,
        rate_limit_window_ms: rate_limit.window_ms,
        has_answers: draft.challenge.iter().flat_map(|challenge| &challenge.questions).all(has_answer),
    };
    let flaws = plan.flaws(cx.now);
    let Some((field, rule)) = flaws.first().copied() else { return Ok(()) };
    let detail = format!("sale.{field}: {rule}");
    let violation = |(field, message): (&'static str, &'static str)| Violation {
        field: format!("sale.{field}").into(),
        code: errors::SALE_INVALID.code.into(),
        message: message.into(),
    };
    Err(errors::SALE_INVALID.error(detail).with_violations(flaws.into_iter().map(violation)))
}

fn has_answer(question: &ChallengeQuestion) -> bool {
    usize::try_from(question.right_choice).is_ok_and(|choice| choice < question.choices.len())
}
