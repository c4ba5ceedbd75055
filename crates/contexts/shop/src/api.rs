//! The calls of the contract, each a use case.

use async_trait::async_trait;
use futures::stream::BoxStream;
use pulse_contract::shop::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl ShopApi for Api {
    async fn create_merchant(&self, cx: &Cx, request: CreateMerchantRequest) -> Result<Merchant, Error> {
        app::create_merchant(&self.0, cx, request).await
    }

    async fn get_merchant(&self, cx: &Cx, request: GetMerchantRequest) -> Result<Merchant, Error> {
        app::get_merchant(&self.0, cx, request).await
    }

    async fn submit_shop_application(&self, cx: &Cx, request: SubmitShopApplicationRequest) -> Result<Shop, Error> {
        app::submit_shop_application(&self.0, cx, request).await
    }

    async fn list_merchant_shops(
        &self,
        cx: &Cx,
        request: ListMerchantShopsRequest,
    ) -> Result<ListMerchantShopsResponse, Error> {
        app::list_merchant_shops(&self.0, cx, request).await
    }

    async fn get_shop(&self, cx: &Cx, request: GetShopRequest) -> Result<Shop, Error> {
        app::get_shop(&self.0, cx, request).await
    }

    async fn update_shop(&self, cx: &Cx, request: UpdateShopRequest) -> Result<Shop, Error> {
        app::update_shop(&self.0, cx, request).await
    }

    async fn set_hours(&self, cx: &Cx, request: SetHoursRequest) -> Result<Shop, Error> {
        app::set_hours(&self.0, cx, request).await
    }

    async fn close_shop(&self, cx: &Cx, request: CloseShopRequest) -> Result<Shop, Error> {
        app::close_shop(&self.0, cx, request).await
    }

    async fn reopen_shop(&self, cx: &Cx, request: ReopenShopRequest) -> Result<Shop, Error> {
        app::reopen_shop(&self.0, cx, request).await
    }

    async fn list_shops(&self, cx: &Cx, request: ListShopsRequest) -> Result<ListShopsResponse, Error> {
        app::list_shops(&self.0, cx, request).await
    }

    async fn review_shop(&self, cx: &Cx, request: ReviewShopRequest) -> Result<Shop, Error> {
        app::review_shop(&self.0, cx, request).await
    }

    async fn import_shops(&self, cx: &Cx, request: ImportShopsRequest) -> Result<ImportShopsResponse, Error> {
        app::import_shops(&self.0, cx, request).await
    }

    async fn export_shops(
        &self,
        cx: &Cx,
        request: ExportShopsRequest,
    ) -> Result<BoxStream<'static, Result<Shop, Error>>, Error> {
        app::export_shops(&self.0, cx, request).await
    }

    async fn list_nearby(&self, cx: &Cx, request: ListNearbyRequest) -> Result<ListNearbyResponse, Error> {
        app::list_nearby(&self.0, cx, request).await
    }

    async fn list_categories(&self, cx: &Cx, request: ListCategoriesRequest) -> Result<ListCategoriesResponse, Error> {
        app::list_categories(&self.0, cx, request).await
    }

    async fn create_category(&self, cx: &Cx, request: CreateCategoryRequest) -> Result<Category, Error> {
        app::create_category(&self.0, cx, request).await
    }

    async fn move_category(&self, cx: &Cx, request: MoveCategoryRequest) -> Result<Category, Error> {
        app::move_category(&self.0, cx, request).await
    }
}

#[async_trait]
impl CatalogApi for Api {
    async fn create_product(&self, cx: &Cx, request: CreateProductRequest) -> Result<Product, Error> {
        app::create_product(&self.0, cx, request).await
    }

    async fn get_product(&self, cx: &Cx, request: GetProductRequest) -> Result<Product, Error> {
        app::get_product(&self.0, cx, request).await
    }

    async fn update_product(&self, cx: &Cx, request: UpdateProductRequest) -> Result<Product, Error> {
        app::update_product(&self.0, cx, request).await
    }

    async fn delete_product(&self, cx: &Cx, request: DeleteProductRequest) -> Result<DeleteProductResponse, Error> {
        app::delete_product(&self.0, cx, request).await
    }

    async fn get_menu(&self, cx: &Cx, request: GetMenuRequest) -> Result<Menu, Error> {
        app::get_menu(&self.0, cx, request).await
    }

    async fn get_offers(&self, cx: &Cx, request: GetOffersRequest) -> Result<Offers, Error> {
        app::get_offers(&self.0, cx, request).await
    }

    async fn set_terms(&self, cx: &Cx, request: SetTermsRequest) -> Result<ShopTerms, Error> {
        app::set_terms(&self.0, cx, request).await
    }

    async fn list_catalog(&self, cx: &Cx, request: ListCatalogRequest) -> Result<ListCatalogResponse, Error> {
        app::list_catalog(&self.0, cx, request).await
    }
}

#[async_trait]
impl SupplierApi for Api {
    async fn put_supplier_items(
        &self,
        cx: &Cx,
        request: PutSupplierItemsRequest,
    ) -> Result<PutSupplierItemsResponse, Error> {
        app::put_supplier_items(&self.0, cx, request).await
    }

    async fn get_supplier_item(&self, cx: &Cx, request: GetSupplierItemRequest) -> Result<SupplierItem, Error> {
        app::get_supplier_item(&self.0, cx, request).await
    }

    async fn list_supplier_items(
        &self,
        cx: &Cx,
        request: ListSupplierItemsRequest,
    ) -> Result<ListSupplierItemsResponse, Error> {
        app::list_supplier_items(&self.0, cx, request).await
    }
}
