//! Shops for tests, created with the same calls as real shops: application, review, staff.

use pulse_contract::shop::v1::{
    CreateMerchantRequest, Hours, Merchant, ProductDraft, ReviewShopRequest, Shop, ShopDecision, ShopDraft,
    SubmitShopApplicationRequest, VariantDraft,
};
use pulse_contract::{GeoPoint, Money};

use crate::{Person, TestNode};

/// Approved shop with its owner.
#[derive(Clone, Debug)]
pub struct OpenShop {
    /// Owner of the shop. The token of the owner contains the role for the shop.
    pub owner: Person,
    /// Merchant of the shop.
    pub merchant: Merchant,
    /// The shop after its approval.
    pub shop: Shop,
}

impl OpenShop {
    /// Returns the ID of the shop.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.shop.shop_id
    }
}

/// Creates a location.
#[must_use]
pub fn place(latitude: f64, longitude: f64) -> GeoPoint {
    GeoPoint { latitude: Some(latitude), longitude: Some(longitude) }
}

/// Draft of a shop in the centre of Shanghai.
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

/// Amount in Chinese yuan; `minor` is in fen (1/100 CNY).
#[must_use]
pub fn cny(minor: i64) -> Money {
    Money { minor, currency: "CNY".to_owned() }
}

/// Draft of a product on sale with one variant; the price is in fen.
#[must_use]
pub fn product(name: &str, minor: i64) -> ProductDraft {
    let variant = VariantDraft { name: "one".to_owned(), price: Some(cny(minor)), ..VariantDraft::default() };
    ProductDraft { name: name.to_owned(), variants: vec![variant], is_on_sale: true, ..ProductDraft::default() }
}

impl TestNode {
    /// Creates a merchant of this owner.
    ///
    /// # Panics
    /// If the call fails.
    pub async fn merchant(&self, owner: &Person) -> Merchant {
        let request = CreateMerchantRequest { name: "Tea & Sons".to_owned(), ..CreateMerchantRequest::default() };
        self.shops().create_merchant(&owner.cx(), request).await.expect("an account can create a merchant")
    }

    /// Submits the application of a shop, which then waits for review.
    ///
    /// # Panics
    /// If the call fails.
    pub async fn applied_shop(&self, owner: &Person, merchant: &Merchant, draft: ShopDraft) -> Shop {
        let request = SubmitShopApplicationRequest { merchant_id: merchant.merchant_id, shop: Some(draft) };
        self.shops().submit_shop_application(&owner.cx(), request).await.expect("the owner may apply")
    }

    /// Approves the application of a shop.
    ///
    /// # Panics
    /// If the shop does not wait for review.
    pub async fn approve(&self, shop: &Shop) -> Shop {
        let decision = ShopDecision::Approve.into();
        let request = ReviewShopRequest { shop_id: shop.shop_id, decision, reason: String::new() };
        self.shops().review_shop(&self.cx(), request).await.expect("the shop waits for a review")
    }

    /// Creates an approved shop of a new owner with this phone.
    ///
    /// # Panics
    /// If one of the steps fails.
    pub async fn open_shop(&self, phone: &str, draft: ShopDraft) -> OpenShop {
        let owner = self.sign_up(phone).await;
        let merchant = self.merchant(&owner).await;
        let shop = self.applied_shop(&owner, &merchant, draft).await;
        let shop = self.approve(&shop).await;
        self.settle().await;
        OpenShop { owner: self.refresh(&owner).await, merchant, shop }
    }

    /// Creates an approved shop in the centre of Shanghai, at most one per test.
    ///
    /// # Panics
    /// If one of the steps fails.
    pub async fn a_shop(&self) -> OpenShop {
        self.open_shop("+8613900000002", draft("Tea house")).await
    }
}
