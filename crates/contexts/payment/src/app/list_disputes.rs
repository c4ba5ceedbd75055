//! Lists disputes for the staff of a shop and for operators.

use pulse_contract::page::{self, Page};
use pulse_contract::payment::v1::{
    Dispute as View, ListDisputesRequest, ListDisputesResponse, ListShopDisputesRequest, ListShopDisputesResponse,
};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::App;
use super::apply_provider_facts::wire as money;
use crate::domain::payment::DisputeId;
use crate::store::disputes::{self, ListedDispute};

pub(crate) async fn list_disputes(
    app: &App,
    _cx: &Cx,
    request: ListDisputesRequest,
) -> Result<ListDisputesResponse, Error> {
    let (disputes, next_page_token) = list(app, None, request.page_size, &request.page_token).await?;
    Ok(ListDisputesResponse { disputes, next_page_token })
}

pub(crate) async fn list_shop_disputes(
    app: &App,
    _cx: &Cx,
    request: ListShopDisputesRequest,
) -> Result<ListShopDisputesResponse, Error> {
    let shop = Some(ShopId::new(request.shop_id));
    let (disputes, next_page_token) = list(app, shop, request.page_size, &request.page_token).await?;
    Ok(ListShopDisputesResponse { disputes, next_page_token })
}

async fn list(app: &App, shop: Option<ShopId>, size: i32, token: &str) -> Result<(Vec<View>, String), Error> {
    let page = Page::new(size, token)?;
    let before = DisputeId::new(page.after::<1>()?.map_or(i64::MAX, |[id]| id));
    let rows = disputes::list(app.store(), shop, before, page.limit_plus_one()).await?;
    let (rows, next) = page.cut(rows, |row| page::token(&[row.dispute.id.get()]));
    Ok((rows.into_iter().map(view).collect(), next))
}

fn view(row: ListedDispute) -> View {
    let ListedDispute { dispute, payment, order, shop, provider } = row;
    View {
        dispute_id: dispute.id.get(),
        payment_id: payment.get(),
        attempt_id: dispute.attempt.get(),
        order_id: order.get(),
        shop_id: shop.get(),
        provider,
        provider_reference: dispute.reference,
        amount: Some(money(dispute.amount)),
        reason: dispute.reason,
        status: dispute.state.status.into(),
        is_withdrawn: dispute.state.is_withdrawn,
        is_reinstated: dispute.state.is_reinstated,
        respond_by: dispute.respond_by.map(Into::into),
        opened_at: Some(dispute.opened_at.into()),
    }
}
