//! Item of a sale, as its shop offers it.

use pulse_contract::marketing::v1::GetTemplateRequest;
use pulse_contract::sale::v1::{SaleDraft, errors};
use pulse_contract::shop::v1::GetOffersRequest;
use pulse_contract::stock::v1::{ResourceKind, ResourceRef};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Kind, Violation};

use super::App;

/// Actor of the calls to other contexts.
const ACTOR: &str = "sale.offer";

/// Item of a sale with its names.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) shop_name: String,
    pub(super) item_name: String,
    pub(super) variant_name: String,
    pub(super) category_code: i64,
    pub(super) currency: String,
}

impl Offer {
    /// Checks that the price of a draft has the currency of the item.
    ///
    /// # Errors
    /// `SALE_INVALID` with both currencies.
    pub(super) fn check_currency(&self, draft: &SaleDraft) -> Result<(), Error> {
        let price = draft.price.as_ref().map_or("", |price| price.currency.as_str());
        if price == self.currency {
            return Ok(());
        }
        let detail = format!("sale.price.currency must be {}, the currency of the item, got {price}", self.currency);
        let error = errors::SALE_INVALID.error(detail.clone()).with("item_currency", self.currency.clone());
        let (field, code) = ("sale.price.currency".into(), errors::SALE_INVALID.code.into());
        Err(error.with("price_currency", price).with_violations([Violation { field, code, message: detail.into() }]))
    }
}

/// Reads the item of a draft from the catalog or the marketing context.
///
/// # Errors
/// `SALE_INVALID` if the shop does not sell the item; errors of the called contexts.
pub(super) async fn find(app: &App, cx: &Cx, shop: ShopId, draft: &SaleDraft) -> Result<Offer, Error> {
    let cx = cx.as_system(ACTOR);
    let item = draft.item.unwrap_or_default();
    let product_ids = Some(item.product_id).filter(|id| *id != 0).into_iter().collect();
    let offers = app.deps.catalog.get_offers(&cx, GetOffersRequest { shop_id: shop.get(), product_ids }).await?;
    if item.template_id != 0 {
        let template = app.deps.coupons.get_template(&cx, GetTemplateRequest { template_id: item.template_id }).await?;
        if template.shop_id != shop.get() {
            return Err(errors::SALE_INVALID.error("item: the voucher template belongs to another shop"));
        }
        let worth = template.template.unwrap_or_default();
        return Ok(Offer {
            shop_name: offers.shop_name,
            item_name: worth.name,
            variant_name: String::new(),
            category_code: 0,
            currency: worth.currency,
        });
    }
    let product = offers.products.into_iter().find(|product| product.product_id == item.product_id);
    let found = product.and_then(|product| {
        let variant = product.variants.into_iter().find(|variant| variant.variant_id == item.variant_id)?;
        Some((product.name, product.category_code, variant))
    });
    let (item_name, category_code, variant) =
        found.ok_or_else(|| errors::SALE_INVALID.error("item: the shop has no such product variant"))?;
    let currency = variant.price.map(|price| price.currency).unwrap_or_default();
    Ok(Offer { shop_name: offers.shop_name, item_name, variant_name: variant.name, category_code, currency })
}

/// Checks that the price of a draft has the currency of its item, if the shop sells the item already.
///
/// # Errors
/// `SALE_INVALID` with both currencies; errors of the called contexts.
pub(super) async fn check_currency(app: &App, cx: &Cx, shop: ShopId, draft: &SaleDraft) -> Result<(), Error> {
    match find(app, cx, shop, draft).await {
        Ok(offer) => offer.check_currency(draft),
        // The item can be created later. Scheduling requires it.
        Err(error) if error.code() == errors::SALE_INVALID.code || error.kind() == Kind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Stock resource from which the units of a sale are transferred.
pub(super) fn source(draft: &SaleDraft) -> ResourceRef {
    let item = draft.item.unwrap_or_default();
    match item.template_id {
        0 => ResourceRef { kind: ResourceKind::Sku.into(), id: item.variant_id },
        template => ResourceRef { kind: ResourceKind::Coupon.into(), id: template },
    }
}

/// Stock resource with the units of a sale.
pub(super) fn units(sale: i64) -> ResourceRef {
    ResourceRef { kind: ResourceKind::Sale.into(), id: sale }
}
