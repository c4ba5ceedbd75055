//! Shops of a test: applied for, reviewed and staffed the way every shop is.

use pulse_contract::shop::v1::{
    CreateMerchantRequest, Hours, Merchant, ProductDraft, ReviewShopRequest, Shop, ShopDecision, ShopDraft,
    SubmitShopApplicationRequest, VariantDraft,
};
use pulse_contract::{GeoPoint, Money};

use crate::{Person, TestNode};

/// A shop that people see, and who owns it.
#[derive(Clone, Debug)]
pub struct OpenShop {
    /// The owner, whose token works for the shop.
    pub owner: Person,
    /// The merchant.
    pub merchant: Merchant,
    /// The shop as it was approved.
    pub shop: Shop,
}

impl OpenShop {
    /// The shop as the wire names it.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.shop.shop_id
    }
}

/// A place.
#[must_use]
pub fn place(latitude: f64, longitude: f64) -> GeoPoint {
    GeoPoint { latitude: Some(latitude), longitude: Some(longitude) }
}

/// What a shop in the middle of Shanghai says about itself.
#[must_use]
pub fn draft(name: &str) -> ShopDraft {
    ShopDraft {
        name: name.to_owned(),
        location: Some(place(31.2304, 121.4737)),
        price_level: 2,
        // A shop without hours takes orders in tests.
        hours: Some(Hours { is_orderable_when_unknown: true, ..Hours::default() }),
        ..ShopDraft::default()
    }
}

/// Yuan, in cents.
#[must_use]
pub fn cny(minor: i64) -> Money {
    Money { minor, currency: "CNY".to_owned() }
}

/// A product on sale with one variant.
#[must_use]
pub fn product(name: &str, minor: i64) -> ProductDraft {
    let variant = VariantDraft { name: "one".to_owned(), price: Some(cny(minor)), ..VariantDraft::default() };
    ProductDraft { name: name.to_owned(), variants: vec![variant], is_on_sale: true, ..ProductDraft::default() }
}

impl TestNode {
    /// A merchant that the person owns.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn merchant(&self, owner: &Person) -> Merchant {
        let request = CreateMerchantRequest { name: "Tea & Sons".to_owned(), ..CreateMerchantRequest::default() };
        self.shops().create_merchant(&owner.cx(), request).await.expect("anybody may trade")
    }

    /// A shop that waits for an operator.
    ///
    /// # Panics
    /// When it cannot be applied for.
    pub async fn applied_shop(&self, owner: &Person, merchant: &Merchant, draft: ShopDraft) -> Shop {
        let request = SubmitShopApplicationRequest { merchant_id: merchant.merchant_id, shop: Some(draft) };
        self.shops().submit_shop_application(&owner.cx(), request).await.expect("the owner may apply")
    }

    /// Lets a shop in.
    ///
    /// # Panics
    /// When it does not wait for that.
    pub async fn approve(&self, shop: &Shop) -> Shop {
        let decision = ShopDecision::Approve.into();
        let request = ReviewShopRequest { shop_id: shop.shop_id, decision, reason: String::new() };
        self.shops().review_shop(&self.cx(), request).await.expect("the shop waits for a review")
    }

    /// A shop of a new owner with this phone: applied for, approved, and the owner works for it.
    ///
    /// # Panics
    /// When one of the steps does not work.
    pub async fn open_shop(&self, phone: &str, draft: ShopDraft) -> OpenShop {
        let owner = self.sign_up(phone).await;
        let merchant = self.merchant(&owner).await;
        let shop = self.applied_shop(&owner, &merchant, draft).await;
        let shop = self.approve(&shop).await;
        self.settle().await;
        OpenShop { owner: self.refresh(&owner).await, merchant, shop }
    }

    /// A shop in the middle of Shanghai.
    ///
    /// # Panics
    /// When one of the steps does not work; there is one such shop per test.
    pub async fn a_shop(&self) -> OpenShop {
        self.open_shop("+8613900000002", draft("Tea house")).await
    }
}
